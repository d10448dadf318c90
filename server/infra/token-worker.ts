import { parentPort } from 'node:worker_threads'
import { countTokens, setMergeCacheSize } from 'gpt-tokenizer/encoding/o200k_base'

/** What the counter asks of this thread. `id` pairs an answer with its question. */
export interface CountRequest {
  readonly id: number
  readonly texts: readonly string[]
}

export interface CountAnswer {
  readonly id: number
  /** Tokens of each text; null: they could not be counted. */
  readonly counts: readonly number[] | null
}

const port = parentPort
if (port === null) throw new Error('token-worker.ts runs in a worker thread only')

setMergeCacheSize(20_000)
// Marks of the model's own language are text like any other here.
const asText = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() }

/**
 * Words with the blank before them, runs of blanks, and no piece longer than 64 characters: merging takes time in proportion to
 * the square of a piece's length, so that one unbroken line of a megabyte would never end.
 */
const pieces = /\s?\S{1,64}|\s{1,64}/g

function count(text: string): number {
  let tokens = 0
  for (const [piece] of text.matchAll(pieces)) tokens += countTokens(piece, asText)
  return tokens
}

port.on('message', ({ id, texts }: CountRequest) => {
  let counts: readonly number[] | null = null
  try {
    counts = texts.map(count)
  } catch {
    // Told as "could not be counted".
  }
  port.postMessage({ id, counts } satisfies CountAnswer)
})
