import { type Kysely, sql } from 'kysely'
import { openStatuses } from '#domain/proposal.ts'
import type { ArmTraffic, ProposalStatusName, ProposalSummary, TrafficView } from '#reports/view-parts.ts'
import type { GatewaysView } from '#reports/views.ts'
import { sentence } from './report-words.ts'
import type { Tables } from './tables.ts'

/** What read models need of the moment they are read. */
export interface ReportMoment {
  /** Milliseconds since the epoch. */
  readonly nowMs: number
  /** A gateway not heard from for longer serves the baseline only. */
  readonly leaseMs: number
}

interface SummaryRow {
  id: string
  title: string
  route: string
  version: number
  author: string
  status: string
  is_paused: boolean
  ended_inconclusive: boolean
  share_bp: number
  created_at: Date
  stage_started_at: Date
  ended_at: Date | null
  end_reason: string | null
  reasons: readonly { message?: unknown }[] | null
}

/** Proposals for a list, newest first, each with its last recorded word. @param limit at most this many */
export async function readProposalSummaries(
  db: Kysely<Tables>,
  filter: { readonly route?: string; readonly id?: string; readonly onlyOpen?: boolean; readonly limit: number },
): Promise<ProposalSummary[]> {
  const where = [
    ...(filter.route === undefined ? [] : [sql`p.route = ${filter.route}`]),
    ...(filter.id === undefined ? [] : [sql`p.id = ${filter.id}`]),
    ...(filter.onlyOpen === true ? [sql`p.status in (${sql.join([...openStatuses])})`] : []),
    sql`true`,
  ]
  const { rows } = await sql<SummaryRow>`
    select p.id, p.title, p.route, p.version, p.author, p.status, p.is_paused, p.ended_inconclusive, p.share_bp,
      p.created_at, p.stage_started_at, p.ended_at, p.end_reason, d.reasons
    from proposals p
    left join lateral (
      select reasons from promotion_decisions where proposal_id = p.id order by seq desc limit 1
    ) d on true
    where ${sql.join(where, sql` and `)}
    order by p.created_at desc, p.id desc limit ${filter.limit}`.execute(db)
  return rows.map(toSummary)
}

function toSummary(row: SummaryRow): ProposalSummary {
  const message = row.reasons?.[0]?.message
  const word = row.end_reason ?? (typeof message === 'string' ? message : null)
  return {
    id: row.id,
    title: row.title,
    route: row.route,
    version: row.version,
    author: row.author,
    status: row.status as ProposalStatusName,
    isPaused: row.is_paused,
    isInconclusive: row.ended_inconclusive,
    // Of an end: nothing is split any more.
    shareBp: row.ended_at === null ? row.share_bp : 0,
    createdAt: row.created_at.getTime(),
    stageStartedAt: row.stage_started_at.getTime(),
    endedAt: row.ended_at?.getTime() ?? null,
    lastWord: word === null ? null : sentence(word),
  }
}

/** Gateways with the snapshot they serve, and when the engine last ran. At most 100, those heard from last. */
export async function readGatewaysView(db: Kysely<Tables>, moment: ReportMoment): Promise<GatewaysView> {
  const state = await db.selectFrom('snapshot_state').select(['epoch', 'engine_seen_at']).executeTakeFirstOrThrow()
  const rows = await db
    .selectFrom('gateways')
    .select(['id', 'epoch', 'seen_at', 'started_at'])
    .where('seen_at', '>', new Date(moment.nowMs - 24 * 3_600_000))
    .orderBy('seen_at', 'desc')
    .limit(100)
    .execute()
  const gateways = rows.map((row) => ({
    id: row.id,
    epoch: Number(row.epoch),
    seenAt: row.seen_at.getTime(),
    startedAt: row.started_at.getTime(),
    isFresh: moment.nowMs - row.seen_at.getTime() <= moment.leaseMs,
  }))
  return {
    currentEpoch: Number(state.epoch),
    engineSeenAt: state.engine_seen_at?.getTime() ?? null,
    gateways: gateways.sort((a, b) => a.id.localeCompare(b.id)),
  }
}

