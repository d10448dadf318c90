import { type Kysely, sql } from 'kysely'
import type { Bar, EvaluatorRef } from '#domain/bar.ts'
import { modelsOf, type RouteSpec } from '#domain/route.ts'
import type { ProposalStatusName, ProposalSummary } from '#reports/view-parts.ts'
import type { BarView, RouteVersionRow, RouteView } from '#reports/views.ts'
import { diffView } from './report-diff.ts'
import { thresholdView, unitOf } from './report-view-gates.ts'
import { readProposalSummaries, readTraffic } from './report-views.ts'
import { prettyJson, specWords } from './report-words.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

const maxVersions = 50
const maxProposals = 20

/** Everything of one route but its form; null when there is none of this name. */
export async function readRouteView(db: Db, name: string, nowMs: number): Promise<Omit<RouteView, 'rollback'> | null> {
  const route = await readHead(db, name)
  if (route === null) return null
  const [proposals, versions] = await Promise.all([
    readProposalSummaries(db, { route: name, limit: maxProposals }),
    readVersions(db, name),
  ])
  const rollout = (await readProposalSummaries(db, { route: name, onlyOpen: true, limit: 1 }))[0] ?? null
  const openVersion = rollout === null ? null : (versions.find((row) => row.version === rollout.version) ?? null)
  return {
    name: route.name,
    owner: route.owner,
    purpose: route.purpose,
    risk: route.risk,
    createdAt: route.created_at.getTime(),
    createdBy: route.created_by,
    stableVersion: route.stable_version,
    previousVersion: route.previous_version,
    specWords: specWords(route.spec as RouteSpec),
    specJson: prettyJson(route.spec),
    bar: barView(route.bar as Bar, route.bar_version),
    versions: versions.map((row) => versionRow(row, route, rollout)),
    rollout,
    diff:
      openVersion === null
        ? null
        : diffView(
            name,
            { version: route.stable_version, spec: route.spec as RouteSpec },
            { version: openVersion.version, spec: openVersion.spec as RouteSpec },
          ),
    traffic: await readTraffic(db, {
      route: name,
      // Before a share is given, all requests are the stable version's and belong to no proposal.
      proposal: rollout === null || rollout.shareBp === 0 ? null : rollout,
      shareBp: rollout?.shareBp ?? 0,
      stableVersion: route.stable_version,
      nowMs,
    }),
    proposals,
  }
}

interface Head {
  name: string
  owner: string
  purpose: string
  risk: string
  created_at: Date
  created_by: string
  stable_version: number
  previous_version: number | null
  bar_version: number
  spec: unknown
  bar: unknown
}

async function readHead(db: Db, name: string): Promise<Head | null> {
  const row = await db
    .selectFrom('routes as r')
    .innerJoin('route_versions as v', (join) =>
      join.onRef('v.route', '=', 'r.name').onRef('v.version', '=', 'r.stable_version'),
    )
    .innerJoin('bars as b', (join) => join.onRef('b.route', '=', 'r.name').onRef('b.version', '=', 'r.bar_version'))
    .select(['r.name', 'r.owner', 'r.purpose', 'r.risk', 'r.created_at', 'r.created_by', 'r.stable_version'])
    .select(['r.previous_version', 'r.bar_version', 'v.spec', 'b.bar'])
    .where('r.name', '=', name)
    .executeTakeFirst()
  return row ?? null
}

interface VersionRow {
  version: number
  spec: unknown
  digest: string
  created_by: string
  created_at: Date
  proposal_id: string | null
  status: string | null
}

async function readVersions(db: Db, name: string): Promise<VersionRow[]> {
  const { rows } = await sql<VersionRow>`
    select v.version, v.spec, v.digest, v.created_by, v.created_at, p.id as proposal_id, p.status
    from route_versions v left join proposals p on p.route = v.route and p.version = v.version
    where v.route = ${name} order by v.version desc limit ${maxVersions}`.execute(db)
  return rows
}

function versionRow(row: VersionRow, route: Head, rollout: ProposalSummary | null): RouteVersionRow {
  return {
    version: row.version,
    state: stateOf(row, route, rollout),
    createdAt: row.created_at.getTime(),
    createdBy: row.created_by,
    digest: row.digest,
    models: modelsOf(row.spec as RouteSpec),
    proposalId: row.proposal_id,
    proposalStatus: row.status as ProposalStatusName | null,
  }
}

function stateOf(row: VersionRow, route: Head, rollout: ProposalSummary | null): RouteVersionRow['state'] {
  if (row.version === route.stable_version) return 'stable'
  if (row.version === rollout?.version) return 'candidate'
  if (row.version === route.previous_version) return 'previous'
  return row.status === null || row.status === 'promoted' ? 'past' : 'never_live'
}

function barView(bar: Bar, version: number): BarView {
  return {
    version,
    gates: bar.gates.map((gate) => ({
      metric: gate.metric,
      unit: unitOf(gate.metric),
      threshold: thresholdView(gate),
      stages: gate.stages ?? [],
    })),
    evaluators: bar.evaluators.map((evaluator) => ({ name: evaluator.name, sentence: configWords(evaluator) })),
    alpha: bar.alpha ?? 0.05,
    maxMissing: bar.maxMissing ?? 0.05,
    requiredStages: bar.required ?? ['offline', 'shadow', 'canary'],
  }
}

function configWords({ config }: EvaluatorRef): string {
  const set = Object.entries(config ?? {}).map(([key, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    return `${key}: ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`
  })
  return set.length === 0 ? 'as it comes' : set.join(', ')
}
