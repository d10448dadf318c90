import type { Bar } from '#domain/bar.ts'
import { checkBar, checkPlan } from '#domain/bar-check.ts'
import { canonicalDigest } from '#domain/canonical.ts'
import { type Catalogue, exclusionsOf } from '#domain/constraints.ts'
import { InterlockError, type Problem } from '#domain/errors.ts'
import { conflictWords, judgeConflicts } from '#domain/judge-conflict.ts'
import { type RolloutPlan, withDemandedApprovals } from '#domain/plan.ts'
import { placeExclusions } from '#domain/policy-change.ts'
import { isCandidateStable } from '#domain/proposal.ts'
import { anyRequest } from '#domain/request-facts.ts'
import { modelsOf, type RouteSpec } from '#domain/route.ts'
import type { Caller } from '#domain/snapshot.ts'
import { checkSpec } from '#domain/spec-check.ts'
import type { Evaluator } from '#evaluators/evaluator.ts'
import { evaluatorNames, resolveEvaluators } from '#evaluators/registry.ts'
import { appendAudit } from '#store/audit.ts'
import { inTransaction, type Tx } from '#store/database.ts'
import type { StoredImpact } from '#store/impact.ts'
import { appendTimeline } from '#store/proposal-timeline.ts'
import { insertProposal, insertRouteVersion, lockOpenProposalOf, type ProposalOrigin } from '#store/proposals.ts'
import { readStableVersion } from '#store/routes.ts'
import { lockStable } from '#store/stable-pointer.ts'
import { readBar, readCatalogueIn, readKnownDatasets } from '#store/submission.ts'
import { applyEvent } from './apply-event.ts'
import { type Foreseen, foreseeVersion } from './preview-impact.ts'
import type { RolloutDeps } from './rollout-deps.ts'

export interface ProposalInput {
  readonly route: string
  readonly title: string
  readonly description: string
  /** Version it was written against. */
  readonly base: number
  readonly spec: RouteSpec
  readonly plan: RolloutPlan
  /** The other proposal it repeats, carries over or replaces; one that it replaces is withdrawn in the same transaction. */
  readonly origin?: ProposalOrigin
}

/**
 * Stores a route change for judging: a new immutable version and its proposal, in one transaction with the audit entry. What
 * it would have done with recorded requests is foreseen before and kept with it (D3).
 *
 * @throws InterlockError NOT_FOUND (route), STALE_BASE, ROLLOUT_IN_PROGRESS, VALIDATION_FAILED with every problem of spec and plan
 */
export async function submitProposal(deps: RolloutDeps, caller: Caller, input: ProposalInput): Promise<{ id: string }> {
  const id = deps.newId('prop')
  const foreseen = await foreseeFor(deps, input)
  await inTransaction(deps.db, (tx) => submitIn(tx, deps, caller, input, { id, foreseen }))
  if (input.origin?.kind === 'supersede') await deps.onChange()
  deps.ring({ name: 'advance-proposal', id })
  return { id }
}

/** Outside the transaction: no lock is held while requests are replayed. null: the spec or its base is wrong, which is told later. */
async function foreseeFor(deps: RolloutDeps, input: ProposalInput): Promise<Foreseen | null> {
  const stable = await readStableVersion(deps.db, input.route)
  if (stable === null || stable.version !== input.base) return null
  const catalogue = await readCatalogueIn(deps.db)
  if (checkSpec(input.spec, catalogue, evaluatorNames).length > 0) return null
  return foreseeVersion(deps.db, { catalogue, stable, spec: input.spec, nowMs: deps.clock.nowMs() })
}

interface Submission {
  readonly id: string
  readonly foreseen: Foreseen | null
}

