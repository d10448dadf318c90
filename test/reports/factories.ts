import type { ActionName, ActionView, ProposalSummary, Threshold, TrafficView } from '#reports/view-parts.ts'
import type { GatewaysView, OverviewView, RouteSummary, Shell } from '#reports/views.ts'

/** Every factory defaults everything; a test names what it is about. All times hang on this moment. */
export const now = Date.UTC(2026, 10, 23, 14, 5, 9)
export const minute = 60_000
export const hour = 60 * minute
export const day = 24 * hour

export function aShell(over: Partial<Shell> = {}): Shell {
  const viewer = { name: 'ines', role: 'approver' }
  return { title: 'Overview', viewer, csrf: 'csrf-token-of-the-session', generatedAt: now, ...over }
}

export function aProposalSummary(over: Partial<ProposalSummary> = {}): ProposalSummary {
  return {
    id: 'prp_7Hq2',
    title: 'Answer simple tickets with gpt-4o-mini',
    route: 'support-reply',
    version: 2,
    author: 'mara',
    status: 'canary',
    isPaused: false,
    isInconclusive: false,
    shareBp: 2500,
    createdAt: now - 5 * hour,
    stageStartedAt: now - 41 * minute,
    endedAt: null,
    lastWord: 'All 4 gates passed at 5%; the share went to 25%.',
    ...over,
  }
}

export function aTraffic(over: Partial<TrafficView> = {}): TrafficView {
  return {
    windowMs: hour,
    isSplit: true,
    shareBp: 2500,
    arms: [
      {
        arm: 'baseline',
        version: 1,
        requests: 3120,
        errors: 9,
        latencyP50Ms: 1380,
        latencyP95Ms: 3120,
        costMicroUsd: 18_420_000,
      },
      {
        arm: 'candidate',
        version: 2,
        requests: 1033,
        errors: 3,
        latencyP50Ms: 910,
        latencyP95Ms: 2240,
        costMicroUsd: 402_000,
      },
    ],
    ...over,
  }
}

export function aRouteSummary(over: Partial<RouteSummary> = {}): RouteSummary {
  return {
    name: 'support-reply',
    owner: 'support-platform',
    purpose: 'Answers to customers',
    risk: 'medium',
    stableVersion: 1,
    models: ['openai/gpt-4o'],
    rollout: aProposalSummary(),
    traffic: aTraffic(),
    lastVerdict: {
      action: 'wait',
      sentence: 'LLM judge: 143 of 200 samples.',
      at: now - 8000,
      proposalId: 'prp_7Hq2',
    },
    ...over,
  }
}

export function aGatewaysView(over: Partial<GatewaysView> = {}): GatewaysView {
  return {
    currentEpoch: 412,
    engineSeenAt: now - 2000,
    gateways: [
      { id: 'gw-eu-1', epoch: 412, seenAt: now - 1000, startedAt: now - 3 * day, isFresh: true },
      { id: 'gw-eu-2', epoch: 411, seenAt: now - 1400, startedAt: now - 3 * day, isFresh: true },
      { id: 'gw-us-1', epoch: 398, seenAt: now - 95_000, startedAt: now - 9 * day, isFresh: false },
    ],
    ...over,
  }
}

