import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RolloutPlan } from '#domain/plan.ts'
import {
  allowedIn,
  canarySteps,
  endStatuses,
  initialState,
  isOpen,
  next,
  type ProposalEvent,
  type ProposalState,
} from '#domain/proposal.ts'

const plan: RolloutPlan = {
  offline: { datasets: ['d@1'] },
  shadow: {},
  canary: { steps: [5, 25, 100] },
  bake: { duration: '1h' },
  approvals: [{ before: 'canary' }, { before: 'promotion' }],
}
const kinds: ProposalEvent['kind'][] = [
  'stage_passed',
  'stage_failed',
  'inconclusive',
  'approve',
  'reject',
  'abort',
  'roll_back',
  'pause',
  'resume',
]

function stateAfter(events: readonly ProposalEvent['kind'][], of: RolloutPlan = plan): ProposalState {
  return events.reduce<ProposalState>((state, kind) => {
    const transition = next(state, { kind }, of)
    return transition.kind === 'moved' ? transition.state : state
  }, initialState)
}

describe('proposal transitions (D4 to D9)', () => {
  test('every stage in order leads to promoted, with both approvals on the way', () => {
    const path: string[] = []
    let state = initialState
    for (const kind of [
      'stage_passed',
      'stage_passed',
      'stage_passed',
      'approve',
      'stage_passed',
      'stage_passed',
      'approve',
      'stage_passed',
    ] as const) {
      const transition = next(state, { kind }, plan)
      if (transition.kind !== 'moved') throw new Error(transition.message)
      state = transition.state
      path.push(`${state.status} ${state.shareBp}`)
    }
    expect(path).toEqual([
      'offline 0',
      'shadow 0',
      'awaiting_approval 0',
      'canary 500',
      'canary 2500',
      'awaiting_approval 2500',
      'bake 9500',
      'promoted 10000',
    ])
  })

  test('evidence never replaces an approval', () => {
    const waiting = stateAfter(['stage_passed', 'stage_passed', 'stage_passed'])
    expect(next(waiting, { kind: 'stage_passed' }, plan)).toMatchObject({ kind: 'refused' })
  })

  test('an inconclusive canary is rolled back and an inconclusive offline stage fails', () => {
    expect(stateAfter(['stage_passed', 'inconclusive']).status).toBe('failed')
    expect(stateAfter(['stage_passed', 'stage_passed', 'stage_passed', 'approve', 'inconclusive']).status).toBe(
      'rolled_back',
    )
  })

  test('a paused proposal is rolled back all the same', () => {
    const paused = stateAfter(['stage_passed', 'stage_passed', 'stage_passed', 'approve', 'pause'])
    expect(next(paused, { kind: 'stage_passed' }, plan).kind).toBe('refused')
    expect(
      stateAfter(['stage_passed', 'stage_passed', 'stage_passed', 'approve', 'pause', 'stage_failed']),
    ).toMatchObject({
      status: 'rolled_back',
      shareBp: 0,
    })
  })

  test('a step of 100 % is the promotion, not a step of its own', () => {
    expect(canarySteps(plan)).toEqual([5, 25])
  })

  test('whatever happens, an end is final and leaves no share but that of a promotion', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...kinds), { maxLength: 40 }), (events) => {
        let state = initialState
        for (const kind of events) {
          const transition = next(state, { kind }, plan)
          if (!isOpen(state.status)) expect(transition.kind).toBe('refused')
          if (transition.kind === 'moved') state = transition.state
        }
        if (!isOpen(state.status)) expect(state.shareBp).toBe(state.status === 'promoted' ? 10_000 : 0)
      }),
    )
  })

  test('only passing a stage or an approval raises the share', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...kinds), { maxLength: 40 }), (events) => {
        let state = initialState
        for (const kind of events) {
          const transition = next(state, { kind }, plan)
          if (transition.kind !== 'moved') continue
          if (transition.state.shareBp > state.shareBp) expect(['stage_passed', 'approve']).toContain(kind)
          state = transition.state
        }
      }),
    )
  })

  test('what is allowed is exactly what is not refused, for the acts of people', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...kinds), { maxLength: 12 }), (events) => {
        const state = stateAfter(events)
        for (const kind of ['approve', 'reject', 'abort', 'roll_back', 'pause', 'resume'] as const) {
          expect(next(state, { kind }, plan).kind === 'moved').toBe(allowedIn(state).includes(kind))
        }
      }),
    )
  })

  test('every end can be reached', () => {
    const reached = new Set([
      stateAfter(['stage_passed', 'reject']).status,
      stateAfter(['abort']).status,
      stateAfter(['stage_passed', 'stage_failed']).status,
      stateAfter(['roll_back']).status,
      stateAfter(['stage_passed', 'stage_passed', 'stage_passed'], { canary: { steps: [10] } }).status,
    ])
    expect([...reached].sort()).toEqual([...endStatuses].sort())
  })
})
