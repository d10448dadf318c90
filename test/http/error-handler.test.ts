import { createServer } from 'node:http'
import express from 'express'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InterlockError } from '#domain/errors.ts'
import { errorHandler } from '#http/error-handler.ts'
import { healthRouter } from '#http/health.ts'
import { requestContext } from '#http/request-context.ts'
import { createLog } from '#infra/log.ts'
import { listen } from '#test/support/control.ts'

let url = ''
let thrown: unknown
let ready = { isReady: false, reasons: ['the database is not migrated'] }
const logged: string[] = []
const app = express()
app.use(healthRouter(() => ready))
app.use(requestContext(() => 'req_7'))
app.use((req, res) => {
  if (req.query['partial'] !== undefined) res.write('half of it')
  throw thrown
})
app.use(
  errorHandler({
    log: createLog('debug', { write: (line) => logged.push(line) }),
    renderErrorPage: (_req, page) =>
      `<h1>${page.title}</h1><p>${page.detail}</p><p>${page.requestId} ${page.mayRetry}</p>`,
  }),
)
const server = createServer(app)
beforeAll(async () => {
  url = await listen(server)
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

async function answer(error: unknown, path = '/api/x') {
  thrown = error
  logged.length = 0
  const response = await fetch(`${url}${path}`)
  return { status: response.status, headers: response.headers, text: await response.text() }
}

describe('an error becomes an answer', () => {
  test('nobody expected it: 500 without its words or stack; the log has both, under the request id', async () => {
    const { status, text } = await answer(new Error('password=hunter2 in /srv/app.ts'))
    expect(status).toBe(500)
    expect(JSON.parse(text)).toMatchObject({ code: 'INTERNAL', instance: 'req_7', errors: [] })
    expect(text).not.toMatch(/hunter2|\/srv|at .*\.ts/)
    expect(logged).toHaveLength(1)
    expect(logged[0]).toContain('hunter2')
    expect(logged[0]).toContain('req_7')
  })

  test.each([
    ['a lost connection', { code: '57P01' }, 503, 'UNAVAILABLE'],
    ['a refused connection', { code: 'ECONNREFUSED' }, 503, 'UNAVAILABLE'],
    ['too many connections', { code: '53300' }, 503, 'UNAVAILABLE'],
    ['a pool that is full', new Error('timeout exceeded when trying to connect'), 503, 'UNAVAILABLE'],
    ['a deadlock', { code: '40P01' }, 409, 'CONCURRENT_CHANGE'],
    ['a name taken meanwhile', { code: '23505' }, 409, 'CONCURRENT_CHANGE'],
    ['a number out of range', { code: '22003' }, 422, 'VALIDATION_FAILED'],
    ['a path that cannot be read', Object.assign(new URIError('x'), { status: 400 }), 400, 'MALFORMED_REQUEST'],
    ['a text', 'thrown', 500, 'INTERNAL'],
  ])('%s', async (_name, error, status, code) => {
    const got = await answer(error)
    expect(got.status).toBe(status)
    expect(JSON.parse(got.text).code).toBe(code)
    if (status === 503) expect(got.headers.get('retry-after')).toBe('2')
  })

  test('outside /api people get a page with the same words', async () => {
    const { status, headers, text } = await answer(
      new InterlockError('NOT_FOUND', 'there is no route "x"'),
      '/routes/x',
    )
    expect([status, headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8'])
    expect(text).toContain('there is no route "x"')
    expect(text).toContain('req_7 false')
  })

  test('an answer that has begun is cut off, never ended as if it were whole', async () => {
    thrown = new Error('late')
    await expect(fetch(`${url}/api/x?partial`).then((response) => response.text())).rejects.toThrow()
  })
})

test('health says that the process runs; readiness what is missing, then that nothing is', async () => {
  expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: 'ok' })
  const early = await fetch(`${url}/readyz`)
  expect([early.status, await early.json()]).toEqual([503, { status: 'not_ready', reasons: ready.reasons }])
  ready = { isReady: true, reasons: [] }
  const later = await fetch(`${url}/readyz`)
  expect([later.status, await later.json()]).toEqual([200, { status: 'ready' }])
})
