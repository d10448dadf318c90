import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { operations } from '#control/router.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'

let database: TestDatabase
let rig: ControlRig
beforeAll(async () => {
  database = await testDatabase()
  rig = await controlRig(database.db)
})
afterAll(async () => {
  await rig.close()
  await database.close()
})

const jsonWrites = operations.filter((operation) => operation.body?.kind === 'json')
/** A path whose parameters hold what their schemas take. */
const address = ({ path, params }: (typeof jsonWrites)[number]) =>
  path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const choices = (params[name] as { enum?: readonly string[] } | undefined)?.enum
    return choices?.[0] ?? '1'
  })
const send = (operation: (typeof jsonWrites)[number], sent: object) =>
  rig.call(operation.method.toUpperCase(), address(operation), sent)

describe.each(jsonWrites.map((operation) => [operation.id, operation] as const))('the body of %s', (_id, operation) => {
  test('that is not JSON is refused with its place, as problem+json with a request id', async () => {
    const answer = await send(operation, { raw: '{\n  "a": oops\n}' })
    expect(answer.status).toBe(400)
    expect(answer.headers.get('content-type')).toContain('application/problem+json')
    expect(answer.body).toMatchObject({
      code: 'MALFORMED_JSON',
      status: 400,
      instance: answer.headers.get('x-interlock-request-id'),
      errors: [{ path: '/a', message: expect.stringContaining('line 2, column 8') }],
    })
    expect(answer.text).not.toContain('oops')
  })

  test.each([
    ['null', 'null'],
    ['an array', '[]'],
    ['a text', '"x"'],
    ['a number', '1'],
  ])('that is %s is refused as a whole', async (_name, raw) => {
    const answer = await send(operation, { raw })
    expect([answer.status, answer.body.errors[0].path]).toEqual([422, ''])
  })

  test('with a field that is unknown, or named like a trap, is refused at that field and touches no prototype', async () => {
    for (const field of ['__proto__', 'constructor', 'toString', 'isAdmin']) {
      const answer = await send(operation, { raw: `{"${field}": {"polluted": true}}` })
      expect(answer.status).toBe(422)
      expect(answer.body.errors.map((problem: { path: string }) => problem.path)).toContain(`/${field}`)
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('of another type is refused before it is read', async () => {
    for (const type of ['text/plain', 'application/xml', 'multipart/form-data; boundary=x', 'text/json\u0000']) {
      const answer = await send(operation, { raw: '{}', type: type.replace('\u0000', '') })
      expect([type, answer.status, answer.body.code]).toEqual([type, 415, 'UNSUPPORTED_MEDIA_TYPE'])
    }
  })
})

test('ten megabytes are refused with 413, and the server goes on', async () => {
  const raw = `{"name": "${'x'.repeat(10 * 1024 * 1024)}"}`
  const answer = await rig.call('POST', '/api/routes', { raw })
  expect([answer.status, answer.body.code]).toEqual([413, 'BODY_TOO_LARGE'])
  expect(answer.body.errors).toMatchObject([{ path: '' }])
  const upload = await rig.call('POST', '/api/datasets/big/versions', {
    raw: new Uint8Array(33 * 1024 * 1024),
    type: 'text/csv',
  })
  expect([upload.status, upload.body.code]).toEqual([413, 'BODY_TOO_LARGE'])
  expect((await rig.call('GET', '/api/routes')).status).toBe(200)
})

test('a megabyte of nesting, of keys or of faults is refused quickly and shortly', async () => {
  const bombs = [
    '['.repeat(1_000_000),
    `{"a":${'{"a":'.repeat(150_000)}`,
    `{${Array.from({ length: 60_000 }, (_, index) => `"k${index}": 1`).join(',')}}`,
    `{"name": "x", "spec": {"models": [${Array(200_000).fill('1').join(',')}]}, "bar": {}}`,
  ]
  for (const raw of bombs) {
    const answer = await rig.call('POST', '/api/routes', { raw })
    expect([400, 422]).toContain(answer.status)
    expect(answer.text.length).toBeLessThan(30_000)
  }
})

test('a compressed body is refused: it could be a bomb', async () => {
  const answer = await rig.call('POST', '/api/routes', { raw: '{}', headers: { 'content-encoding': 'gzip' } })
  expect([answer.status, answer.body.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
})

test('a body that breaks off changes nothing and stops nothing', async () => {
  const { hostname, port } = new URL(rig.url)
  await new Promise<void>((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(
        `PUT /api/providers/cut HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${rig.keys.admin}\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"kind":`,
      )
      socket.end()
    })
    socket.on('close', () => resolve())
    socket.on('error', () => resolve())
    socket.resume()
  })
  expect((await rig.call('GET', '/api/providers/cut')).status).toBe(404)
})

test('a cursor made up to break the query behind it is refused like any other', async () => {
  const cursor = (place: unknown) => Buffer.from(JSON.stringify(place)).toString('base64url')
  const lists: [string, unknown][] = [
    ['/api/decisions', [-8_639_999_999_999_999, 'x']],
    ['/api/proposals', [-8_639_999_999_999_999, 'x']],
    ['/api/audit', [9e14]],
    ['/api/datasets', ["x'; drop table audit_entries; --"]],
  ]
  for (const [path, place] of lists) {
    const answer = await rig.call('GET', `${path}?cursor=${cursor(place)}`)
    expect([path, [200, 422].includes(answer.status)]).toEqual([path, true])
  }
  expect((await rig.call('GET', '/api/audit/verify')).body.valid).toBe(true)
})
