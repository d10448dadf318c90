import type { RolloutPlan } from '#domain/plan.ts'
import type { GateResult } from '#domain/promotion-types.ts'
import { endStatuses, openStatuses } from '#domain/proposal.ts'
import type { StoredDecision } from '#store/promotion-decisions.ts'
import type { TimelineEntry } from '#store/proposal-timeline.ts'
import type { StoredProposal } from '#store/proposals.ts'
import { iso, nameSchema, percent, timeSchema } from './common-schemas.ts'
import { barSchema, planSchema } from './route-schemas.ts'

const number = { type: ['number', 'null'] } as const

export const statusSchema = { enum: [...openStatuses, ...endStatuses] } as const

const gateSchema = {
  type: 'object',
  properties: {
    stage: { enum: ['offline', 'shadow', 'canary', 'bake'] },
    step: { ...number, description: 'percent of the canary step; null in the other stages' },
    metric: { type: 'string' },
    baseline: number,
    candidate: number,
    difference: { ...number, description: 'candidate - baseline' },
    interval: { type: ['array', 'null'], items: { type: 'number' }, minItems: 2, maxItems: 2 },
    samples: { type: 'integer' },
    missing: { type: 'integer' },
    threshold: { type: 'object' },
    verdict: { enum: ['pass', 'fail', 'inconclusive'] },
    eValue: { ...number, description: 'evidence for passing; it passes at 1 / alpha' },
  },
  required: [
    'stage',
    'step',
    'metric',
    'baseline',
    'candidate',
    'difference',
    'interval',
    'samples',
    'missing',
    'threshold',
    'verdict',
  ],
} as const

const timelineSchema = {
  type: 'object',
  properties: {
    at: timeSchema,
    from: { type: ['string', 'null'] },
    to: statusSchema,
    by: { type: 'string', description: '`engine` or the name of a key' },
    reason: { type: 'string' },
    share: { type: 'number' },
  },
  required: ['at', 'from', 'to', 'by', 'reason', 'share'],
} as const

export const proposalSchema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    route: nameSchema,
    version: { type: 'integer' },
    base: { type: 'integer' },
    title: { type: 'string' },
    description: { type: 'string' },
    author: { type: 'string' },
    status: statusSchema,
    share: { type: 'number', description: 'percent of live traffic on the new version' },
    waitingFor: { enum: ['shadow', 'canary', 'promotion', null] },
    isPaused: { type: 'boolean' },
    origin: {
      type: ['object', 'null'],
      description: 'the proposal that this one repeats, carries over or replaces',
      properties: { kind: { enum: ['retry', 'rebase', 'supersede'] }, of: { type: 'string' } },
      required: ['kind', 'of'],
    },
    plan: planSchema,
    bar: barSchema,
    barVersion: { type: 'integer' },
    gates: { type: 'array', items: gateSchema },
    timeline: { type: 'array', items: timelineSchema },
    warnings: {
      type: 'array',
      items: { type: 'string' },
      description: 'judges of the family of a model that either version calls: judges favour their own',
    },
    createdAt: timeSchema,
    endedAt: { type: ['string', 'null'], format: 'date-time' },
    endReason: { type: ['string', 'null'] },
    endedInconclusive: { type: 'boolean' },
    links: {
      type: 'object',
      properties: {
        report: { type: 'string' },
        self: { type: 'string' },
        events: { type: 'string' },
        decisions: { type: 'string' },
        evalRuns: { type: 'array', items: { type: 'string' } },
      },
      required: ['report', 'self', 'events', 'decisions'],
    },
  },
  required: [
    'id',
    'route',
    'version',
    'base',
    'title',
    'author',
    'status',
    'share',
    'waitingFor',
    'gates',
    'timeline',
    'links',
  ],
} as const

export const decisionSchema = {
  type: 'object',
  properties: {
    seq: { type: 'integer' },
    at: timeSchema,
    stage: { type: 'string' },
    step: number,
    action: { enum: ['advance', 'wait', 'hold', 'rollback', 'inconclusive', 'fail'] },
    reasons: { type: 'array', items: { type: 'object' } },
    gates: { type: 'array', items: gateSchema },
    evidence: { type: 'object' },
    engine: { type: 'string', description: 'names the method and its constants' },
  },
  required: ['seq', 'at', 'stage', 'step', 'action', 'reasons', 'gates', 'evidence', 'engine'],
} as const

/** A proposal as the API shows it. @param evalRuns ids; undefined where they were not read (lists) */
export function proposalView(
  proposal: StoredProposal,
  timeline: readonly TimelineEntry[],
  evalRuns?: readonly string[],
): object {
  const { id, state, plan } = proposal
  return {
    id,
    route: proposal.route,
    version: proposal.version,
    base: proposal.base,
    title: proposal.title,
    description: proposal.description,
    author: proposal.author,
    status: state.status,
    share: percent(state.shareBp),
    waitingFor: state.waitingFor,
    isPaused: state.isPaused,
    origin: proposal.origin,
    plan,
    bar: proposal.bar,
    barVersion: proposal.barVersion,
    gates: (proposal.gates as readonly GateResult[]).map((gate) => gateView(gate, plan)),
    timeline: timeline.map(timelineView),
    createdAt: iso(proposal.createdAt),
    endedAt: proposal.endedAt === null ? null : iso(proposal.endedAt),
    endReason: proposal.endReason,
    endedInconclusive: proposal.endedInconclusive,
    links: {
      report: `/proposals/${id}`,
      self: `/api/proposals/${id}`,
      events: `/api/proposals/${id}/events`,
      decisions: `/api/proposals/${id}/decisions`,
      ...(evalRuns && { evalRuns: evalRuns.map((run) => `/api/eval-runs/${run}`) }),
    },
  }
}

/** A stage's step as percent; null outside the canary. */
function stepPercent(stage: string, step: number, plan: RolloutPlan): number | null {
  return stage === 'canary' ? (plan.canary?.steps[step] ?? null) : null
}

function gateView(gate: GateResult, plan: RolloutPlan): object {
  return {
    stage: gate.stage,
    step: stepPercent(gate.stage, gate.step, plan),
    metric: gate.metric,
    baseline: gate.baseline,
    candidate: gate.candidate,
    difference: gate.difference,
    interval: gate.interval,
    samples: gate.samples,
    missing: gate.missing,
    threshold: gate.threshold,
    verdict: gate.verdict,
    eValue: gate.stage === 'offline' ? null : gate.eValue,
  }
}

export function timelineView(entry: TimelineEntry): object {
  const { at, from, to, by, reason, shareBp } = entry
  return { at: iso(at), from, to, by, reason, share: percent(shareBp) }
}

export function decisionView(decision: StoredDecision, plan: RolloutPlan): object {
  return {
    seq: Number(decision.seq),
    at: iso(decision.at),
    stage: decision.stage,
    step: stepPercent(decision.stage, decision.step, plan),
    action: decision.action,
    reasons: decision.reasons,
    gates: (decision.gates as readonly GateResult[]).map((gate) => gateView(gate, plan)),
    evidence: decision.evidence,
    engine: decision.engine,
  }
}
