import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import type { ControlDeps } from '#control/control-deps.ts'
import { controlRouter } from '#control/router.ts'
import type { Role } from '#domain/snapshot.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'
import { createAuthenticator, secretHash } from '#http/auth.ts'
import { errorHandler } from '#http/error-handler.ts'
import { requestContext } from '#http/request-context.ts'
import { securityHeaders } from '#http/security-headers.ts'
import { createLog } from '#infra/log.ts'
import { baseUrlQueryOf, providerKinds } from '#providers/registry.ts'
import { createAddressGuard } from '#providers/upstream-address.ts'
import { insertKey } from '#store/callers.ts'
import type { Database } from '#store/database.ts'
import { inTransaction } from '#store/database.ts'
import { rolloutDeps } from '#test/support/factories.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The body as JSON; undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look at bodies of every shape
  readonly body: any
}

export interface Sent {
  readonly key?: string | null
  readonly body?: unknown
  /** Sent as it is, instead of `body`. */
  readonly raw?: string | Uint8Array<ArrayBuffer>
  readonly type?: string
  readonly headers?: Record<string, string>
}

export interface ControlRig {
  readonly deps: ControlDeps
  readonly url: string
  readonly app: express.Express
  readonly keys: Readonly<Record<Role, string>>
  /** Lines the server logged. */
  readonly logged: string[]
  /** Number of times gateways were told of a change. */
  readonly changes: () => number
  readonly pass: (ms: number) => void
  readonly call: (method: string, path: string, sent?: Sent) => Promise<Answer>
  readonly close: () => Promise<void>
}

/** The control plane as it is served, over a test database, with one key of each role. */
export async function controlRig(db: Database): Promise<ControlRig> {
  const { deps: rollout, pass } = rolloutDeps(db)
  const logged: string[] = []
  let changes = 0
  const authenticator = createAuthenticator(db, rollout.clock)
  const guard = createAddressGuard([])
  const deps: ControlDeps = {
    ...rollout,
    log: createLog('debug', { write: (line) => logged.push(line) }),
    onChange: async () => {
      changes += 1
    },
    authenticator,
    randomBytes: (count) => randomBytes(count),
    providerKinds,
    baseUrlProblem: (baseUrl, kind) => guard.problemOf(baseUrl, baseUrlQueryOf(kind)),
    resolveEvaluators,
    leaseMs: 15_000,
  }
  const keys = await seedKeys(db)
  const app = express()
  app.disable('x-powered-by')
  app.use(requestContext(deps.newId), securityHeaders(), authenticator.identify)
  app.use(controlRouter(deps))
  app.use(
    errorHandler({
      log: deps.log,
      renderErrorPage: (_req, page) => `<h1>${page.status} ${page.title}</h1><p>${page.detail}</p>`,
    }),
  )
  const server = createServer(app)
  const url = await listen(server)
  return {
    deps,
    url,
    app,
    keys,
    logged,
    pass,
    changes: () => changes,
    call: (method, path, sent = {}) => call(url, keys, method, path, sent),
    close: () => stop(server),
  }
}

export const everyRole: readonly Role[] = ['gateway', 'viewer', 'author', 'approver', 'operator', 'admin']

async function seedKeys(db: Database): Promise<Record<Role, string>> {
  const keys = {} as Record<Role, string>
  await inTransaction(db, async (tx) => {
    for (const role of everyRole) {
      keys[role] = `ilk_${role}_${role.repeat(43).slice(0, 43)}`
      const key = {
        id: `key_${role}`,
        name: `${role}-key`,
        role,
        principal: `${role}-person`,
        metadata: {},
        routes: null,
      }
      await insertKey(tx, { ...key, hash: secretHash(keys[role]), createdBy: 'test', createdAt: 0 })
    }
  })
  return keys
}

async function call(
  url: string,
  keys: Readonly<Record<Role, string>>,
  method: string,
  path: string,
  sent: Sent,
): Promise<Answer> {
  const headers: Record<string, string> = { ...sent.headers }
  const key = sent.key === undefined ? keys.admin : sent.key
  if (key !== null) headers['authorization'] = `Bearer ${key}`
  const hasBody = sent.raw !== undefined || sent.body !== undefined
  if (hasBody) headers['content-type'] = sent.type ?? 'application/json'
  const body = sent.raw ?? (sent.body === undefined ? null : JSON.stringify(sent.body))
  const response = await fetch(`${url}${path}`, { method, headers, body, redirect: 'manual' })
  const text = await response.text()
  const isJson = (response.headers.get('content-type') ?? '').includes('json')
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined }
}

export async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
}