async function submitIn(
  tx: Tx,
  deps: RolloutDeps,
  caller: Caller,
  input: ProposalInput,
  { id, foreseen }: Submission,
): Promise<void> {
  // The route's lock makes submissions follow one another; only then is it known whether one is open.
  const pointer = await lockStable(tx, input.route)
  if (pointer === null) {
    throw new InterlockError('NOT_FOUND', `there is no route "${input.route}"`, [
      { path: '/route', message: `there is no route "${input.route}"` },
    ])
  }
  if (input.base !== pointer.stable) throw staleBase(input, pointer.stable)
  await makeRoom(tx, deps, caller, { input, id })
  const { bar, barVersion } = await readBar(tx, input.route)
  const plan = withDemandedApprovals(input.plan, bar.approvals ?? [])
  const stable = foreseen?.stable.spec ?? null
  const problems = [...(await check(tx, { input, bar, stable })), ...(foreseen?.problemsUnder(plan) ?? [])]
  if (problems.length > 0) {
    throw new InterlockError('VALIDATION_FAILED', 'the proposal is not valid; nothing was stored', problems)
  }
  // The route moved between the preview and its lock: what was foreseen is of another version.
  if (foreseen === null || foreseen.stable.version !== pointer.stable) throw staleBase(input, pointer.stable)
  await store(tx, deps, caller, { input, id, plan, bar, barVersion, impact: foreseen.impact })
}

interface Accepted {
  readonly input: ProposalInput
  readonly id: string
  readonly plan: RolloutPlan
  readonly bar: Bar
  readonly barVersion: number
  readonly impact: StoredImpact
}

/** Version, proposal, timeline and audit entry. */
async function store(
  tx: Tx,
  deps: RolloutDeps,
  caller: Caller,
  { input, id, plan, bar, barVersion, impact }: Accepted,
): Promise<void> {
  const at = deps.clock.nowMs()
  const digest = canonicalDigest(input.spec)
  const version = await insertRouteVersion(tx, { route: input.route, spec: input.spec, digest, by: caller.name, at })
  await insertProposal(tx, {
    id,
    route: input.route,
    version,
    base: input.base,
    title: input.title,
    description: input.description,
    author: caller.name,
    authorPrincipal: caller.principal,
    plan,
    impact,
    bar,
    barVersion,
    salt: deps.newId('salt'),
    origin: input.origin ?? null,
    at,
  })
  const reason =
    input.origin === undefined ? 'submitted' : `submitted: ${originWords[input.origin.kind]} ${input.origin.of}`
  await appendTimeline(tx, id, { at, from: null, to: 'queued', by: caller.name, reason, shareBp: 0 })
  await appendAudit(tx, {
    at,
    actor: caller.name,
    action: 'proposal.submit',
    subject: `proposal:${id}`,
    details: {
      route: input.route,
      version,
      base: input.base,
      title: input.title,
      digest,
      barVersion,
      ...(input.origin && { origin: input.origin }),
    },
  })
}

const originWords = { retry: 'a new attempt at', rebase: 'carried over from', supersede: 'in place of' } as const

/** One rollout at a time (D12): the open one, if there is one, is in the way unless this proposal replaces it. */
async function makeRoom(
  tx: Tx,
  deps: RolloutDeps,
  caller: Caller,
  { input: { route, origin }, id }: { readonly input: ProposalInput; readonly id: string },
): Promise<void> {
  const replaced = origin?.kind === 'supersede' ? origin.of : null
  const open = await lockOpenProposalOf(tx, route)
  if (open === null) {
    if (replaced === null) return
    throw new InterlockError(
      'ILLEGAL_TRANSITION',
      `proposal ${replaced} is not open on "${route}": there is nothing to replace`,
    )
  }
  if (open.id !== replaced) throw inProgress(route, open.id)
  if (open.authorPrincipal !== caller.principal && !mayWithdraw.includes(caller.role)) {
    const message = `proposal ${open.id} is ${open.author}'s; its author, an operator or an admin may replace it`
    throw new InterlockError('FORBIDDEN', message, [{ path: '/supersedes', message }])
  }
  if (isCandidateStable(open.state.status)) {
    const message = `version ${open.version} is stable and bakes: wait for it, or roll it back first`
    throw new InterlockError('ILLEGAL_TRANSITION', message, [{ path: '/supersedes', message }])
  }
  await applyEvent(tx, deps, open, { kind: 'abort' }, { by: caller.name, reason: `replaced by ${id}` })
}

