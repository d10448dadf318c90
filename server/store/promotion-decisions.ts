import type { Kysely } from 'kysely'
import { json, type Tx } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

export interface StoredDecision {
  readonly seq: string
  readonly at: number
  readonly stage: string
  readonly step: number
  readonly action: string
  readonly reasons: readonly unknown[]
  readonly gates: readonly unknown[]
  readonly evidence: unknown
  readonly engine: string
}

/** Stores a verdict with the evidence it saw. */
export async function appendDecision(tx: Tx, proposalId: string, decision: Omit<StoredDecision, 'seq'>): Promise<void> {
  await tx
    .insertInto('promotion_decisions')
    .values({
      proposal_id: proposalId,
      at: new Date(decision.at),
      stage: decision.stage,
      step: decision.step,
      action: decision.action,
      reasons: json(decision.reasons),
      gates: json(decision.gates),
      evidence: json(decision.evidence),
      engine: decision.engine,
    })
    .execute()
}

/** Newest first. */
export async function readDecisions(
  db: Db,
  proposalId: string,
  limit: number,
  beforeSeq?: string,
): Promise<StoredDecision[]> {
  let query = db
    .selectFrom('promotion_decisions')
    .selectAll()
    .where('proposal_id', '=', proposalId)
    .orderBy('seq', 'desc')
    .limit(limit)
  if (beforeSeq !== undefined) query = query.where('seq', '<', beforeSeq)
  const rows = await query.execute()
  return rows.map((row) => ({
    seq: row.seq,
    at: row.at.getTime(),
    stage: row.stage,
    step: row.step,
    action: row.action,
    reasons: row.reasons,
    gates: row.gates,
    evidence: row.evidence,
    engine: row.engine,
  }))
}
