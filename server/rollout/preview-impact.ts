import { canonicalDigest } from '#domain/canonical.ts'
import type { Catalogue } from '#domain/constraints.ts'
import { InterlockError, type Problem } from '#domain/errors.ts'
import { type Impact, type ImpactInput, previewInParts } from '#domain/impact.ts'
import { type ApprovalPoint, approvalPointIn, type RolloutPlan } from '#domain/plan.ts'
import { droppedPatterns, type PolicyBreak, policyBreaks } from '#domain/policy-change.ts'
import { bookOf } from '#domain/quality.ts'
import { modelsOf, type RouteSpec, type RouteVersion } from '#domain/route.ts'
import { checkSpec } from '#domain/spec-check.ts'
import { evaluatorNames } from '#evaluators/registry.ts'
import type { Database } from '#store/database.ts'
import { listDecisions } from '#store/decisions.ts'
import { readLatencies, type StoredImpact } from '#store/impact.ts'
import { readQualityTallies } from '#store/quality-scores.ts'
import { readStableVersion } from '#store/routes.ts'
import { readCatalogueIn } from '#store/submission.ts'
import type { RolloutDeps } from './rollout-deps.ts'

const windowMs = 7 * 86_400_000
/** Recorded requests replayed, the newest: 3,000 take about 0.1 s. */
const limit = 3_000
/** Replayed before others get their turn: ten take some 25 ms with the largest spec that is accepted. */
const recordsAtOnce = 10
/** The previews of this process follow one another: each alone may take seconds of a core. */
let previous: Promise<unknown> = Promise.resolve()

/** A new version of a route, not stored yet. */
interface NewVersion {
  readonly catalogue: Catalogue
  readonly stable: RouteVersion
  /** Valid: its models are in the catalogue. */
  readonly spec: RouteSpec
  readonly nowMs: number
}

/** What was foreseen of a new version. */
export interface Foreseen {
  readonly impact: StoredImpact
  /** The version it was compared with. */
  readonly stable: RouteVersion
  /**
   * Why a proposal may not be submitted as it is: it leaves a policy of the stable version behind, and its plan asks for no
   * approval before the first live prompt would go there. Paths are below the proposal.
   */
  problemsUnder(plan: RolloutPlan): Problem[]
}

/**
 * What a new version of a route would do with its recorded requests (D3). Calls no model, stores nothing.
 *
 * @throws InterlockError NOT_FOUND (route), VALIDATION_FAILED with every problem of the spec
 */
export async function foresee(
  deps: Pick<RolloutDeps, 'db' | 'clock'>,
  { route, spec }: { readonly route: string; readonly spec: RouteSpec },
): Promise<StoredImpact> {
  const stable = await readStableVersion(deps.db, route)
  if (stable === null) throw new InterlockError('NOT_FOUND', `there is no route "${route}"`)
  const catalogue = await readCatalogueIn(deps.db)
  const problems = checkSpec(spec, catalogue, evaluatorNames)
  if (problems.length > 0) {
    const under = problems.map(({ path, message }) => ({ path: `/spec${path}`, message }))
    throw new InterlockError('VALIDATION_FAILED', 'the spec is not valid', under)
  }
  return (await foreseeVersion(deps.db, { catalogue, stable, spec, nowMs: deps.clock.nowMs() })).impact
}

export async function foreseeVersion(db: Database, of: NewVersion): Promise<Foreseen> {
  const { catalogue, stable, spec, nowMs } = of
  const since = nowMs - windowMs
  const records = await listDecisions(db, { route: stable.route, since, limit })
  const latencies = await readLatencies(db, [...new Set([...modelsOf(stable.spec), ...modelsOf(spec)])], since)
  const candidate: RouteVersion = { ...stable, version: stable.version + 1, spec, digest: canonicalDigest(spec) }
  const latencyOf = (model: string) => latencies.get(model) ?? null
  const served = records.filter((record) => record.version !== null)
  const book = bookOf((await readQualityTallies(db, null))?.rows ?? [])
  const impact = await inTurn({ catalogue, stable, candidate, records: served, latencyOf, book })
  return {
    impact: { at: nowMs, windowMs, limit, impact },
    stable,
    problemsUnder: (plan) => policyProblems(of, impact, plan),
  }
}

/** Replays without holding up what else this process does: it may be a gateway. */
function inTurn(input: ImpactInput): Promise<Impact> {
  const turn = previous.then(async () => {
    const parts = previewInParts(input, recordsAtOnce)
    for (let part = parts.next(); ; part = parts.next()) {
      if (part.done === true) return part.value
      await new Promise((resolve) => setImmediate(resolve))
    }
  })
  previous = turn.catch(() => undefined)
  return turn
}

function policyProblems(of: NewVersion, impact: Impact, plan: RolloutPlan): Problem[] {
  const breaks = policyBreaks(of.stable.spec, of.spec, of.catalogue)
  const dropped = droppedPatterns(of.stable.spec, of.spec)
  if (breaks.length === 0 && dropped.length === 0 && impact.brokenRequests === 0) return []
  const before = approvalPointIn(plan, 'shadow')
  if ((plan.approvals ?? []).some((approval) => approval.before === before)) return []
  const found = [
    ...breaks.map((one) => staticProblem(one, before)),
    ...dropped.map((name) => droppedProblem(name, before)),
  ]
  return found.length > 0 ? found : [recordedProblem(impact, before)]
}

function droppedProblem(name: string, before: ApprovalPoint): Problem {
  return {
    path: '/spec/guardrails/blocked',
    message: `no longer blocks what "${name}" of the stable version blocks; ${remedy(before)}`,
  }
}

function staticProblem({ model, rule, detail }: PolicyBreak, before: ApprovalPoint): Problem {
  const whose = rule === null ? "the stable version's constraints" : `rule "${rule}" of the stable version`
  return {
    path: '/spec/constraints',
    message: `would let requests go to ${model}, which ${whose} forbid (${detail}); ${remedy(before)}`,
  }
}

function recordedProblem({ brokenRequests, requests, broken }: Impact, before: ApprovalPoint): Problem {
  const [first] = broken
  const where = first === undefined ? 'elsewhere' : `to ${first.model ?? 'no model'} (${first.detail})`
  return {
    path: '/spec',
    message: `would send ${brokenRequests} of ${requests} recorded requests ${where}, where the stable version may not; ${remedy(before)}`,
  }
}

function remedy(before: ApprovalPoint): string {
  return `keep it as it is, or ask for an approval before "${before}" in the plan`
}
