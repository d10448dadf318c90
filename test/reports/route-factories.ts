import type { DecisionsView, DecisionView } from '#reports/decision-view.ts'
import type { RouteView } from '#reports/views.ts'
import { anAction, aProposalSummary, aThreshold, aTraffic, day, hour, now } from '#test/reports/factories.ts'
import { aDiff } from '#test/reports/proposal-factories.ts'

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
