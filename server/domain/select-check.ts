import type { Problem } from './errors.ts'
import { pointer } from './pointer.ts'
import type { Select, SortKey } from './route.ts'
import { availableStrategies } from './strategies.ts'

/** Fields that each strategy knows, besides `strategy`. */
const fieldsOf: Readonly<Record<Select['strategy'], readonly string[]>> = {
  priority: [],
  weighted: [],
  'least-busy': [],
  cost: ['acceptAnyQuality'],
  latency: ['metric', 'quantile'],
  quality: ['metric'],
  hybrid: ['order', 'weights', 'acceptAnyQuality'],
}
const keyFields: Readonly<Record<SortKey['by'], readonly string[]>> = {
  cost: ['within', 'max'],
  latency: ['within', 'max', 'metric', 'quantile'],
  quality: ['within', 'min', 'metric'],
}
const parts: readonly string[] = ['cost', 'latency', 'quality']
const times: readonly string[] = ['ttft', 'total']
const quantiles: readonly string[] = ['p50', 'p95', 'p99']

export interface SelectScope {
  /** A `minQuality` is in force where the strategy chooses. */
  readonly hasFloor: boolean
  /** Names of the evaluators; undefined: not checked. */
  readonly metrics: readonly string[] | undefined
}

/** What is wrong with a strategy and its settings; paths are below `path`. */
export function checkSelect(select: Select | undefined, path: string, scope: SelectScope): Problem[] {
  if (select === undefined) return []
  if (!availableStrategies.includes(select.strategy)) {
    const message = `unknown strategy "${select.strategy}"; known: ${availableStrategies.join(', ')}`
    return [{ path: pointer(path, 'strategy'), message }]
  }
  return [
    ...checkFields(select, path),
    ...checkBy({ ...select, by: select.strategy }, path, scope),
    ...checkHybrid(select, path, scope),
    ...checkFloor(select, path, scope),
  ]
}

function checkFields(select: Select, path: string): Problem[] {
  const known = fieldsOf[select.strategy]
  return Object.keys(select)
    .filter((name) => name !== 'strategy' && !known.includes(name))
    .map((name) => ({
      path: pointer(path, name),
      message: `does not belong to strategy "${select.strategy}", which knows ${known.join(', ') || 'no settings'}`,
    }))
}

/** `metric` and `quantile`, whose meaning depends on what is compared. */
function checkBy(
  { by, metric, quantile }: { readonly by: string; readonly metric?: string; readonly quantile?: string },
  path: string,
  { metrics }: SelectScope,
): Problem[] {
  const problems: Problem[] = []
  if (metric !== undefined && by === 'latency' && !times.includes(metric)) {
    problems.push({ path: pointer(path, 'metric'), message: `unknown time "${metric}"; known: ${times.join(', ')}` })
  }
  if (metric !== undefined && by === 'quality') problems.push(...checkMetric(metric, pointer(path, 'metric'), metrics))
  if (quantile !== undefined && by === 'latency' && !quantiles.includes(quantile)) {
    const message = `unknown quantile "${quantile}"; known: ${quantiles.join(', ')}`
    problems.push({ path: pointer(path, 'quantile'), message })
  }
  return problems
}

/** A metric of quality is an evaluator's name. */
export function checkMetric(metric: string, path: string, metrics: readonly string[] | undefined): Problem[] {
  if (metrics === undefined || metrics.includes(metric)) return []
  return [{ path, message: `no evaluator "${metric}"; known: ${metrics.join(', ')}` }]
}

function checkHybrid(select: Select, path: string, scope: SelectScope): Problem[] {
  if (select.strategy !== 'hybrid') return []
  const { order, weights } = select
  if ((order === undefined) === (weights === undefined)) {
    return [{ path, message: 'hybrid needs either order or weights' }]
  }
  if (weights !== undefined) return checkWeights(weights, pointer(path, 'weights'))
  if (order?.length === 0) return [{ path: pointer(path, 'order'), message: 'needs at least one entry' }]
  return (order ?? []).flatMap((key, index) => checkKey(key, pointer(path, 'order', index), scope))
}

function checkWeights(weights: NonNullable<Select['weights']>, path: string): Problem[] {
  const problems = Object.entries(weights).flatMap(([name, weight]) => {
    const at = pointer(path, name)
    if (!parts.includes(name)) return [{ path: at, message: `unknown; known: ${parts.join(', ')}` }]
    if (Number.isFinite(weight) && weight >= 0) return []
    return [{ path: at, message: 'must be a number, 0 (does not count) or more' }]
  })
  if (problems.length > 0 || Object.values(weights).some((weight) => weight > 0)) return problems
  return [{ path, message: `needs a weight above 0 for at least one of ${parts.join(', ')}` }]
}

function checkKey(key: SortKey, path: string, scope: SelectScope): Problem[] {
  if (!parts.includes(key.by)) {
    return [{ path: pointer(path, 'by'), message: `unknown "${key.by}"; known: ${parts.join(', ')}` }]
  }
  const known = keyFields[key.by]
  const strange = Object.keys(key)
    .filter((name) => name !== 'by' && !known.includes(name))
    .map((name) => ({ path: pointer(path, name), message: `does not go with "${key.by}"; known: ${known.join(', ')}` }))
  const problems = [...strange, ...checkBy(key, path, scope)]
  const { within, min, max } = key
  if (within !== undefined && !(Number.isFinite(within) && within >= 0)) {
    problems.push({ path: pointer(path, 'within'), message: 'must be a number, 0 (no tolerance) or more' })
  }
  if (key.by === 'quality' && min !== undefined && !(min >= 0 && min <= 1)) {
    problems.push({ path: pointer(path, 'min'), message: 'a score lies in 0 to 1' })
  }
  if (key.by === 'quality' && min !== undefined && key.metric === undefined && !scope.hasFloor) {
    problems.push({ path, message: 'a filter by quality names its metric' })
  }
  if (key.by !== 'quality' && max !== undefined && !(Number.isFinite(max) && max > 0)) {
    problems.push({ path: pointer(path, 'max'), message: 'must be a number above 0' })
  }
  return problems
}

/** Cheapest alone buys the worst model that is allowed: something must hold the quality, or the author says that nothing need (A6). */
function checkFloor(select: Select, path: string, { hasFloor }: SelectScope): Problem[] {
  if (hasFloor || select.acceptAnyQuality === true) return []
  const { strategy, order, weights } = select
  const isByCost =
    strategy === 'cost' ||
    (strategy === 'hybrid' && ((weights?.cost ?? 0) > 0 || (order ?? []).some(({ by }) => by === 'cost')))
  const isHeld = (weights?.quality ?? 0) > 0 || (order ?? []).some(({ by }) => by === 'quality')
  if (!isByCost || (strategy === 'hybrid' && isHeld)) return []
  const message = `${strategy === 'cost' ? 'cost' : 'a hybrid by cost'} needs a quality floor: set constraints.minQuality, or acceptAnyQuality to true if the bar alone may hold the quality`
  return [{ path, message }]
}
