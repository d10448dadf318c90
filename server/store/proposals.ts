import { type Kysely, sql } from 'kysely'
import type { Bar } from '#domain/bar.ts'
import type { RolloutPlan } from '#domain/plan.ts'
import { openStatuses, type ProposalState, type ProposalStatus } from '#domain/proposal.ts'
import type { RouteSpec } from '#domain/route.ts'
import { json, type Tx } from './database.ts'
import type { StoredImpact } from './impact.ts'
import type { ProposalRow, Tables } from './tables.ts'

type Db = Kysely<Tables>

export interface ProposalOrigin {
  readonly kind: 'retry' | 'rebase' | 'supersede'
  /** Id of the other proposal. */
  readonly of: string
}

/** A proposal as the rollout room works on it. Times are milliseconds since the epoch. */
export interface StoredProposal {
  readonly id: string
  readonly route: string
  readonly version: number
  readonly base: number
  readonly title: string
  readonly description: string
  readonly author: string
  readonly authorPrincipal: string
  readonly plan: RolloutPlan
  /** The quality bar as it was at submission: a later change of the route's bar does not touch an open proposal. */
  readonly bar: Bar
  readonly barVersion: number
  readonly state: ProposalState
  readonly salt: string
  /** The proposal that this one repeats, carries over to a newer base, or replaces; null: it stands alone. */
  readonly origin: ProposalOrigin | null
  /** Rises with every stored change; writers compare it. */
  readonly revision: number
  /** Plain JSON of the promotion engine; null before the first evidence. */
  readonly engineState: unknown
  /** Place in the observations up to which the engine state has seen them. */
  readonly folded: { readonly tx: string; readonly seq: string }
  /** Latest gate results of every stage and step judged so far. */
  readonly gates: readonly unknown[]
  readonly endReason: string | null
  readonly endedInconclusive: boolean
  readonly createdAt: number
  readonly stageStartedAt: number
  readonly endedAt: number | null
}

function toProposal(row: ProposalRow): StoredProposal {
  return {
    id: row.id,
    route: row.route,
    version: row.version,
    base: row.base_version,
    title: row.title,
    description: row.description,
    author: row.author,
    authorPrincipal: row.author_principal,
    plan: row.plan as RolloutPlan,
    bar: row.bar as Bar,
    barVersion: row.bar_version,
    state: {
      status: row.status as ProposalStatus,
      step: row.step,
      shareBp: row.share_bp,
      isPaused: row.is_paused,
      waitingFor: row.waiting_for as ProposalState['waitingFor'],
    },
    salt: row.salt,
    origin: row.origin as ProposalOrigin | null,
    revision: row.revision,
    engineState: row.engine_state,
    folded: { tx: row.folded_tx, seq: row.folded_seq },
    gates: row.gates,
    endReason: row.end_reason,
    endedInconclusive: row.ended_inconclusive,
    createdAt: row.created_at.getTime(),
    stageStartedAt: row.stage_started_at.getTime(),
    endedAt: row.ended_at?.getTime() ?? null,
  }
}

export async function readProposal(db: Db, id: string): Promise<StoredProposal | null> {
  const row = await db.selectFrom('proposals').selectAll().where('id', '=', id).executeTakeFirst()
  return row === undefined ? null : toProposal(row)
}

/** Locks the row for the rest of the transaction. @param waits false: null when another holds it (the tick skips) */
export async function lockProposal(tx: Tx, id: string, waits: boolean): Promise<StoredProposal | null> {
  const query = tx.selectFrom('proposals').selectAll().where('id', '=', id).forUpdate()
  const row = await (waits ? query : query.skipLocked()).executeTakeFirst()
  return row === undefined ? null : toProposal(row)
}

/** The route's open proposal, locked; null when there is none. */
export async function lockOpenProposalOf(tx: Tx, route: string): Promise<StoredProposal | null> {
  const row = await tx
    .selectFrom('proposals')
    .selectAll()
    .where('route', '=', route)
    .where('status', 'in', [...openStatuses])
    .forUpdate()
    .executeTakeFirst()
  return row === undefined ? null : toProposal(row)
}

/** Id of the route's open proposal, not locked; null when there is none. */
export async function openProposalOf(db: Db, route: string): Promise<string | null> {
  const row = await db
    .selectFrom('proposals')
    .select('id')
    .where('route', '=', route)
    .where('status', 'in', [...openStatuses])
    .executeTakeFirst()
  return row?.id ?? null
}

/**
 * The people whose work a proposal carries: its author, and the authors of those that it repeats, carries over or replaces.
 *
 * @returns principals, each once; empty: there is no such proposal
 */
export async function contributorsOf(db: Db, id: string): Promise<string[]> {
  const { rows } = await sql<{ principal: string }>`
    with recursive chain (id, principal, of) as (
      select id, author_principal, origin->>'of' from proposals where id = ${id}
      union
      select p.id, p.author_principal, p.origin->>'of' from proposals p join chain c on p.id = c.of
    )
    select distinct principal from chain order by principal`.execute(db)
  return rows.map((row) => row.principal)
}

