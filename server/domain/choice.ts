import type { Consulted } from './live.ts'
import {
  type Constraints,
  type LatencyQuantile,
  poolOf,
  type RouteSpec,
  type Rule,
  type Select,
  type SortKey,
  type Target,
} from './route.ts'

/** What a version chooses from under one of its rules, and how. */
export interface Choice {
  readonly select: Select
  /** The route's, then the rule's: all hold. */
  readonly constraints: readonly Constraints[]
  /** Metric of the quality floor in force, the rule's before the route's; null: no floor. */
  readonly floorMetric: string | null
  /** Quantiles that a latency ceiling asks for. */
  readonly ceilings: readonly LatencyQuantile[]
  readonly pool: readonly Target[]
  readonly fallbacks: readonly Target[]
  readonly filters: readonly SortKey[]
  /** What of the live view is read. */
  readonly consulted: Consulted
}

const choices = new WeakMap<RouteSpec, Map<Rule | null, Choice>>()

/** Worked out once for a spec and rule, which never change, and not for every request. */
export function choiceOf(spec: RouteSpec, rule: Rule | null): Choice {
  const ofSpec = choices.get(spec) ?? new Map<Rule | null, Choice>()
  const known = ofSpec.get(rule)
  if (known !== undefined) return known
  const choice = makeChoice(spec, rule)
  choices.set(spec, ofSpec.set(rule, choice))
  return choice
}

function makeChoice(spec: RouteSpec, rule: Rule | null): Choice {
  const select: Select = rule?.select ?? spec.select ?? { strategy: 'priority' }
  const constraints = [spec.constraints, rule?.constraints].flatMap((one) => one ?? [])
  const pool = poolOf(rule?.models ?? spec.models)
  const fallbacks = poolOf(spec.fallbacks ?? [])
  const models = [...new Set([...pool, ...fallbacks].map((target) => target.model))]
  return {
    select,
    constraints,
    floorMetric: constraints.findLast(({ minQuality }) => minQuality !== undefined)?.minQuality?.metric ?? null,
    ceilings: constraints.flatMap(({ maxLatencyMs }) => Object.keys(maxLatencyMs ?? {}) as LatencyQuantile[]),
    pool,
    fallbacks,
    filters: select.strategy === 'hybrid' ? (select.order ?? []) : [],
    consulted: { models, ...partsConsulted(select, constraints) },
  }
}

function partsConsulted(select: Select, constraints: readonly Constraints[]): Omit<Consulted, 'models'> {
  const { strategy, weights, order = [] } = select
  const isHybridBy = (part: 'cost' | 'quality' | 'latency') =>
    strategy === 'hybrid' && ((weights?.[part] ?? 0) > 0 || order.some((key) => key.by === part))
  const isLatency = strategy === 'latency' || isHybridBy('latency')
  const isHeld = (name: 'maxLatencyMs' | 'minQuality') => constraints.some((one) => one[name] !== undefined)
  return {
    inFlight: strategy === 'least-busy' || isLatency,
    latency: isLatency || isHeld('maxLatencyMs'),
    cachedShare: strategy === 'cost' || isHybridBy('cost'),
    quality: strategy === 'quality' || isHybridBy('quality') || isHeld('minQuality'),
  }
}
