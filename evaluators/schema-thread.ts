import { Worker } from 'node:worker_threads'
import type { JsonFinding, JsonJob } from './json-judge.ts'
import type { SchemaReply, SchemaRequest } from './schema-worker.ts'

/**
 * The last resort, milliseconds: inside the thread compiling ends after 1 s and validating after 250 ms, each tried twice. What
 * is not over by then holds the thread in a place the engine's watchdog does not reach.
 */
const patienceMs = 15_000
/** What the thread may hold, MB. A schema that needs more ends the thread, not the process. */
const maxHeapMb = 256
/** Schemas that ended a thread and are not handed to another. */
const maxOutlaws = 1_000

interface Waiting {
  readonly job: JsonJob
  readonly resolve: (finding: JsonFinding) => void
}

/**
 * Compiles schemas and validates answers in a thread of its own: schemas come from strangers and are code to the validator, and
 * neither time nor memory they take may be the time and memory of requests. One answer is under way at once, so that a thread
 * that dies is blamed on what it was doing. The thread starts at the first question and does not keep the process alive.
 */
export class SchemaThread {
  readonly #queue: Waiting[] = []
  readonly #outlaws = new Map<string, string>()
  readonly #limits: { readonly patienceMs: number; readonly maxHeapMb: number }
  #worker: Worker | null = null
  #current: (Waiting & { readonly id: number; readonly timer: NodeJS.Timeout }) | null = null
  #lastId = 0

  constructor(limits = { patienceMs, maxHeapMb }) {
    this.#limits = limits
  }

  /** Never rejects: a thread that could not do it is a finding of kind `failed`. */
  judge(job: JsonJob): Promise<JsonFinding> {
    const known = job.schema === null ? undefined : this.#outlaws.get(job.schema.key)
    if (known !== undefined) return Promise.resolve({ kind: 'failed', reason: known })
    return new Promise((resolve) => {
      this.#queue.push({ job, resolve })
      this.#next()
    })
  }

  /** Ends the thread; the next question starts another. */
  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #next(): void {
    if (this.#current !== null) return
    const next = this.#queue.shift()
    if (next === undefined) {
      this.#worker?.unref()
      return
    }
    this.#worker ??= this.#start()
    this.#worker.ref()
    this.#lastId += 1
    const timer = setTimeout(() => {
      this.#endWorker(`the validation took more than ${this.#limits.patienceMs} ms`)
    }, this.#limits.patienceMs)
    this.#current = { ...next, id: this.#lastId, timer }
    this.#worker.postMessage({ id: this.#lastId, job: next.job } satisfies SchemaRequest)
  }

  #start(): Worker {
    const worker = new Worker(new URL('./schema-worker.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.maxHeapMb, maxYoungGenerationSizeMb: 32 },
    })
    worker.on('message', ({ id, finding }: SchemaReply) => {
      if (this.#current?.id === id) this.#answer(finding)
    })
    const died = (reason: string) => {
      if (this.#worker === worker) this.#endWorker(reason)
    }
    worker.on('error', (error: NodeJS.ErrnoException) =>
      died(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? `the validation needs more than ${this.#limits.maxHeapMb} MB`
          : `the validation ended in a fault: ${error.message}`,
      ),
    )
    worker.on('exit', () => died('the validation was ended'))
    return worker
  }

  #endWorker(reason: string): void {
    const worker = this.#worker
    this.#worker = null
    void worker?.terminate()
    const schema = this.#current?.job.schema
    if (schema && this.#outlaws.size < maxOutlaws) this.#outlaws.set(schema.key, reason)
    this.#answer({ kind: 'failed', reason })
  }

  #answer(finding: JsonFinding): void {
    const current = this.#current
    this.#current = null
    if (current !== null) {
      clearTimeout(current.timer)
      current.resolve(finding)
    }
    this.#next()
  }
}
