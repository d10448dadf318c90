import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { createPostgresBackend, type Processor, Queue, runMigrations, Worker, type WorkerOptions } from 'bullmq'
import { Redis } from 'ioredis'
import type { Log } from './log.ts'

/** Names of the work that can be due; the payload is the id of the row that says what to do, nothing else. */
export const jobNames = ['advance-proposal', 'eval-run', 'score-samples'] as const
export type JobName = (typeof jobNames)[number]
export interface JobPayload {
  readonly id: string
}

/** Where the queue lives: Redis by URL, or a PostgreSQL pool (a server's or the embedded one). */
export type QueueBacking = { readonly redisUrl: string } | { readonly pool: unknown }

export interface JobQueue {
  /**
   * Says that work is due. Never waits for an answer: when the queue is out of reach the hint is lost and the reconciler
   * finds the same work at its next tick.
   */
  ring(name: JobName, id: string): void
  /**
   * Starts the workers of this process, one per name, so that long eval runs never stand before a rollback.
   *
   * @param concurrency jobs of a name at once
   */
  work(handler: (name: JobName, id: string) => Promise<void>, concurrency: number): void
  /** False while the queue cannot be reached: the reconciler then runs what is due itself. */
  isReachable(): boolean
  close(): Promise<void>
}

type Work = Pick<WorkerOptions, 'concurrency' | 'lockDuration' | 'stalledInterval' | 'maxStalledCount'>
/** A job whose worker died is handed on within seconds; rows are the truth, so handing it on twice does no harm. */
const workerOptions = { lockDuration: 15_000, stalledInterval: 5_000, maxStalledCount: 100 } as const

/** Opens the queue and, on PostgreSQL, its own schema `bullmq`. */
export async function openQueue(backing: QueueBacking, log: Log): Promise<JobQueue> {
  if ('redisUrl' in backing) return redisQueue(backing.redisUrl, log)
  const pool = backing.pool as { connect(): Promise<Parameters<typeof runMigrations>[0] & { release(): void }> }
  const client = await pool.connect()
  try {
    await runMigrations(client)
  } finally {
    client.release()
  }
  const connection = pool as Parameters<typeof createPostgresBackend>[1]['connection']
  return queueOver(
    (name) => new Queue(name, { connection }, createPostgresBackend),
    (name, process, work) => new Worker(name, process, { connection, ...work }, createPostgresBackend),
    log,
  )
}

/** A start waits this long for Redis; without it the process serves all the same and the ticks do the work. */
const redisWaitMs = 2_000

async function redisQueue(url: string, log: Log): Promise<JobQueue> {
  // A producer must fail at once when Redis is away; a worker must wait for it to come back.
  const producer = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 1 })
  const consumer = new Redis(url, { maxRetriesPerRequest: null })
  for (const connection of [producer, consumer]) {
    connection.on('error', (error: Error) => log.warn({ reason: error.message }, 'queue is out of reach'))
  }
  await Promise.race([once(producer, 'ready'), wait(redisWaitMs, undefined, { ref: false })]).catch(() => undefined)
  const queue = queueOver(
    (name) => new Queue(name, { connection: producer, skipWaitingForReady: true }),
    (name, process, work) => new Worker(name, process, { connection: consumer, ...work }),
    log,
  )
  const close = async () => {
    await queue.close()
    producer.disconnect()
    consumer.disconnect()
  }
  return { ...queue, isReachable: () => producer.status === 'ready', close }
}

/** What is used of a queue and a worker, whichever backend they are over. */
interface Producer {
  add(name: string, payload: JobPayload, options: Record<string, unknown>): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  close(): Promise<void>
}
interface Consumer extends Pick<Producer, 'close'> {
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'failed', listener: (job: { data: JobPayload } | undefined, error: Error) => void): unknown
}

function queueOver(
  makeQueue: (name: JobName) => Producer,
  makeWorker: (name: JobName, process: Processor, work: Work) => Consumer,
  log: Log,
): JobQueue {
  const queues = new Map(jobNames.map((name) => [name, makeQueue(name)]))
  const workers: Consumer[] = []
  let isFailing = false
  for (const queue of queues.values()) queue.on('error', (error) => log.warn({ reason: error.message }, 'queue error'))
  const ring = (name: JobName, id: string) => {
    // One hint per piece of work may wait or run; a hint lost meanwhile is found by the next tick.
    const options = { removeOnComplete: true, removeOnFail: true, deduplication: { id } }
    queues
      .get(name)
      ?.add(name, { id }, options)
      .then(
        () => {
          isFailing = false
        },
        (error: Error) => {
          isFailing = true
          log.debug({ job: name, id, reason: error.message }, 'hint was lost; the next tick finds the work')
        },
      )
  }
  const startWorker = (name: JobName, handler: (id: string) => Promise<void>, concurrency: number) => {
    const process: Processor = (job) => handler((job.data as JobPayload).id)
    const worker = makeWorker(name, process, { ...workerOptions, concurrency })
    worker.on('error', (error) => log.warn({ job: name, reason: error.message }, 'queue worker error'))
    worker.on('failed', (job, error) =>
      log.warn({ job: name, id: job?.data.id, reason: error.message }, 'work failed; the next tick tries again'),
    )
    workers.push(worker)
  }
  return {
    ring,
    work: (handler, concurrency) => {
      for (const name of jobNames) startWorker(name, (id) => handler(name, id), concurrency)
    },
    isReachable: () => !isFailing,
    close: async () => {
      await Promise.all(workers.map((worker) => worker.close()))
      await Promise.all([...queues.values()].map((queue) => queue.close()))
    },
  }
}
