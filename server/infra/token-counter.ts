import { Worker } from 'node:worker_threads'
import type { Log } from './log.ts'
import type { CountAnswer, CountRequest } from './token-worker.ts'

/** Counts tokens as OpenAI's newer models do (o200k_base); for other models an estimate. */
export interface TokenCounter {
  /** @returns tokens of each text; null where they cannot be counted now: estimate by length instead */
  count(texts: readonly string[]): Promise<readonly number[] | null>
  close(): Promise<void>
}

/** Questions that wait at once; more are answered by null. */
const maxWaiting = 200
const patienceMs = 10_000
/** A thread that dies this often is not started again. */
const maxStarts = 3

/**
 * The counter in a thread of its own: its tables take half a second and 75 MB to load, and a long text takes milliseconds to
 * count, none of which the requests of others shall wait for. The thread starts at the first question: most providers count.
 */
export function createTokenCounter(log: Log): TokenCounter {
  const waiting = new Map<number, (counts: readonly number[] | null) => void>()
  let worker: Worker | null = null
  let starts = 0
  let lastId = 0
  const giveUp = (died: Worker) => {
    if (worker === died) worker = null
    for (const answer of waiting.values()) answer(null)
  }
  const start = (): Worker | null => {
    if (starts >= maxStarts) return null
    starts += 1
    const started = new Worker(new URL('./token-worker.ts', import.meta.url))
    started.unref()
    started.on('message', ({ id, counts }: CountAnswer) => waiting.get(id)?.(counts))
    started.on('error', (error) => {
      log.warn({ reason: error instanceof Error ? error.message : String(error) }, 'the token counter ended in a fault')
      giveUp(started)
    })
    started.on('exit', () => giveUp(started))
    return started
  }
  return {
    count(texts) {
      worker ??= start()
      const to = worker
      if (to === null || waiting.size >= maxWaiting) return Promise.resolve(null)
      lastId += 1
      const id = lastId
      return new Promise((resolve) => {
        const answer = (counts: readonly number[] | null) => {
          clearTimeout(timer)
          waiting.delete(id)
          resolve(counts)
        }
        const timer = setTimeout(() => answer(null), patienceMs)
        waiting.set(id, answer)
        to.postMessage({ id, texts } satisfies CountRequest)
      })
    },
    async close() {
      starts = maxStarts
      await worker?.terminate()
    },
  }
}