export async function openProposalIds(db: Db): Promise<string[]> {
  const rows = await db
    .selectFrom('proposals')
    .select('id')
    .where('status', 'in', [...openStatuses])
    .orderBy('created_at')
    .execute()
  return rows.map((row) => row.id)
}

/** Newest first. @param after the last entry of the page before */
export async function listProposals(
  db: Db,
  page: {
    readonly route?: string
    readonly status?: string
    readonly limit: number
    readonly after?: { readonly createdAt: number; readonly id: string }
  },
): Promise<StoredProposal[]> {
  let query = db
    .selectFrom('proposals')
    .selectAll()
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
  if (page.route !== undefined) query = query.where('route', '=', page.route)
  if (page.status !== undefined) query = query.where('status', '=', page.status)
  const after = page.after
  if (after !== undefined) {
    const at = new Date(after.createdAt)
    query = query.where((eb) =>
      eb.or([eb('created_at', '<', at), eb.and([eb('created_at', '=', at), eb('id', '<', after.id)])]),
    )
  }
  return (await query.execute()).map(toProposal)
}

export interface NewProposal
  extends Pick<
    StoredProposal,
    | 'id'
    | 'route'
    | 'version'
    | 'base'
    | 'title'
    | 'description'
    | 'author'
    | 'authorPrincipal'
    | 'plan'
    | 'bar'
    | 'barVersion'
    | 'salt'
    | 'origin'
  > {
  readonly at: number
  /** What was foreseen at submission; null: nothing was. */
  readonly impact: StoredImpact | null
}

/** @throws unique violation 23505 on proposals_one_open when the route has an open proposal */
export async function insertProposal(tx: Tx, proposal: NewProposal): Promise<void> {
  const at = new Date(proposal.at)
  await tx
    .insertInto('proposals')
    .values({
      id: proposal.id,
      route: proposal.route,
      version: proposal.version,
      base_version: proposal.base,
      title: proposal.title,
      description: proposal.description,
      author: proposal.author,
      author_principal: proposal.authorPrincipal,
      plan: json(proposal.plan),
      bar: json(proposal.bar),
      bar_version: proposal.barVersion,
      status: 'queued',
      waiting_for: null,
      salt: proposal.salt,
      engine_state: null,
      origin: proposal.origin === null ? null : json(proposal.origin),
      impact: proposal.impact === null ? null : json(proposal.impact),
      end_reason: null,
      created_at: at,
      stage_started_at: at,
    })
    .execute()
}

/** Inserts the next version of a route. Versions are never updated. @returns its number */
export async function insertRouteVersion(
  tx: Tx,
  version: {
    readonly route: string
    readonly spec: RouteSpec
    readonly digest: string
    readonly by: string
    readonly at: number
  },
): Promise<number> {
  const result = await sql<{ version: number }>`
    insert into route_versions (route, version, spec, digest, created_by, created_at)
    select ${version.route}, coalesce(max(v.version), 0) + 1, ${json(version.spec)}::jsonb, ${version.digest}, ${version.by}, ${new Date(version.at)}
    from route_versions v where v.route = ${version.route}
    returning version`.execute(tx)
  return result.rows[0]?.version ?? 0
}

export interface ProposalChange {
  readonly state?: ProposalState
  readonly engineState?: unknown
  readonly folded?: { readonly tx: string; readonly seq: string }
  readonly gates?: readonly unknown[]
  readonly stageStartedAt?: number
  readonly endReason?: string
  readonly endedInconclusive?: boolean
  readonly endedAt?: number
}

/** Compare-and-set on the revision. @returns false when someone else changed the proposal since it was read */
export async function changeProposal(tx: Tx, of: StoredProposal, change: ProposalChange): Promise<boolean> {
  const { state } = change
  const result = await tx
    .updateTable('proposals')
    .set({
      revision: of.revision + 1,
      ...(state && {
        status: state.status,
        step: state.step,
        share_bp: state.shareBp,
        is_paused: state.isPaused,
        waiting_for: state.waitingFor,
      }),
      ...(change.engineState !== undefined && { engine_state: json(change.engineState) }),
      ...(change.folded && { folded_tx: change.folded.tx, folded_seq: change.folded.seq }),
      ...(change.gates && { gates: json(change.gates) }),
      ...(change.stageStartedAt !== undefined && { stage_started_at: new Date(change.stageStartedAt) }),
      ...(change.endReason !== undefined && { end_reason: change.endReason }),
      ...(change.endedInconclusive !== undefined && { ended_inconclusive: change.endedInconclusive }),
      ...(change.endedAt !== undefined && { ended_at: new Date(change.endedAt) }),
    })
    .where('id', '=', of.id)
    .where('revision', '=', of.revision)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export async function insertApproval(
  tx: Tx,
  approval: {
    readonly proposalId: string
    readonly before: string
    readonly by: string
    readonly principal: string
    readonly reason: string
    readonly digest: string
    readonly at: number
  },
): Promise<void> {
  await tx
    .insertInto('approvals')
    .values({
      proposal_id: approval.proposalId,
      before: approval.before,
      by: approval.by,
      principal: approval.principal,
      reason: approval.reason,
      digest: approval.digest,
      at: new Date(approval.at),
    })
    .execute()
}
