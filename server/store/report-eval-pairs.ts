import { type Kysely, sql } from 'kysely'
import { type ClusterSums, clusteredMean, holm, noiseBand, postStratify } from '#domain/clustered.ts'
import { builtinTasks } from '#domain/task.ts'
import type { ComparisonRow, SliceRow, SliceTable } from '#reports/eval-run-view.ts'
import { type Pair, pairedScores } from './report-eval-stats.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

const maxDimensions = 4
const maxSliceRows = 7
/** Slices times evaluators looked at, those with the most pairs first; all of them count in the correction for many looks. */
const maxSums = 3_000
/** Names of the two dimensions that are no slice of an item. */
const whole = ''
const byTask = '#task'

export interface PairedRun {
  readonly id: string
  readonly sha256: string
  readonly pair: Pair
  /** Index of the A/A target; null: there is none. */
  readonly noise: number | null
}

/** Shares of production traffic by task, 0..1; '': no task was found. */
export type TrafficMix = readonly { readonly task: string; readonly share: number }[]

export interface PairedResults {
  readonly comparisons: readonly ComparisonRow[]
  readonly slices: readonly SliceTable[]
}

interface SumRow extends ClusterSums {
  readonly dimension: string
  readonly slice: string
  readonly evaluator: string
  readonly baseline: number
  readonly candidate: number
  readonly wins: number
  readonly ties: number
  readonly losses: number
}

/**
 * Paired differences per evaluator, over all items, by slice and weighted to production traffic. Summed up by the database in
 * clusters, so that nothing grows with the run but time; the statistics are domain/clustered.ts.
 */
export async function readPairedResults(db: Db, run: PairedRun, traffic: TrafficMix | null): Promise<PairedResults> {
  const [sums, noise] = await Promise.all([readSums(db, run), readNoise(db, run)])
  const of = (dimension: string) => sums.filter((row) => row.dimension === dimension)
  const comparisons = of(whole).map((row): ComparisonRow => {
    const stats = clusteredMean(row)
    const squares = noise.get(row.evaluator)
    return {
      ...levelsOf(row),
      evaluator: row.evaluator,
      difference: stats?.mean ?? null,
      interval: stats?.interval ?? null,
      detectable: stats?.detectable ?? null,
      clusters: row.groups < row.pairs ? row.groups : null,
      noiseBand: squares === undefined ? null : noiseBand(squares.meanSquare, squares.pairs, row.pairs),
      weighted: traffic === null ? null : weightedTo(traffic, of(byTask), row.evaluator),
      wins: row.wins,
      ties: row.ties,
      losses: row.losses,
    }
  })
  const worst = [...comparisons].sort(
    (a, b) => (a.difference ?? 0) - (b.difference ?? 0) || (a.evaluator < b.evaluator ? -1 : 1),
  )
  return {
    comparisons: worst.slice(0, 40),
    slices: tablesOf(sums.filter((row) => ![whole, byTask].includes(row.dimension))),
  }
}

async function readSums(db: Db, { id, sha256, pair }: PairedRun): Promise<SumRow[]> {
  const { rows } = await sql<SumRow>`
    with paired as (${pairedScores(id, pair)}), labelled as (
      select p.evaluator, p.b, p.c, p.c - p.b as d, l.dimension, l.slice,
        coalesce('named ' || coalesce(i.item ->> 'cluster', i.item -> 'slice' ->> 'cluster'), p.position::text) as cluster
      from paired p join dataset_items i on i.sha256 = ${sha256} and i.position = p.position
      cross join lateral (
        select case when jsonb_typeof(i.item -> 'tags') = 'array' then i.item -> 'tags' else '[]' end as list
      ) tags
      cross join lateral (
        select ${whole}::text as dimension, ''::text as slice
        union all
        select ${byTask}::text, coalesce(i.item -> 'slice' ->> 'task',
          (select substr(t, 6) from jsonb_array_elements_text(tags.list) t where t like 'task:%' limit 1),
          (select t from jsonb_array_elements_text(tags.list) t where t in (${sql.join([...builtinTasks])}) limit 1), '')
        union all
        select case when key in (${byTask}, 'tag') then 'slice ' || key else key end, value from jsonb_each_text(case when jsonb_typeof(i.item -> 'slice') = 'object' then i.item -> 'slice' else '{}' end)
        union all
        select 'tag', t from jsonb_array_elements_text(tags.list) t
      ) l
    ), clustered as (
      select dimension, slice, evaluator, cluster, count(*) as n, sum(d) as s, sum(b) as b, sum(c) as c,
        count(*) filter (where d > 0) as wins, count(*) filter (where d = 0) as ties, count(*) filter (where d < 0) as losses
      from labelled group by dimension, slice, evaluator, cluster
    )
    select dimension, slice, evaluator, count(*)::int as groups, sum(n)::int as pairs, sum(s)::float8 as sum,
      sum(s * s)::float8 as squares, sum(s * n)::float8 as cross, sum(n * n)::float8 as sizes,
      (sum(b) / sum(n))::float8 as baseline, (sum(c) / sum(n))::float8 as candidate, sum(wins)::int as wins,
      sum(ties)::int as ties, sum(losses)::int as losses
    from clustered group by dimension, slice, evaluator
    order by (dimension in (${whole}, ${byTask})) desc, pairs desc, dimension, slice, evaluator limit ${maxSums}`.execute(
    db,
  )
  return rows
}

