import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Caller, Snapshot } from '#domain/snapshot.ts'
import { callerOf, routesOf } from './access.ts'
import { handleChat } from './chat.ts'
import type { GatewayDeps, GatewayState } from './chat-context.ts'
import { Circuits } from './circuits.ts'
import type { ForwardDeps } from './forward.ts'
import { type ApiError, type Head, invalidRequest, sendError } from './openai-error.ts'
import { RetryBudget } from './retry-budget.ts'
import { ShadowQueue } from './shadow-queue.ts'

export type { GatewayDeps } from './chat-context.ts'

/** The data plane: everything below `/v1/`. */
export interface Gateway {
  /** @returns false when the request is not for the gateway: nothing was read or written */
  handle(req: IncomingMessage, res: ServerResponse): boolean
  /** Pairs that were not mirrored for want of room. */
  readonly shadowRefused: () => number
  /** Waits for mirrored calls; the requests of users are the server's to drain. */
  close(): Promise<void>
}

/** The gateway on plain node:http, in front of whatever serves the other paths. */
export function createGateway(deps: GatewayDeps): Gateway {
  const forwardDeps = (): ForwardDeps => ({
    providers: deps.providers,
    clock: deps.clock,
    random: deps.random,
    circuits: new Circuits(),
    retryBudget: new RetryBudget(),
  })
  const shadow = new ShadowQueue()
  const state: GatewayState = { ...deps, user: forwardDeps(), mirror: forwardDeps(), shadow }
  return {
    handle(req, res) {
      const path = pathOf(req)
      if (path !== '/v1' && !path.startsWith('/v1/')) return false
      const requestId = state.newId('req')
      const head: Head = { 'x-interlock-request-id': requestId, 'x-request-id': requestId }
      serve(state, req, res, { path, requestId, head }).catch((error: unknown) => fault(state, res, head, error))
      return true
    },
    shadowRefused: () => shadow.refused,
    close: () => shadow.close(),
  }
}

function pathOf(req: IncomingMessage): string {
  const url = req.url ?? '/'
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

interface Request {
  readonly path: string
  readonly requestId: string
  readonly head: Head
}

async function serve(state: GatewayState, req: IncomingMessage, res: ServerResponse, of: Request): Promise<void> {
  const { path, requestId, head } = of
  const refused = refusalOfPath(req.method ?? '', path, head)
  if (refused !== null) return end(req, res, head, refused)
  const snapshot = state.table.current()
  if (snapshot === null) return end(req, res, head, notReady)
  const access = callerOf(req, snapshot)
  if ('error' in access) return end(req, res, head, access.error)
  const { caller } = access
  if (path === '/v1/chat/completions') return handleChat(state, req, res, { requestId, snapshot, caller, head })
  sendModels(req, res, of, { caller, snapshot })
}

const notReady: ApiError = {
  status: 503,
  message: 'The gateway has no routes yet; try again shortly.',
  type: 'server_error',
  param: null,
  code: 'not_ready',
  retryAfterMs: 1_000,
}

/** Paths and methods are refused before keys are looked at: they are public knowledge. */
function refusalOfPath(method: string, path: string, head: Head): ApiError | null {
  const allowed = path === '/v1/chat/completions' ? 'POST' : /^\/v1\/models(\/|$)/.test(path) ? 'GET' : null
  if (allowed === null) {
    return invalidRequest(404, 'unknown_url', `Unknown request URL: ${method} ${path.slice(0, 200)}.`)
  }
  if (method === allowed) return null
  head['allow'] = allowed
  return invalidRequest(405, 'method_not_allowed', `Not allowed to ${method} on ${path.slice(0, 200)}; use ${allowed}.`)
}

/** Answers without having read the request's body, which is thrown away. */
function end(req: IncomingMessage, res: ServerResponse, head: Head, error: ApiError): void {
  if (Number(req.headers['content-length'] ?? 0) > 65_536 || req.headers['transfer-encoding'] !== undefined) {
    head['connection'] = 'close'
  }
  req.resume()
  sendError(res, error, head)
}

function sendModels(
  req: IncomingMessage,
  res: ServerResponse,
  { path, head }: Request,
  { caller, snapshot }: { readonly caller: Caller; readonly snapshot: Snapshot },
): void {
  const models = routesOf(caller, snapshot).map((entry) => ({
    id: entry.name,
    object: 'model',
    created: 0,
    owned_by: entry.owner,
  }))
  if (path === '/v1/models' || path === '/v1/models/') {
    sendJson(res, head, { object: 'list', data: models })
    return
  }
  const name = decoded(path.slice('/v1/models/'.length))
  const found = models.find((model) => model.id === name)
  if (found !== undefined) {
    sendJson(res, head, found)
    return
  }
  const message = `The model '${name.slice(0, 200)}' does not exist or you do not have access to it.`
  end(req, res, head, invalidRequest(404, 'model_not_found', message, 'model'))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function sendJson(res: ServerResponse, head: Head, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value))
  head['content-type'] = 'application/json; charset=utf-8'
  head['content-length'] = body.length
  res.writeHead(200, head).end(body)
}

/** A fault of ours: told as such, without a word of what it was. */
function fault(state: GatewayState, res: ServerResponse, head: Head, error: unknown): void {
  state.log.error({ err: error, requestId: head['x-request-id'] }, 'a request ended in a fault of the gateway')
  if (res.headersSent) {
    res.destroy()
    return
  }
  const message = 'The gateway had an error while processing your request.'
  sendError(res, { status: 500, message, type: 'server_error', param: null, code: 'internal_error' }, head)
}
