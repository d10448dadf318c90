import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { control } from './replay-control.ts'
import { type Corpus, loadCorpus } from './replay-corpus.ts'
import { ReplayCounters, type ReplayStats } from './replay-counters.ts'
import { hashedEmbedding } from './replay-embedding.ts'
import { type Fault, FaultPlan } from './replay-faults.ts'
import { closeServer, decodePath, listen, readJson, sendBody, sendError } from './replay-http.ts'
import { drawTiming } from './replay-latency.ts'
import {
  chooseReply,
  parseChatRequest,
  type ReplayRequest,
  type Reply,
  type ReplySource,
  type RespondToJudge,
  spoilReply,
} from './replay-reply.ts'
import { afterDelay, sendJson, sendStream } from './replay-send.ts'

export interface ReplayOptions {
  /** Folder of recordings; see `loadCorpus`. */
  readonly dir: string
  /** Default 0: a free port. */
  readonly port?: number
  readonly host?: string
  /** 1: as a hosted model would take; 0: at once. Default 1. */
  readonly latencyScale?: number
  readonly seed?: string
  readonly respondToJudge?: RespondToJudge
}

export interface ReplayUpstream {
  /** `http://host:port`, where `/_replay/` is. */
  readonly url: string
  /** `url` + `/v1`: a provider's baseUrl. */
  readonly baseUrl: string
  readonly port: number
  readonly models: readonly string[]
  stats(options?: { readonly prompts?: boolean }): ReplayStats
  /** Sets, replaces or (null) ends the fault of a model; `*`: of every model without its own. */
  setFault(model: string, fault: Fault | null): void
  /** Ends open connections too. */
  close(): Promise<void>
}

/**
 * An OpenAI-compatible server that answers known prompts with recorded answers of real models: `/v1/chat/completions` (JSON and
 * SSE), `/v1/models`, `/v1/embeddings` (hashed vectors). Header `x-replay` says `recorded`, `fallback` or `judge`. Faults and
 * counts: `PUT|DELETE /_replay/faults/{model}`, `GET|DELETE /_replay/stats`. No authentication: for loopback only.
 * @throws ReplayDataError when the folder holds no recordings; the listen error when the port is taken
 */
export async function startReplayUpstream(options: ReplayOptions): Promise<ReplayUpstream> {
  const replay = new Replay(options)
  const server = createServer((req, res) => replay.handle(req, res))
  // longer than any client keeps an idle connection, so that no request meets a closing one
  server.keepAliveTimeout = 120_000
  const host = options.host ?? '127.0.0.1'
  const port = await listen(server, options.port ?? 0, host)
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    url,
    baseUrl: `${url}/v1`,
    port,
    models: [...replay.corpus.byModel.keys()],
    stats: (wanted) => replay.counters.stats(wanted?.prompts ?? false),
    setFault: (model, fault) => replay.faults.set(model, fault),
    close: () => closeServer(server),
  }
}

class Replay implements ReplySource {
  readonly corpus: Corpus
  readonly counters = new ReplayCounters()
  readonly seed: string
  readonly respondToJudge: RespondToJudge | null
  readonly faults: FaultPlan
  readonly #latencyScale: number
  #sequence = 0

  constructor(options: ReplayOptions) {
    this.corpus = loadCorpus(options.dir)
    this.seed = options.seed ?? 'replay'
    this.respondToJudge = options.respondToJudge ?? null
    this.faults = new FaultPlan(this.seed)
    this.#latencyScale = options.latencyScale ?? 1
  }

