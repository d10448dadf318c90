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
/** Answers handed over at once, and UTF-16 code units of them: a thread that waits for the next one has nothing to do. */
const maxUnderWay = 32
const maxCharsUnderWay = 4_000_000
/** Schemas that ended a thread and are not handed to another. */
const maxOutlaws = 1_000

interface Waiting {
  readonly id: number
  readonly job: JsonJob
  readonly resolve: (finding: JsonFinding) => void
}

interface Running {
  readonly worker: Worker
  /** Id of the answer the thread is at: it is to blame when the thread dies. */
  readonly current: Int32Array
}

/**
 * Compiles schemas and validates answers in a thread of its own: schemas come from strangers and are code to the validator, and
 * neither time nor memory they take may be the time and memory of requests. A thread that dies is blamed on the answer it was
 * at; the others go to the next one. It starts at the first question and does not keep the process alive.
 */
export class SchemaThread {
  readonly #queue: Waiting[] = []
  readonly #underWay = new Map<number, Waiting>()
  readonly #outlaws = new Map<string, string>()
  readonly #limits: { readonly patienceMs: number; readonly maxHeapMb: number }
  #running: Running | null = null
  #timer: NodeJS.Timeout | undefined
  #chars = 0
  #lastId = 0

  constructor(limits = { patienceMs, maxHeapMb }) {
    this.#limits = limits
  }

  /** Never rejects: a thread that could not do it is a finding of kind `failed`. */
  judge(job: JsonJob): Promise<JsonFinding> {
    return new Promise((resolve) => {
      this.#lastId = (this.#lastId + 1) & 0x7fffffff
      this.#queue.push({ id: this.#lastId, job, resolve })
      this.#handOver()
    })
  }

  /** Ends the thread; the next question starts another. */
  async close(): Promise<void> {
    await this.#running?.worker.terminate()
  }

  #handOver(): void {
    while (this.#underWay.size < maxUnderWay && this.#chars < maxCharsUnderWay) {
      const next = this.#queue.shift()
      if (next === undefined) break
      const outlawed = next.job.schema === null ? undefined : this.#outlaws.get(next.job.schema.key)
      if (outlawed === undefined) this.#send(next)
      else next.resolve({ kind: 'failed', reason: outlawed })
    }
    if (this.#underWay.size === 0) this.#running?.worker.unref()
  }

  #send(next: Waiting): void {
    this.#running ??= this.#start()
    if (this.#underWay.size === 0) {
      this.#running.worker.ref()
      this.#watch()
    }
    this.#underWay.set(next.id, next)
    this.#chars += next.job.output.length
    this.#running.worker.postMessage({ id: next.id, job: next.job } satisfies SchemaRequest)
  }

  /** From now on the thread has so long for its next reply. */
  #watch(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#endThread(`the validation took more than ${this.#limits.patienceMs} ms`)
    }, this.#limits.patienceMs)
  }

  #start(): Running {
    const current = new Int32Array(new SharedArrayBuffer(4))
    const worker = new Worker(new URL('./schema-worker.ts', import.meta.url), {
      workerData: current,
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.maxHeapMb, maxYoungGenerationSizeMb: 32 },
    })
    worker.on('message', ({ id, finding }: SchemaReply) => this.#answer(id, finding))
    const died = (reason: string) => {
      if (this.#running?.worker === worker) this.#endThread(reason)
    }
    worker.on('error', (error: NodeJS.ErrnoException) =>
      died(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? `the validation needs more than ${this.#limits.maxHeapMb} MB`
          : `the validation ended in a fault: ${error.message}`,
      ),
    )
    worker.on('exit', () => died('the validation was ended'))
    return { worker, current }
  }

  #answer(id: number, finding: JsonFinding): void {
    const waiting = this.#underWay.get(id)
    if (waiting === undefined) return
    this.#underWay.delete(id)
    this.#chars -= waiting.job.output.length
    if (this.#underWay.size === 0) clearTimeout(this.#timer)
    else this.#watch()
    waiting.resolve(finding)
    this.#handOver()
  }

  #endThread(reason: string): void {
    const running = this.#running
    this.#running = null
    clearTimeout(this.#timer)
    void running?.worker.terminate()
    const [first] = this.#underWay.keys()
    const at = running === null ? 0 : Atomics.load(running.current, 0)
    // a thread that died before it began has nobody to blame: the first one is told, so that nothing goes in circles
    const blamed = this.#underWay.get(this.#underWay.has(at) ? at : (first ?? 0))
    const others = [...this.#underWay.values()].filter((waiting) => waiting !== blamed)
    this.#underWay.clear()
    this.#chars = 0
    this.#queue.unshift(...others)
    const schema = blamed?.job.schema
    if (schema && this.#outlaws.size < maxOutlaws) this.#outlaws.set(schema.key, reason)
    blamed?.resolve({ kind: 'failed', reason })
    this.#handOver()
  }
}
