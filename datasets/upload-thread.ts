import { Worker } from 'node:worker_threads'
import { type ItemRow, type PreparedUpload, prepareUpload, type UploadKind } from './upload.ts'
import type { UploadReply, UploadRequest } from './upload-worker.ts'

/** Uploads up to this size are read at once: that takes some 10 ms. */
const smallBytes = 128 * 1024
/** Longest time a file may take to be read, and most memory. */
const readLimitMs = 60_000
const maxHeapMb = 768

/** The last upload under way: large ones are read one after another, so that their memory does not add up. */
let turn: Promise<unknown> = Promise.resolve()

/**
 * Reads an upload without holding up what else this process serves: a large one in a thread of its own, which ends with it.
 * Never rejects for what a file holds.
 *
 * @param body  not used afterwards: a large one is handed over
 */
export function readUpload(body: Uint8Array, kind: UploadKind): Promise<PreparedUpload> {
  // a few lines of YAML can unfold: it is never read here
  if (body.length <= smallBytes && !/yaml/.test(kind.mediaType)) return Promise.resolve(prepareUpload(body, kind))
  const mine = turn.then(() => inThread(body, kind))
  turn = mine
  return mine
}

function inThread(body: Uint8Array, kind: UploadKind): Promise<PreparedUpload> {
  const worker = new Worker(new URL('./upload-worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
  })
  const rows: ItemRow[] = []
  return new Promise<PreparedUpload>((resolve) => {
    const giveUp = (message: string) => resolve({ problems: [{ path: '', line: 0, message }] })
    const timer = setTimeout(
      () => giveUp(`the file takes more than ${readLimitMs / 1_000} s to read; split it`),
      readLimitMs,
    )
    worker.on('message', (reply: UploadReply) => {
      if ('rows' in reply) for (const row of reply.rows) rows.push(row)
      else resolve('problems' in reply ? { problems: reply.problems } : { ...reply, rows })
    })
    worker.on('error', (error: NodeJS.ErrnoException) => {
      const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY'
      giveUp(isMemory ? 'the file needs too much memory to read; split it' : 'the file could not be read')
    })
    worker.on('exit', () => {
      clearTimeout(timer)
      giveUp('the file could not be read')
    })
    // handed over instead of copied where it has its memory to itself; a small Buffer shares it with others
    const own = body.buffer.byteLength === body.byteLength ? new Uint8Array(body.buffer) : new Uint8Array(body)
    worker.postMessage({ body: own, kind } satisfies UploadRequest, [own.buffer as ArrayBuffer])
  }).finally(() => worker.terminate())
}
