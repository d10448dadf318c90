import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Corpus } from './replay-corpus.ts'
import type { ReplayCounters } from './replay-counters.ts'
import { type FaultPlan, parseFault } from './replay-faults.ts'
import { decodePath, readJson, sendBody, sendError } from './replay-http.ts'

/** What the control plane steers. */
export interface Controlled {
  readonly corpus: Corpus
  readonly counters: ReplayCounters
  readonly faults: FaultPlan
  /** A judge answers under names that no recording has, so any name may get a fault. */
  readonly respondToJudge: unknown
}

interface Call {
  /** Method and path, e.g. `GET /_replay/stats`. */
  readonly route: string
  readonly query: string
  readonly req: IncomingMessage
  readonly res: ServerResponse
}

const faultPath = '/_replay/faults/'

/** `PUT|DELETE /_replay/faults/{model}`, `GET|DELETE /_replay/stats` (`?prompts=1` adds counts per prompt). */
export function control(replay: Controlled, { route, query, req, res }: Call): void {
  const [method = '', path = ''] = route.split(' ', 2)
  if (route === 'GET /_replay/stats') {
    const withPrompts = new URLSearchParams(query).get('prompts') === '1'
    sendBody(res, 200, { ...replay.counters.stats(withPrompts), faults: replay.faults.entries() })
  } else if (route === 'DELETE /_replay/stats') {
    replay.counters.reset()
    sendBody(res, 200, replay.counters.stats(false))
  } else if (path.startsWith(faultPath) && (method === 'PUT' || method === 'DELETE')) {
    const model = knownModel(replay, path.slice(faultPath.length), res)
    if (model === null) return
    if (method === 'PUT') readJson(req, res, (body) => putFault(replay, model, body, res))
    else setFault(replay, model, null, res)
  } else {
    const known = `PUT and DELETE ${faultPath}{model}, GET and DELETE /_replay/stats`
    sendError(res, 404, { message: `no such endpoint: ${route}; known: ${known}` })
  }
}

function putFault(replay: Controlled, model: string, body: unknown, res: ServerResponse): void {
  const parsed = parseFault(body)
  if ('error' in parsed) sendError(res, 400, { message: parsed.error })
  else setFault(replay, model, parsed.fault, res)
}

function setFault(
  replay: Controlled,
  model: string,
  fault: Parameters<FaultPlan['set']>[1],
  res: ServerResponse,
): void {
  replay.faults.set(model, fault)
  sendBody(res, 200, { faults: replay.faults.entries() })
}

function knownModel(replay: Controlled, segment: string, res: ServerResponse): string | null {
  const model = decodePath(segment)
  const known = [...replay.corpus.byModel.keys(), '*']
  if (model !== null && model !== '' && (known.includes(model) || replay.respondToJudge !== null)) return model
  sendError(res, 404, {
    message: `no model "${model ?? segment}"; known: ${known.join(', ')}`,
    code: 'model_not_found',
  })
  return null
}
