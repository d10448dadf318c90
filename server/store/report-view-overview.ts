import { type Kysely, sql } from 'kysely'
import { openStatuses } from '#domain/proposal.ts'
import { modelsOf, type RouteSpec } from '#domain/route.ts'
import type { ArmTraffic } from '#reports/view-parts.ts'
import type { OverviewView, RouteSummary } from '#reports/views.ts'
import { bothArms, type ReportMoment, readGatewaysView, readProposalSummaries, windowMs } from './report-views.ts'
import { sentence } from './report-words.ts'
import type { Tables } from './tables.ts'

const maxRoutes = 100

const firstCommand = `curl -X POST http://127.0.0.1:8080/api/routes \\
  -H "Authorization: Bearer $INTERLOCK_ADMIN_KEY" -H "Content-Type: application/json" \\
  -d '{"name": "support-reply", "owner": "me", "purpose": "answers to customers", "risk": "medium",
       "spec": {"models": ["openai/gpt-4o"]},
       "bar": {"evaluators": [], "gates": [{"metric": "error_rate", "max": 0.02}]}}'`

interface RouteRow {
  name: string
  owner: string
  purpose: string
  risk: string
  stable_version: number
  spec: unknown
  proposal_id: string | null
  action: string | null
  reasons: readonly { message?: unknown }[] | null
  at: Date | null
}

/** Every route with what moves on it, recent proposals and the gateways. */
export async function readOverview(db: Kysely<Tables>, moment: ReportMoment): Promise<OverviewView> {
  const [routes, traffic, open, proposals, gateways] = await Promise.all([
    readRoutes(db),
    readTrafficByRoute(db, moment.nowMs),
    readProposalSummaries(db, { onlyOpen: true, limit: maxRoutes }),
    readProposalSummaries(db, { limit: 12 }),
    readGatewaysView(db, moment),
  ])
  const summaries = routes.map((row): RouteSummary => {
    const rollout = open.find((proposal) => proposal.route === row.name) ?? null
    const shareBp = rollout?.shareBp ?? 0
    const message = row.reasons?.[0]?.message
    return {
      name: row.name,
      owner: row.owner,
      purpose: row.purpose,
      risk: row.risk,
      stableVersion: row.stable_version,
      models: modelsOf(row.spec as RouteSpec),
      rollout,
      traffic: {
        windowMs:
          rollout === null || shareBp === 0 ? windowMs : Math.min(windowMs, moment.nowMs - rollout.stageStartedAt),
        isSplit: shareBp > 0,
        shareBp,
        arms: bothArms(traffic.get(row.name) ?? [], shareBp > 0),
      },
      lastVerdict:
        row.action === null || row.at === null || row.proposal_id === null
          ? null
          : {
              action: row.action,
              sentence: typeof message === 'string' ? sentence(message) : '',
              at: row.at.getTime(),
              proposalId: row.proposal_id,
            },
    }
  })
  return { routes: summaries, proposals, gateways, firstCommand }
}

async function readRoutes(db: Kysely<Tables>): Promise<RouteRow[]> {
  const { rows } = await sql<RouteRow>`
    select r.name, r.owner, r.purpose, r.risk, r.stable_version, v.spec, p.id as proposal_id, d.action, d.reasons, d.at
    from routes r
    join route_versions v on v.route = r.name and v.version = r.stable_version
    left join lateral (select id from proposals where route = r.name order by created_at desc limit 1) p on true
    left join lateral (
      select action, reasons, at from promotion_decisions where proposal_id = p.id order by seq desc limit 1
    ) d on true
    order by r.name limit ${maxRoutes}`.execute(db)
  return rows
}

/**
 * Counts only, over the newest 50,000 requests of the last hour: the overview compares arms, the route page measures them. Of a
 * route with an open rollout, since its present step began: before it the share was another one.
 */
async function readTrafficByRoute(db: Kysely<Tables>, nowMs: number): Promise<Map<string, ArmTraffic[]>> {
  const { rows } = await sql<{ route: string; arm: string; requests: number; errors: number; cost: string | null }>`
    select d.route, case when coalesce(p.share_bp, 0) = 0 then 'baseline' else d.arm end as arm, count(*)::int as requests,
      count(*) filter (where d.status >= 400 and d.status <> 499)::int as errors, sum(d.cost_micro_usd)::text as cost
    from (
      select route, version, arm, status, cost_micro_usd, proposal_id, at from decisions
      where at >= ${new Date(nowMs - windowMs)} order by at desc limit 50000
    ) d join routes r on r.name = d.route
    left join proposals p on p.route = d.route and p.status in (${sql.join([...openStatuses])})
    where case when coalesce(p.share_bp, 0) = 0 then d.version = r.stable_version
      else d.proposal_id = p.id and d.at >= p.stage_started_at end
    group by 1, 2`.execute(db)
  const byRoute = new Map<string, ArmTraffic[]>()
  for (const row of rows) {
    const arm: ArmTraffic = {
      arm: row.arm === 'candidate' ? 'candidate' : 'baseline',
      version: null,
      requests: row.requests,
      errors: row.errors,
      latencyP50Ms: null,
      latencyP95Ms: null,
      costMicroUsd: row.cost === null ? null : Number(row.cost),
    }
    byRoute.set(row.route, [...(byRoute.get(row.route) ?? []), arm])
  }
  return byRoute
}
