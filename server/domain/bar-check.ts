import { type Bar, builtInMetrics, type Gate, type GateStage, isLowerBetter } from './bar.ts'
import type { Problem } from './errors.ts'
import { type ApprovalPoint, durationMs, type RolloutPlan } from './plan.ts'
import { canarySteps } from './proposal.ts'

/** What a check needs to know of the bar's evaluators: the metrics they add. */
export interface EvaluatorMetric {
  readonly name: string
  readonly needsReference: boolean
}

const rates: readonly string[] = ['error_rate', 'refusal_rate']
const limits = ['min', 'max', 'maxDrop', 'maxIncrease'] as const
export const gateStages: readonly GateStage[] = ['offline', 'shadow', 'canary', 'bake']

/**
 * What is wrong with a quality bar whose shape is right; paths are below the bar. Pure.
 *
 * @param evaluators those of the bar, resolved
 */
export function checkBar(bar: Bar, evaluators: readonly EvaluatorMetric[]): Problem[] {
  const problems: Problem[] = []
  if (bar.gates.length === 0) problems.push({ path: '/gates', message: 'a bar needs at least one gate' })
  else if (bar.gates.every((gate) => gate.action === 'observe')) {
    problems.push({ path: '/gates', message: 'a bar needs at least one gate that does more than observe' })
  }
  const names = new Set<string>()
  for (const [index, { name }] of bar.evaluators.entries()) {
    const path = `/evaluators/${index}/name`
    if (names.has(name)) problems.push({ path, message: `evaluator "${name}" is listed twice` })
    if (isBuiltIn(name))
      problems.push({ path, message: `"${name}" is a metric that always exists; gate it, don't list it` })
    names.add(name)
  }
  const known = [...builtInMetrics, ...evaluators.map((evaluator) => evaluator.name)]
  for (const [index, gate] of bar.gates.entries()) {
    const at = `/gates/${index}`
    problems.push(...checkGate(gate, known).map((p) => ({ path: `${at}${p.path}`, message: p.message })))
    const twin = bar.gates.slice(0, index).findIndex((earlier) => overlaps(earlier, gate))
    if (twin >= 0) {
      problems.push({ path: at, message: `gate ${twin} judges "${gate.metric}" in the same stage; merge the two` })
    }
  }
  problems.push(...checkLevels(bar))
  return problems
}

function checkLevels({ alpha, maxMissing, required, approvals }: Bar): Problem[] {
  const problems: Problem[] = repeatedApprovals(approvals ?? [])
  if (alpha !== undefined && !(alpha > 0 && alpha <= 0.2)) {
    problems.push({ path: '/alpha', message: `must be above 0 and at most 0.2, got ${alpha}` })
  }
  if (maxMissing !== undefined && !(maxMissing >= 0 && maxMissing <= 1)) {
    problems.push({ path: '/maxMissing', message: `must be from 0 to 1, got ${maxMissing}` })
  }
  for (const [index, stage] of (required ?? []).entries()) {
    if (required?.indexOf(stage) !== index) {
      problems.push({ path: `/required/${index}`, message: `stage "${stage}" is listed twice` })
    }
  }
  return problems
}

function checkGate(gate: Gate, known: readonly string[]): Problem[] {
  if (!known.includes(gate.metric)) {
    const message = `no metric "${gate.metric}"; known here: ${known.join(', ')} (list an evaluator to add its metric)`
    return [{ path: '/metric', message }]
  }
  if (limits.every((limit) => gate[limit] === undefined)) {
    return [{ path: '', message: `needs at least one of ${limits.join(', ')}` }]
  }
  return isLowerBetter(gate.metric) ? checkLowerBetter(gate) : checkScore(gate)
}

