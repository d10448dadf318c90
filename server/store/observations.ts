import { sql } from 'kysely'
import type { MissingReason, Observation, Outcome } from '#domain/evidence.ts'
import { json, type Tx } from './database.ts'

/** How the evaluators saw one arm; merged over what the gateway saw. `failed`: nothing was answered, so every evaluator scores worst. */
interface StoredScores {
  readonly values?: Readonly<Record<string, number>>
  readonly missing?: Readonly<Record<string, MissingReason>>
  readonly failed?: boolean
}

interface ObservationRow {
  readonly seq: string
  readonly tx: string
  readonly arm: 'baseline' | 'candidate' | 'pair'
  readonly unit: string | null
  readonly share_bp: number
  readonly step: number
  readonly is_answered: boolean
  readonly is_scored: boolean
  readonly is_due: boolean
  readonly is_boot_gone: boolean
  readonly baseline: Outcome | null
  readonly candidate: Outcome | null
  readonly baseline_scores: StoredScores | null
  readonly candidate_scores: StoredScores | null
}

export interface EvidenceBatch {
  readonly observations: readonly Observation[]
  /** Place of the last observation read: where the next batch begins. */
  readonly folded: { readonly tx: string; readonly seq: string }
  /** Observations assigned but not settled: the first of them holds the watermark. */
  readonly isHeld: boolean
}

/**
 * No insert of ours can still be under way after this (statement and idle timeouts are shorter), so a long transaction of
 * someone else on the same server holds evidence back no longer.
 */
const longestInsertMs = 30_000

/**
 * The next settled observations of a proposal in assignment order, up to the watermark.
 *
 * Assignment order is (tx, seq) among transactions that have all ended (`pg_snapshot_xmin`), so a slow insert can never
 * appear behind a place already read. The first observation that is neither settled nor past its deadline ends the batch:
 * evidence is never taken in arrival order (docs/statistics.md, delay). Past the deadline an unanswered request is a failure of
 * its arm. When the gateway process that served it is gone it is missing, whatever the arm, and held back no longer.
 *
 * @param evaluators names of the bar's evaluators: each gets a value or a reason on every observation
 * @param gatewayGoneAfterMs a gateway unheard for this long counts as gone
 */
export async function readEvidence(
  tx: Tx,
  of: {
    readonly proposalId: string
    readonly after: { readonly tx: string; readonly seq: string }
    /** Evidence of other stages answers other questions. */
    readonly stage: string
    readonly evaluators: readonly string[]
    readonly nowMs: number
    readonly gatewayGoneAfterMs: number
    readonly limit: number
  },
): Promise<EvidenceBatch> {
  const now = new Date(of.nowMs)
  const surelySettled = new Date(of.nowMs - longestInsertMs)
  const goneBefore = new Date(of.nowMs - of.gatewayGoneAfterMs)
  const { rows } = await sql<ObservationRow>`
    select o.seq::text as seq, o.tx::text as tx, o.arm, o.unit, o.share_bp, o.step, o.is_answered, o.is_scored,
      o.deadline_at <= ${now} as is_due,
      not exists (select 1 from gateways g where g.boot_id = o.boot_id and g.seen_at > ${goneBefore}) as is_boot_gone,
      o.baseline, o.candidate, o.baseline_scores, o.candidate_scores
    from observations o
    where o.proposal_id = ${of.proposalId} and o.stage = ${of.stage}
      and (o.tx, o.seq) > (${of.after.tx}::bigint, ${of.after.seq}::bigint)
      and (o.tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint or o.assigned_at < ${surelySettled})
    order by o.tx, o.seq
    limit ${of.limit}`.execute(tx)
  const held = rows.findIndex((row) => !isSettled(row))
  const settled = held === -1 ? rows : rows.slice(0, held)
  const last = settled.at(-1)
  return {
    observations: settled.map((row) => toObservation(row, of.evaluators)),
    folded: last === undefined ? of.after : { tx: last.tx, seq: last.seq },
    isHeld: held !== -1,
  }
}

/** Nobody will answer for a gateway that is gone, so its open requests are settled at once; scores have a worker of their own. */
function isSettled(row: ObservationRow): boolean {
  if (row.is_due) return true
  return row.is_answered ? row.is_scored : row.is_boot_gone
}

function toObservation(row: ObservationRow, evaluators: readonly string[]): Observation {
  const settle = (arm: 'baseline' | 'candidate'): Outcome | null => {
    if (row.arm !== arm && row.arm !== 'pair') return null
    const scores = arm === 'baseline' ? row.baseline_scores : row.candidate_scores
    return outcomeOf(row, row[arm], scores, evaluators)
  }
  return {
    seq: Number(row.seq),
    unit: row.unit,
    shareBp: row.share_bp,
    step: row.step,
    baseline: settle('baseline'),
    candidate: settle('candidate'),
  }
}

function outcomeOf(
  row: ObservationRow,
  live: Outcome | null,
  scores: StoredScores | null,
  evaluators: readonly string[],
): Outcome {
  if (live === null) return row.is_boot_gone ? allMissing(evaluators) : failure(evaluators)
  const values: Record<string, number> = { ...live.values, ...scores?.values }
  const missing: Record<string, MissingReason> = { ...live.missing, ...scores?.missing }
  for (const name of evaluators) {
    if (name in values || name in missing) continue
    if (scores?.failed === true) values[name] = 0
    else missing[name] = scores === null && row.is_scored ? 'not_sampled' : 'infrastructure'
  }
  return { values, missing }
}

/** Unresolved at the deadline: the arm failed, and whatever judges its answers scores worst. */
function failure(evaluators: readonly string[]): Outcome {
  return { values: { error_rate: 1, ...Object.fromEntries(evaluators.map((name) => [name, 0])) }, missing: {} }
}

function allMissing(evaluators: readonly string[]): Outcome {
  const names = ['error_rate', 'latency_ms', 'cost_usd', ...evaluators]
  return { values: {}, missing: Object.fromEntries(names.map((name) => [name, 'infrastructure' as const])) }
}

export interface ScoredSample {
  readonly proposalId: string
  readonly requestId: string
  readonly baseline: StoredScores | null
  readonly candidate: StoredScores | null
}

/** Writes evaluator results of live samples to their observations. Idempotent: an observation is scored once. */
export async function settleScores(tx: Tx, scored: readonly ScoredSample[]): Promise<void> {
  if (scored.length === 0) return
  const rows = scored.map((sample) => ({
    proposal_id: sample.proposalId,
    request_id: sample.requestId,
    baseline_scores: sample.baseline,
    candidate_scores: sample.candidate,
  }))
  await sql`
    update observations o set
      is_scored = true,
      baseline_scores = coalesce(s.baseline_scores, o.baseline_scores),
      candidate_scores = coalesce(s.candidate_scores, o.candidate_scores)
    from jsonb_to_recordset(${json(rows)}::jsonb)
      as s(proposal_id text, request_id text, baseline_scores jsonb, candidate_scores jsonb)
    where o.proposal_id = s.proposal_id and o.request_id = s.request_id and not o.is_scored`.execute(tx)
}
