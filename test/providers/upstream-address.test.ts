import { describe, expect, it } from 'vitest'
import {
  createAddressGuard,
  type Lookup,
  UpstreamAddressError,
  UpstreamAllowError,
} from '#providers/upstream-address.ts'

const guard = createAddressGuard([])

/** Every spelling of an address inside that a URL may hold. */
const insideUrls = [
  'http://127.0.0.1/v1',
  'http://127.1/v1',
  'http://0x7f.1/v1',
  'http://0x7f000001/v1',
  'http://2130706433/v1',
  'http://017700000001/v1',
  'http://127.0.0.1./v1',
  'http://0/v1',
  'http://0.0.0.0/v1',
  'http://[::1]/v1',
  'http://[::]/v1',
  'http://[::ffff:127.0.0.1]/v1',
  'http://[::ffff:7f00:1]/v1',
  'http://[0:0:0:0:0:ffff:7f00:0001]/v1',
  'http://[64:ff9b::7f00:1]/v1',
  'http://[2002:7f00:1::]/v1',
  'http://[fe80::1]/v1',
  'http://[fd00:ec2::254]/v1',
  'http://[ff02::1]/v1',
  'http://[2001:db8::1]/v1',
  'http://[2001::1]/v1',
  'http://[::127.0.0.1]/v1',
  'http://169.254.169.254/latest',
  'http://10.0.0.8/v1',
  'http://172.16.3.4/v1',
  'http://172.31.255.255/v1',
  'http://192.168.1.1/v1',
  'http://100.64.0.1/v1',
  'http://192.0.0.192/v1',
  'http://198.18.0.1/v1',
  'http://224.0.0.1/v1',
  'http://255.255.255.255/v1',
  'http://localhost/v1',
  'http://LOCALHOST:8080/v1',
  'http://localhost./v1',
  'http://api.localhost/v1',
  'http://①②⑦.⓪.⓪.①/v1',
]

describe('addresses a provider may live on (SSRF)', () => {
  it.each(insideUrls)('refuses %s', (url) => {
    expect(guard.problemOf(url)).toMatch(/is not a public address/)
  })

  it.each([
    'https://api.openai.com/v1',
    'http://8.8.8.8/v1',
    'https://[2606:4700::1111]/v1',
    'https://172.32.0.1/',
    'http://100.128.0.1/',
  ])('takes %s', (url) => {
    expect(guard.problemOf(url)).toBeNull()
  })

  it.each([
    ['ftp://example.com', /https:\/\/ or http:\/\//],
    ['file:///etc/passwd', /https:\/\/ or http:\/\//],
    ['unix:/run/x.sock', /https:\/\/ or http:\/\//],
    ['https://user:secret@example.com/v1', /user name or password/],
    ['https://example.com@127.0.0.1/v1', /user name or password/],
    ['https://example.com/v1?key=1', /query/],
    ['https://example.com/v1#x', /fragment/],
    ['not a url', /not a URL/],
    ['http://[::1', /not a URL/],
    ['http://1.2.3.4.5%00/', /not a URL/],
  ])('refuses %s for its form', (url, message) => {
    expect(guard.problemOf(url)).toMatch(message)
  })

  it('permits what INTERLOCK_UPSTREAM_ALLOW names and nothing beside it', () => {
    const own = createAddressGuard(['10.1.0.0/16', 'fd00:1::/32', '192.168.7.9'])
    expect(own.isAllowed('10.1.2.3')).toBe(true)
    expect(own.isAllowed('::ffff:10.1.2.3')).toBe(true)
    expect(own.isAllowed('10.2.0.1')).toBe(false)
    expect(own.isAllowed('fd00:1::5')).toBe(true)
    expect(own.isAllowed('fd00:2::5')).toBe(false)
    expect(own.isAllowed('192.168.7.9')).toBe(true)
    expect(own.isAllowed('192.168.7.8')).toBe(false)
    expect(own.isAllowed('127.0.0.1')).toBe(false)
  })

  it.each(['10.0.0.0/33', '10.0.0/8', 'example.com/8', '10.0.0.0/x', 'fd00::/129', '/8'])(
    'cannot read the range %s',
    (range) => {
      expect(() => createAddressGuard([range])).toThrow(UpstreamAllowError)
    },
  )

  it('checks every address a name resolves to, at the moment of connecting', async () => {
    const resolve = (addresses: string[]): Lookup => {
      return (_host, _options, callback) =>
        callback(
          null,
          addresses.map((address) => ({ address, family: 4 })),
        )
    }
    const ask = (addresses: string[], all: boolean) =>
      new Promise((settle) => {
        createAddressGuard([], resolve(addresses)).lookup('rebound.example', { all }, (error, found) =>
          settle(error ?? found),
        )
      })
    expect(await ask(['8.8.8.8'], false)).toBe('8.8.8.8')
    expect(await ask(['8.8.8.8', '9.9.9.9'], true)).toHaveLength(2)
    expect(await ask(['8.8.8.8', '127.0.0.1'], true)).toBeInstanceOf(UpstreamAddressError)
    expect(await ask(['169.254.169.254'], false)).toBeInstanceOf(UpstreamAddressError)
    expect(await ask([], true)).toBeInstanceOf(UpstreamAddressError)
  })
})
