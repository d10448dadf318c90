import type { EvalRunView, SliceRow } from '#reports/eval-run-view.ts'
import type { AnswerView, CaseView, Excerpt, ScoreCell } from '#reports/view-parts.ts'
import { aProposalSummary, hour, minute, now } from '#test/reports/factories.ts'
import { fourGates } from '#test/reports/proposal-factories.ts'

export function anExcerpt(text: string): Excerpt {
  return { text, isCut: false, totalChars: text.length }
}

export function anAnswer(text: string | null, over: Partial<AnswerView> = {}): AnswerView {
  return {
    output: text === null ? null : anExcerpt(text),
    errorClass: null,
    error: null,
    model: 'openai/gpt-4o',
    finishReason: 'stop',
    inputTokens: 240,
    outputTokens: 38,
    costMicroUsd: 980,
    latencyMs: 1240,
    ...over,
  }
}

export function aScore(value: number | null, over: Partial<ScoreCell> = {}): ScoreCell {
  return { status: 'scored', value, reason: null, details: [], ...over }
}

export function aCase(over: Partial<CaseView> = {}): CaseView {
  return {
    itemId: 'ticket-0412',
    position: 412,
    tags: ['edge'],
    slice: [{ name: 'language', value: 'de' }],
    input: [
      { role: 'system', content: anExcerpt('You triage support tickets. Answer with JSON only.') },
      {
        role: 'user',
        content: anExcerpt('Seit dem Update kann ich mich nicht mehr anmelden. Bestellung 8841, bitte dringend!'),
      },
    ],
    context: [],
    reference: anExcerpt('{"category": "login", "priority": "high", "order": "8841"}'),
    baseline: anAnswer('{"category": "login", "priority": "high", "order": "8841"}'),
    candidate: anAnswer(
      'Here is the JSON you asked for:\n{"category": "login", "priority": "urgent", "order": "8841"}',
      {
        model: 'openai/gpt-4o-mini',
        costMicroUsd: 61,
        latencyMs: 640,
        outputTokens: 51,
      },
    ),
    scores: [
      {
        evaluator: 'json_validity',
        baseline: aScore(1),
        candidate: aScore(0, {
          reason: 'text before the JSON document',
          details: [
            { isGood: false, label: '/priority', text: 'must be one of low, normal, high' },
            { isGood: false, label: 'level', text: 'embedded in prose' },
          ],
        }),
        difference: -1,
      },
      {
        evaluator: 'llm_judge',
        baseline: aScore(0.5),
        candidate: aScore(0.5, { reason: 'both name the category and the order' }),
        difference: 0,
      },
    ],
    ...over,
  }
}

function slice(name: string, pairs: number, baseline: number, difference: number, half: number): SliceRow {
  return {
    slice: name,
    evaluator: 'json_validity',
    pairs,
    baseline,
    candidate: baseline + difference,
    difference,
    interval: [difference - half, difference + half],
    pAdjusted: Math.abs(difference) > 2 * half ? 0.001 : 0.4,
  }
}

