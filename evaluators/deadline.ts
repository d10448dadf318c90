import { createContext, Script } from 'node:vm'

const call = new Script('run()')
/** Made once: a context costs some 0.7 ms, the watchdog next to nothing. `run` is read as the call begins, so calls may nest. */
const slot: { run: () => void } = { run: () => undefined }
const context = createContext(slot)

export class DeadlineExceededError extends Error {
  readonly code = 'DEADLINE_EXCEEDED'
  constructor(what: string, limitMs: number) {
    super(`${what} took more than ${limitMs} ms`)
    this.name = 'DeadlineExceededError'
  }
}

/**
 * Runs synchronous work that untrusted schemas or answers could make arbitrarily slow, and ends it at the limit.
 * The engine's own watchdog ends it, so that a loop inside generated code or a regular expression stops as well. The limit is
 * in wall time and a busy machine can stall a process that long: work is given up only when it is too slow twice. Costs some
 * 0.1 ms: callers skip it where the work is known to be small. No sandbox: only our own code is passed in.
 *
 * @param work  may be ended anywhere and begun anew: it must not leave half-changed state behind
 * @throws DeadlineExceededError  the limit was reached twice
 */
export function withDeadline<T>(what: string, limitMs: number, work: () => T): T {
  const outcome = attempt(limitMs, work) ?? attempt(limitMs, work)
  if (outcome === null) throw new DeadlineExceededError(what, limitMs)
  if ('error' in outcome) throw outcome.error
  return outcome.value
}

type Outcome<T> = { readonly value: T } | { readonly error: unknown }

/** null: the limit was reached. */
function attempt<T>(limitMs: number, work: () => T): Outcome<T> | null {
  let outcome: Outcome<T> | null = null
  const run = () => {
    try {
      outcome = { value: work() }
    } catch (error) {
      outcome = { error }
    }
  }
  try {
    slot.run = run
    call.runInContext(context, { timeout: limitMs })
  } catch (error) {
    // made in the other context: not an instance of our Error
    if ((error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return null
    throw error
  } finally {
    slot.run = () => undefined
  }
  return outcome
}

/** Slow runs in a row after which work is not begun any more, but for one try in so many. */
const patience = 3
const tryEvery = 16

/**
 * A deadline that learns: once the same kind of work has run out of time three times in a row it is refused at once, and only
 * every sixteenth time tried again. Otherwise a slow schema sent with every request would take its time from all others.
 */
export class PatientDeadline {
  readonly #what: string
  readonly #limitMs: number
  #slow = 0
  #refused = 0

  constructor(what: string, limitMs: number) {
    this.#what = what
    this.#limitMs = limitMs
  }

  /** @throws DeadlineExceededError  too slow, or too slow before */
  run<T>(work: () => T): T {
    if (this.#slow >= patience && this.#refused < tryEvery - 1) {
      this.#refused++
      throw new DeadlineExceededError(this.#what, this.#limitMs)
    }
    this.#refused = 0
    try {
      const value = withDeadline(this.#what, this.#limitMs, work)
      this.#slow = 0
      return value
    } catch (error) {
      if (error instanceof DeadlineExceededError) this.#slow++
      throw error
    }
  }
}