const mayWithdraw: readonly string[] = ['operator', 'admin']

interface Checked {
  readonly input: ProposalInput
  readonly bar: Bar
  /** The version it would replace; null: that has changed meanwhile. */
  readonly stable: RouteSpec | null
}

async function check(tx: Tx, { input, bar, stable }: Checked): Promise<Problem[]> {
  const catalogue = await readCatalogueIn(tx)
  const resolved = resolveEvaluators(bar.evaluators)
  const evaluators = 'evaluators' in resolved ? resolved.evaluators : []
  const barProblems = 'problems' in resolved ? resolved.problems : checkBar(bar, evaluators)
  return [
    ...under('/spec', checkSpec(input.spec, catalogue, evaluatorNames)),
    ...judgesInOwnCause(evaluators, input.spec, stable),
    ...judgesOutOfPlace(evaluators, [input.spec, ...(stable === null ? [] : [stable])], catalogue),
    ...under('/plan', checkPlan(input.plan, bar, { evaluators, datasets: await readKnownDatasets(tx) })),
    ...barProblems.map((problem) => ({
      path: '/route',
      message: `the route's bar no longer holds (${problem.path}: ${problem.message}); set a valid bar first`,
    })),
  ]
}

/** A judge must not be one of the models it judges, whichever of the two versions calls it. */
function judgesInOwnCause(
  evaluators: readonly Pick<Evaluator, 'name' | 'judges'>[],
  spec: RouteSpec,
  stable: RouteSpec | null,
): Problem[] {
  const own = modelsOf(spec)
  const models = [...own, ...(stable === null ? [] : modelsOf(stable))]
  return judgeConflicts(evaluators, models)
    .filter(({ kind }) => kind === 'arm')
    .map((conflict) => ({
      path: own.includes(conflict.judge) ? '/spec/models' : '/route',
      message: conflictWords(conflict),
    }))
}

/** A judge that may not see the route's requests (region, data policy, providers) could score none of them. */
function judgesOutOfPlace(
  evaluators: readonly Pick<Evaluator, 'name' | 'judges'>[],
  specs: readonly RouteSpec[],
  catalogue: Catalogue,
): Problem[] {
  const constraints = specs.flatMap((spec) => spec.constraints ?? [])
  const judges = evaluators.flatMap(({ name, judges: own = [] }) => own.map((judge) => ({ name, judge })))
  return judges.flatMap(({ name, judge }) => {
    const problem = exclusionsOf(judge, constraints, anyRequest, catalogue).find(({ by }) =>
      placeExclusions.includes(by),
    )
    if (problem === undefined) return []
    const message = `judge "${judge}" of evaluator "${name}" may not see this route's requests (${problem.detail}); set a bar with one that may`
    return [{ path: '/route', message }]
  })
}

function under(prefix: string, problems: readonly Problem[]): Problem[] {
  return problems.map((problem) => ({ path: `${prefix}${problem.path}`, message: problem.message }))
}

function staleBase(input: ProposalInput, stable: number): InterlockError {
  const message = `version ${input.base} is not the stable version of "${input.route}" (that is ${stable}); rebase the change on it`
  return new InterlockError('STALE_BASE', message, [{ path: '/base', message }])
}

function inProgress(route: string, id: string): InterlockError {
  const message = `route "${route}" has an open proposal (${id}); one rollout at a time: wait for it, abort it, or replace it ({"supersedes": "${id}"})`
  return new InterlockError('ROLLOUT_IN_PROGRESS', message, [{ path: '/route', message }])
}
