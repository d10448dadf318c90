const lineFeed = 0x0a
const carriageReturn = 0x0d

/**
 * Cuts a byte stream into whole server-sent events, wherever its chunks begin and end. An event is its lines and the blank
 * line behind them, unchanged. Lines end in LF or CR LF.
 */
export class EventSplitter {
  readonly #maxEventBytes: number
  #pending: Buffer[] = []
  #pendingBytes = 0
  /** Bytes of the unfinished line so far, without a carriage return at its end. */
  #lineBytes = 0

  /** @param maxEventBytes longest event; more is an overflow */
  constructor(maxEventBytes: number) {
    this.#maxEventBytes = maxEventBytes
  }

  /** Bytes of an event that has begun and not ended. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** @returns the events that this chunk completes; null when an event is longer than allowed */
  push(chunk: Buffer): Buffer[] | null {
    const events: Buffer[] = []
    let eventStart = 0
    let lineStart = 0
    for (;;) {
      const lineEnd = chunk.indexOf(lineFeed, lineStart)
      if (lineEnd === -1) break
      const isCut = lineEnd > lineStart && chunk[lineEnd - 1] === carriageReturn
      const bytes = this.#lineBytes + lineEnd - lineStart - (isCut ? 1 : 0)
      this.#lineBytes = 0
      lineStart = lineEnd + 1
      if (bytes > 0) continue
      events.push(this.#take(chunk.subarray(eventStart, lineStart)))
      eventStart = lineStart
    }
    if (lineStart < chunk.length) {
      const endsInReturn = chunk[chunk.length - 1] === carriageReturn
      this.#lineBytes += chunk.length - lineStart - (endsInReturn ? 1 : 0)
    }
    if (eventStart < chunk.length) {
      this.#pending.push(chunk.subarray(eventStart))
      this.#pendingBytes += chunk.length - eventStart
    }
    return this.#pendingBytes > this.#maxEventBytes ? null : events
  }

  #take(last: Buffer): Buffer {
    if (this.#pending.length === 0) return last
    const whole = Buffer.concat([...this.#pending, last])
    this.#pending = []
    this.#pendingBytes = 0
    return whole
  }
}

/** The data of an event, its lines joined; null for an event without any (comments, keep-alives). */
export function dataOf(event: string): string | null {
  if (event.startsWith('data:')) {
    const end = event.indexOf('\n')
    const isSingle = event.length - end <= 3
    if (end !== -1 && isSingle) return event.slice(5, end).trim()
  }
  const lines = event.split('\n').filter((line) => line.startsWith('data:') || line.trim() === 'data')
  if (lines.length === 0) return null
  return lines
    .map((line) => line.slice(5).trim())
    .join('\n')
    .trim()
}

/** One event with a JSON value as its data. */
export function eventOf(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}