export function anEvalRun(over: Partial<EvalRunView> = {}): EvalRunView {
  const grounded = aCase({
    itemId: 'ticket-0077',
    position: 77,
    context: [anExcerpt('Refunds are paid within 14 days of the return.')],
    reference: null,
    candidate: anAnswer('Refunds are paid within 30 days.', { model: 'openai/gpt-4o-mini' }),
    baseline: anAnswer('Refunds are paid within 14 days of the return.'),
    scores: [
      {
        evaluator: 'grounding',
        baseline: aScore(1, {
          details: [{ isGood: true, label: 'supported', text: 'Refunds are paid within 14 days of the return.' }],
        }),
        candidate: aScore(0, {
          details: [{ isGood: false, label: 'unsupported', text: 'Refunds are paid within 30 days.' }],
        }),
        difference: -1,
      },
    ],
  })
  const silent = aCase({
    itemId: 'ticket-0500',
    position: 500,
    candidate: anAnswer(null, {
      errorClass: 'timeout',
      error: 'no token within 10 s',
      costMicroUsd: null,
      latencyMs: 10_000,
      outputTokens: null,
      model: 'openai/gpt-4o-mini',
      finishReason: null,
    }),
    scores: [
      {
        evaluator: 'json_validity',
        baseline: aScore(1),
        candidate: aScore(0, { reason: 'no answer' }),
        difference: -1,
      },
    ],
  })
  return {
    id: 'evr_44',
    judges: [],
    status: 'completed',
    error: null,
    proposal: aProposalSummary(),
    dataset: 'support',
    datasetVersion: 1,
    createdAt: now - 5 * hour,
    createdBy: 'engine',
    finishedAt: now - 5 * hour + 4 * minute,
    headline: {
      verdict: 'fail',
      sentence: 'The candidate does not meet the bar: JSON validity fails.',
      reason: 'JSON validity is 91.2% where at least 98.0% is required, on 800 items.',
      evidenceAt: now - 5 * hour + 4 * minute,
    },
    targets: [
      {
        label: 'support-reply v1',
        kind: 'baseline',
        planned: 800,
        sent: 800,
        answered: 800,
        scored: 800,
        errored: 0,
        skipped: 0,
        cached: 0,
        costMicroUsd: 784_000,
        inputTokens: 192_400,
        outputTokens: 31_200,
        latencyP50Ms: 1210,
        latencyP95Ms: 2840,
      },
      {
        label: 'support-reply v2',
        kind: 'candidate',
        planned: 800,
        sent: 800,
        answered: 797,
        scored: 797,
        errored: 3,
        skipped: 0,
        cached: 12,
        costMicroUsd: 49_100,
        inputTokens: 192_400,
        outputTokens: 40_900,
        latencyP50Ms: 640,
        latencyP95Ms: 1490,
      },
      {
        label: 'local/llama',
        kind: 'model',
        planned: 800,
        sent: 800,
        answered: 800,
        scored: 800,
        errored: 0,
        skipped: 0,
        cached: 0,
        costMicroUsd: null,
        inputTokens: 201_000,
        outputTokens: 44_000,
        latencyP50Ms: 410,
        latencyP95Ms: 900,
      },
    ],
    gates: fourGates(null).map((row) =>
      row.metric === 'json_validity'
        ? { ...row, candidate: 0.912, difference: -0.084, interval: [-0.106, -0.062], samples: 800, verdict: 'fail' }
        : { ...row, verdict: 'pass' },
    ),
    comparisons: [
      {
        evaluator: 'json_validity',
        baseline: 0.996,
        candidate: 0.912,
        difference: -0.084,
        interval: [-0.106, -0.062],
        detectable: 0.031,
        clusters: 640,
        noiseBand: 0.012,
        weighted: {
          mean: -0.071,
          interval: [-0.095, -0.047],
          covered: 0.86,
          uncovered: [{ name: 'summarization', part: 0.14 }],
        },
        pairs: 797,
        wins: 2,
        ties: 726,
        losses: 69,
      },
      {
        evaluator: 'llm_judge',
        baseline: 0.5,
        candidate: 0.512,
        difference: 0.012,
        interval: [-0.011, 0.035],
        detectable: 0.033,
        clusters: null,
        noiseBand: null,
        weighted: null,
        pairs: 788,
        wins: 201,
        ties: 405,
        losses: 182,
      },
    ],
    slices: [
      {
        dimension: 'language',
        rows: [
          slice('de', 96, 0.99, -0.21, 0.08),
          slice('fr', 104, 1, -0.12, 0.07),
          slice('en', 597, 0.997, -0.04, 0.02),
          slice('ar', 12, 0.9, 0.01, 0.2),
        ],
        hiddenCount: 0,
      },
    ],
    paths: [
      {
        label: 'support-reply v2 with openai/gpt-4o-mini failing',
        verdict: 'no_harm',
        pairs: 100,
        reason: 'json_validity is not shown to be at most 0.03 below the baseline: 100 items leave it open.',
      },
      {
        label: 'support-reply v2 forced to local/llama',
        verdict: 'fail',
        pairs: 100,
        reason: 'json_validity must be, and is not, at most 0.03 below the baseline (100 items).',
      },
    ],
    regressions: [aCase(), grounded, silent],
    regressionCount: 69,
    improvements: [
      aCase({
        position: 9,
        itemId: 'ticket-0009',
        baseline: aCase().candidate,
        candidate: aCase().baseline,
        scores: [{ evaluator: 'json_validity', baseline: aScore(0), candidate: aScore(1), difference: 1 }],
      }),
    ],
    improvementCount: 2,
    health: [
      {
        evaluator: 'json_validity',
        version: 'a91b22c0d4e5f601',
        target: 'support-reply v1',
        scored: 800,
        notApplicable: 0,
        unscored: 0,
        errored: 0,
        mean: 0.996,
      },
      {
        evaluator: 'json_validity',
        version: 'a91b22c0d4e5f601',
        target: 'support-reply v2',
        scored: 797,
        notApplicable: 0,
        unscored: 0,
        errored: 3,
        mean: 0.912,
      },
      {
        evaluator: 'llm_judge',
        version: '77f00aa1b2c3d4e5',
        target: 'pair',
        scored: 788,
        notApplicable: 0,
        unscored: 9,
        errored: 3,
        mean: 0.512,
      },
    ],
    provenance: [
      { name: 'Dataset', value: 'support@1, 800 items' },
      { name: 'Dataset sha256', value: '5d41402abc4b2a76b9719d911017c592aa6ce3f2ad8a0f2f3ec5a21c0d1e2f3a' },
      { name: 'Evaluator json_validity', value: 'a91b22c0d4e5f601' },
      { name: 'Evaluator llm_judge', value: '77f00aa1b2c3d4e5, judge openai/gpt-4o' },
      { name: 'Run', value: 'evr_44' },
    ],
    ...over,
  }
}
