import type { RolloutPlan } from '#domain/plan.ts'
import { isOpen, type ProposalState } from '#domain/proposal.ts'
import type { Caller } from '#domain/snapshot.ts'
import { type Action, mayDo, permissions } from '#http/permissions.ts'
import type { ActionName, ActionView } from '#reports/view-parts.ts'
import { shareWords } from '#store/report-words.ts'

/** What the forms of a proposal depend on. */
export interface Actionable {
  readonly id: string
  readonly route: string
  readonly version: number
  readonly base: number
  readonly state: ProposalState
  readonly plan: RolloutPlan
  readonly author: string
  readonly authorPrincipal: string
  /** Principals of its author and of the authors of the proposals it came from. */
  readonly contributors: readonly string[]
  /** The route's stable and previous version now. */
  readonly stableVersion: number
  readonly previousVersion: number | null
}

const labels: Readonly<Record<ActionName, string>> = {
  approve: 'Approve',
  reject: 'Reject',
  pause: 'Pause',
  resume: 'Resume',
  abort: 'Abort',
  rollback: 'Roll back now',
}

/** What each form needs leave for. The control plane decides; these words explain it beforehand. */
const leave: Readonly<Record<ActionName, Action>> = {
  approve: 'approve',
  reject: 'approve',
  pause: 'hold-rollout',
  resume: 'hold-rollout',
  abort: 'hold-rollout',
  rollback: 'roll-back',
}

/** The forms of a proposal's page, the way out first. What one may not do stays there with the reason. */
export function proposalActions(proposal: Actionable, viewer: Caller | null): ActionView[] {
  const way = rollbackOf(proposal, viewer)
  if (!isOpen(proposal.state.status)) return [way]
  const hold: ActionName = proposal.state.isPaused ? 'resume' : 'pause'
  const names: readonly ActionName[] = ['approve', 'reject', hold, 'abort']
  const others = names.map((name) =>
    action(name, {
      url: `/proposals/${encodeURIComponent(proposal.id)}/${name}`,
      effect: effectOf(name, proposal),
      refusal: roleRefusal(name, viewer) ?? stateRefusal(name, proposal, viewer),
    }),
  )
  const isWaiting = proposal.state.status === 'awaiting_approval'
  return isWaiting ? [...others.slice(0, 2), way, ...others.slice(2)] : [way, ...others]
}

function rollbackOf(proposal: Actionable, viewer: Caller | null): ActionView {
  const { state, route, version, base, id } = proposal
  const isLive = isOpen(state.status) && state.shareBp > 0
  const isStillStable = state.status === 'promoted' && proposal.stableVersion === version
  const to = isStillStable ? proposal.previousVersion : base
  const refusal =
    roleRefusal('rollback', viewer) ??
    (isLive
      ? null
      : isStillStable
        ? to === null
          ? 'There is no earlier version to return to.'
          : null
        : idleRefusal(proposal))
  return action('rollback', {
    url: isStillStable
      ? `/routes/${encodeURIComponent(route)}/rollback`
      : `/proposals/${encodeURIComponent(id)}/rollback`,
    effect: `Every gateway sends all requests of ${route} to v${to ?? base} at once. ${isStillStable ? `v${version} stays ready.` : 'The proposal ends as rolled back.'}`,
    refusal,
  })
}

function idleRefusal({ state, stableVersion }: Actionable): string {
  if (isOpen(state.status)) return 'The candidate serves no request yet: there is nothing to roll back.'
  return state.status === 'promoted'
    ? `v${stableVersion} is stable now: roll back on the route's page.`
    : `The proposal has ended: every request goes to v${stableVersion}.`
}

/** The form of a route's page: end what runs, or return to the version before. */
export function routeRollback(
  route: {
    readonly name: string
    readonly stableVersion: number
    readonly previousVersion: number | null
    readonly openShareBp: number | null
  },
  viewer: Caller | null,
): ActionView {
  const { name, stableVersion, previousVersion, openShareBp } = route
  const hasWay = openShareBp !== null || previousVersion !== null
  return action('rollback', {
    url: `/routes/${encodeURIComponent(name)}/rollback`,
    effect:
      openShareBp !== null
        ? `Ends the open rollout: every gateway sends all requests to ${openShareBp > 9000 ? 'the version before it' : `v${stableVersion}`} at once.`
        : `Every gateway sends all requests to v${previousVersion ?? stableVersion} at once. v${stableVersion} stays ready.`,
    refusal: roleRefusal('rollback', viewer) ?? (hasWay ? null : 'There is no earlier version to return to.'),
  })
}

function action(name: ActionName, of: { url: string; effect: string; refusal: string | null }): ActionView {
  return {
    name,
    label: labels[name],
    url: of.url,
    effect: of.effect,
    isAllowed: of.refusal === null,
    refusal: of.refusal,
    needsReason: name === 'reject',
    fields: [],
  }
}

function roleRefusal(name: ActionName, viewer: Caller | null): string | null {
  if (viewer === null) return 'Log in to do this.'
  const action = leave[name]
  if (mayDo(viewer.role, action)) return null
  return `Needs the role ${permissions[action].roles.join(' or ')}; your key has the role ${viewer.role}.`
}

function stateRefusal(name: ActionName, proposal: Actionable, viewer: Caller | null): string | null {
  if (name !== 'approve') return null
  if (viewer?.principal === proposal.authorPrincipal)
    return `You wrote this: someone other than ${proposal.author} must approve it.`
  if (viewer !== null && proposal.contributors.includes(viewer.principal))
    return 'You wrote an earlier attempt at this: someone else must approve it.'
  if (proposal.state.status !== 'awaiting_approval') return 'Nothing waits for an approval now.'
  return proposal.state.isPaused ? 'It is paused: resume it first.' : null
}

function effectOf(name: ActionName, { state, plan, route, base }: Actionable): string {
  const back =
    state.shareBp > 0 ? ` Every request of ${route} goes to v${base} at once.` : ' No live request is touched.'
  switch (name) {
    case 'approve':
      if (state.waitingFor === 'shadow')
        return 'Shadow starts: live prompts are sent to the candidate too; users see none of it.'
      return state.waitingFor === 'promotion'
        ? `The candidate becomes stable${plan.bake === undefined ? '.' : `; a small share stays on v${base} while it bakes.`}`
        : `The canary starts: ${shareWords((plan.canary?.steps[0] ?? 0) * 100)} of requests go to the candidate.`
    case 'reject':
      return `Ends the proposal for good.${back}`
    case 'abort':
      return `Withdraws the proposal.${back}`
    case 'pause':
      return 'No step is taken until someone resumes it. Evidence keeps coming and a rollback still fires.'
    default:
      return 'Steps are taken again as soon as the evidence allows.'
  }
}
