import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readings } from '#infra/metrics.ts'
import { TaskClassifier } from '#providers/task-classifier.ts'
import { callerOf } from './access.ts'
import { Afterwards } from './afterwards.ts'
import { Allowances, aloneSource } from './allowances.ts'
import { handleChat } from './chat.ts'
import type { GatewayDeps, GatewayState } from './chat-context.ts'
import { Circuits } from './circuits.ts'
import { countTokens } from './count-tokens.ts'
import { embeddingsEndpoint } from './embeddings-endpoint.ts'
import { chatEndpoint, type Endpoint } from './endpoint.ts'
import type { ForwardDeps } from './forward.ts'
import { readingsOf } from './gateway-readings.ts'
import { LiveStats } from './live-stats.ts'
import { messagesEndpoint } from './messages-endpoint.ts'
import { anthropicModels, openAiModels, sendModels } from './models-list.ts'
import { type ApiError, type ErrorReply, type Head, invalidRequest, sendError } from './openai-error.ts'
import { mirrorGate, type ProviderGate, userGate } from './provider-gate.ts'
import { responsesEndpoint } from './responses-endpoint.ts'
import { RetryBudget } from './retry-budget.ts'
import { ShadowQueue } from './shadow-queue.ts'

export type { GatewayDeps } from './chat-context.ts'

/** The data plane: everything below `/v1/`. */
export interface Gateway {
  /** @returns false when the request is not for the gateway: nothing was read or written */
  handle(req: IncomingMessage, res: ServerResponse): boolean
  /** Its state now, for metrics. */
  readings(): Readings
  /** Waits for the records of what was answered and for mirrored calls; the requests of users are the server's to drain. */
  close(): Promise<void>
}

/** The gateway on plain node:http, in front of whatever serves the other paths. */
export function createGateway(deps: GatewayDeps): Gateway {
  const forwardDeps = (gate: ProviderGate): ForwardDeps => ({
    providers: deps.providers,
    clock: deps.clock,
    random: deps.random,
    circuits: new Circuits(),
    retryBudget: new RetryBudget(),
    live: new LiveStats(deps.clock),
    gate,
  })
  const shadow = new ShadowQueue()
  const afterwards = new Afterwards()
  const allowances = deps.allowances ?? new Allowances({ ...deps, source: aloneSource })
  const classifier = () => new TaskClassifier({ ...deps, circuits: new Circuits(), gate: userGate(allowances) })
  const tasks = { tasks: classifier(), mirrorTasks: classifier() }
  const user: ForwardDeps = { ...forwardDeps(userGate(allowances)), ...(deps.live && { live: deps.live }) }
  const state: GatewayState = {
    ...deps,
    user,
    mirror: forwardDeps(mirrorGate(allowances)),
    ...tasks,
    shadow,
    afterwards,
    allowances,
  }
  let inFlight = 0
  return {
    handle(req, res) {
      const path = pathOf(req)
      if (path !== '/v1' && !path.startsWith('/v1/')) return false
      const requestId = state.newId('req')
      const head: Head = { 'x-interlock-request-id': requestId, 'x-request-id': requestId }
      const endpoint = endpoints.get(path) ?? (isOfAnthropic(req, path) ? messagesEndpoint : chatEndpoint)
      // Anthropic's clients read the request's id under a name of their own.
      if (endpoint === messagesEndpoint) head['request-id'] = requestId
      const reply: Request = { path, requestId, head, res, endpoint }
      inFlight += 1
      serve(state, req, reply).then(
        () => {
          inFlight -= 1
        },
        (error: unknown) => {
          inFlight -= 1
          fault(state, reply, error)
        },
      )
      return true
    },
    readings: () => readingsOf(state, inFlight),
    close: async () => {
      await afterwards.settled()
      await shadow.close()
    },
  }
}

function pathOf(req: IncomingMessage): string {
  const url = req.url ?? '/'
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}

/** Anthropic's clients say so in a header of their own; they list models as well. */
function isOfAnthropic(req: IncomingMessage, path: string): boolean {
  return path === '/v1/messages' || path === countTokensPath || req.headers['anthropic-version'] !== undefined
}

interface Request extends ErrorReply {
  readonly path: string
  readonly endpoint: Endpoint
}

const countTokensPath = '/v1/messages/count_tokens'

/** Paths that are answered by a route's models, each in its dialect. */
const endpoints: ReadonlyMap<string, Endpoint> = new Map([
  ['/v1/chat/completions', chatEndpoint],
  ['/v1/responses', responsesEndpoint],
  ['/v1/messages', messagesEndpoint],
  ['/v1/embeddings', embeddingsEndpoint],
])

async function serve(state: GatewayState, req: IncomingMessage, of: Request): Promise<void> {
  const { path, requestId, head, res, endpoint } = of
  const refused = refusalOfPath(req.method ?? '', path, head)
  if (refused !== null) return end(state, req, of, refused)
  const snapshot = state.table.current()
  if (snapshot === null) return end(state, req, of, notReady)
  const access = callerOf(req, snapshot, state.clock.nowMs())
  if ('error' in access) return end(state, req, of, access.error)
  const { caller } = access
  const from = { requestId, endpoint, snapshot, caller, head }
  if (endpoints.has(path)) return handleChat(state, req, res, from)
  if (path === countTokensPath) return countTokens(state, req, of, from)
  const shape = isOfAnthropic(req, path) ? anthropicModels : openAiModels
  const error = sendModels(of, path, { caller, snapshot }, shape)
  if (error !== null) end(state, req, of, error)
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
  const isPosted = endpoints.has(path) || path === countTokensPath
  const allowed = isPosted ? 'POST' : /^\/v1\/models(\/|$)/.test(path) ? 'GET' : null
  if (allowed === null) {
    return invalidRequest(404, 'unknown_url', `Unknown request URL: ${method} ${path.slice(0, 200)}.`)
  }
  if (method === allowed) return null
  head['allow'] = allowed
  return invalidRequest(405, 'method_not_allowed', `Not allowed to ${method} on ${path.slice(0, 200)}; use ${allowed}.`)
}

/** Answers without having read the request's body, which is thrown away. */
function end(state: GatewayState, req: IncomingMessage, reply: Request, error: ApiError): void {
  if (Number(req.headers['content-length'] ?? 0) > 65_536 || req.headers['transfer-encoding'] !== undefined) {
    reply.head['connection'] = 'close'
  }
  req.resume()
  state.observer?.requestRefused(error.status, error.code)
  sendError(reply, error)
}

/** A fault of ours: told as such, without a word of what it was. */
function fault(state: GatewayState, reply: Request, error: unknown): void {
  state.log.error({ err: error, requestId: reply.requestId }, 'a request ended in a fault of the gateway')
  if (reply.res.headersSent) {
    reply.res.destroy()
    return
  }
  const message = 'The gateway had an error while processing your request.'
  sendError(reply, { status: 500, message, type: 'server_error', param: null, code: 'internal_error' })
}
