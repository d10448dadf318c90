import { type Kysely, sql } from 'kysely'
import type { Bar } from '#domain/bar.ts'
import { progressOf, type RunProgress } from '#domain/eval-progress.ts'
import { policyOf } from '#domain/gate-policy.ts'
import type { RolloutPlan } from '#domain/plan.ts'
import type { GateResult, PathEvidence, SuiteEvidence } from '#domain/promotion-types.ts'
import { canarySteps } from '#domain/proposal.ts'
import type { EvalRunView, EvalTargetView, PathRow } from '#reports/eval-run-view.ts'
import type { Fact, GateRow, Headline } from '#reports/view-parts.ts'
import { readStoredEvalRun } from './eval-runs.ts'
import type { EvalTarget } from './eval-work.ts'
import { readCases } from './report-cases.ts'
import { type PairedResults, readPairedResults, readTrafficMix } from './report-eval-pairs.ts'
import { type Pair, pairOf, readHealth, readTargets } from './report-eval-stats.ts'
import { readJudges } from './report-judges.ts'
import { gateRow } from './report-view-gates.ts'
import { readProposalSummaries } from './report-views.ts'
import { sentence } from './report-words.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** The eval run a proposal's report shows: its latest; null when it has none. */
export async function latestRunOf(db: Db, proposalId: string): Promise<string | null> {
  const row = await db
    .selectFrom('eval_runs')
    .select('id')
    .where('proposal_id', '=', proposalId)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst()
  return row?.id ?? null
}

/**
 * Everything of one eval run; null when there is none with this id. Bounded whatever the run's size: counts and intervals are
 * made by the database, and 20 regressions and 3 improvements are read in full. Scores are shown once all answers are in.
 */
export async function readEvalRunView(db: Db, id: string): Promise<EvalRunView | null> {
  const run = await readHead(db, id)
  if (run === null) return null
  const pair = pairOf(run.targets)
  const isDone = run.status !== 'running'
  const [targets, health, proposal] = await Promise.all([
    readTargets(db, id, run.targets),
    readHealth(db, id, run.targets),
    run.proposalId === null ? [] : readProposalSummaries(db, { id: run.proposalId, limit: 1 }),
  ])
  const verdict = run.proposalId === null ? null : await readOfflineVerdict(db, run.proposalId)
  const nothing = { regressions: [], regressionCount: 0, improvements: [], improvementCount: 0 }
  const [paired, cases] =
    pair === null || !isDone
      ? [{ comparisons: [], slices: [] }, nothing]
      : await Promise.all([pairedResultsOf(db, run, pair), readCases(db, run, pair)])
  return {
    id,
    status: run.status,
    error: run.error,
    proposal: proposal[0] ?? null,
    dataset: run.dataset,
    datasetVersion: run.datasetVersion,
    createdAt: run.createdAt,
    createdBy: run.createdBy,
    finishedAt: run.finishedAt,
    headline: headlineOf(run, targets, verdict, isDone ? null : await readProgressOf(db, id)),
    targets,
    gates: verdict?.gates ?? [],
    paths: verdict?.paths ?? [],
    ...paired,
    ...cases,
    health,
    judges: isDone ? await readJudges(db, run, pair) : [],
    provenance: provenanceOf(run, health),
  }
}

/** The traffic is that of the week before the run ended: a report does not change when it is read again. */
async function pairedResultsOf(db: Db, run: RunHead, pair: Pair): Promise<PairedResults> {
  const noise = run.targets.findIndex((target) => target.kind === 'noise')
  const route = run.targets[pair.candidate]?.route
  const traffic = route === undefined ? null : await readTrafficMix(db, route, run.finishedAt ?? run.createdAt)
  return readPairedResults(db, { id: run.id, sha256: run.sha256, pair, noise: noise === -1 ? null : noise }, traffic)
}

async function readProgressOf(db: Db, id: string): Promise<RunProgress | null> {
  const [run, now] = await Promise.all([
    readStoredEvalRun(db, id),
    sql<{ ms: number }>`select (extract(epoch from now()) * 1000)::float8 as ms`.execute(db),
  ])
  return run === null ? null : progressOf(run, now.rows[0]?.ms ?? 0)
}

interface RunHead {
  readonly id: string
  readonly proposalId: string | null
  readonly status: EvalRunView['status']
  readonly error: string | null
  readonly dataset: string
  readonly datasetVersion: number
  readonly sha256: string
  readonly itemCount: number
  readonly targets: readonly EvalTarget[]
  readonly evaluators: readonly { name: string; config?: Record<string, unknown> }[]
  readonly summary: unknown
  readonly createdAt: number
  readonly createdBy: string
  readonly finishedAt: number | null
}

