import type { ImpactView } from '#reports/impact-view.ts'
import type { DiffView, GatePoint, GateRow } from '#reports/view-parts.ts'
import type { ProposalView, StageView } from '#reports/views.ts'
import { aGatewaysView, anAction, aThreshold, aTraffic, hour, minute, now } from '#test/reports/factories.ts'

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
    evidenceFor: 'passing',
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

/** A change that moves a third of the traffic and loses some of it. */
export function anImpact(over: Partial<ImpactView> = {}): ImpactView {
  return {
    at: now - 5 * hour,
    windowDays: 7,
    requests: 3000,
    changed: 1140,
    verdict: 'fail',
    sentence: '0.4 % of requests would find no model.',
    moves: [
      { from: 'openai/gpt-4o', to: 'openai/gpt-4o-mini', requests: 1128 },
      { from: 'openai/gpt-4o', to: 'refused', requests: 12 },
    ],
    groups: [
      {
        name: 'rule',
        rows: [
          { name: 'simple', requests: 1140, changed: 1140 },
          { name: '(no rule)', requests: 1860, changed: 0 },
        ],
      },
      { name: 'team', rows: [{ name: 'support', requests: 3000, changed: 1140 }] },
    ],
    problems: [
      {
        kind: 'lost',
        sentence: 'openai/gpt-4o-mini: context length (needs 140000 input and 500 output tokens, has 128000)',
        requests: 12,
        examples: ['req_01J9', 'req_01JA'],
      },
    ],
    unknowable: 0,
    cost: {
      before: 5120,
      after: 3400,
      change: -0.336,
      interval: [-0.351, -0.321],
      note: 'from the tokens as recorded, 2988 requests; 12 left out, for want of a price or a model',
    },
    latency: {
      before: 1900,
      after: 1460,
      change: -0.2316,
      interval: [-0.252, -0.211],
      note: 'from what the models took elsewhere, 100 % of requests',
    },
    ...over,
  }
}

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
    warnings: [],
    headline: {
      verdict: 'inconclusive',
      sentence: 'Not proven yet: the candidate stays at 25%.',
      reason:
        'JSON validity is 98.8% and at least 98.0% is required, but with 409 samples the interval still reaches below it.',
      evidenceAt: now - 8000,
    },
    diff: aDiff(),
    impact: anImpact(),
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