export function anOverview(over: Partial<OverviewView> = {}): OverviewView {
  return {
    routes: [
      aRouteSummary(),
      aRouteSummary({
        name: 'invoice-extract',
        owner: 'finance-tools',
        purpose: 'Fields of scanned invoices as JSON',
        stableVersion: 7,
        models: ['openai/gpt-4o-mini', 'mistral/mistral-small'],
        rollout: aProposalSummary({
          id: 'prp_9Kd1',
          status: 'awaiting_approval',
          title: 'Move extraction to mistral-small',
          shareBp: 0,
        }),
        traffic: aTraffic({
          isSplit: false,
          shareBp: 0,
          arms: [{ ...aTraffic().arms[0]!, version: 7, requests: 812 }],
        }),
        lastVerdict: {
          action: 'hold',
          sentence: 'JSON validity is inconclusive: −0.8 pts, interval −3.4 to +1.9.',
          at: now - 22 * minute,
          proposalId: 'prp_9Kd1',
        },
      }),
      aRouteSummary({
        name: 'summarise-call',
        owner: 'voice',
        purpose: 'Two-sentence summary of a call',
        stableVersion: 3,
        models: ['anthropic/claude-haiku'],
        rollout: null,
        traffic: aTraffic({
          isSplit: false,
          shareBp: 0,
          arms: [{ ...aTraffic().arms[0]!, version: 3, requests: 240 }],
        }),
        lastVerdict: {
          action: 'rollback',
          sentence: 'Error rate 31% against 1.0%.',
          at: now - 3 * day,
          proposalId: 'prp_2Ab7',
        },
      }),
    ],
    proposals: [
      aProposalSummary(),
      aProposalSummary({
        id: 'prp_9Kd1',
        route: 'invoice-extract',
        version: 8,
        status: 'awaiting_approval',
        shareBp: 0,
        title: 'Move extraction to mistral-small',
        author: 'jon',
        createdAt: now - 9 * hour,
        lastWord: 'Waits for an approver before the canary.',
      }),
      aProposalSummary({
        id: 'prp_5Fc4',
        route: 'summarise-call',
        version: 5,
        status: 'canary',
        isPaused: true,
        shareBp: 500,
        title: 'Shorter prompt for call summaries',
        author: 'lea',
        createdAt: now - day,
        lastWord: 'Paused by ines: incident on the voice side.',
      }),
      aProposalSummary({
        id: 'prp_2Ab7',
        route: 'summarise-call',
        version: 4,
        status: 'rolled_back',
        shareBp: 0,
        title: 'Try a self-hosted model for summaries',
        author: 'lea',
        createdAt: now - 4 * day,
        endedAt: now - 3 * day,
        lastWord: 'Error rate 31% against 1.0%.',
      }),
      aProposalSummary({
        id: 'prp_1Xz9',
        route: 'invoice-extract',
        version: 7,
        status: 'promoted',
        shareBp: 0,
        title: 'Two models for extraction',
        author: 'jon',
        createdAt: now - 12 * day,
        endedAt: now - 10 * day,
        lastWord: 'Final after a bake of 24 h without loss.',
      }),
      aProposalSummary({
        id: 'prp_0Qw3',
        route: 'invoice-extract',
        version: 6,
        status: 'failed',
        shareBp: 0,
        title: 'gpt-3.5-turbo for extraction',
        author: 'jon',
        createdAt: now - 20 * day,
        endedAt: now - 20 * day,
        lastWord: 'JSON validity 71.4% in offline evals; at least 98.0% is required.',
      }),
    ],
    gateways: aGatewaysView(),
    firstCommand: aFirstCommand,
    ...over,
  }
}

export const aFirstCommand = `curl -X POST http://127.0.0.1:8080/api/routes \\
  -H "Authorization: Bearer $INTERLOCK_KEY" -H "Content-Type: application/json" \\
  -d '{"name": "support-reply", "owner": "me", "purpose": "answers to customers", "risk": "medium",
       "spec": {"models": ["openai/gpt-4o"]}, "bar": {"evaluators": [], "gates": [{"metric": "error_rate", "max": 0.02}]}}'`

export function anAction(name: ActionName, over: Partial<ActionView> = {}): ActionView {
  const labels = {
    approve: 'Approve',
    reject: 'Reject',
    pause: 'Pause',
    resume: 'Resume',
    abort: 'Abort',
    rollback: 'Roll back now',
  }
  return {
    name,
    label: labels[name],
    url: `/proposals/prp_7Hq2/${name}`,
    effect: 'Every gateway sends all requests to v1 within a second. The proposal ends as rolled back.',
    isAllowed: true,
    refusal: null,
    needsReason: name === 'reject',
    fields: [],
    ...over,
  }
}

/** A course that narrows from wide open to the interval given. */
export function aThreshold(over: Partial<Threshold> = {}): Threshold {
  return { min: null, max: null, maxDrop: null, maxIncrease: null, ...over }
}
