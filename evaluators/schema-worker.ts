import { parentPort, workerData } from 'node:worker_threads'
import { type JsonFinding, type JsonJob, judgeJson } from './json-judge.ts'
import { SchemaCache } from './schema-cache.ts'

/** What schema-thread.ts asks of this thread. */
export interface SchemaRequest {
  readonly id: number
  readonly job: JsonJob
}

export interface SchemaReply {
  readonly id: number
  readonly finding: JsonFinding
}

const port = parentPort
if (port === null) throw new Error('schema-worker.ts runs in a worker thread only')

const schemas = new SchemaCache(256)
/** Shared with the one who asks: what this thread is at, should it die of it. */
const current = workerData as Int32Array

port.on('message', ({ id, job }: SchemaRequest) => {
  Atomics.store(current, 0, id)
  port.postMessage({ id, finding: findingOf(job) } satisfies SchemaReply)
})

function findingOf(job: JsonJob): JsonFinding {
  try {
    return judgeJson(job, schemas)
  } catch (error) {
    return {
      kind: 'failed',
      reason: `the validation failed: ${error instanceof Error ? error.message : String(error)}`,
    }
  }
}