function checkScore(gate: Gate): Problem[] {
  const { metric, min, max, maxDrop, maxIncrease } = gate
  const problems: Problem[] = []
  if (max !== undefined) problems.push({ path: '/max', message: `"${metric}" is a score, 1 is best: use min` })
  if (maxIncrease !== undefined) {
    problems.push({ path: '/maxIncrease', message: `"${metric}" is a score, 1 is best: use maxDrop` })
  }
  if (min !== undefined && !isRatio(min)) {
    problems.push({ path: '/min', message: `a score lies in 0 to 1, got ${min}` })
  }
  if (maxDrop !== undefined && !isRatio(maxDrop)) {
    problems.push({ path: '/maxDrop', message: `is in score points, 0 to 1 (0.03 = 3 points), got ${maxDrop}` })
  }
  return problems
}

function checkLowerBetter(gate: Gate): Problem[] {
  const { metric, min, max, maxDrop, maxIncrease } = gate
  const problems: Problem[] = []
  if (min !== undefined) problems.push({ path: '/min', message: `less "${metric}" is better: use max` })
  if (maxDrop !== undefined) {
    problems.push({ path: '/maxDrop', message: `less "${metric}" is better: use maxIncrease` })
  }
  if (max !== undefined && !(max >= 0 && max < Number.POSITIVE_INFINITY)) {
    problems.push({ path: '/max', message: `must be 0 or more, got ${max}` })
  }
  if (max !== undefined && rates.includes(metric) && max > 1) {
    problems.push({ path: '/max', message: `"${metric}" is a share, 0 to 1 (0.02 = 2 %), got ${max}` })
  }
  if (maxIncrease !== undefined && !(maxIncrease >= 0 && maxIncrease <= 100)) {
    problems.push({
      path: '/maxIncrease',
      message: `is relative, 0 to 100 (0.25 = a quarter more), got ${maxIncrease}`,
    })
  }
  return problems
}

function overlaps(one: Gate, other: Gate): boolean {
  return one.metric === other.metric && stagesOf(one).some((stage) => stagesOf(other).includes(stage))
}

/** The stages that judge a gate. */
function stagesOf(gate: Gate): readonly GateStage[] {
  return gate.stages ?? gateStages
}

/** Stages no plan may leave out. */
export function requiredStages(bar: Bar): readonly GateStage[] {
  return bar.required ?? ['offline', 'shadow', 'canary']
}

const maxDurationMs = 366 * 86_400_000

/**
 * What is wrong with a rollout plan, whose shape is right, under a route's bar; paths are below the plan. Pure.
 *
 * @param known the bar's evaluators, resolved, and every dataset version as `name@version`
 */
export function checkPlan(
  plan: RolloutPlan,
  bar: Bar,
  known: { readonly evaluators: readonly EvaluatorMetric[]; readonly datasets: ReadonlySet<string> },
): Problem[] {
  return [
    ...checkStages(plan, bar, known.evaluators),
    ...checkDatasets(plan, known.datasets),
    ...checkCanary(plan),
    ...checkApprovals(plan),
    ...checkDuration('/shadow/maxDuration', plan.shadow?.maxDuration),
    ...checkDuration('/canary/maxDuration', plan.canary?.maxDuration),
    ...checkDuration('/bake/duration', plan.bake?.duration),
  ]
}

function checkStages(plan: RolloutPlan, bar: Bar, evaluators: readonly EvaluatorMetric[]): Problem[] {
  const problems: Problem[] = []
  if (gateStages.every((stage) => plan[stage] === undefined)) {
    problems.push({ path: '', message: `needs at least one stage: ${gateStages.join(', ')}` })
  }
  for (const stage of requiredStages(bar)) {
    if (plan[stage] !== undefined) continue
    problems.push({ path: `/${stage}`, message: `is missing: the route's bar requires a stage "${stage}"` })
  }
  for (const stage of gateStages) {
    if (plan[stage] === undefined) continue
    const gates = bar.gates.filter((gate) => stagesOf(gate).includes(stage))
    if (gates.length === 0) {
      problems.push({ path: `/${stage}`, message: `no gate of the route's bar judges the stage "${stage}"` })
    }
    if (stage === 'offline') continue
    for (const { metric } of gates.filter((gate) => needsReference(gate, evaluators))) {
      const remedy = `limit the gate to "stages": ["offline"] in the route's bar`
      const message = `gate "${metric}" needs a reference, which live requests lack, so it cannot judge "${stage}"; ${remedy}`
      problems.push({ path: `/${stage}`, message })
    }
  }
  return problems
}

