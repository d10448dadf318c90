import type { Cancellation, ChatStream, StreamEnd } from '#providers/provider.ts'
import { eventOf } from '#providers/sse.ts'
import type { StreamTranslator } from './endpoint.ts'
import { type ErrorReply, errorOfProvider } from './openai-error.ts'

/** A client that reads nothing for this long has gone. */
const writeStallMs = 30_000

/**
 * Passes a stream on to the client, at the speed it reads. A stream that breaks ends with an error event and without its
 * terminal marker, so that no client takes a part for the whole (P11).
 *
 * @param translator null: the bytes pass as they are
 */
export function passOn(
  { res, endpoint, requestId }: ErrorReply,
  stream: ChatStream,
  cancellation: Cancellation,
  translator: StreamTranslator | null,
): Promise<StreamEnd> {
  return new Promise((resolve) => {
    let stall: NodeJS.Timeout | null = null
    const drained = () => {
      if (stall !== null) clearTimeout(stall)
      stall = null
      stream.resume()
    }
    stream.flow({
      onBytes(bytes) {
        if (res.destroyed) return true
        const out = translator === null ? bytes : translator.push(bytes)
        if (out.length === 0 || res.write(out)) return true
        if (stall === null) {
          stall = setTimeout(() => cancellation.cancel(), writeStallMs)
          res.once('drain', drained)
        }
        return false
      },
      onEnd(end) {
        if (stall !== null) clearTimeout(stall)
        if (end.error?.errorClass === 'client_closed') res.destroy()
        else if (translator !== null) res.end(translator.end(end.error === null ? null : errorOfProvider(end.error)))
        else if (end.error === null) res.end()
        else res.end(eventOf(endpoint.errorBody(errorOfProvider(end.error), requestId)))
        resolve(end)
      },
    })
  })
}
