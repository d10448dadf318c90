import type { Log } from '#infra/log.ts'
import type { Observer } from '#infra/observer.ts'

/** Lines a second at most; what is more is counted and said with the next line. An outage must not fill a disk. */
const linesPerSecond = 20

/**
 * Writes down requests that failed or were saved by a fallback: ids, classes and times, never text. `warn` where the client got
 * an error of ours or a provider's, `info` where a fallback answered.
 */
export function troubleLog(log: Log, monotonicMs: () => number): Observer {
  let second = -1
  let lines = 0
  let suppressed = 0
  return {
    requestEnded(record) {
      const hasFailed = record.status >= 500 || (record.status === 200 && record.errorCode !== null)
      if (!hasFailed && !record.isFallback) return
      const now = Math.floor(monotonicMs() / 1_000)
      if (now !== second) {
        second = now
        lines = 0
      }
      lines += 1
      if (lines > linesPerSecond) {
        suppressed += 1
        return
      }
      const fields = {
        requestId: record.requestId,
        route: record.route,
        version: record.version,
        arm: record.arm,
        model: record.model,
        status: record.status,
        attempts: record.attempts.map(({ model, errorClass }) => `${model} ${errorClass ?? 'answered'}`),
        totalMs: Math.round(record.totalMs),
        ...(suppressed > 0 && { suppressed }),
      }
      suppressed = 0
      if (hasFailed) log.warn(fields, 'a request failed')
      else log.info(fields, 'a fallback answered a request')
    },
    requestRefused: () => undefined,
  }
}
