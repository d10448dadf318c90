import { type Kysely, sql } from 'kysely'
import { type BudgetScope, scopeKey } from '#domain/budget.ts'
import { type LimitKind, type Limits, shareOf } from '#domain/rate-limit.ts'
import type { Holder } from './budget-leases.ts'
import { type Database, inTransaction, json, type Tx } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

export interface StoredLimits {
  readonly scope: BudgetScope
  readonly name: string
  readonly limits: Limits
  readonly updatedBy: string
  readonly updatedAt: number
}

interface LimitsRow {
  readonly requests_per_minute: number | null
  readonly tokens_per_minute: number | null
  readonly concurrency: number | null
}

function limitsOf(row: LimitsRow): Limits {
  return {
    ...(row.requests_per_minute !== null && { requestsPerMinute: row.requests_per_minute }),
    ...(row.tokens_per_minute !== null && { tokensPerMinute: row.tokens_per_minute }),
    ...(row.concurrency !== null && { concurrency: row.concurrency }),
  }
}

/** All limits by `scope:name`, for a snapshot. */
export async function readLimits(db: Db): Promise<Map<string, Limits>> {
  const rows = await db.selectFrom('limits').selectAll().orderBy('scope').orderBy('name').execute()
  return new Map(rows.map((row) => [scopeKey(row.scope, row.name), limitsOf(row)]))
}

export interface LimitsPage {
  readonly limit: number
  readonly scope?: BudgetScope
  readonly name?: string
  readonly after?: readonly [scope: string, name: string]
}

/** By scope and name. */
export async function listLimits(db: Db, page: LimitsPage): Promise<StoredLimits[]> {
  let query = db.selectFrom('limits').selectAll().orderBy('scope').orderBy('name').limit(page.limit)
  if (page.scope !== undefined) query = query.where('scope', '=', page.scope)
  if (page.name !== undefined) query = query.where('name', '=', page.name)
  const { after } = page
  if (after !== undefined) {
    query = query.where(({ eb, refTuple, tuple }) => eb(refTuple('scope', 'name'), '>', tuple(after[0], after[1])))
  }
  return (await query.execute()).map((row) => ({
    scope: row.scope as BudgetScope,
    name: row.name,
    limits: limitsOf(row),
    updatedBy: row.updated_by,
    updatedAt: row.updated_at.getTime(),
  }))
}

/** @returns true when there were none before */
export async function putLimits(tx: Tx, limits: StoredLimits): Promise<boolean> {
  const isNew = !(await deleteLimits(tx, limits.scope, limits.name))
  await tx
    .insertInto('limits')
    .values({
      scope: limits.scope,
      name: limits.name,
      requests_per_minute: limits.limits.requestsPerMinute ?? null,
      tokens_per_minute: limits.limits.tokensPerMinute ?? null,
      concurrency: limits.limits.concurrency ?? null,
      updated_by: limits.updatedBy,
      updated_at: new Date(limits.updatedAt),
    })
    .execute()
  return isNew
}

/** @returns false when there were none */
export async function deleteLimits(tx: Tx, scope: string, name: string): Promise<boolean> {
  const done = await tx.deleteFrom('limits').where('scope', '=', scope).where('name', '=', name).executeTakeFirst()
  return done.numDeletedRows > 0n
}

/** One holder's wish for a part of a limit. Scopes are those of budgets, and `provider`. */
export interface ShareReport {
  readonly scope: string
  readonly name: string
  readonly kind: LimitKind
  readonly limit: number
  readonly use: 'busy' | 'steady' | 'idle'
}

/**
 * Divides limits among the gateways that use them.
 *
 * @returns the holder's parts, in the order of the reports
 */
export function renewShares(db: Database, holder: Holder, reports: readonly ShareReport[]): Promise<number[]> {
  return inTransaction(db, async (tx) => {
    // One after the other, and cheap: gateways ask once a second.
    await sql`select pg_advisory_xact_lock(7207)`.execute(tx)
    const now = new Date(holder.nowMs)
    await sql`delete from limit_shares where limit_shares.expires_at <= ${now}::timestamptz`.execute(tx)
    const places = reports.map(({ scope, name, kind }) => ({ scope, name, kind }))
    const { rows } = await sql<{ scope: string; name: string; kind: string; share: number; is_busy: boolean }>`
      select s.scope, s.name, s.kind, s.share, s.is_busy from limit_shares s
      join jsonb_to_recordset(${json(places)}::jsonb) as r(scope text, name text, kind text)
        on (s.scope, s.name, s.kind) = (r.scope, r.name, r.kind)
      where s.holder <> ${holder.id}`.execute(tx)
    const others = new Map<string, { share: number; isBusy: boolean }[]>()
    for (const row of rows) {
      const key = placeOf(row)
      others.set(key, [...(others.get(key) ?? []), { share: row.share, isBusy: row.is_busy }])
    }
    const shares = reports.map((report) =>
      shareOf({ ...report, isWhole: report.kind === 'concurrency', others: others.get(placeOf(report)) ?? [] }),
    )
    await writeShares(tx, holder, reports, shares)
    return shares
  })
}

async function writeShares(
  tx: Tx,
  holder: Holder,
  reports: readonly ShareReport[],
  shares: readonly number[],
): Promise<void> {
  const expiresAt = new Date(holder.nowMs + holder.leaseMs).toISOString()
  const rows = reports.map(({ scope, name, kind, use }, index) => ({
    scope,
    name,
    kind,
    holder: holder.id,
    share: shares[index] ?? 0,
    is_busy: use === 'busy',
    expires_at: expiresAt,
  }))
  await sql`
    insert into limit_shares (scope, name, kind, holder, share, is_busy, expires_at)
    select r.scope, r.name, r.kind, r.holder, r.share, r.is_busy, r.expires_at
    from json_populate_recordset(null::limit_shares, ${json(rows)}::json) r
    on conflict (scope, name, kind, holder) do update set
      share = excluded.share, is_busy = excluded.is_busy, expires_at = excluded.expires_at`.execute(tx)
}

/** Gives back every part of a holder that ends. */
export async function returnShares(db: Database, holderId: string): Promise<void> {
  await db.deleteFrom('limit_shares').where('holder', '=', holderId).execute()
}

function placeOf(row: { readonly scope: string; readonly name: string; readonly kind: string }): string {
  return `${row.scope}\n${row.name}\n${row.kind}`
}

/** Limits of several names of one scope. */
export async function readLimitsOf(db: Db, scope: BudgetScope, names: readonly string[]): Promise<Map<string, Limits>> {
  if (names.length === 0) return new Map()
  const rows = await db
    .selectFrom('limits')
    .selectAll()
    .where('scope', '=', scope)
    .where('name', 'in', [...names])
    .execute()
  return new Map(rows.map((row) => [row.name, limitsOf(row)]))
}
