import { bucketCount, bucketOf, drawOf } from './bucket.ts'
import { type Choice, choiceOf } from './choice.ts'
import { predicateOf } from './conditions.ts'
import { type Catalogue, judgeTarget } from './constraints.ts'
import { isMeasured } from './constraints-live.ts'
import type { Exclusion } from './decision.ts'
import type { Arm } from './evidence.ts'
import { beginning, stateOf } from './fallback.ts'
import { excludeByFilter } from './hybrid-filters.ts'
import type { Consulted, LiveView } from './live.ts'
import type { RequestFacts } from './request-facts.ts'
import {
  type FallbackReason,
  fallbacksOf,
  type LatencyQuantile,
  type ModelRef,
  type RouteSpec,
  type RouteVersion,
  type Rule,
  type Target,
} from './route.ts'
import type { LiveRollout, RouteEntry } from './snapshot.ts'
import { rank } from './strategies.ts'
import type { RankContext } from './strategies-context.ts'
import type { TaskLabel } from './task.ts'
import { embedAlike, embeddings, excludeByVectorSpace, vectorSpaceOfSpec } from './vector-space.ts'

/** A place to send a request, in the order of trial. */
export interface PlannedTarget {
  readonly model: ModelRef
  readonly provider: string
  /** From the spec's `fallbacks`, not from the pool. */
  readonly isFallback: boolean
  /** Fallbacks: only after failures of these classes; absent: after whatever is wrong with a provider. */
  readonly on?: readonly FallbackReason[]
}

/** Why nothing may take the request. */
export interface Refusal {
  readonly status: 400 | 403 | 503
  readonly code:
    | 'context_length_exceeded'
    | 'model_not_allowed'
    | 'no_eligible_target'
    | 'prompt_variable_missing'
    | 'prompt_too_long'
  readonly message: string
}

/** Where one version sends one request, and why. */
export interface TargetDecision {
  readonly rule: string | null
  readonly task: string | null
  readonly classification: TaskLabel
  /** Empty when refused. */
  readonly targets: readonly PlannedTarget[]
  /**
   * What the version would have tried first with every circuit closed; null when no model of the pool may take the request.
   * Whatever else answers, the first choice failed (intention to treat).
   */
  readonly firstChoice: ModelRef | null
  readonly eligible: readonly ModelRef[]
  readonly excluded: readonly Exclusion[]
  readonly reason: string
  readonly refusal: Refusal | null
  /** What of the live view was read. */
  readonly consulted: Consulted
}

export interface RoutingDecision extends TargetDecision {
  readonly version: RouteVersion
  readonly arm: Arm
  /** The split unit's value (a session id, ...); null when the request carries none or nothing is split. */
  readonly unit: string | null
  /** Where the unit fell, 0 to 9,999; null without a unit. */
  readonly bucket: number | null
  /** The rollout this request is evidence for; null: none, or the exposure lease had run out. */
  readonly rollout: LiveRollout | null
  /** Shadow: this request was drawn to be answered by the candidate as well. */
  readonly isMirrored: boolean
  /** This request was drawn to be scored, by hash of its id before any answer. */
  readonly isScored: boolean
}

export interface RoutingInput {
  readonly catalogue: Catalogue
  readonly entry: RouteEntry
  readonly request: RequestFacts
  /** In [0, 1). */
  readonly random: number
  readonly live: LiveView
  /** The request's task, as the version it goes to identifies it. */
  readonly taskOf: (version: RouteVersion) => TaskLabel
  /** False: this process has not heard from the control plane for the lease's length and serves the baseline only. */
  readonly isLeaseValid: boolean
}

/**
 * Decides where a request goes: arm, targets in order of trial, and why.
 *
 * Pure: the same input gives the same decision, so a recorded one can be made again (A14, D3).
 */
export function decideRoute(input: RoutingInput): RoutingDecision {
  const split = splitRoute(input)
  return decisionOf(split, decideTargets({ ...input, version: split.version, task: input.taskOf(split.version) }))
}