function needsReference(gate: Gate, evaluators: readonly EvaluatorMetric[]): boolean {
  return evaluators.some((evaluator) => evaluator.name === gate.metric && evaluator.needsReference)
}

function checkDatasets(plan: RolloutPlan, known: ReadonlySet<string>): Problem[] {
  if (plan.offline === undefined) return []
  const { datasets } = plan.offline
  if (datasets.length === 0) return [{ path: '/offline/datasets', message: 'needs at least one dataset' }]
  return datasets.flatMap((dataset, index) => {
    const path = `/offline/datasets/${index}`
    if (datasets.indexOf(dataset) !== index) return [{ path, message: `dataset "${dataset}" is listed twice` }]
    if (known.has(dataset)) return []
    return [{ path, message: `there is no dataset "${dataset}"; write name@version of an uploaded one` }]
  })
}

function checkCanary(plan: RolloutPlan): Problem[] {
  if (plan.canary === undefined) return []
  const { steps, ladder } = plan.canary
  const problems: Problem[] = steps.flatMap((step, index) => {
    const path = `/canary/steps/${index}`
    if (!(step >= 0.01 && step <= 100)) return [{ path, message: `a share is 0.01 to 100 percent, got ${step}` }]
    const before = steps[index - 1]
    if (before === undefined || step > before) return []
    return [{ path, message: `steps rise: ${step} does not come after ${before}` }]
  })
  const partial = canarySteps(plan)
  if (partial.length === 0) {
    problems.push({ path: '/canary/steps', message: 'needs at least one share below 100 percent' })
  }
  if (ladder !== undefined) problems.push(...checkLadder(ladder, partial.length))
  return problems
}

function checkLadder(ladder: readonly number[], steps: number): Problem[] {
  const path = '/canary/ladder'
  if (ladder.length !== steps) {
    return [
      { path, message: `needs one multiplier for each of the ${steps} steps below 100 percent, got ${ladder.length}` },
    ]
  }
  const problems: Problem[] = ladder.flatMap((multiplier, index) => {
    const before = ladder[index - 1] ?? Number.POSITIVE_INFINITY
    if (multiplier >= 1 && multiplier <= before && multiplier <= 100) return []
    return [{ path: `${path}/${index}`, message: `multipliers fall from at most 100 down to 1, got ${multiplier}` }]
  })
  const last = ladder.length - 1
  if (ladder[last] !== 1) {
    problems.push({ path: `${path}/${last}`, message: `the last multiplier is 1: the bar itself, got ${ladder[last]}` })
  }
  return problems
}

function checkApprovals(plan: RolloutPlan): Problem[] {
  const approvals = plan.approvals ?? []
  const stageless = approvals.flatMap(({ before }, index) =>
    before !== 'promotion' && plan[before] === undefined
      ? [{ path: `/approvals/${index}/before`, message: `the plan has no ${before}` }]
      : [],
  )
  return [...repeatedApprovals(approvals), ...stageless]
}

function repeatedApprovals(approvals: readonly { readonly before: ApprovalPoint }[]): Problem[] {
  return approvals.flatMap(({ before }, index) =>
    approvals.findIndex((other) => other.before === before) === index
      ? []
      : [{ path: `/approvals/${index}/before`, message: `an approval before "${before}" is asked for twice` }],
  )
}

function checkDuration(path: string, text: string | undefined): Problem[] {
  if (text === undefined) return []
  const ms = durationMs(text)
  if (ms !== null && ms > 0 && ms <= maxDurationMs) return []
  return [{ path, message: `must be a duration such as 30s, 15m, 2h or 7d, above 0 and at most 366d, got "${text}"` }]
}

function isBuiltIn(name: string): boolean {
  return (builtInMetrics as readonly string[]).includes(name)
}

function isRatio(value: number): boolean {
  return value >= 0 && value <= 1
}
