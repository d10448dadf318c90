/** One thing wrong with an input. `path` is a JSON pointer into the request body ('' = the body itself). */
export interface Problem {
  readonly path: string
  readonly message: string
}

/** Stable codes of refused requests; http/error-handler.ts owns their status, docs/errors.md their meaning. */
export type ErrorCode =
  | 'MALFORMED_REQUEST'
  | 'MALFORMED_JSON'
  | 'VALIDATION_FAILED'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'OWN_PROPOSAL'
  | 'NOT_FOUND'
  | 'METHOD_NOT_ALLOWED'
  | 'ALREADY_EXISTS'
  | 'IN_USE'
  | 'STALE_BASE'
  | 'ROLLOUT_IN_PROGRESS'
  | 'ILLEGAL_TRANSITION'
  | 'FROZEN'
  | 'REBASE_CONFLICT'
  | 'CONCURRENT_CHANGE'
  | 'IDEMPOTENCY_IN_FLIGHT'
  | 'IDEMPOTENCY_MISMATCH'
  | 'BODY_TOO_LARGE'
  | 'UNSUPPORTED_MEDIA_TYPE'
  | 'TOO_MANY_ATTEMPTS'
  | 'NO_STORED_TEXTS'
  | 'UNAVAILABLE'
  | 'INTERNAL'

/**
 * A request that a rule refuses: nothing was changed.
 *
 * @param message what is wrong, where, and what to do; shown to people, so it holds no secret and no prompt text
 * @param problems one per faulty place of the body, for VALIDATION_FAILED and conflicts that concern a field
 */
export class InterlockError extends Error {
  readonly code: ErrorCode
  readonly problems: readonly Problem[]
  constructor(code: ErrorCode, message: string, problems: readonly Problem[] = []) {
    super(message)
    this.name = 'InterlockError'
    this.code = code
    this.problems = problems
  }
}
