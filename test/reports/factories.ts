import type { DecisionsView, DecisionView } from '#reports/decision-view.ts'
import type {
  ActionName,
  ActionView,
  DiffView,
  GatePoint,
  GateRow,
  ProposalSummary,
  Threshold,
  TrafficView,
} from '#reports/view-parts.ts'
import type {
  GatewaysView,
  OverviewView,
  ProposalView,
  RouteSummary,
  RouteView,
  Shell,
  StageView,
} from '#reports/views.ts'

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
    endedAt: null,
    lastWord: 'All 4 gates passed at 5%; the share went to 25%.',
    ...over,
  }
}

export function aTraffic(over: Partial<TrafficView> = {}): TrafficView {
  return {
    windowMinutes: 60,
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
        traffic: aTraffic({ shareBp: 0, arms: [{ ...aTraffic().arms[0]!, version: 7, requests: 812 }] }),
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
        traffic: aTraffic({ shareBp: 0, arms: [{ ...aTraffic().arms[0]!, version: 3, requests: 240 }] }),
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
export function aHistory(
  over: { difference?: number; half?: number; samples?: number; points?: number } = {},
): GatePoint[] {
  const { difference = 0.018, half = 0.026, samples = 412, points = 24 } = over
  return Array.from({ length: points }, (_, index) => {
    const part = (index + 1) / points
    const width = half / Math.sqrt(part)
    const wobble = Math.sin(index * 1.7) * half * 0.35 * (1 - part)
    return {
      at: now - (points - index) * 4 * minute,
      samples: Math.round(samples * part),
      difference: difference + wobble,
      low: difference + wobble - width,
      high: difference + wobble + width,
    }
  })
}

export function aThreshold(over: Partial<Threshold> = {}): Threshold {
  return { min: null, max: null, maxDrop: null, maxIncrease: null, ...over }
}

export function aGate(over: Partial<GateRow> = {}): GateRow {
  return {
    stage: 'canary',
    stepPercent: 25,
    metric: 'llm_judge',
    unit: 'score',
    isLowerBetter: false,
    baseline: 0.712,
    candidate: 0.73,
    difference: 0.018,
    interval: [-0.008, 0.044],
    samples: 412,
    missing: 3,
    threshold: aThreshold({ maxDrop: 0.03 }),
    margin: 0.03,
    detectable: null,
    eValue: 48.2,
    eValueNeeded: 20,
    verdict: 'pass',
    history: aHistory(),
    ...over,
  }
}

export function fourGates(stepPercent: number | null = 25): GateRow[] {
  const stage = stepPercent === null ? 'offline' : 'canary'
  return [
    aGate({ stage, stepPercent }),
    aGate({
      stage,
      stepPercent,
      metric: 'json_validity',
      baseline: 0.996,
      candidate: 0.988,
      difference: -0.008,
      interval: [-0.034, 0.019],
      threshold: aThreshold({ min: 0.98 }),
      margin: null,
      samples: 409,
      missing: 6,
      eValue: 3.1,
      verdict: 'inconclusive',
      history: [],
    }),
    aGate({
      stage,
      stepPercent,
      metric: 'error_rate',
      unit: 'rate',
      isLowerBetter: true,
      baseline: 0.0029,
      candidate: 0.0031,
      difference: 0.0002,
      interval: [-0.009, 0.011],
      threshold: aThreshold({ max: 0.02 }),
      margin: null,
      samples: 1033,
      missing: 0,
      eValue: 31,
      history: [],
    }),
    aGate({
      stage,
      stepPercent,
      metric: 'latency_p95_ms',
      unit: 'ms',
      isLowerBetter: true,
      baseline: 3120,
      candidate: 2240,
      difference: -880,
      interval: [-1240, -410],
      threshold: aThreshold({ maxIncrease: 0.25 }),
      margin: null,
      samples: 1033,
      missing: 0,
      eValue: 460,
      history: [],
    }),
    aGate({
      stage,
      stepPercent,
      metric: 'cost_usd',
      unit: 'usd',
      isLowerBetter: true,
      baseline: 0.0059,
      candidate: 0.00039,
      difference: -0.00551,
      interval: [-0.0062, -0.0049],
      threshold: aThreshold({ maxIncrease: 0 }),
      margin: null,
      samples: 1033,
      missing: 0,
      eValue: 9100,
      history: [],
    }),
  ]
}

export function aDiff(over: Partial<DiffView> = {}): DiffView {
  return {
    route: 'support-reply',
    fromVersion: 1,
    toVersion: 2,
    lines: [
      {
        kind: 'changed',
        path: '/models',
        sentence: 'The pool is openai/gpt-4o, then openai/gpt-4o-mini instead of openai/gpt-4o alone.',
        before: 'openai/gpt-4o',
        after: 'openai/gpt-4o, openai/gpt-4o-mini',
      },
      {
        kind: 'added',
        path: '/rules/0',
        sentence: 'Requests whose task is classification or extraction go to openai/gpt-4o-mini, cheapest first.',
        before: null,
        after: 'rule "simple"',
      },
      {
        kind: 'removed',
        path: '/parameters/temperature',
        sentence: 'The temperature is no longer set.',
        before: '0.2',
        after: null,
      },
    ],
    json: [
      { kind: 'same', text: '{' },
      { kind: 'removed', text: '  "models": ["openai/gpt-4o"],' },
      { kind: 'removed', text: '  "parameters": {"temperature": 0.2},' },
      { kind: 'added', text: '  "models": ["openai/gpt-4o", "openai/gpt-4o-mini"],' },
      {
        kind: 'added',
        text: '  "rules": [{"name": "simple", "when": {"task": {"in": ["classification", "extraction"]}}, "models": ["openai/gpt-4o-mini"]}],',
      },
      { kind: 'same', text: '  "fallbacks": ["local/llama"]' },
      { kind: 'same', text: '}' },
    ],
    ...over,
  }
}

const railOfCanary: readonly StageView[] = [
  { stage: 'offline', stepPercent: null, state: 'done', detail: '800 items' },
  { stage: 'shadow', stepPercent: null, state: 'done', detail: '214 pairs' },
  { stage: 'canary', stepPercent: 5, state: 'done', detail: '1 h 12 min' },
  { stage: 'canary', stepPercent: 25, state: 'current', detail: '143 of 200 samples' },
  { stage: 'canary', stepPercent: 50, state: 'todo', detail: '' },
  { stage: 'bake', stepPercent: null, state: 'todo', detail: '24 h' },
  { stage: 'promoted', stepPercent: null, state: 'todo', detail: '' },
]

export function aProposal(over: Partial<ProposalView> = {}): ProposalView {
  return {
    id: 'prp_7Hq2',
    title: 'Answer simple tickets with gpt-4o-mini',
    description:
      'Classification and extraction make up 38% of support-reply.\nThe small model answers them as well at a fifteenth of the price.',
    route: 'support-reply',
    version: 2,
    baseVersion: 1,
    digest: '9f2c4a1b77d0e5a3',
    author: 'mara',
    createdAt: now - 5 * hour,
    endedAt: null,
    status: 'canary',
    isPaused: false,
    isInconclusive: false,
    headline: {
      verdict: 'inconclusive',
      sentence: 'Not proven yet: the candidate stays at 25%.',
      reason:
        'JSON validity is 98.8% and at least 98.0% is required, but with 409 samples the interval still reaches below it.',
      evidenceAt: now - 8000,
    },
    diff: aDiff(),
    stages: railOfCanary,
    gates: [
      { stage: 'canary', stepPercent: 25, isCurrent: true, rows: fourGates() },
      {
        stage: 'offline',
        stepPercent: null,
        isCurrent: false,
        rows: fourGates(null).map((row) => ({ ...row, verdict: 'pass', history: [] })),
      },
    ],
    live: {
      traffic: aTraffic(),
      unit: 'session',
      candidateRequests: 1188,
      candidateUnits: 402,
      stageStartedAt: now - 41 * minute,
      next: 'Next: 50%',
      needs: [
        { sentence: 'Every gate passes (4 of 5 do).', isMet: false },
        { sentence: '200 scored samples (143 so far).', isMet: false },
        { sentence: 'No alarm on errors or on the split of traffic.', isMet: true },
      ],
      funnel: [
        { arm: 'baseline', planned: 3120, answered: 3111, scored: 3060 },
        { arm: 'candidate', planned: 1033, answered: 1030, scored: 1012 },
      ],
    },
    evalRuns: [
      { id: 'evr_44', dataset: 'support', datasetVersion: 1, status: 'completed', planned: 1600, answered: 1600 },
    ],
    approvals: [
      { before: 'canary', by: 'ines', at: now - 3 * hour, reason: 'read the 12 regressions: wording only' },
      { before: 'promotion', by: null, at: null, reason: null },
    ],
    actions: [
      anAction('rollback'),
      anAction('approve', {
        isAllowed: false,
        refusal: 'Nothing waits for an approval now: the canary is still collecting evidence.',
      }),
      anAction('pause', {
        effect: 'The share stays at 25% and no step is taken until someone resumes. Guards stay on.',
      }),
      anAction('abort', { isAllowed: false, refusal: 'Needs the role operator; your key is an approver.' }),
    ],
    timeline: [
      {
        at: now - 41 * minute,
        kind: 'step',
        from: 'canary',
        to: 'canary',
        by: 'engine',
        reason: 'every gate passed at 5%',
        shareBp: 2500,
      },
      {
        at: now - 2 * hour,
        kind: 'moved',
        from: 'awaiting_approval',
        to: 'canary',
        by: 'ines',
        reason: 'read the 12 regressions: wording only',
        shareBp: 500,
      },
      {
        at: now - 3 * hour,
        kind: 'moved',
        from: 'shadow',
        to: 'awaiting_approval',
        by: 'engine',
        reason: 'shadow passed with 214 pairs',
        shareBp: 0,
      },
      {
        at: now - 4 * hour,
        kind: 'moved',
        from: 'offline',
        to: 'shadow',
        by: 'engine',
        reason: 'offline evals passed on support@1',
        shareBp: 0,
      },
      { at: now - 5 * hour, kind: 'submitted', from: null, to: 'queued', by: 'mara', reason: 'submitted', shareBp: 0 },
    ],
    verdicts: [
      {
        at: now - 8000,
        stage: 'canary',
        stepPercent: 25,
        action: 'wait',
        engine: 'betting@1',
        reasons: [
          {
            rule: 'min_samples',
            metric: 'llm_judge',
            message: 'LLM judge has 143 of 200 samples.',
            observed: 143,
            threshold: 200,
            samples: 143,
          },
        ],
      },
      { at: now - 41 * minute, stage: 'canary', stepPercent: 5, action: 'advance', engine: 'betting@1', reasons: [] },
    ],
    verdictCount: 212,
    convergence: { ...aGatewaysView(), lastCandidateRequestAt: now - 400 },
    ...over,
  }
}

export function aRoute(over: Partial<RouteView> = {}): RouteView {
  return {
    name: 'support-reply',
    owner: 'support-platform',
    purpose: 'Answers to customers',
    risk: 'medium',
    createdAt: now - 30 * day,
    createdBy: 'mara',
    stableVersion: 1,
    previousVersion: null,
    specWords: [
      'Asks openai/gpt-4o.',
      'If that fails on a timeout, a rate limit, a server error or the connection, tries twice, then asks local/llama.',
      'Gives up after 60 s, or when no token came for 10 s.',
      'Sets temperature to 0.2 where the request does not.',
    ],
    specJson: JSON.stringify(
      { models: ['openai/gpt-4o'], fallbacks: ['local/llama'], parameters: { temperature: 0.2 } },
      null,
      2,
    ),
    bar: {
      version: 1,
      gates: [
        { metric: 'json_validity', unit: 'score', threshold: aThreshold({ min: 0.98 }), stages: [] },
        { metric: 'llm_judge', unit: 'score', threshold: aThreshold({ maxDrop: 0.03 }), stages: [] },
        { metric: 'error_rate', unit: 'rate', threshold: aThreshold({ max: 0.02 }), stages: [] },
        {
          metric: 'latency_p95_ms',
          unit: 'ms',
          threshold: aThreshold({ max: 4000, maxIncrease: 0.25 }),
          stages: ['shadow', 'canary', 'bake'],
        },
        { metric: 'cost_usd', unit: 'usd', threshold: aThreshold({ maxIncrease: 0 }), stages: [] },
      ],
      evaluators: [
        { name: 'json_validity', sentence: 'schema of the request' },
        { name: 'llm_judge', sentence: 'pairwise, judged by openai/gpt-4o' },
      ],
      alpha: 0.05,
      maxMissing: 0.05,
      requiredStages: ['offline', 'shadow', 'canary'],
    },
    versions: [
      {
        version: 2,
        state: 'candidate',
        createdAt: now - 5 * hour,
        createdBy: 'mara',
        digest: '9f2c4a1b77d0e5a3',
        models: ['openai/gpt-4o', 'openai/gpt-4o-mini'],
        proposalId: 'prp_7Hq2',
        proposalStatus: 'canary',
      },
      {
        version: 1,
        state: 'stable',
        createdAt: now - 30 * day,
        createdBy: 'mara',
        digest: '1c00ffee1234abcd',
        models: ['openai/gpt-4o'],
        proposalId: null,
        proposalStatus: null,
      },
    ],
    rollout: aProposalSummary(),
    diff: aDiff(),
    traffic: aTraffic(),
    proposals: [aProposalSummary()],
    rollback: anAction('rollback', {
      url: '/routes/support-reply/rollback',
      effect: 'Ends the open rollout: every gateway sends all requests to v1 within a second.',
    }),
    ...over,
  }
}

export function aDecisionsView(over: Partial<DecisionsView> = {}): DecisionsView {
  const row = {
    requestId: 'req_01',
    at: now - 4000,
    route: 'support-reply',
    version: 2,
    arm: 'candidate',
    model: 'openai/gpt-4o-mini',
    rule: 'simple',
    status: 200,
    attempts: 1,
    isFallback: false,
    costMicroUsd: 391,
    totalMs: 884,
  }
  return {
    filters: { route: 'support-reply', arm: '', model: '', version: '' },
    items: [
      row,
      {
        ...row,
        requestId: 'req_02',
        at: now - 9000,
        arm: 'baseline',
        version: 1,
        model: 'openai/gpt-4o',
        rule: null,
        costMicroUsd: 5920,
        totalMs: 1544,
      },
      {
        ...row,
        requestId: 'req_03',
        at: now - 12_000,
        model: 'local/llama',
        attempts: 3,
        isFallback: true,
        costMicroUsd: null,
        totalMs: 11_240,
      },
      {
        ...row,
        requestId: 'req_04',
        at: now - 15_000,
        model: null,
        rule: null,
        status: 503,
        attempts: 0,
        costMicroUsd: null,
        totalMs: 2,
      },
      { ...row, requestId: 'req_05', at: now - 21_000, status: 499, costMicroUsd: null, totalMs: 302 },
    ],
    nextUrl: '/decisions?route=support-reply&cursor=abc',
    routes: ['invoice-extract', 'summarise-call', 'support-reply'],
    ...over,
  }
}

export function aDecision(over: Partial<DecisionView> = {}): DecisionView {
  return {
    requestId: 'req_03',
    at: now - 12_000,
    sentence: 'local/llama answered as a fallback: openai/gpt-4o-mini, chosen by rule "simple", did not answer.',
    status: 200,
    errorCode: null,
    facts: [
      { name: 'Route', value: 'support-reply v2' },
      { name: 'Arm', value: 'candidate' },
      { name: 'Bucket', value: '1,204 of 10,000' },
      { name: 'Rule', value: 'simple' },
      { name: 'Task', value: 'classification' },
      { name: 'Reason', value: 'cost: cheapest of 2 eligible' },
      { name: 'Snapshot', value: 'epoch 412' },
    ],
    usage: { inputTokens: 812, cachedInputTokens: 0, outputTokens: 95, reasoningTokens: 0, isEstimated: true },
    costMicroUsd: null,
    eligible: ['openai/gpt-4o-mini', 'local/llama'],
    chosen: 'local/llama',
    excluded: [
      { model: 'openai/gpt-4o', by: 'max_cost', detail: 'would cost $0.024, at most $0.02 is allowed' },
      { model: 'mistral/mistral-small', by: 'region', detail: 'eu is required, the provider is in us' },
    ],
    attempts: [
      {
        model: 'openai/gpt-4o-mini',
        provider: 'openai',
        startMs: 1,
        endMs: 5002,
        firstTokenMs: null,
        status: null,
        errorClass: 'timeout',
        isFallback: false,
      },
      {
        model: 'openai/gpt-4o-mini',
        provider: 'openai',
        startMs: 5310,
        endMs: 5802,
        firstTokenMs: null,
        status: 503,
        errorClass: 'server_error',
        isFallback: false,
      },
      {
        model: 'local/llama',
        provider: 'local',
        startMs: 5803,
        endMs: 11_240,
        firstTokenMs: 6320,
        status: 200,
        errorClass: null,
        isFallback: true,
      },
    ],
    totalMs: 11_240,
    metadata: [
      { name: 'team', value: 'support' },
      { name: 'session', value: 's-8812' },
    ],
    feedback: [{ at: now - 3000, signal: 'rating', value: 0.25, by: 'helpdesk', comment: 'Right, but far too long.' }],
    route: 'support-reply',
    proposalId: 'prp_7Hq2',
    ...over,
  }
}
