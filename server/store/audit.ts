import type { Kysely, Selectable } from 'kysely'
import {
  type AuditEntry,
  type ChainCheck,
  type ChainedEntry,
  chainHash,
  chainStart,
  uncheckedChain,
  verifyChain,
} from '#domain/audit.ts'
import { json, type Tx } from './database.ts'
import { lockEpoch } from './epoch.ts'
import type { AuditEntriesTable, Tables } from './tables.ts'

type Db = Kysely<Tables>

/**
 * Appends an entry to the hash chain, in the transaction of the change it tells of.
 *
 * Waits for other writers by the epoch row's lock: one lock for both, so that no order of calls can deadlock.
 *
 * @throws TypeError when details hold what JSON cannot
 */
export async function appendAudit(tx: Tx, entry: AuditEntry): Promise<ChainedEntry> {
  await lockEpoch(tx)
  const last = await tx
    .selectFrom('audit_entries')
    .select(['seq', 'hash'])
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  const seq = Number(last?.seq ?? 0) + 1
  const prevHash = last?.hash ?? chainStart
  // What is hashed is what comes back from the database: no undefined fields, no dates.
  const details = JSON.parse(JSON.stringify(entry.details)) as Record<string, unknown>
  const hash = chainHash(prevHash, seq, { ...entry, details })
  const chained = { ...entry, details, seq, prevHash, hash }
  await tx
    .insertInto('audit_entries')
    .values({
      seq,
      at: new Date(entry.at),
      actor: entry.actor,
      action: entry.action,
      subject: entry.subject,
      details: json(details),
      prev_hash: prevHash,
      hash,
    })
    .execute()
  return chained
}

export interface AuditPage {
  readonly actor?: string
  readonly action?: string
  readonly subject?: string
  readonly limit: number
  /** Only entries before this one. */
  readonly beforeSeq?: number
}

/** Newest first. */
export async function listAudit(db: Db, page: AuditPage): Promise<ChainedEntry[]> {
  let query = db.selectFrom('audit_entries').selectAll().orderBy('seq', 'desc').limit(page.limit)
  if (page.actor !== undefined) query = query.where('actor', '=', page.actor)
  if (page.action !== undefined) query = query.where('action', '=', page.action)
  if (page.subject !== undefined) query = query.where('subject', '=', page.subject)
  if (page.beforeSeq !== undefined) query = query.where('seq', '<', String(page.beforeSeq))
  return (await query.execute()).map(toEntry)
}

/** Verifies the whole chain, batch by batch. @returns the entry after which `expectedHead` was found too */
export async function verifyAudit(
  db: Db,
  expectedHead?: string,
): Promise<ChainCheck & { readonly holdsExpected: boolean | null }> {
  let check: ChainCheck = uncheckedChain
  let isExpectedSeen = expectedHead === chainStart
  for (;;) {
    const rows = await db
      .selectFrom('audit_entries')
      .selectAll()
      .where('seq', '>', String(check.entries))
      .orderBy('seq')
      .limit(1_000)
      .execute()
    const entries = rows.map(toEntry)
    check = verifyChain(check, entries)
    isExpectedSeen ||= entries.some((entry) => entry.hash === expectedHead && entry.seq <= check.entries)
    if (check.broken !== null || rows.length < 1_000) break
  }
  return { ...check, holdsExpected: expectedHead === undefined ? null : isExpectedSeen }
}

function toEntry(row: Selectable<AuditEntriesTable>): ChainedEntry {
  return {
    seq: Number(row.seq),
    at: row.at.getTime(),
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    details: row.details as Record<string, unknown>,
    prevHash: row.prev_hash,
    hash: row.hash,
  }
}
