import { parentPort } from 'node:worker_threads'
import type { Problem } from './collector.ts'
import { type ItemRow, prepareUpload, type UploadKind } from './upload.ts'

/** What upload-thread.ts asks of this thread: one file, then the thread ends. */
export interface UploadRequest {
  readonly body: Uint8Array
  readonly kind: UploadKind
}

/** Rows come in parts, so that the one who waits is never busy for long; then what is to be said of the whole. */
export type UploadReply =
  | { readonly rows: readonly ItemRow[] }
  | { readonly sha256: string; readonly notes: readonly string[] }
  | { readonly problems: readonly Problem[] }

const port = parentPort
if (port === null) throw new Error('upload-worker.ts runs in a worker thread only')
const answer = (reply: UploadReply) => port.postMessage(reply)

/** UTF-16 code units of the rows of one part. */
const partChars = 500_000

port.once('message', ({ body, kind }: UploadRequest) => {
  const prepared = prepareUpload(body, kind)
  if ('problems' in prepared) {
    answer({ problems: prepared.problems })
    return
  }
  for (const rows of parts(prepared.rows)) answer({ rows })
  answer({ sha256: prepared.sha256, notes: prepared.notes })
})

function* parts(rows: readonly ItemRow[]): Generator<readonly ItemRow[]> {
  let from = 0
  let chars = 0
  for (const [index, { json }] of rows.entries()) {
    chars += json.length
    if (chars < partChars) continue
    yield rows.slice(from, index + 1)
    from = index + 1
    chars = 0
  }
  if (from < rows.length) yield rows.slice(from)
}
