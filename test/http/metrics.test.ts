import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import type { Role } from '#domain/snapshot.ts'
import { secretHash } from '#http/auth.ts'
import { type MetricsAccess, metricsRouter } from '#http/metrics.ts'
import { aCaller } from '#test/support/routing.ts'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function get(access: MetricsAccess, headers: Record<string, string> = {}, role: Role = 'viewer') {
  const app = express()
  const callers = new Map([[secretHash('right'), aCaller({ role })]])
  const page = { contentType: 'text/plain; version=0.0.4', render: async () => 'x_total 1\n' }
  app.use(metricsRouter({ ...page, access, callerOfHash: (hash) => callers.get(hash) }))
  const server = createServer(app)
  closers.push(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`, { headers })
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })

describe('who may read /metrics', () => {
  it.each<[string, MetricsAccess, Record<string, string>, number]>([
    ['this machine', 'loopback', {}, 200],
    ['a proxy on this machine', 'loopback', { 'x-forwarded-for': '203.0.113.9' }, 401],
    ['a proxy on this machine, by the newer header', 'loopback', { forwarded: 'for=203.0.113.9' }, 401],
    ['a proxy that brings a key', 'loopback', { 'x-forwarded-for': '203.0.113.9', ...bearer('right') }, 200],
    ['this machine with a wrong key', 'loopback', bearer('wrong'), 401],
    ['this machine without a key where one is needed', 'key', {}, 401],
    ['a key', 'key', bearer('right'), 200],
    ['anybody where it is open', 'open', { 'x-forwarded-for': '203.0.113.9' }, 200],
  ])('%s: %s', async (_name, access, headers, status) => {
    const response = await get(access, headers)
    expect(response.status).toBe(status)
    const text = await response.text()
    if (status === 200) expect(text).toBe('x_total 1\n')
    else expect(text).not.toContain('x_total')
  })

  it.each<[Role, number]>([
    ['gateway', 403],
    ['viewer', 200],
    ['author', 200],
    ['approver', 200],
    ['operator', 200],
    ['admin', 200],
  ])('a key of role %s: %i', async (role, status) => {
    expect((await get('key', bearer('right'), role)).status).toBe(status)
  })

  it('is told to Prometheus in its own content type, and kept by nobody', async () => {
    const response = await get('loopback')
    expect(response.headers.get('content-type')).toContain('version=0.0.4')
    expect(response.headers.get('cache-control')).toBe('no-store')
  })
})