/**
 * What the baseline's second answers differ by from its first: mean squares per evaluator. A comparison's value is the second
 * answer's against the first, whose own is what is left of 1: the one stored for it is against the candidate's.
 */
async function readNoise(
  db: Db,
  { id, pair, noise }: PairedRun,
): Promise<ReadonlyMap<string, { readonly pairs: number; readonly meanSquare: number }>> {
  if (noise === null) return new Map()
  const { rows } = await sql<{ evaluator: string; pairs: number; meanSquare: number }>`
    select p.evaluator, count(*)::int as pairs, avg(power(p.c - case when s.is_pair then 1 - p.c else p.b end, 2))::float8
      as "meanSquare"
    from (${pairedScores(id, { baseline: pair.baseline, candidate: noise })}) p
    left join (
      select evaluator, bool_or(details ->> 'mode' = 'pairwise') as is_pair from eval_scores
      where run_id = ${id} and target = ${noise} and status = 'scored' group by evaluator
    ) s on s.evaluator = p.evaluator
    group by p.evaluator`.execute(db)
  return new Map(rows.map((row) => [row.evaluator, row]))
}

function levelsOf({ pairs, baseline, candidate }: SumRow) {
  return { pairs, baseline, candidate }
}

function weightedTo(traffic: TrafficMix, tasks: readonly SumRow[], evaluator: string): ComparisonRow['weighted'] {
  const own = new Map(tasks.filter((row) => row.evaluator === evaluator).map((row) => [row.slice, clusteredMean(row)]))
  const result = postStratify(
    traffic.map(({ task, share }) => ({ name: task, share, difference: own.get(task) ?? null })),
  )
  if (result === null) return null
  return { ...result, uncovered: result.uncovered.map(({ name, share }) => ({ name, part: share })) }
}

/** Worst first within each dimension; p-values corrected by Holm over every slice and evaluator, shown or not. */
function tablesOf(sums: readonly SumRow[]): SliceTable[] {
  const stats = sums.map((row) => clusteredMean(row))
  const adjusted = holm(stats.map((stat) => stat?.pValue ?? null))
  const tables = new Map<string, SliceRow[]>()
  sums.forEach((row, index) => {
    const stat = stats[index]
    const line: SliceRow = {
      ...levelsOf(row),
      slice: row.slice,
      evaluator: row.evaluator,
      difference: stat?.mean ?? null,
      interval: stat?.interval ?? null,
      pAdjusted: adjusted[index] ?? null,
    }
    tables.set(row.dimension, [...(tables.get(row.dimension) ?? []), line])
  })
  return [...tables]
    .map(([dimension, rows]) => ({ dimension, rows: rows.sort(byLoss) }))
    .sort((a, b) => (a.rows[0]?.difference ?? 0) - (b.rows[0]?.difference ?? 0) || (a.dimension < b.dimension ? -1 : 1))
    .slice(0, maxDimensions)
    .map(({ dimension, rows }) => ({
      dimension,
      rows: rows.slice(0, maxSliceRows),
      hiddenCount: Math.max(0, rows.length - maxSliceRows),
    }))
}

function byLoss(a: SliceRow, b: SliceRow): number {
  const order = (a.difference ?? 0) - (b.difference ?? 0)
  if (order !== 0) return order
  return a.slice === b.slice ? (a.evaluator < b.evaluator ? -1 : 1) : a.slice < b.slice ? -1 : 1
}

/** Requests looked at for the mix: the newest of the last week. */
const mixRequests = 50_000
const mixDays = 7

/** The mix of tasks on a route; null: it had no traffic. */
export async function readTrafficMix(db: Db, route: string, nowMs: number): Promise<TrafficMix | null> {
  const { rows } = await sql<{ task: string; requests: number }>`
    select task, count(*)::int as requests from (
      select coalesce(task, '') as task from decisions
      where route = ${route} and version is not null and at >= ${new Date(nowMs - mixDays * 86_400_000)} order by at desc limit ${mixRequests}
    ) recent group by task order by requests desc, task limit 50`.execute(db)
  const total = rows.reduce((sum, row) => sum + row.requests, 0)
  return total === 0 ? null : rows.map((row) => ({ task: row.task, share: row.requests / total }))
}
