import { ProviderError, type StreamConsumer, type StreamEnd } from './provider.ts'
import { dataOf, EventSplitter } from './sse.ts'
import type { StreamReader } from './stream-reader.ts'

/** What may be held back while waiting for content; beyond it the stream is let through as it is. */
const maxHeldEvents = 64
const maxHeldBytes = 256 * 1024
const maxEventBytes = 1024 * 1024

interface CommitListener {
  /** The first content has come: from now on the answer cannot be replaced. */
  onCommit(): void
  /** Nothing of the answer may be used: another target can still be tried. */
  onFailure(error: ProviderError): void
  /** The stream is broken and no more bytes are wanted. After a good end the upstream is left to close by itself, so that
   * its connection can be used again. */
  onBroken(): void
}

/**
 * A stream on its way to the client. States: held (events are kept back; leads to committed at the first content-bearing
 * event, or to failed), committed (whole events pass; leads to over), failed and over (final).
 *
 * Only whole events pass, so that an error event can always follow. A good end is both a finish reason and the terminal marker:
 * an upstream that closes or says `[DONE]` without the other is cut short (P11: no silent truncation).
 */
export class CommitPoint {
  readonly #reader: StreamReader
  readonly #listener: CommitListener
  readonly #splitter = new EventSplitter(maxEventBytes)
  readonly #status: number
  #state: 'held' | 'committed' | 'failed' | 'over' = 'held'
  #held: Buffer[] = []
  #heldBytes = 0
  #consumer: StreamConsumer | null = null
  #end: StreamEnd | null = null

  constructor(reader: StreamReader, status: number, listener: CommitListener) {
    this.#reader = reader
    this.#status = status
    this.#listener = listener
  }

  get isCommitted(): boolean {
    return this.#state === 'committed'
  }

  /** @returns false when the consumer asks to pause */
  push(chunk: Buffer): boolean {
    if (this.#state === 'failed' || this.#state === 'over') return true
    const skimmed = this.#skim(chunk)
    if (skimmed === chunk.length) return this.#flush()
    const events = this.#splitter.push(skimmed === 0 ? chunk : chunk.subarray(skimmed))
    if (events === null) {
      this.fail(this.#error('invalid_response', 'an event of the stream is too long'))
      return true
    }
    for (const event of events) {
      const kind = this.#reader.read(dataOf(event.toString('utf8')), this.#state === 'committed')
      if (kind instanceof ProviderError) {
        this.fail(kind)
        return true
      }
      if (kind === 'done') return this.#finish(event)
      if (kind === 'hidden') continue
      this.#hold(event)
      if (this.#state === 'held' && (kind === 'content' || this.#isFull())) this.#commit()
    }
    return this.#flush()
  }

  /** Takes the whole events at the start that carry nothing but text: most of a stream. @returns their length */
  #skim(chunk: Buffer): number {
    if (this.#state !== 'committed' || this.#splitter.pendingBytes > 0) return 0
    // No JSON holds a NUL byte: where there is one, events are read one by one.
    const length = chunk.includes(0) ? 0 : this.#reader.skim(chunk.toString('latin1'))
    if (length > 0) this.#hold(chunk.subarray(0, length))
    return length
  }

  #hold(event: Buffer): void {
    this.#held.push(event)
    this.#heldBytes += event.length
  }

  #isFull(): boolean {
    return this.#held.length >= maxHeldEvents || this.#heldBytes >= maxHeldBytes
  }

  #commit(): void {
    this.#state = 'committed'
    this.#listener.onCommit()
  }

  /** Gives the consumer what it may have. Before `attach` everything waits. */
  #flush(): boolean {
    if (this.#consumer === null || this.#state === 'held' || this.#held.length === 0) return true
    const bytes = joined(this.#held, this.#heldBytes)
    this.#held = []
    this.#heldBytes = 0
    return this.#consumer.onBytes(bytes)
  }

  #finish(marker: Buffer): boolean {
    if (!this.#reader.hasFinished) {
      const isEmpty = this.#state === 'held'
      const message = isEmpty ? 'the stream ended without any content' : 'the stream ended without a finish reason'
      this.fail(this.#error(isEmpty ? 'invalid_response' : 'stream_truncated', message))
      return true
    }
    this.#hold(marker)
    if (this.#state === 'held') this.#commit()
    this.#over(null)
    return true
  }

  /** The upstream closed its answer in order. */
  close(): void {
    if (this.#state === 'failed' || this.#state === 'over') return
    const isTorn = this.#splitter.pendingBytes > 0
    const isEmpty = this.#state === 'held' && this.#held.length === 0 && !isTorn
    const message = isEmpty ? 'the answer is empty' : 'the stream ended without its terminal marker'
    this.fail(this.#error(isEmpty ? 'invalid_response' : 'stream_truncated', message))
  }

  /** The attempt is lost: before the commit point the next target may be tried, after it the client is told. */
  fail(error: ProviderError): void {
    if (this.#state === 'failed' || this.#state === 'over') return
    if (this.#state === 'committed') {
      this.#over(error)
      return
    }
    this.#state = 'failed'
    this.#held = []
    this.#listener.onFailure(error)
    this.#listener.onBroken()
  }

  #over(error: ProviderError | null): void {
    this.#flush()
    this.#state = 'over'
    this.#end = { error, facts: this.#reader.facts() }
    if (error !== null) this.#listener.onBroken()
    this.#settle()
  }

  /** Lets the answer through, beginning with what was held back. */
  attach(consumer: StreamConsumer): void {
    this.#consumer = consumer
    if (this.#state === 'over') {
      if (this.#held.length > 0) consumer.onBytes(joined(this.#held, this.#heldBytes))
      this.#held = []
      this.#settle()
      return
    }
    this.#flush()
  }

  #settle(): void {
    if (this.#consumer === null || this.#end === null) return
    const end = this.#end
    this.#end = null
    this.#consumer.onEnd(end)
  }

  #error(errorClass: 'invalid_response' | 'stream_truncated', message: string): ProviderError {
    return new ProviderError(errorClass, message, { status: this.#status })
  }
}

/** Events of one chunk lie side by side in memory: they need no copy. */
function joined(parts: readonly Buffer[], bytes: number): Buffer {
  const [first] = parts
  if (first === undefined) return Buffer.alloc(0)
  let end = first.byteOffset
  for (const part of parts) {
    if (part.buffer !== first.buffer || part.byteOffset !== end) return Buffer.concat(parts, bytes)
    end += part.length
  }
  return Buffer.from(first.buffer, first.byteOffset, bytes)
}
