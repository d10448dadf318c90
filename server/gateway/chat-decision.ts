import type { IncomingMessage } from 'node:http'
import { type LiveView, recordLive } from '#domain/live.ts'
import type { RequestFacts } from '#domain/request-facts.ts'
import { decideTargets, decisionOf, splitRoute } from '#domain/routing.ts'
import type { Caller, RouteEntry, Snapshot } from '#domain/snapshot.ts'
import { resolveModel } from './access.ts'
import type { Chat, GatewayState } from './chat-context.ts'
import { type ChatRequest, factsOf, withParameters } from './chat-request.ts'
import { classify, refuseUnknownTask } from './classify.ts'
import type { Endpoint } from './endpoint.ts'
import { metadataOf } from './metadata.ts'
import type { ApiError, Head } from './openai-error.ts'
import { promptFor, withoutPrompt, withPrompt } from './prompt.ts'

/** What a client asked and who it is. */
export interface ChatCaller {
  readonly requestId: string
  readonly endpoint: Endpoint
  readonly snapshot: Snapshot
  readonly caller: Caller
  readonly head: Head
}

type Outcome = Chat | { readonly error: ApiError }

/** A request that was read, and the route it goes to. */
interface Placed {
  readonly request: ChatRequest
  readonly entry: RouteEntry
  readonly isDirect: boolean
  /** Without a prompt. */
  readonly asked: RequestFacts
  readonly patterns: Chat['patterns']
}

function place(req: IncomingMessage, bytes: Buffer, from: ChatCaller): Placed | { readonly error: ApiError } {
  const { requestId, endpoint, snapshot, caller } = from
  const read = endpoint.read(bytes)
  if ('error' in read) return read
  const { request } = read
  const resolved = resolveModel(request.model, caller, snapshot)
  if ('error' in resolved) return resolved
  const { entry, isDirect } = resolved
  const { facts, patterns } = factsOf(request, requestId, metadataOf(request, req.headers, caller.metadata))
  const asked = caller.models === null ? facts : { ...facts, allowedModels: caller.models }
  const unknown = refuseUnknownTask(entry, asked.metadata)
  return unknown === null ? { request, entry, isDirect, asked, patterns } : { error: unknown }
}

/** From bytes to a decision; an error where the request cannot be routed at all. A promise only where a classifier has to be waited for. */
export function decide(
  state: GatewayState,
  req: IncomingMessage,
  bytes: Buffer,
  from: ChatCaller,
): Outcome | Promise<Outcome> {
  const { requestId, endpoint, snapshot, caller } = from
  const startedAtMs = state.clock.monotonicMs()
  const placed = place(req, bytes, from)
  if ('error' in placed) return placed
  const { request, entry, isDirect, asked, patterns } = placed
  const split = splitRoute({
    catalogue: snapshot,
    entry,
    request: asked,
    isLeaseValid: state.table.isLeaseValid(startedAtMs),
  })
  const { version } = split
  const atMs = state.clock.nowMs()
  const { prompt, refusal } = promptFor(version, { snapshot, caller, request, facts: asked })
  const facts = withParameters(withPrompt(asked, prompt), request, version.spec.parameters)
  const spender = { caller, route: entry.name, facts, snapshot }
  const allowed = () => state.allowances.view(spender)
  const limit = () => state.allowances.limitOn(spender)
  const decideAs = (task: Awaited<ReturnType<typeof classify>>): Chat => {
    const random = state.random()
    const live: LiveView = {
      openCircuits: state.user.circuits.open(startedAtMs),
      targets: state.user.live.view(task.task, facts.metadata['region']),
      ...allowed(),
    }
    const targets = decideTargets({ catalogue: snapshot, request: facts, version, task, random, live })
    const decision = withoutPrompt(decisionOf(split, targets), refusal)
    const recorded = recordLive(live, targets.consulted)
    // One literal: every object that is spread on the way costs a microsecond.
    return {
      requestId,
      endpoint,
      atMs,
      startedAtMs,
      snapshot,
      caller,
      request,
      facts,
      patterns,
      prompt,
      isDirect,
      random,
      live: recorded,
      decision,
      isMirrored: false,
    }
  }
  const task = classify(state.tasks, { version, snapshot, caller, request, facts: asked, allowed, limit })
  return task instanceof Promise ? task.then(decideAs) : decideAs(task)
}