async function readHead(db: Db, id: string): Promise<RunHead | null> {
  const row = await db
    .selectFrom('eval_runs as r')
    .innerJoin('dataset_contents as c', 'c.sha256', 'r.sha256')
    .selectAll('r')
    .select('c.item_count')
    .where('r.id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return null
  return {
    id: row.id,
    proposalId: row.proposal_id,
    status: row.status as EvalRunView['status'],
    error: row.error,
    dataset: row.dataset_name,
    datasetVersion: row.dataset_version,
    sha256: row.sha256,
    itemCount: row.item_count,
    targets: row.targets as EvalTarget[],
    evaluators: row.evaluators as RunHead['evaluators'],
    summary: row.summary,
    createdAt: row.created_at.getTime(),
    createdBy: row.created_by,
    finishedAt: row.finished_at?.getTime() ?? null,
  }
}

interface OfflineVerdict {
  readonly action: string
  readonly message: string
  readonly at: number
  readonly gates: readonly GateRow[]
  readonly paths: readonly PathRow[]
}

/** The stored verdict of the offline stage, over all datasets of the plan. */
async function readOfflineVerdict(db: Db, proposalId: string): Promise<OfflineVerdict | null> {
  const { rows } = await sql<{
    action: string
    reasons: readonly { message?: string }[]
    gates: readonly GateResult[]
    evidence: Partial<SuiteEvidence>
    at: Date
    plan: RolloutPlan
    bar: Bar
  }>`
    select d.action, d.reasons, d.gates, d.evidence, d.at, p.plan, p.bar from promotion_decisions d join proposals p on p.id = d.proposal_id
    where d.proposal_id = ${proposalId} and d.stage = 'offline' order by d.seq desc limit 1`.execute(db)
  const row = rows[0]
  if (row === undefined) return null
  const of = { steps: canarySteps(row.plan), levels: policyOf(row.bar, row.plan, 'bake'), history: [] }
  return {
    action: row.action,
    message: sentence(row.reasons[0]?.message ?? 'No reason was recorded'),
    at: row.at.getTime(),
    gates: row.gates.map((gate) => gateRow(gate, of)),
    paths: (row.evidence.paths ?? []).map(pathRow),
  }
}

function pathRow({ label, verdict, pairs, reasons }: PathEvidence): PathRow {
  const names = { advance: 'pass', no_harm: 'no_harm', rollback: 'fail', inconclusive: 'inconclusive' } as const
  return { label, verdict: names[verdict], pairs, reason: sentence(reasons[0]?.message ?? 'No reason was recorded') }
}

function headlineOf(
  run: RunHead,
  targets: readonly EvalTargetView[],
  verdict: OfflineVerdict | null,
  progress: RunProgress | null,
): Headline {
  const total = targets.reduce((sum, target) => sum + target.planned, 0)
  const done = targets.reduce((sum, target) => sum + target.answered + target.errored + target.skipped, 0)
  if (run.status === 'running') {
    const words = `Running: ${done} of ${total} answers${leftWords(progress)}.`
    return {
      verdict: 'waiting',
      sentence: words,
      reason: 'Nothing is judged before the last answer is scored.',
      evidenceAt: null,
    }
  }
  if (run.status !== 'completed') {
    const ends = { failed: 'failed', capped: 'reached its cap on cost', cancelled: 'was cancelled' }
    const words = `The run ${ends[run.status]}: it is no evidence.`
    return {
      verdict: 'blocked',
      sentence: words,
      reason: sentence(run.error ?? 'No reason was recorded'),
      evidenceAt: run.finishedAt,
    }
  }
  if (verdict === null) {
    const reason = run.proposalId === null ? 'No quality bar judges this run.' : 'The engine has not judged it yet.'
    return { verdict: 'waiting', sentence: `Completed: ${done} answers are in.`, reason, evidenceAt: run.finishedAt }
  }
  const words = {
    advance: ['pass', 'The candidate meets the bar offline.'],
    rollback: ['fail', 'The candidate does not meet the bar offline.'],
  } as const
  const known =
    verdict.action === 'advance' || verdict.action === 'rollback'
      ? words[verdict.action]
      : (['inconclusive', 'Inconclusive offline: the bar is neither met nor missed for sure.'] as const)
  return { verdict: known[0], sentence: known[1], reason: verdict.message, evidenceAt: verdict.at }
}

/** About how long the answers that are due will take. */
function leftWords(progress: RunProgress | null): string {
  const seconds = progress?.secondsLeft ?? null
  if (seconds === null || seconds === 0) return ''
  return seconds < 90 ? `, about ${seconds} s left` : `, about ${Math.round(seconds / 60)} min left`
}

function provenanceOf(run: RunHead, health: readonly { evaluator: string; version: string }[]): Fact[] {
  const digest = (run.summary as { digest?: unknown } | null)?.digest
  const versions = new Map(health.map((row) => [row.evaluator, row.version]))
  return [
    { name: 'Eval run', value: run.id },
    { name: 'Dataset', value: `${run.dataset}@${run.datasetVersion}, ${run.itemCount} items` },
    { name: 'Dataset sha256', value: run.sha256 },
    ...run.targets.map((target) => ({ name: `Target ${target.kind}`, value: target.label })),
    ...run.evaluators.map((evaluator) => {
      const config = evaluator.config === undefined ? '' : ` ${JSON.stringify(evaluator.config).slice(0, 300)}`
      return {
        name: `Evaluator ${evaluator.name}`,
        value: `${versions.get(evaluator.name) ?? 'no score yet'}${config}`,
      }
    }),
    ...(typeof digest === 'string' ? [{ name: 'Evidence sha256', value: digest }] : []),
  ]
}
