import type { Kysely } from 'kysely'
import { isOpen, type ProposalStatus } from '#domain/proposal.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** A gateway replica as it last said it is. */
export interface StoredGateway {
  readonly id: string
  readonly bootId: string
  readonly epoch: number
  readonly digest: string
  readonly startedAt: number
  readonly seenAt: number
}

/** By id. */
export async function listGateways(
  db: Db,
  page: { readonly limit: number; readonly after?: string },
): Promise<StoredGateway[]> {
  let query = db.selectFrom('gateways').selectAll().orderBy('id').limit(page.limit)
  if (page.after !== undefined) query = query.where('id', '>', page.after)
  const rows = await query.execute()
  return rows.map((row) => ({
    id: row.id,
    bootId: row.boot_id,
    epoch: Number(row.epoch),
    digest: row.digest,
    startedAt: row.started_at.getTime(),
    seenAt: row.seen_at.getTime(),
  }))
}

/** A share of live traffic that gateways may give a candidate while their lease lasts. */
export interface ExposedRollout {
  readonly proposal: string
  readonly route: string
  readonly version: number
  readonly shareBp: number
}

/** Open proposals whose candidate serves live traffic. */
export async function listExposed(db: Db): Promise<ExposedRollout[]> {
  const rows = await db
    .selectFrom('proposals')
    .select(['id', 'route', 'version', 'share_bp', 'status'])
    .where('share_bp', '>', 0)
    .where('ended_at', 'is', null)
    .orderBy('id')
    .execute()
  return rows
    .filter((row) => isOpen(row.status as ProposalStatus))
    .map((row) => ({ proposal: row.id, route: row.route, version: row.version, shareBp: row.share_bp }))
}
