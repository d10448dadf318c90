import type { DecisionRecord } from '#domain/decision.ts'

/**
 * What the gateway tells about its requests, besides the decision log. Called on the hot path, after the answer has left: it
 * must not throw, wait or keep what it is given.
 */
export interface Observer {
  /**
   * A request that was routed has ended, whatever came of it.
   *
   * @param overheadMs what the gateway added to the time its providers took, up to the answer or first token; null: nobody was called
   */
  requestEnded(record: DecisionRecord, overheadMs: number | null): void
  /**
   * A request was refused before it was routed: no key, no such model, a body that cannot be read.
   *
   * @param code of our own error list, null where there is none; never text of a client or provider
   */
  requestRefused(status: number, code: string | null): void
}

/** Tells several observers. */
export function observers(all: readonly Observer[]): Observer {
  return {
    requestEnded(record, overheadMs) {
      for (const one of all) one.requestEnded(record, overheadMs)
    },
    requestRefused(status, code) {
      for (const one of all) one.requestRefused(status, code)
    },
  }
}
