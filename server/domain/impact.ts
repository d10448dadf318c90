import type { Catalogue } from './constraints.ts'
import { exclusionsOf } from './constraints.ts'
import type { DecisionRecord, Usage } from './decision.ts'
import {
  type CostForecast,
  costForecast,
  type LatencyForecast,
  type LatencyOf,
  latencyForecast,
} from './impact-forecast.ts'
import type { Pattern } from './pattern.ts'
import { placeExclusions } from './policy-change.ts'
import { liveWithScores, type QualityBook } from './quality.ts'
import { factsOfRecord, type RequestFacts } from './request-facts.ts'
import { type Constraints, type ModelRef, modelsOf, type RouteVersion } from './route.ts'
import { decideTargets, type TargetDecision } from './routing.ts'
import type { TaskLabel } from './task.ts'

/** What a preview reads of a recorded decision. */
export type ImpactRecord = Pick<
  DecisionRecord,
  'requestId' | 'metadata' | 'isStream' | 'facts' | 'random' | 'live' | 'task' | 'classification' | 'usage'
>

export interface ImpactInput {
  readonly catalogue: Catalogue
  readonly stable: RouteVersion
  readonly candidate: RouteVersion
  /** Of the route, oldest or newest first. */
  readonly records: readonly ImpactRecord[]
  /** How long models take, from the whole decision log; null: hardly ever measured. */
  readonly latencyOf: LatencyOf
  /** Scores of now, for a version that asks for what the recorded ones did not; absent: none are known. */
  readonly book?: QualityBook
}

/** Requests of one kind and how many of them change their model. */
export interface ImpactGroup {
  readonly name: string
  readonly requests: number
  readonly changed: number
}

/** A reason that stops requests, and which. */
export interface ImpactProblem {
  readonly by: string
  readonly model: ModelRef | null
  readonly detail: string
  readonly requests: number
  /** Some of the requests, to look at. */
  readonly examples: readonly string[]
}

/** What a new version would do with recorded requests, before it has done anything (D3). */
export interface Impact {
  readonly requests: number
  /** Requests whose first choice is another model. */
  readonly changed: number
  readonly moves: readonly { readonly from: ModelRef | null; readonly to: ModelRef | null; readonly requests: number }[]
  readonly byRule: readonly ImpactGroup[]
  readonly byTeam: readonly ImpactGroup[]
  readonly byTask: readonly ImpactGroup[]
  readonly byRegion: readonly ImpactGroup[]
  /** Served now, refused by the candidate. */
  readonly lost: readonly ImpactProblem[]
  readonly lostRequests: number
  /** Sent where the stable version may not send them. */
  readonly broken: readonly ImpactProblem[]
  readonly brokenRequests: number
  /** Requests whose rule asks for a pattern that records do not hold: decided as if it were not found. */
  readonly unknowable: number
  readonly cost: CostForecast
  readonly latency: LatencyForecast
}

const maxGroups = 20
const maxProblems = 10
const maxExamples = 5

/** Replays recorded requests through both versions. Pure: what is measured and recorded comes in, nothing is called. */
export function previewImpact(input: ImpactInput): Impact {
  return impactOf(
    input,
    input.records.map((record) => replay(input, record)),
  )
}

/** The same in parts: it pauses after every so many records, because thousands of them with a large spec take seconds. */
export function* previewInParts(input: ImpactInput, recordsAtOnce: number): Generator<undefined, Impact, undefined> {
  const replays: Replay[] = []
  for (const record of input.records) {
    replays.push(replay(input, record))
    if (replays.length % recordsAtOnce === 0) yield
  }
  return impactOf(input, replays)
}

function impactOf(input: ImpactInput, replays: readonly Replay[]): Impact {
  const changed = replays.filter((one) => one.isChanged)
  const lost = replays.filter((one) => one.before.refusal === null && one.after.refusal !== null)
  const broken = replays.filter((one) => one.broken.length > 0)
  return {
    requests: replays.length,
    changed: changed.length,
    moves: movesOf(changed),
    byRule: groupsOf(replays, (one) => one.after.rule ?? '(no rule)'),
    byTeam: groupsOf(replays, (one) => one.record.metadata['team'] ?? '(no team)'),
    byTask: groupsOf(replays, (one) => one.record.task ?? '(no task)'),
    byRegion: groupsOf(replays, (one) => one.record.metadata['region'] ?? '(no region)'),
    lost: problemsOf(lost, (one) => reasonsOf(one.after)),
    lostRequests: lost.length,
    broken: problemsOf(broken, (one) => one.broken),
    brokenRequests: broken.length,
    unknowable: replays.filter((one) => one.isUnknowable).length,
    cost: costForecast(input.catalogue, replays.map(chargeOf)),
    latency: latencyForecast(replays.map(choicesOf), input.latencyOf),
  }
}

interface Problem {
  readonly by: string
  readonly model: ModelRef | null
  readonly detail: string
}

const noBook: QualityBook = new Map()

interface Replay {
  readonly record: ImpactRecord
  readonly before: TargetDecision
  readonly after: TargetDecision
  readonly isChanged: boolean
  readonly broken: readonly Problem[]
  readonly isUnknowable: boolean
}

