import type { CommitPoint } from './commit-point.ts'
import type { StreamTranslator } from './dialect.ts'
import { ProviderError, type StreamConsumer } from './provider.ts'
import { dataOf, EventSplitter } from './sse.ts'
import type { StreamReader } from './stream-reader.ts'

const maxEventBytes = 1024 * 1024

/**
 * The way of a stream whose events are not OpenAI's: events are cut, translated one by one, and the OpenAI events go through
 * the same commit point as all other streams, so that holding back, ends and faults are judged alike.
 */
export class TranslatedStream {
  readonly #translator: StreamTranslator
  readonly #reader: StreamReader
  readonly #point: CommitPoint
  readonly #status: number
  readonly #splitter = new EventSplitter(maxEventBytes)
  #isOver = false

  /** @param reader the commit point's own: it is told the counts, which not every client is sent */
  constructor(translator: StreamTranslator, reader: StreamReader, point: CommitPoint, status: number) {
    this.#translator = translator
    this.#reader = reader
    this.#point = point
    this.#status = status
  }

  get isCommitted(): boolean {
    return this.#point.isCommitted
  }

  /** @returns false when the consumer asks to pause */
  push(chunk: Buffer): boolean {
    if (this.#isOver) return true
    const events = this.#splitter.push(chunk)
    if (events === null) {
      this.#give('')
      this.fail(new ProviderError('invalid_response', 'an event of the stream is too long', { status: this.#status }))
      return true
    }
    let text = ''
    for (const event of events) {
      const data = dataOf(event.toString('utf8'))
      if (data === null || data === '') continue
      const read = this.#translator.read(data)
      if (read instanceof ProviderError) {
        this.#give(text)
        this.fail(read)
        return true
      }
      text += read
    }
    return this.#give(text)
  }

  #give(text: string): boolean {
    if (this.#translator.usage !== null) this.#reader.noteUsage(this.#translator.usage)
    return text === '' || this.#point.push(Buffer.from(text))
  }

  /** The provider closed in order. */
  close(): void {
    if (this.#isOver) return
    if (this.#splitter.pendingBytes > 0) {
      this.fail(new ProviderError('stream_truncated', 'the stream ended inside an event', { status: this.#status }))
      return
    }
    this.#give(this.#translator.end())
    this.#isOver = true
    this.#point.close()
  }

  fail(error: ProviderError): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#point.fail(error)
  }

  attach(consumer: StreamConsumer): void {
    this.#point.attach(consumer)
  }
}