/** A split and the targets of its version, as one decision. */
export function decisionOf(split: Split, decided: TargetDecision): RoutingDecision {
  // Field by field: spreading two objects of this size takes longer than deciding.
  return {
    rule: decided.rule,
    task: decided.task,
    classification: decided.classification,
    targets: decided.targets,
    firstChoice: decided.firstChoice,
    eligible: decided.eligible,
    excluded: decided.excluded,
    reason: split.note === null ? decided.reason : `${decided.reason}; ${split.note}`,
    refusal: decided.refusal,
    consulted: decided.consulted,
    version: split.version,
    arm: split.arm,
    unit: split.unit,
    bucket: split.bucket,
    rollout: split.rollout,
    isMirrored: split.isMirrored,
    isScored: split.isScored,
  }
}

/** Which version a request goes to, and what it is evidence for. */
export type Split = Pick<
  RoutingDecision,
  'version' | 'arm' | 'unit' | 'bucket' | 'rollout' | 'isMirrored' | 'isScored'
> & {
  readonly note: string | null
}

/** Decides the arm: fixed here, before anything else is known, and kept through whatever follows. Pure (A14). */
export function splitRoute({
  catalogue,
  entry,
  request,
  isLeaseValid,
}: Pick<RoutingInput, 'catalogue' | 'entry' | 'request' | 'isLeaseValid'>): Split {
  const { rollout } = entry
  const aside = { unit: null, bucket: null, rollout: null, isMirrored: false, isScored: false, note: null }
  if (rollout === null) return { ...aside, version: entry.stable, arm: 'baseline' }
  const isVector = request.capabilities.includes(embeddings)
  if (isVector && !embedAlike(rollout.baseline.spec, rollout.candidate.spec, catalogue.models)) {
    const arm = entry.stable.version === rollout.candidate.version ? 'candidate' : 'baseline'
    const note = 'not split: the candidate embeds in another vector space'
    return { ...aside, version: entry.stable, arm, note }
  }
  // Evaluators read texts.
  const mayScore = rollout.hasEvaluators && !isVector
  const isScored = mayScore && drawOf('score', request.requestId) < rollout.scoreRate
  if (!isLeaseValid) {
    return { ...aside, version: rollout.baseline, arm: 'baseline', note: 'exposure lease expired: baseline only' }
  }
  if (rollout.stage === 'shadow') {
    const isMirrored = drawOf('mirror', request.requestId) < rollout.mirrorRate
    const scored = isMirrored && mayScore
    return { ...aside, version: rollout.baseline, arm: 'baseline', rollout, isMirrored, isScored: scored }
  }
  const unit = unitOf(rollout, request)
  if (unit === null) {
    // The stable version: the baseline until the last gate is passed, the candidate while it bakes.
    const isBaked = rollout.stage === 'bake' || rollout.shareBp >= bucketCount
    const note = isBaked ? null : `no ${rollout.unit} given: baseline`
    const arm = isBaked ? 'candidate' : 'baseline'
    return { ...aside, version: rollout[arm], arm, rollout, isScored, note }
  }
  const bucket = bucketOf(rollout.salt, unit)
  const arm: Arm = bucket < rollout.shareBp ? 'candidate' : 'baseline'
  return { ...aside, version: rollout[arm], arm, unit, bucket, rollout, isScored }
}

/** Never a constant: a request without its unit is not hashed into one shared bucket. */
function unitOf(rollout: LiveRollout, request: RequestFacts): string | null {
  if (rollout.unit === 'request') return request.requestId
  const value = Object.hasOwn(request.metadata, rollout.unit) ? request.metadata[rollout.unit] : undefined
  return value === undefined || value === '' ? null : value
}

