import { lookup as dnsLookup, type LookupAddress, type LookupOptions } from 'node:dns'
import { BlockList, isIP, isIPv4 } from 'node:net'

/** Ranges that are no public unicast address (IANA special-purpose registries). */
const notPublicIPv4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]

/** Exceptions inside 2000::/3, the only global unicast range: protocol assignments, documentation, 6to4. */
const notPublicIPv6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

/** An address that a provider may not live on. */
export class UpstreamAddressError extends Error {
  readonly code = 'UPSTREAM_ADDRESS_DENIED'
  constructor(host: string, address: string) {
    const what = host === address ? `"${host}"` : `"${host}" (${address})`
    super(`${what} is not a public address; add its range to INTERLOCK_UPSTREAM_ALLOW to permit it`)
    this.name = 'UpstreamAddressError'
  }
}

/** A range of INTERLOCK_UPSTREAM_ALLOW that cannot be read. */
export class UpstreamAllowError extends Error {
  readonly code = 'UPSTREAM_ALLOW_INVALID'
  constructor(range: string) {
    super(`INTERLOCK_UPSTREAM_ALLOW: "${range}" is not an address range such as 10.0.0.0/8 or fd00::/8`)
    this.name = 'UpstreamAllowError'
  }
}

type LookupCallback = (error: Error | null, address?: string | LookupAddress[], family?: number) => void
export type Lookup = (hostname: string, options: LookupOptions, callback: LookupCallback) => void

/** Keeps the gateway from being sent to addresses of its own network. */
export interface AddressGuard {
  /** @param address an IP address in any spelling node:net accepts, without brackets */
  isAllowed(address: string): boolean
  /**
   * What is wrong with a provider's base URL; null: nothing that its text can show. The address is checked again on connect.
   *
   * @param query names that may stand in its query, where the kind of provider reads some
   */
  problemOf(baseUrl: string, query?: readonly string[]): string | null
  /** A `lookup` for sockets: every address a name resolves to must be allowed, so a name cannot be rebound. */
  readonly lookup: Lookup
}

/**
 * @param allow CIDRs of private addresses that are permitted
 * @param resolve DNS, replaceable in tests
 * @throws UpstreamAllowError
 */
export function createAddressGuard(allow: readonly string[], resolve: Lookup = dnsLookup as Lookup): AddressGuard {
  const allowed = listOf(allow.map(parseRange))
  const denied4 = listOf(notPublicIPv4)
  const denied6 = listOf(notPublicIPv6)
  const global6 = listOf([['2000::', 3]])
  const isAllowed = (text: string): boolean => {
    const address = unmapped(text)
    if (isIPv4(address)) return allowed.check(address, 'ipv4') || !denied4.check(address, 'ipv4')
    if (isIP(address) !== 6) return false
    return allowed.check(address, 'ipv6') || (global6.check(address, 'ipv6') && !denied6.check(address, 'ipv6'))
  }
  const lookup: Lookup = (hostname, options, callback) =>
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null && error !== undefined) return callback(error)
      const addresses = Array.isArray(found) ? found : []
      const bad = addresses.find((entry) => !isAllowed(entry.address))
      const first = addresses[0]
      if (bad !== undefined || first === undefined) {
        return callback(new UpstreamAddressError(hostname, bad?.address ?? 'no address'))
      }
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  return { isAllowed, lookup, problemOf: (baseUrl, query = []) => problemOfUrl(baseUrl, query, isAllowed) }
}

function problemOfUrl(
  baseUrl: string,
  query: readonly string[],
  isAllowed: (address: string) => boolean,
): string | null {
  if (!URL.canParse(baseUrl)) return 'is not a URL such as https://api.example.com/v1'
  const url = new URL(baseUrl)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must begin with https:// or http://'
  if (url.username !== '' || url.password !== '')
    return 'must not hold a user name or password; use a credential reference'
  if (url.hash !== '') return 'must not hold a fragment'
  const names = [...url.searchParams.keys()]
  if (url.search !== '' && (query.length === 0 || names.some((name) => !query.includes(name)))) {
    return query.length === 0 ? 'must not hold a query' : `must not hold a query but ${query.join(', ')}`
  }
  const host = hostOf(url)
  if (isIP(host) !== 0 && !isAllowed(host)) return new UpstreamAddressError(host, host).message
  if (/(^|\.)localhost\.?$/.test(host) && !isAllowed('127.0.0.1'))
    return new UpstreamAddressError(host, '127.0.0.1').message
  return null
}

/** The host as WHATWG URL spells it (so 0x7f.1 is 127.0.0.1), without the brackets of IPv6. */
function hostOf(url: URL): string {
  return url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
}

/** An IPv4-mapped IPv6 address as the IPv4 address it reaches; any other unchanged. */
function unmapped(address: string): string {
  if (isIP(address) !== 6) return address
  const canonical = hostOf(new URL(`http://[${address.replace(/%.*$/, '')}]`))
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical)
  if (match?.[1] === undefined || match[2] === undefined) return canonical
  const [high, low] = [Number.parseInt(match[1], 16), Number.parseInt(match[2], 16)]
  return [high >> 8, high & 255, low >> 8, low & 255].join('.')
}

function parseRange(text: string): readonly [string, number] {
  const [address = '', prefix] = text.split('/')
  const family = isIP(address)
  const longest = family === 4 ? 32 : 128
  const length = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN
  if (family === 0 || !(length <= longest)) throw new UpstreamAllowError(text)
  return [address, length]
}

function listOf(ranges: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList()
  for (const [address, prefix] of ranges) list.addSubnet(address, prefix, isIPv4(address) ? 'ipv4' : 'ipv6')
  return list
}
