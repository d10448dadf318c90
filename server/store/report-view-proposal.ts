import { type Kysely, sql } from 'kysely'
import type { Bar } from '#domain/bar.ts'
import { policyOf } from '#domain/gate-policy.ts'
import { judgeWarnings } from '#domain/judge-conflict.ts'
import type { RolloutPlan } from '#domain/plan.ts'
import type { GateResult, Reason } from '#domain/promotion-types.ts'
import { canarySteps, isOpen, type ProposalState, type ProposalStatus } from '#domain/proposal.ts'
import type { RouteSpec } from '#domain/route.ts'
import type { EvalRunSummary, ProposalStatusName } from '#reports/view-parts.ts'
import type { ApprovalView, ProposalView, StoredVerdict, TimelineRow } from '#reports/views.ts'
import type { StoredImpact } from './impact.ts'
import { contributorsOf } from './proposals.ts'
import { diffView } from './report-diff.ts'
import { proposalHeadline } from './report-headline.ts'
import { impactView } from './report-impact.ts'
import { stageRail } from './report-stages.ts'
import { gateGroups, readCourses } from './report-view-gates.ts'
import { readExposure, readLive } from './report-view-live.ts'
import { type ReportMoment, readGatewaysView } from './report-views.ts'
import { sentence } from './report-words.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

const maxTimeline = 200
const maxVerdicts = 20

/** Everything of one proposal, and what its forms depend on; null when there is none with this id. */
export async function readProposalView(
  db: Db,
  id: string,
  moment: ReportMoment,
): Promise<{ readonly view: Omit<ProposalView, 'actions'>; readonly head: ProposalHead } | null> {
  const head = await readHead(db, id)
  if (head === null) return null
  const [timeline, verdicts, evalRuns, approvals, exposure, gateways] = await Promise.all([
    readTimelineRows(db, id),
    readVerdicts(db, id),
    readRunSummaries(db, id),
    readApprovals(db, id, head.plan),
    readExposure(db, id),
    readGatewaysView(db, moment),
  ])
  const last = verdicts.rows[0] ?? null
  const steps = canarySteps(head.plan)
  const courses = last === null || last.stage === 'offline' ? new Map() : await readCourses(db, id, last.stage)
  const nowMs = moment.nowMs
  const live = await readLive(db, { ...head, nowMs, exposure, verdict: last })
  const lastVerdict =
    last === null ? null : { action: last.action, at: last.at, message: last.reasons[0]?.message ?? null }
  const answers = {
    planned: evalRuns.reduce((sum, run) => sum + run.planned, 0),
    answered: evalRuns.reduce((sum, run) => sum + run.answered, 0),
  }
  const view: Omit<ProposalView, 'actions'> = {
    ...factsOf(head),
    headline: proposalHeadline({ ...head, lastEvent: timeline[0] ?? null, lastVerdict, answers }),
    diff: diffView(head.route, { version: head.base, spec: head.baseSpec }, { version: head.version, spec: head.spec }),
    impact: head.impact === null ? null : impactView(head.impact),
    stages: stageRail(head.state, head.plan, {
      items: evalRuns.length === 0 ? null : answers.planned / 2,
      scored: last !== null && isLiveNow(head.state, last.stage) ? last.scoredInStep : null,
      needed: neededIn(head),
      hasShadowed: timeline.some((row) => row.to === 'shadow'),
      endedFrom: isOpen(head.state.status) ? null : (timeline[0]?.from ?? null),
    }),
    gates: gateGroups(head.gates, {
      steps,
      levels: policyOf(head.bar, head.plan, 'bake'),
      current: last === null ? null : { stage: last.stage, step: last.step },
      courses,
    }).map((group) => ({ ...group, isCurrent: group.isCurrent && isOpen(head.state.status) })),
    live,
    evalRuns,
    approvals: approvals.filter((approval) => approval.by !== null || isOpen(head.state.status)),
    timeline,
    verdicts: verdicts.rows.map((row) => ({
      ...row,
      stepPercent: row.stage === 'canary' ? (steps[row.step] ?? null) : null,
    })),
    verdictCount: verdicts.count,
    convergence:
      exposure.candidateRequests === 0 && head.state.shareBp === 0
        ? null
        : { ...gateways, lastCandidateRequestAt: exposure.lastCandidateRequestAt },
  }
  return { view, head }
}