/** Seconds since the engine last ran while it has something to watch; null when that is fine. */
export async function readStaleness(db: Kysely<Tables>, nowMs: number): Promise<number | null> {
  const { rows } = await sql<{ engine_seen_at: Date | null; open: number }>`
    select s.engine_seen_at, (select count(*)::int from proposals where status in (${sql.join([...openStatuses])})) as open
    from snapshot_state s`.execute(db)
  const seenAt = rows[0]?.engine_seen_at
  if (rows[0] === undefined || rows[0].open === 0 || seenAt === null || seenAt === undefined) return null
  const ageSeconds = Math.round((nowMs - seenAt.getTime()) / 1000)
  return ageSeconds > staleAfterSeconds ? ageSeconds : null
}

const staleAfterSeconds = 15
/** Counts reach back this far at most. */
export const windowMs = 3_600_000
/** Traffic of a window is summed over at most this many newest requests. */
const maxRequests = 20_000

interface ArmRow {
  arm: string
  version: number | null
  versions: number
  requests: number
  errors: number
  p50: number | null
  p95: number | null
  cost: string | null
  oldest: Date
}

/**
 * Requests per arm lately: of one proposal since its present step began (before it the share was another one), or of the
 * stable version of a route. When more than 20,000 came in the window, the window shown is the shorter one these cover.
 */
export async function readTraffic(
  db: Kysely<Tables>,
  of: {
    readonly route: string
    readonly shareBp: number
    readonly nowMs: number
    readonly stableVersion: number
    /** null: no rollout splits the traffic; requests of the stable version. */
    readonly proposal: { readonly id: string; readonly stageStartedAt: number } | null
  },
): Promise<TrafficView> {
  const sinceMs = Math.max(of.nowMs - windowMs, of.proposal?.stageStartedAt ?? 0)
  const since = new Date(sinceMs)
  const proposal = of.proposal === null ? sql`version = ${of.stableVersion}` : sql`proposal_id = ${of.proposal.id}`
  const { rows } = await sql<ArmRow>`
    select ${of.proposal === null ? sql.lit('baseline') : sql.ref('arm')}::text as arm, min(version) as version, count(distinct version)::int as versions, count(*)::int as requests,
      count(*) filter (where status >= 400 and status <> 499)::int as errors,
      percentile_cont(0.5) within group (order by total_ms) as p50,
      percentile_cont(0.95) within group (order by total_ms) as p95,
      sum(cost_micro_usd)::text as cost, min(at) as oldest
    from (
      select arm, version, status, total_ms, cost_micro_usd, at from decisions
      where route = ${of.route} and at >= ${since} and ${proposal}
      order by at desc limit ${maxRequests}
    ) recent group by 1 order by 1`.execute(db)
  const total = rows.reduce((sum, row) => sum + row.requests, 0)
  const oldest = Math.min(...rows.map((row) => row.oldest.getTime()))
  return {
    windowMs: of.nowMs - (total < maxRequests ? sinceMs : oldest),
    isSplit: of.proposal !== null,
    shareBp: of.shareBp,
    arms: bothArms(rows.map(toArm), of.shareBp > 0),
  }
}

function toArm(row: ArmRow): ArmTraffic {
  return {
    arm: row.arm === 'candidate' ? 'candidate' : 'baseline',
    version: row.versions === 1 ? row.version : null,
    requests: row.requests,
    errors: row.errors,
    latencyP50Ms: row.p50,
    latencyP95Ms: row.p95,
    costMicroUsd: row.cost === null ? null : Number(row.cost),
  }
}

/** An arm that should get requests and got none is shown with its zero. */
export function bothArms(arms: readonly ArmTraffic[], hasCandidate: boolean): ArmTraffic[] {
  const wanted: readonly ArmTraffic['arm'][] = ['baseline', 'candidate']
  return wanted.flatMap((arm) => {
    const found = arms.find((one) => one.arm === arm)
    if (found !== undefined) return [found]
    const isExpected = arm === 'baseline' || hasCandidate
    const blank = { version: null, requests: 0, errors: 0, latencyP50Ms: null, latencyP95Ms: null, costMicroUsd: null }
    return isExpected ? [{ arm, ...blank }] : []
  })
}
