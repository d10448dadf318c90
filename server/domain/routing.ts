import { bucketCount, bucketOf, drawOf } from './bucket.ts'
import { predicateOf } from './conditions.ts'
import { type Catalogue, exclusionsOf } from './constraints.ts'
import type { Exclusion } from './decision.ts'
import type { Arm } from './evidence.ts'
import type { LiveView } from './live.ts'
import type { RequestFacts } from './request-facts.ts'
import { type Constraints, type ModelRef, poolOf, type RouteVersion, type Rule, type Select } from './route.ts'
import type { LiveRollout, RouteEntry } from './snapshot.ts'
import { rank } from './strategies.ts'
import type { TaskLabel } from './task.ts'

/** A place to send a request, in the order of trial. */
export interface PlannedTarget {
  readonly model: ModelRef
  readonly provider: string
  /** From the spec's `fallbacks`, not from the pool. */
  readonly isFallback: boolean
}

/** Why nothing may take the request. */
export interface Refusal {
  readonly status: 400 | 503
  readonly code: 'context_length_exceeded' | 'no_eligible_target'
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
export function decisionOf({ note, ...split }: Split, decided: TargetDecision): RoutingDecision {
  return { ...decided, ...split, reason: note === null ? decided.reason : `${decided.reason}; ${note}` }
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
  entry,
  request,
  isLeaseValid,
}: Pick<RoutingInput, 'entry' | 'request' | 'isLeaseValid'>): Split {
  const { rollout } = entry
  const aside = { unit: null, bucket: null, rollout: null, isMirrored: false, isScored: false, note: null }
  if (rollout === null) return { ...aside, version: entry.stable, arm: 'baseline' }
  const isScored = rollout.hasEvaluators && drawOf('score', request.requestId) < rollout.scoreRate
  if (!isLeaseValid) {
    return { ...aside, version: rollout.baseline, arm: 'baseline', note: 'exposure lease expired: baseline only' }
  }
  if (rollout.stage === 'shadow') {
    const isMirrored = drawOf('mirror', request.requestId) < rollout.mirrorRate
    const scored = isMirrored && rollout.hasEvaluators
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
  const { catalogue, request, random } = input
  const { openCircuits } = input.live
  const { spec } = input.version
  const { task } = input.task
  const rule = (spec.rules ?? []).find((candidate) => predicateOf(candidate.when)({ facts: request, task })) ?? null
  const select: Select = rule?.select ?? spec.select ?? { strategy: 'priority' }
  const pool = sift(input, poolOf(rule?.models ?? spec.models), constraintsOf(spec.constraints, rule), select)
  const ranking = pool.eligible.length === 0 ? null : rank(select, pool.eligible, { request, catalogue, random })
  const order = ranking?.order ?? []
  const fallbacks = sift(
    input,
    (spec.fallbacks ?? []).filter((model) => !order.includes(model)).map((model) => ({ model, weight: 1 })),
    constraintsOf(spec.constraints, rule),
    { strategy: 'priority' },
  )
  const passing = [...order, ...fallbacks.eligible.map((target) => target.model)]
  const isClosed = (target: { readonly model: ModelRef }) => !openCircuits.has(target.model)
  const targets = passing.map((model, index) => plan(model, index >= order.length, catalogue)).filter(isClosed)
  const excluded = unique([...pool.excluded, ...fallbacks.excluded, ...openAmong(passing, openCircuits)])
  return {
    rule: rule?.name ?? null,
    task,
    classification: input.task,
    targets,
    firstChoice: order[0] ?? null,
    eligible: order.filter((model) => !openCircuits.has(model)),
    excluded,
    reason: reasonOf(ranking?.reason ?? null, order[0] ?? null, targets[0]),
    refusal: targets.length > 0 ? null : refusalOf(input.version.route, excluded),
  }
}

function constraintsOf(route: Constraints | undefined, rule: Rule | null): Constraints[] {
  return [...(route === undefined ? [] : [route]), ...(rule?.constraints === undefined ? [] : [rule.constraints])]
}

function sift(
  { request, catalogue }: Pick<RoutingInput, 'request' | 'catalogue'>,
  pool: readonly { readonly model: ModelRef; readonly weight: number }[],
  constraints: readonly Constraints[],
  select: Select,
): { eligible: { model: ModelRef; weight: number }[]; excluded: Exclusion[] } {
  const eligible: { model: ModelRef; weight: number }[] = []
  const excluded: Exclusion[] = []
  for (const target of pool) {
    const reasons = exclusionsOf(target.model, constraints, request, catalogue)
    if (target.weight === 0) reasons.push({ model: target.model, by: 'drained', detail: 'its weight is 0' })
    if (select.strategy === 'cost' && catalogue.models.get(target.model)?.price === null) {
      reasons.push({ model: target.model, by: 'unpriced', detail: 'strategy cost needs a price' })
    }
    if (reasons.length === 0) eligible.push(target)
    else excluded.push(...reasons)
  }
  return { eligible, excluded }
}

function openAmong(passing: readonly ModelRef[], openCircuits: ReadonlySet<ModelRef>): Exclusion[] {
  return passing
    .filter((model) => openCircuits.has(model))
    .map((model) => ({ model, by: 'circuit_open', detail: 'it failed repeatedly and is given time' }))
}

function plan(model: ModelRef, isFallback: boolean, catalogue: Catalogue): PlannedTarget {
  const provider = catalogue.models.get(model)?.provider ?? model.slice(0, model.indexOf('/'))
  return { model, provider, isFallback }
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
  return {
    status: 503,
    code: 'no_eligible_target',
    message: `No model of "${route}" may take this request: ${listed || 'its pool is empty'}`,
  }
}
