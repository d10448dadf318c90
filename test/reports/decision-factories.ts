import { decisionForm } from '#control/decision-form.ts'
import type { DecisionQuery } from '#control/decision-query.ts'
import type { DecisionRow, DecisionsView, DecisionView } from '#reports/decision-view.ts'
import { now } from '#test/reports/factories.ts'

const routes = ['invoice-extract', 'summarise-call', 'support-reply']

/** The form as the page makes it for a query. */
export function aForm(query: DecisionQuery = {}) {
  return decisionForm(query, routes)
}

export function aDecisionRow(over: Partial<DecisionRow> = {}): DecisionRow {
  return {
    requestId: 'req_01',
    at: now - 4000,
    route: 'support-reply',
    version: 2,
    arm: 'candidate',
    model: 'openai/gpt-4o-mini',
    rule: 'simple',
    task: 'classification',
    status: 200,
    errorCode: null,
    attempts: 1,
    isFallback: false,
    costMicroUsd: 391,
    isUnpriced: false,
    totalMs: 884,
    ...over,
  }
}

export function aDecisionsView(over: Partial<DecisionsView> = {}): DecisionsView {
  return {
    ...aForm({ route: 'support-reply', isFallback: true, minLatencyMs: 500 }),
    summary: {
      requests: 10_000,
      isCut: true,
      errors: 61,
      costMicroUsd: 18_420_000,
      unpriced: 212,
      latencyP50Ms: 912,
      latencyP95Ms: 3120,
    },
    items: [
      aDecisionRow(),
      aDecisionRow({
        requestId: 'req_02',
        at: now - 9000,
        arm: 'baseline',
        version: 1,
        model: 'openai/gpt-4o',
        rule: null,
        task: null,
        costMicroUsd: 5920,
        totalMs: 1544,
      }),
      aDecisionRow({
        requestId: 'req_03',
        at: now - 12_000,
        model: 'local/llama',
        attempts: 3,
        isFallback: true,
        costMicroUsd: null,
        isUnpriced: true,
        totalMs: 11_240,
      }),
      aDecisionRow({
        requestId: 'req_04',
        at: now - 15_000,
        model: null,
        rule: null,
        status: 503,
        errorCode: 'no_eligible_model',
        attempts: 0,
        costMicroUsd: null,
        totalMs: 2,
      }),
      aDecisionRow({
        requestId: 'req_05',
        at: now - 21_000,
        route: 'openai/gpt-4o',
        version: null,
        status: 499,
        costMicroUsd: null,
        totalMs: 302,
      }),
    ],
    nextUrl: '/decisions?route=support-reply&cursor=abc',
    ...over,
  }
}

export function aDecision(over: Partial<DecisionView> = {}): DecisionView {
  return {
    requestId: 'req_03',
    at: now - 12_000,
    sentence:
      'local/llama answered as a fallback: openai/gpt-4o-mini was chosen first (rule "simple": cost) and did not answer.',
    status: 200,
    errorCode: null,
    why: [
      { name: 'Rule', value: 'simple' },
      { name: 'Task', value: 'classification' },
      { name: 'Known how', value: 'identified by the lexical@1 classifier, confidence 93 %' },
      { name: 'Strategy', value: 'cost: $0.000391 expected, least of 2 eligible' },
    ],
    facts: [
      { name: 'Request', value: 'req_03' },
      { name: 'Version', value: 'v2 (8a61f0c2d7e4)' },
      { name: 'Arm', value: 'candidate' },
      { name: 'Bucket', value: '1204 of 10,000' },
      { name: 'Prompt', value: 'support-reply@3' },
      { name: 'Endpoint', value: 'chat, streamed' },
      { name: 'Key', value: 'helpdesk' },
      { name: 'Snapshot', value: 'epoch 412' },
    ],
    usage: { inputTokens: 812, cachedInputTokens: 0, outputTokens: 95, reasoningTokens: 0, isEstimated: true },
    costMicroUsd: null,
    costWords: 'unpriced: local/llama has no price',
    candidates: [
      {
        model: 'openai/gpt-4o-mini',
        state: 'tried',
        reason: 'first choice, asked without an answer that counted',
        detail: null,
        live: '12 under way, total p95 1904 ms, 480 answers measured',
      },
      {
        model: 'openai/gpt-4.1-nano',
        state: 'eligible',
        reason: 'choice 2, not needed',
        detail: null,
        live: 'nothing measured',
      },
      { model: 'local/llama', state: 'answered', reason: 'a fallback', detail: null, live: null },
      {
        model: 'openai/gpt-4o',
        state: 'excluded',
        reason: 'would cost too much',
        detail: 'expected $0.024, limit $0.02',
        live: null,
      },
      {
        model: 'mistral/mistral-small',
        state: 'excluded',
        reason: 'is in another region',
        detail: 'needs eu, is us',
        live: null,
      },
    ],
    hasLive: true,
    attempts: [
      {
        model: 'openai/gpt-4o-mini',
        provider: 'openai',
        waitMs: 0,
        startMs: 1,
        endMs: 5002,
        firstTokenMs: null,
        status: null,
        errorClass: 'timeout',
        isFallback: false,
        costMicroUsd: null,
      },
      {
        model: 'openai/gpt-4o-mini',
        provider: 'openai',
        waitMs: 308,
        startMs: 5310,
        endMs: 5802,
        firstTokenMs: null,
        status: 503,
        errorClass: 'server_error',
        isFallback: false,
        costMicroUsd: null,
      },
      {
        model: 'local/llama',
        provider: 'local',
        waitMs: 0,
        startMs: 5803,
        endMs: 11_240,
        firstTokenMs: 6320,
        status: 200,
        errorClass: null,
        isFallback: true,
        costMicroUsd: null,
      },
    ],
    totalMs: 11_240,
    warnings: [
      { model: 'local/llama', field: 'logit_bias', detail: 'the provider has no such field: it was left out' },
    ],
    metadata: [
      { name: 'team', value: 'support' },
      { name: 'session', value: 's-8812' },
    ],
    scoring: {
      state: 'scored',
      stage: 'canary',
      scores: [
        { arm: 'candidate', evaluator: 'json_validity', status: 'scored', value: 1, reason: null },
        { arm: 'candidate', evaluator: 'llm_judge', status: 'missing', value: null, reason: 'infrastructure' },
      ],
    },
    shadow: null,
    feedback: [{ at: now - 3000, signal: 'rating', value: 0.25, by: 'helpdesk', comment: 'Right, but far too long.' }],
    route: 'support-reply',
    isDirect: false,
    proposalId: 'prp_7Hq2',
    ...over,
  }
}
