import type { EvalEstimate } from '#domain/eval-estimate.ts'
import { progressOf } from '#domain/eval-progress.ts'
import type { StoredEvalRun } from '#store/eval-runs.ts'
import { iso, timeSchema, usd } from './common-schemas.ts'

const text = { type: ['string', 'null'] } as const
const money = { type: ['number', 'null'] } as const

export const estimateSchema = {
  type: 'object',
  properties: {
    answers: { type: 'integer' },
    lowUsd: { ...money, description: 'if always the cheapest model of a target answers; null: a model has no price' },
    highUsd: { ...money, description: 'if always the dearest does' },
    judgeUsd: { ...money, description: 'part of both: judges' },
    unpriced: { type: 'array', items: { type: 'string' } },
    inputTokens: { type: 'integer', description: 'taken per answer' },
    outputTokens: { type: 'integer' },
  },
  required: ['answers', 'lowUsd', 'highUsd', 'judgeUsd', 'unpriced', 'inputTokens', 'outputTokens'],
} as const

export const runSchema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    proposal: text,
    dataset: { type: 'string' },
    sha256: { type: 'string' },
    targets: { type: 'array', items: { type: 'object' } },
    evaluators: { type: 'array', items: { type: 'object' } },
    status: {
      enum: ['running', 'completed', 'failed', 'cancelled', 'capped'],
      description: 'capped: going on would have cost more than maxCostUsd; no evidence, like failed',
    },
    planned: { type: 'integer', description: 'answers to fetch: items times targets times repeats' },
    sent: { type: 'integer' },
    answered: { type: 'integer' },
    errored: { type: 'integer', description: 'sent, and no answer came' },
    scored: { type: 'integer', description: 'answered, and every score that is due is there' },
    skipped: { type: 'integer', description: 'items that do not take the path a target forces' },
    cached: { type: 'integer', description: 'taken from earlier answers' },
    repeats: { type: 'integer' },
    maxCostUsd: money,
    spentUsd: { type: 'number', description: 'answers and judges so far' },
    estimate: { anyOf: [estimateSchema, { type: 'null' }], description: 'made before the run began' },
    progress: {
      type: ['object', 'null'],
      description: 'null once the run has ended',
      properties: {
        share: { type: 'number', description: 'of all answers and scores that are due, 0 to 1' },
        perMinute: { type: 'integer', description: 'answers of the last minute' },
        secondsLeft: { type: ['integer', 'null'], description: 'at that speed; null: nothing came in lately' },
      },
    },
    summary: { type: ['object', 'null'] },
    error: text,
    createdBy: { type: 'string' },
    createdAt: timeSchema,
    finishedAt: { type: ['string', 'null'], format: 'date-time' },
    links: { type: 'object' },
  },
  required: [
    'id',
    'proposal',
    'dataset',
    'targets',
    'evaluators',
    'status',
    'planned',
    'sent',
    'answered',
    'errored',
    'scored',
    'links',
  ],
} as const

export function estimateView(estimate: EvalEstimate) {
  const { lowMicroUsd, highMicroUsd, judgeMicroUsd, ...rest } = estimate
  return { ...rest, lowUsd: usd(lowMicroUsd), highUsd: usd(highMicroUsd), judgeUsd: usd(judgeMicroUsd) }
}

export function runView(run: StoredEvalRun, nowMs: number) {
  const { proposalId, createdAt, finishedAt, maxCostMicroUsd, spentMicroUsd, estimate, ...rest } = run
  const { doneLastMinute: _, firstDoneAt: __, ...shown } = rest
  return {
    ...shown,
    proposal: proposalId,
    maxCostUsd: usd(maxCostMicroUsd),
    spentUsd: usd(spentMicroUsd),
    estimate: estimate === null ? null : estimateView(estimate as EvalEstimate),
    progress: run.status === 'running' ? progressOf(run, nowMs) : null,
    createdAt: iso(createdAt),
    finishedAt: finishedAt === null ? null : iso(finishedAt),
    links: {
      self: `/api/eval-runs/${run.id}`,
      results: `/api/eval-runs/${run.id}/results`,
      judges: `/api/eval-runs/${run.id}/judges`,
      report: `/eval-runs/${run.id}`,
    },
  }
}
