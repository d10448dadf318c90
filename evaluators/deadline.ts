import { createContext, Script } from 'node:vm'

const call = new Script('run()')

export class DeadlineExceededError extends Error {
  readonly code = 'DEADLINE_EXCEEDED'
  constructor(what: string, limitMs: number) {
    super(`${what} took more than ${limitMs} ms`)
    this.name = 'DeadlineExceededError'
  }
}

/**
 * Runs synchronous work that untrusted schemas or answers could make arbitrarily slow, and ends it at the limit.
 * The engine's own watchdog ends it, so that a loop inside generated code or a regular expression stops as well. Costs some
 * 0.1 ms: callers skip it where the work is known to be small. No sandbox: only our own code is passed in.
 *
 * @throws DeadlineExceededError  the limit was reached; whatever `work` was building must be thrown away
 */
export function withDeadline<T>(what: string, limitMs: number, work: () => T): T {
  const outcome: { value?: T; error?: unknown; failed?: boolean } = {}
  const run = () => {
    try {
      outcome.value = work()
    } catch (error) {
      outcome.failed = true
      outcome.error = error
    }
  }
  try {
    call.runInContext(createContext({ run }), { timeout: limitMs })
  } catch (error) {
    // made in the other context: not an instance of our Error
    if ((error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') {
      throw new DeadlineExceededError(what, limitMs)
    }
    throw error
  }
  if (outcome.failed) throw outcome.error
  return outcome.value as T
}
