import { InterlockError, type Problem } from '#domain/errors.ts'
import { ok, type Reply } from '#http/operation.ts'
import { appendAudit } from '#store/audit.ts'
import { inTransaction, type Tx } from '#store/database.ts'
import { bumpEpoch } from '#store/epoch.ts'
import type { ControlDeps } from './control-deps.ts'

/** Who changes what, for the audit trail. */
export interface Act {
  readonly actor: string
  /** `provider.put`, `key.revoke`, ... */
  readonly action: string
  readonly subject: string
}

/**
 * One change with its audit entry, in one transaction.
 *
 * @param work returns what the caller is told and the details of the audit entry: plain JSON without secrets
 */
export function changeStored<T>(
  deps: ControlDeps,
  act: Act,
  work: (tx: Tx, at: number) => Promise<{ readonly result: T; readonly details: object }>,
): Promise<T> {
  const at = deps.clock.nowMs()
  return inTransaction(deps.db, async (tx) => {
    const { result, details } = await work(tx, at)
    await appendAudit(tx, { at, ...act, details: { ...details } })
    return result
  })
}

/** As `changeStored`, for what gateways serve from: a new epoch, and this process's gateway follows before the answer. */
export async function changeServed<T>(
  deps: ControlDeps,
  act: Act,
  work: (tx: Tx, at: number) => Promise<{ readonly result: T; readonly details: object }>,
): Promise<T> {
  const result = await changeStored(deps, act, async (tx, at) => {
    const done = await work(tx, at)
    await bumpEpoch(tx)
    return done
  })
  await deps.onChange()
  return result
}

/** @throws InterlockError VALIDATION_FAILED when there are problems */
export function refuse(problems: readonly Problem[]): void {
  const first = problems[0]
  if (first === undefined) return
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  const place = first.path === '' ? 'it' : first.path
  throw new InterlockError('VALIDATION_FAILED', `${place} ${first.message}${more}; nothing was changed`, problems)
}

/** The answer to a PUT. */
export function stored(isNew: boolean, body: unknown, location: string): Reply {
  return isNew ? { status: 201, body, headers: { location } } : ok(body)
}

/** A row written a moment ago; another request may have removed it since. @throws InterlockError CONCURRENT_CHANGE */
export async function stillThere<T>(read: Promise<T | null>): Promise<T> {
  const row = await read
  if (row === null) throw new InterlockError('CONCURRENT_CHANGE', 'it was removed at the same moment')
  return row
}