function replay(input: ImpactInput, record: ImpactRecord): Replay {
  const { catalogue, stable, candidate } = input
  const asked = { isUnknowable: false }
  const request = watched(factsOfRecord(record), record, asked)
  const task = taskOf(record)
  const models = [...modelsOf(stable.spec), ...modelsOf(candidate.spec)]
  const live = liveWithScores(record.live, input.book ?? noBook, models, task.task)
  const given = { catalogue, request, random: record.random, live }
  const before = decideTargets({ ...given, version: stable, task })
  asked.isUnknowable = false
  const after = decideTargets({ ...given, version: candidate, task })
  return {
    record,
    before,
    after,
    isChanged: before.firstChoice !== after.firstChoice,
    broken: brokenBy(input, before, after, request),
    isUnknowable: asked.isUnknowable,
  }
}

/** Notes when a rule asks for a pattern that the record does not hold. */
function watched(facts: RequestFacts, record: ImpactRecord, asked: { isUnknowable: boolean }): RequestFacts {
  return {
    ...facts,
    promptMatches: (pattern: Pattern) => {
      if (!Object.hasOwn(record.facts.patterns, pattern.source)) asked.isUnknowable = true
      return facts.promptMatches(pattern)
    },
  }
}

/** The task is taken as it was recorded: the text that a new classifier would read is not kept. */
function taskOf(record: ImpactRecord): TaskLabel {
  return record.classification ?? { task: record.task, by: 'default', classifier: null, confidence: null, note: null }
}

/** Places of the candidate, fallbacks included, that the stable version's constraints forbid for this request. */
function brokenBy(
  { catalogue, stable }: ImpactInput,
  before: TargetDecision,
  after: TargetDecision,
  request: RequestFacts,
): readonly Problem[] {
  const rule = (stable.spec.rules ?? []).find(({ name }) => name === before.rule)
  const held: Constraints[] = [stable.spec.constraints, rule?.constraints].flatMap((one) => one ?? [])
  return after.targets.flatMap(({ model }) =>
    exclusionsOf(model, held, request, catalogue).filter(({ by }) => placeExclusions.includes(by)),
  )
}

function reasonsOf(decision: TargetDecision): readonly Problem[] {
  if (decision.excluded.length > 0) return decision.excluded
  return [{ by: 'empty_pool', model: null, detail: decision.refusal?.message ?? 'its pool is empty' }]
}

function movesOf(changed: readonly Replay[]): Impact['moves'] {
  const moves = new Map<string, { from: ModelRef | null; to: ModelRef | null; requests: number }>()
  for (const { before, after } of changed) {
    const key = `${before.firstChoice}\n${after.firstChoice}`
    const move = moves.get(key) ?? { from: before.firstChoice, to: after.firstChoice, requests: 0 }
    moves.set(key, { ...move, requests: move.requests + 1 })
  }
  return [...moves.values()].toSorted((a, b) => b.requests - a.requests).slice(0, maxGroups)
}

/** Largest first; what is beyond the limit is summed up as `(others)`. */
function groupsOf(replays: readonly Replay[], nameOf: (one: Replay) => string): ImpactGroup[] {
  const groups = new Map<string, { requests: number; changed: number }>()
  for (const one of replays) {
    const name = nameOf(one)
    const group = groups.get(name) ?? { requests: 0, changed: 0 }
    group.requests += 1
    if (one.isChanged) group.changed += 1
    groups.set(name, group)
  }
  const sorted = [...groups].map(([name, group]) => ({ name, ...group })).toSorted((a, b) => b.requests - a.requests)
  const rest = sorted.slice(maxGroups)
  if (rest.length === 0) return sorted
  const total = (of: 'requests' | 'changed') => rest.reduce((sum, group) => sum + group[of], 0)
  return [...sorted.slice(0, maxGroups), { name: '(others)', requests: total('requests'), changed: total('changed') }]
}

function problemsOf(replays: readonly Replay[], of: (one: Replay) => readonly Problem[]): ImpactProblem[] {
  const problems = new Map<string, { problem: Problem; ids: Set<string> }>()
  for (const one of replays) {
    for (const problem of of(one)) {
      const key = `${problem.by}\n${problem.model}`
      const found = problems.get(key) ?? { problem, ids: new Set() }
      found.ids.add(one.record.requestId)
      problems.set(key, found)
    }
  }
  return [...problems.values()]
    .map(({ problem: { by, model, detail }, ids }) => {
      return { by, model, detail, requests: ids.size, examples: [...ids].slice(0, maxExamples) }
    })
    .toSorted((a, b) => b.requests - a.requests)
    .slice(0, maxProblems)
}

function choicesOf({ before, after }: Replay) {
  return { before: before.firstChoice, after: after.firstChoice }
}

/** Tokens as they were billed; where nothing was, what routing expected. */
function chargeOf(one: Replay): {
  before: ModelRef | null
  after: ModelRef | null
  usage: Usage | null
  facts: ImpactRecord['facts']
} {
  return { ...choicesOf(one), usage: one.record.usage, facts: one.record.facts }
}