/** Where one version sends a request, whatever the split: also for mirrored requests and for models addressed directly. */
export function decideTargets(
  input: Pick<RoutingInput, 'catalogue' | 'request' | 'random' | 'live'> & {
    readonly version: RouteVersion
    readonly task: TaskLabel
  },
): TargetDecision {
  const { catalogue, live } = input
  const { openCircuits } = live
  const { spec } = input.version
  const { task } = input.task
  const facts = input.request
  const rule = ruleFor(spec, facts, input.task)
  const choice = choiceOf(spec, rule)
  const isVector = facts.capabilities.includes(embeddings)
  const vectorSpace = isVector ? vectorSpaceOfSpec(spec, catalogue.models) : null
  const { floorMetric } = choice
  const context = { request: facts, catalogue, random: input.random, live, floorMetric, vectorSpace }
  const pool = sift(choice.pool, choice, context, true)
  const ranking = pool.eligible.length === 0 ? null : rank(choice.select, pool.eligible, context)
  const order = ranking?.order ?? []
  const reserve = choice.fallbacks.filter(({ model }) => !order.includes(model))
  const fallbacks = sift(reserve, choice, context, false)
  const passing = fallbacks.eligible.length === 0 ? order : [...order, ...fallbacks.eligible.map(({ model }) => model)]
  const plans = plansOf(spec, catalogue)
  const every = passing.map((model, index) => (index < order.length ? plans.pool(model) : plans.fallback(model)))
  const planned = openCircuits.size === 0 ? every : every.filter(({ model }) => !openCircuits.has(model))
  const { targets, held } = beginning(planned, order.length > 0 ? 'resting' : stateOf(pool.excluded))
  const open = openAmong(passing, openCircuits)
  const excluded = unique([...pool.excluded, ...fallbacks.excluded, ...open, ...held])
  const reason = reasonOf(ranking?.reason ?? null, order[0] ?? null, targets[0])
  return {
    rule: rule?.name ?? null,
    task,
    classification: input.task,
    targets,
    firstChoice: order[0] ?? null,
    eligible: openCircuits.size === 0 ? order : order.filter((model) => !openCircuits.has(model)),
    excluded,
    reason: `${reason}${unmeasuredNote(choice.ceilings, passing, live)}`,
    refusal: targets.length > 0 ? null : refusalOf(input.version.route, excluded),
    consulted: choice.consulted,
  }
}

/** The first rule that holds. One that the nearest example names holds at its own place: those before it still win. */
function ruleFor(spec: RouteSpec, facts: RequestFacts, { task, rule: named }: TaskLabel): Rule | null {
  const asked = { facts, task }
  return spec.rules?.find((rule) => rule.name === named || predicateOf(rule.when)(asked)) ?? null
}

/** Says whom a latency limit let through because it could not be judged (constraints-live.ts). */
function unmeasuredNote(
  asked: readonly LatencyQuantile[],
  passing: readonly ModelRef[],
  live: Pick<LiveView, 'targets'>,
): string {
  if (asked.length === 0) return ''
  const unmeasured = passing.filter((model) => asked.some((quantile) => !isMeasured(live.targets.get(model), quantile)))
  return unmeasured.length === 0 ? '' : `; too few answers to hold ${unmeasured.join(', ')} to the latency limit`
}

type SiftContext = RankContext & { readonly live: LiveView; readonly vectorSpace: string | null }

/** @param isPool false: fallbacks, which the strategy does not choose among */
function sift(
  targets: readonly Target[],
  { select, constraints, filters }: Choice,
  context: SiftContext,
  isPool: boolean,
): { eligible: Target[]; excluded: Exclusion[] } {
  const { request, catalogue, live, vectorSpace } = context
  const judged = { request, catalogue, constraints, live }
  const eligible: Target[] = []
  const excluded: Exclusion[] = []
  let model = ''
  const exclude = (by: string, detail: string) => excluded.push({ model, by, detail })
  for (const target of targets) {
    const before = excluded.length
    model = target.model
    judgeTarget(model, judged, exclude)
    if (target.weight === 0) exclude('drained', 'its weight is 0')
    if (vectorSpace !== null) excludeByVectorSpace(catalogue.models.get(model), vectorSpace, exclude)
    if (isPool && select.strategy === 'cost' && catalogue.models.get(model)?.price === null) {
      exclude('unpriced', 'strategy cost needs a price')
    }
    if (isPool) for (const key of filters) excludeByFilter(key, model, context, exclude)
    if (excluded.length === before) eligible.push(target)
  }
  return { eligible, excluded }
}