/** Scored answers that the stage asks for. */
function neededIn({ state, plan }: ProposalHead): number {
  return state.status === 'shadow' ? (plan.shadow?.minSamples ?? 100) : (plan.canary?.minSamples ?? 200)
}

/** The bake judges by the canary's counts of samples only where a verdict says so. */
function isLiveNow(state: ProposalState, stage: string): boolean {
  return state.status === stage && stage !== 'bake'
}

/** A proposal's own row with its route and both specs. */
export interface ProposalHead {
  readonly id: string
  readonly title: string
  readonly description: string
  readonly route: string
  readonly version: number
  readonly base: number
  readonly digest: string
  readonly author: string
  readonly authorPrincipal: string
  readonly contributors: readonly string[]
  readonly state: ProposalState
  readonly plan: RolloutPlan
  readonly bar: Bar
  readonly gates: readonly GateResult[]
  readonly spec: RouteSpec
  readonly baseSpec: RouteSpec
  readonly stableVersion: number
  readonly previousVersion: number | null
  readonly createdAt: number
  readonly stageStartedAt: number
  readonly endedAt: number | null
  readonly endReason: string | null
  readonly endedInconclusive: boolean
  readonly impact: StoredImpact | null
}

async function readHead(db: Db, id: string): Promise<ProposalHead | null> {
  const row = await db
    .selectFrom('proposals as p')
    .innerJoin('routes as r', 'r.name', 'p.route')
    .innerJoin('route_versions as v', (join) =>
      join.onRef('v.route', '=', 'p.route').onRef('v.version', '=', 'p.version'),
    )
    .innerJoin('route_versions as b', (join) =>
      join.onRef('b.route', '=', 'p.route').onRef('b.version', '=', 'p.base_version'),
    )
    .select([
      'p.id',
      'p.title',
      'p.description',
      'p.route',
      'p.version',
      'p.base_version',
      'p.author',
      'p.author_principal',
    ])
    .select(['p.status', 'p.step', 'p.share_bp', 'p.is_paused', 'p.waiting_for', 'p.plan', 'p.bar', 'p.gates'])
    .select(['p.created_at', 'p.stage_started_at', 'p.ended_at', 'p.end_reason', 'p.ended_inconclusive', 'p.impact'])
    .select(['r.stable_version', 'r.previous_version', 'v.digest', 'v.spec', 'b.spec as base_spec'])
    .where('p.id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return null
  return {
    id: row.id,
    title: row.title,
    description: row.description,
    route: row.route,
    version: row.version,
    base: row.base_version,
    digest: row.digest,
    author: row.author,
    authorPrincipal: row.author_principal,
    contributors: await contributorsOf(db, id),
    state: {
      status: row.status as ProposalStatus,
      step: row.step,
      shareBp: row.share_bp,
      isPaused: row.is_paused,
      waitingFor: row.waiting_for as ProposalState['waitingFor'],
    },
    plan: row.plan as RolloutPlan,
    bar: row.bar as Bar,
    gates: row.gates as GateResult[],
    spec: row.spec as RouteSpec,
    baseSpec: row.base_spec as RouteSpec,
    stableVersion: row.stable_version,
    previousVersion: row.previous_version,
    createdAt: row.created_at.getTime(),
    stageStartedAt: row.stage_started_at.getTime(),
    endedAt: row.ended_at?.getTime() ?? null,
    endReason: row.end_reason,
    endedInconclusive: row.ended_inconclusive,
    impact: row.impact as StoredImpact | null,
  }
}

function factsOf(head: ProposalHead) {
  return {
    id: head.id,
    title: head.title,
    description: head.description,
    route: head.route,
    version: head.version,
    baseVersion: head.base,
    digest: head.digest,
    author: head.author,
    createdAt: head.createdAt,
    endedAt: head.endedAt,
    status: head.state.status,
    isPaused: head.state.isPaused,
    isInconclusive: head.endedInconclusive,
    warnings: judgeWarnings(head.bar.evaluators, [head.spec, head.baseSpec]),
  }
}

/** Newest first. A person's entry within one status is a pause or a resume, in turns; the engine's is a step. */
async function readTimelineRows(db: Db, id: string): Promise<TimelineRow[]> {
  const rows = await db
    .selectFrom('proposal_events')
    .select(['at', 'from_status', 'to_status', 'by', 'reason', 'share_bp'])
    .where('proposal_id', '=', id)
    .orderBy('seq', 'desc')
    .limit(maxTimeline)
    .execute()
  let isPaused = false
  const inOrder = rows.reverse().map((row): TimelineRow => {
    const isSame = row.from_status === row.to_status
    const isPerson = row.by !== 'engine'
    if (isSame && isPerson) isPaused = !isPaused
    const to = row.to_status as ProposalStatusName
    return {
      at: row.at.getTime(),
      kind: kindOf({ from: row.from_status, to, isPerson, isPaused }),
      from: row.from_status as ProposalStatusName | null,
      to,
      by: row.by,
      reason: isPerson ? row.reason : sentence(row.reason),
      shareBp: row.share_bp,
    }
  })
  return inOrder.reverse()
}

function kindOf(event: {
  from: string | null
  to: ProposalStatusName
  isPerson: boolean
  isPaused: boolean
}): TimelineRow['kind'] {
  if (event.from === null) return 'submitted'
  if (!isOpen(event.to)) return 'ended'
  if (event.from !== event.to) return 'moved'
  if (!event.isPerson) return 'step'
  return event.isPaused ? 'paused' : 'resumed'
}

type VerdictRow = Omit<StoredVerdict, 'stepPercent'> & {
  readonly step: number
  readonly gates: readonly GateResult[]
  readonly reasons: readonly Reason[]
  readonly scoredInStep: number | null
}

async function readVerdicts(db: Db, id: string): Promise<{ rows: VerdictRow[]; count: number }> {
  const [rows, counted] = await Promise.all([
    db
      .selectFrom('promotion_decisions')
      .select(['at', 'stage', 'step', 'action', 'reasons', 'gates', 'evidence', 'engine'])
      .where('proposal_id', '=', id)
      .orderBy('seq', 'desc')
      .limit(maxVerdicts)
      .execute(),
    sql<{ count: number }>`select count(*)::int as count from promotion_decisions where proposal_id = ${id}`.execute(
      db,
    ),
  ])
  return {
    count: counted.rows[0]?.count ?? 0,
    rows: rows.map((row) => ({
      at: row.at.getTime(),
      stage: row.stage,
      step: row.step,
      action: row.action,
      engine: row.engine,
      reasons: (row.reasons as Reason[]).map((reason) => ({ ...reason, message: sentence(reason.message) })),
      gates: row.gates as GateResult[],
      scoredInStep: numberOf((row.evidence as { scoredInStep?: unknown } | null)?.scoredInStep),
    })),
  }
}

function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

async function readRunSummaries(db: Db, proposalId: string): Promise<EvalRunSummary[]> {
  const { rows } = await sql<EvalRunSummary>`
    select r.id, r.dataset_name as dataset, r.dataset_version as "datasetVersion", r.status, r.planned,
      (select count(*)::int from eval_answers a where a.run_id = r.id and a.status <> 'pending') as answered
    from eval_runs r where r.proposal_id = ${proposalId} order by r.created_at, r.id limit 20`.execute(db)
  return rows
}

async function readApprovals(db: Db, id: string, plan: RolloutPlan): Promise<ApprovalView[]> {
  const rows = await db
    .selectFrom('approvals')
    .select(['before', 'by', 'reason', 'at'])
    .where('proposal_id', '=', id)
    .execute()
  return (plan.approvals ?? []).map(({ before }) => {
    const given = rows.find((row) => row.before === before)
    return { before, by: given?.by ?? null, at: given?.at.getTime() ?? null, reason: given?.reason ?? null }
  })
}