  handle(req: IncomingMessage, res: ServerResponse): void {
    const [path = '', query = ''] = (req.url ?? '').split('?', 2)
    const route = `${req.method} ${path}`
    if (route === 'POST /v1/chat/completions') readJson(req, res, (body) => this.#chat(body, res))
    else if (route === 'POST /v1/embeddings') readJson(req, res, (body) => this.#embed(body, res))
    else if (req.method === 'GET' && path.startsWith('/v1/models')) this.#models(path, res)
    else if (path.startsWith('/_replay/')) control(this, { route, query, req, res })
    else sendError(res, 404, { message: `no such endpoint: ${route}`, code: 'unknown_url' })
  }

  #chat(body: unknown, res: ServerResponse): void {
    const request = parseChatRequest(body)
    if ('error' in request) {
      sendError(res, 400, { message: request.error, param: request.param })
      return
    }
    const { model } = request
    const reply = chooseReply(request, this)
    if (reply === null) {
      const message = `The model \`${model}\` does not exist or you do not have access to it.`
      sendError(res, 404, { message, code: 'model_not_found', param: 'model' })
      return
    }
    this.counters.count(model, 'requests')
    this.#countEnd(res, model, reply)
    const fault = this.faults.next(model)
    if (fault !== null) this.counters.count(model, 'faults')
    if (fault?.kind === 'error_500') {
      sendError(res, 500, { message: 'The server had an error while processing your request', type: 'server_error' })
    } else if (fault?.kind === 'rate_limit') {
      res.setHeader('retry-after', String(fault.retryAfterSeconds ?? 1))
      const message = 'Rate limit reached for requests'
      sendError(res, 429, { message, type: 'requests', code: 'rate_limit_exceeded' })
    } else if (fault?.kind !== 'stall') {
      this.#deliver(res, request, reply, fault)
    }
  }

  #deliver(res: ServerResponse, request: ReplayRequest, reply: Reply, fault: Fault | null): void {
    const { model } = request
    const spoilt = spoilReply(reply, fault, request, this)
    this.counters.count(model, reply.source)
    res.setHeader('x-replay', reply.source)
    this.#sequence += 1
    const isTimed = this.#latencyScale > 0
    const timing = isTimed ? drawTiming(this.seed, model, reply.promptId ?? reply.text) : { ttftMs: 0, perTokenMs: 0 }
    const delivery = {
      id: `chatcmpl-replay-${this.#sequence}`,
      model,
      includeUsage: request.includeUsage,
      ttftMs: timing.ttftMs * this.#latencyScale,
      bodyMs: timing.perTokenMs * this.#latencyScale * spoilt.outputTokens,
      isCut: fault?.kind === 'cut_stream',
    }
    const extraMs = fault?.kind === 'slow' ? (fault.delayMs ?? 3_000) : 0
    const send = request.isStream ? sendStream : sendJson
    afterDelay(res, extraMs, () => send(res, spoilt, delivery))
  }

  /** Only answers that left to their last byte were paid for. */
  #countEnd(res: ServerResponse, model: string, reply: Reply): void {
    res.once('close', () => {
      if (!res.writableFinished) this.counters.count(model, 'aborted')
      else if (res.statusCode === 200) this.counters.countAnswered(model, reply.promptId)
    })
  }

  #models(path: string, res: ServerResponse): void {
    const describe = (id: string) => ({ id, object: 'model', created: 0, owned_by: 'replay' })
    const models = [...this.corpus.byModel.keys()]
    if (path === '/v1/models') {
      sendBody(res, 200, { object: 'list', data: models.map(describe) })
      return
    }
    const id = decodePath(path.slice('/v1/models/'.length))
    if (id !== null && models.includes(id)) sendBody(res, 200, describe(id))
    else sendError(res, 404, { message: 'The model does not exist', code: 'model_not_found', param: 'model' })
  }

  #embed(body: unknown, res: ServerResponse): void {
    const fields = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
    const input = typeof fields['input'] === 'string' ? [fields['input']] : fields['input']
    const dimensions = fields['dimensions'] ?? 256
    if (!Array.isArray(input) || input.length === 0 || !input.every((text) => typeof text === 'string')) {
      sendError(res, 400, { message: 'input must be a text or a list of texts', param: 'input' })
      return
    }
    if (typeof dimensions !== 'number' || !Number.isInteger(dimensions) || dimensions < 1 || dimensions > 3_072) {
      sendError(res, 400, { message: 'dimensions must be an integer from 1 to 3072', param: 'dimensions' })
      return
    }
    const isBase64 = fields['encoding_format'] === 'base64'
    const encode = (vector: Float32Array) => (isBase64 ? Buffer.from(vector.buffer).toString('base64') : [...vector])
    const data = input.map((text: string, index) => {
      return { object: 'embedding', index, embedding: encode(hashedEmbedding(text, dimensions)) }
    })
    const tokens = input.reduce((sum: number, text: string) => sum + Math.ceil(text.length / 4), 0)
    const usage = { prompt_tokens: tokens, total_tokens: tokens }
    sendBody(res, 200, { object: 'list', data, model: fields['model'] ?? 'hashed', usage })
  }
}