const none: readonly never[] = []

function openAmong(passing: readonly ModelRef[], openCircuits: ReadonlySet<ModelRef>): readonly Exclusion[] {
  if (openCircuits.size === 0) return none
  return passing
    .filter((model) => openCircuits.has(model))
    .map((model) => ({ model, by: 'circuit_open', detail: 'it failed repeatedly and is given time' }))
}

interface Plans {
  pool(model: ModelRef): PlannedTarget
  fallback(model: ModelRef): PlannedTarget
}

const plansBySpec = new WeakMap<RouteSpec, { readonly catalogue: Catalogue['models']; readonly plans: Plans }>()

/** A spec's places, each made once: a request only puts them in order. */
function plansOf(spec: RouteSpec, catalogue: Catalogue): Plans {
  const known = plansBySpec.get(spec)
  if (known?.catalogue === catalogue.models) return known.plans
  const [pool, fallback] = [null, spec].map((of) => {
    const made = new Map<ModelRef, PlannedTarget>()
    return (model: ModelRef): PlannedTarget => {
      const target = made.get(model) ?? plan(model, catalogue, of)
      made.set(model, target)
      return target
    }
  }) as [Plans['pool'], Plans['fallback']]
  const plans = { pool, fallback }
  plansBySpec.set(spec, { catalogue: catalogue.models, plans })
  return plans
}

/** @param spec whose fallback it is; null: a target of the pool */
function plan(model: ModelRef, catalogue: Catalogue, spec: RouteSpec | null): PlannedTarget {
  const provider = catalogue.models.get(model)?.provider ?? model.slice(0, model.indexOf('/'))
  if (spec === null) return { model, provider, isFallback: false }
  const on = fallbacksOf(spec).find((entry) => entry.model === model)?.on
  return on === undefined ? { model, provider, isFallback: true } : { model, provider, isFallback: true, on }
}

function unique(exclusions: readonly Exclusion[]): readonly Exclusion[] {
  if (exclusions.length < 2) return exclusions
  const seen = new Set<string>()
  return exclusions.filter((exclusion) => {
    const key = `${exclusion.model}\n${exclusion.by}\n${exclusion.detail}`
    return !seen.has(key) && seen.add(key)
  })
}

function reasonOf(ranking: string | null, firstChoice: ModelRef | null, first: PlannedTarget | undefined): string {
  if (first === undefined)
    return ranking === null ? 'no model may take the request' : `${ranking}; every circuit is open`
  if (ranking === null) return 'no model of the pool may take the request: fallback'
  return first.model === firstChoice ? ranking : `${ranking}; ${firstChoice} has an open circuit`
}

function refusalOf(route: string, excluded: readonly Exclusion[]): Refusal {
  const counted = excluded.filter((exclusion) => exclusion.by !== 'drained')
  const listed = excluded.map((e) => `${e.model} is excluded by ${e.by} (${e.detail})`).join('; ')
  if (counted.length > 0 && counted.every((exclusion) => exclusion.by === 'context_length')) {
    const message = `The request is longer than every model of "${route}" can take: ${listed}`
    return { status: 400, code: 'context_length_exceeded', message }
  }
  if (counted.length > 0 && counted.every((exclusion) => exclusion.by === 'key_models')) {
    return { status: 403, code: 'model_not_allowed', message: `This key may reach no model of "${route}": ${listed}` }
  }
  return {
    status: 503,
    code: 'no_eligible_target',
    message: `No model of "${route}" may take this request: ${listed || 'its pool is empty'}`,
  }
}
