import { type Kysely, sql } from 'kysely'
import { isLowerBetter } from '#domain/bar.ts'
import { readingOf } from '#domain/gates.ts'
import type { GateResult } from '#domain/promotion-types.ts'
import type { GatePoint, GateRow, MetricUnit, StageName, Threshold, VerdictName } from '#reports/view-parts.ts'
import type { GateGroup } from '#reports/views.ts'
import type { Tables } from './tables.ts'

const units = { score: 'score', rate: 'rate', latency: 'ms', cost: 'usd' } as const
const stageOrder: readonly StageName[] = ['bake', 'canary', 'shadow', 'offline']
/** Points of one course: enough to see it narrow, few enough to read. */
const maxPoints = 40

export function unitOf(metric: string): MetricUnit {
  return units[readingOf(metric).family]
}

export function thresholdView(gate: { min?: number; max?: number; maxDrop?: number; maxIncrease?: number }): Threshold {
  return {
    min: gate.min ?? null,
    max: gate.max ?? null,
    maxDrop: gate.maxDrop ?? null,
    maxIncrease: gate.maxIncrease ?? null,
  }
}

/** Levels the engine judges by: of false promotion and of false rollback. */
export interface Levels {
  readonly alpha: number
  readonly alphaRollback: number
}

/** A stored gate result as a row. A gate without any sample of evidence is blocked. */
export function gateRow(
  gate: GateResult,
  of: { readonly steps: readonly number[]; readonly levels: Levels; readonly history: readonly GatePoint[] },
): GateRow {
  return {
    stage: gate.stage,
    stepPercent: gate.stage === 'canary' ? (of.steps[gate.step] ?? null) : null,
    metric: gate.metric,
    unit: unitOf(gate.metric),
    isLowerBetter: isLowerBetter(gate.metric),
    baseline: gate.baseline,
    candidate: gate.candidate,
    difference: gate.difference,
    interval: gate.interval,
    samples: gate.samples,
    missing: gate.missing,
    threshold: thresholdView(gate.threshold),
    margin: gate.threshold.maxDrop === undefined ? null : gate.margin,
    detectable: gate.mde ?? null,
    ...evidenceOf(gate, of.levels),
    verdict: verdictOf(gate),
    history: of.history,
  }
}

/** The bake asks whether harm is shown, not whether the candidate is proven again: without harm it is not called inconclusive. */
function verdictOf(gate: GateResult): VerdictName {
  if (gate.verdict !== 'inconclusive') return gate.verdict
  if (gate.samples === 0 && gate.missing > 0) return 'blocked'
  return gate.stage === 'bake' && gate.samples > 0 ? 'no_harm' : 'inconclusive'
}

function evidenceOf(gate: GateResult, levels: Levels): Pick<GateRow, 'evidenceFor' | 'eValue' | 'eValueNeeded'> {
  if (gate.stage === 'offline') return { evidenceFor: 'passing', eValue: null, eValueNeeded: null }
  if (gate.stage === 'bake')
    return { evidenceFor: 'harm', eValue: gate.harmEValue, eValueNeeded: 1 / levels.alphaRollback }
  return { evidenceFor: 'passing', eValue: gate.eValue, eValueNeeded: 1 / levels.alpha }
}

/** Stored gate results by stage and step, the latest first. `courses` belong to the stage and step that were judged last. */
export function gateGroups(
  gates: readonly GateResult[],
  of: {
    readonly steps: readonly number[]
    readonly levels: Levels
    readonly current: { readonly stage: string; readonly step: number } | null
    readonly courses: ReadonlyMap<string, readonly GatePoint[]>
  },
): GateGroup[] {
  const groups = new Map<string, GateResult[]>()
  for (const gate of gates) {
    const key = `${stageOrder.indexOf(gate.stage)} ${String(1000 - gate.step).padStart(5, '0')}`
    groups.set(key, [...(groups.get(key) ?? []), gate])
  }
  return [...groups.entries()]
    .sort(([a], [b]) => a.localeCompare(b))
    .flatMap(([, members]) => {
      const first = members[0]
      if (first === undefined) return []
      const isCurrent = first.stage === of.current?.stage && first.step === of.current.step
      const history = (gate: GateResult) => (isCurrent ? (of.courses.get(gateKey(gate)) ?? []) : [])
      const rows = members.map((gate) => gateRow(gate, { steps: of.steps, levels: of.levels, history: history(gate) }))
      return [{ stage: first.stage, stepPercent: rows[0]?.stepPercent ?? null, isCurrent, rows }]
    })
}

/** A gate's requirement as a key: one metric may have two. */
function gateKey(gate: Pick<GateResult, 'metric' | 'threshold'>): string {
  return `${gate.metric} ${Object.keys(gate.threshold).join(' ')}`
}

/** How each gate's interval narrowed over a stage, from the verdicts kept on the way: at most 40 of them, evenly spread. */
export async function readCourses(
  db: Kysely<Tables>,
  proposalId: string,
  stage: string,
): Promise<ReadonlyMap<string, readonly GatePoint[]>> {
  const { rows } = await sql<{ at: Date; gates: readonly GateResult[] }>`
    with numbered as (
      select seq, row_number() over (order by seq) as place, count(*) over () as total
      from promotion_decisions where proposal_id = ${proposalId} and stage = ${stage}
    )
    select d.at, d.gates from numbered n join promotion_decisions d on d.seq = n.seq
    where n.place = n.total or n.place % greatest(1, n.total / ${maxPoints - 1}) = 0
    order by n.place desc limit ${maxPoints}`.execute(db)
  const courses = new Map<string, GatePoint[]>()
  for (const row of rows.reverse()) {
    for (const gate of row.gates) {
      if (gate.difference === null || gate.interval === null) continue
      const [low, high] = gate.interval
      const point = { at: row.at.getTime(), samples: gate.samples, difference: gate.difference, low, high }
      const course = courses.get(gateKey(gate)) ?? []
      if (course.at(-1)?.samples !== point.samples) course.push(point)
      courses.set(gateKey(gate), course)
    }
  }
  return courses
}
