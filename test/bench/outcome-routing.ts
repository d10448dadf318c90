import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { type LiveView, quietLive, type TargetMeasure, unknownTarget } from '#domain/live.ts'
import { bookOf, type QualityBook, qualityFor, type TallyRow } from '#domain/quality.ts'
import type { RouteSpec } from '#domain/route.ts'
import { decideTargets } from '#domain/routing.ts'
import type { Model } from '#domain/snapshot.ts'
import { plainLabelOf } from '#domain/task.ts'
import { someFacts } from '#test/support/request-facts.ts'
import { aModel, aProvider, aVersion } from '#test/support/routing.ts'

/**
 * Routing by quality and cost on real outcomes: `node test/bench/outcome-routing.ts DIR`, DIR holding `routerbench.jsonl.gz` of
 * the set `model-outcome-matrix` (RouterBench, GitHub withmartian/routerbench, as kept in GitHub shuhao02/RouterDC; right or
 * wrong and dollars for 11 models). Scores by task come from one half of the prompts, as from passed eval runs; the other half
 * is routed. Without the folder it says so and ends with 0; a quality floor that was broken ends with 1.
 */
interface Row {
  readonly id: string
  readonly benchmark: string
  readonly input_tokens_estimated: number
  /** By model: score 0 to 1, US dollars. */
  readonly outcomes: Readonly<Record<string, readonly [number, number]>>
}

const [dir = ''] = process.argv.slice(2)
const file = `${dir}/routerbench.jsonl.gz`
if (dir === '' || !existsSync(file)) {
  process.stdout.write(`skipped: ${file} is not there; give the folder of model-outcome-matrix\n`)
} else {
  const text = gunzipSync(readFileSync(file)).toString('utf8').trim()
  report(text.split('\n').map((line) => JSON.parse(line) as Row))
}

function report(rows: readonly Row[]): void {
  const isKnown = (row: Row) => (createHash('sha256').update(`half ${row.id}`).digest()[0] ?? 0) % 2 === 0
  const [known, routed] = [rows.filter(isKnown), rows.filter((row) => !isKnown(row))]
  const world = worldOf(known)
  console.log(`${known.length} prompts give the scores, ${routed.length} are routed; ${world.refs.length} models`)
  console.log('| policy | right | per 1,000 requests | refused: no model meets the floor |\n| --- | --- | --- | --- |')
  const strongest = 'bench/gpt-4-1106-preview'
  show('always the strongest', routed, () => strongest)
  show('cheapest that is right (oracle)', routed, (row) => oracle(row))
  show('cheapest', routed, by(world, { select: { strategy: 'cost', acceptAnyQuality: true } }))
  show('quality', routed, by(world, { select: { strategy: 'quality', metric: 'exact' } }))
  for (const within of [0.02, 0.05, 0.1, 0.2]) {
    const order = [{ by: 'quality', within }, { by: 'cost' }] as const
    show(`hybrid: quality within ${within}, then cost`, routed, by(world, { select: { strategy: 'hybrid', order } }))
  }
  for (const score of [0.6, 0.7, 0.8, 0.85]) {
    const constraints = { minQuality: { metric: 'exact', score } }
    const choose = by(world, { select: { strategy: 'cost' }, constraints })
    show(`cost behind a floor of ${score}`, routed, choose, (row, ref) => floorOf(world, row, ref) >= score)
  }
}

interface World {
  readonly refs: readonly string[]
  readonly models: ReadonlyMap<string, Model>
  readonly book: QualityBook
}

/** The price per token that a half's bills come to, output included. */
function worldOf(rows: readonly Row[]): World {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row.outcomes)))].sort()
  const tallies: TallyRow[] = []
  const models = new Map<string, Model>()
  for (const name of names) {
    const own = rows.flatMap((row) => (row.outcomes[name] === undefined ? [] : [{ row, outcome: row.outcomes[name] }]))
    const dollars = own.reduce((sum, { outcome }) => sum + outcome[1], 0)
    const tokens = own.reduce((sum, { row }) => sum + row.input_tokens_estimated, 0)
    const price = { input: Math.round((dollars / tokens) * 1e12), cachedInput: null, output: 0 }
    models.set(`bench/${name}`, { ...aModel('bench/m', { price }), model: name })
    for (const [task, ofTask] of Map.groupBy(own, ({ row }) => row.benchmark)) {
      const sum = ofTask.reduce((total, { outcome }) => total + outcome[0], 0)
      tallies.push({ model: `bench/${name}`, metric: 'exact', task, samples: ofTask.length, sum })
    }
  }
  return { refs: [...models.keys()], models, book: bookOf(tallies) }
}

function by(world: World, spec: Partial<RouteSpec>): (row: Row) => string | null {
  const full: RouteSpec = { models: world.refs, ...spec }
  const version = aVersion('r', 1, full)
  const catalogue = { models: world.models, providers: new Map([['bench', aProvider('bench', 'https://x.example')]]) }
  const views = new Map<string, LiveView>()
  return (row) => {
    const metadata = { task: row.benchmark }
    const live = views.get(row.benchmark) ?? viewOf(world, row.benchmark)
    views.set(row.benchmark, live)
    const request = someFacts({ metadata, inputTokens: row.input_tokens_estimated, maxOutputTokens: 0 })
    const task = plainLabelOf(full, metadata)
    return decideTargets({ catalogue, version, request, task, random: 0.5, live }).firstChoice
  }
}

function viewOf(world: World, task: string): LiveView {
  const measure = (ref: string): TargetMeasure => ({ ...unknownTarget, quality: qualityFor(world.book, ref, task) })
  return { ...quietLive(), targets: new Map(world.refs.map((ref) => [ref, measure(ref)])) }
}

function oracle(row: Row): string {
  const all = Object.entries(row.outcomes).toSorted(([, a], [, b]) => a[1] - b[1])
  return `bench/${(all.find(([, outcome]) => outcome[0] >= 1) ?? all[0])?.[0] ?? ''}`
}

function floorOf(world: World, row: Row, ref: string): number {
  return qualityFor(world.book, ref, row.benchmark)['exact']?.score ?? 0
}

// Name, prompts, choice, what must hold of it.
function show(
  name: string,
  rows: readonly Row[],
  choose: (row: Row) => string | null,
  isAllowed: (row: Row, ref: string) => boolean = () => true,
): void {
  let [right, dollars, refused, unknown, broken] = [0, 0, 0, 0, 0]
  for (const row of rows) {
    const ref = choose(row)
    const outcome = ref === null ? undefined : row.outcomes[ref.slice('bench/'.length)]
    if (ref === null) refused += 1
    else if (outcome === undefined) unknown += 1
    else {
      right += outcome[0]
      dollars += outcome[1]
      if (!isAllowed(row, ref)) broken += 1
    }
  }
  const answered = rows.length - refused - unknown
  const share = answered === 0 ? '–' : `${((right / answered) * 100).toFixed(1)} %`
  const cost = answered === 0 ? '–' : `$${((dollars / answered) * 1_000).toFixed(3)}`
  console.log(`| ${name} | ${share} | ${cost} | ${refused} |`)
  if (broken === 0) return
  console.log(`a floor was broken ${broken} times`)
  process.exitCode = 1
}
