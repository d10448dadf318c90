import type { DecisionRecord } from '#domain/decision.ts'
import { InterlockError } from '#domain/errors.ts'
import { redactText } from '#domain/redaction.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { created, type Operation, ok } from '#http/operation.ts'
import { inTransaction } from '#store/database.ts'
import { readRequestScores } from '#store/decision-scores.ts'
import { decisionSentence } from '#store/decision-words.ts'
import { listDecisions, readDecision } from '#store/decisions.ts'
import { insertFeedback, readFeedback, type StoredFeedback } from '#store/feedback.ts'
import { idSchema, iso, pageSchema, requestIdSchema, timeSchema, usd } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { decisionFilter, decisionQuery } from './decision-query.ts'

const signals = ['rating', 'refusal', 'escalation', 'correction', 'hallucination', 'ticket'] as const
const text = { type: ['string', 'null'] } as const
const number = { type: ['number', 'null'] } as const

const exclusionSchema = {
  type: 'object',
  properties: { model: { type: 'string' }, by: { type: 'string' }, detail: { type: 'string' } },
  required: ['model', 'by', 'detail'],
} as const

const attemptSchema = {
  type: 'object',
  properties: {
    model: { type: 'string' },
    provider: { type: 'string' },
    startMs: { type: 'number', description: 'since the request arrived' },
    endMs: { type: 'number' },
    firstTokenMs: number,
    waitMs: { type: 'number', description: 'slept before it' },
    status: { type: ['integer', 'null'], description: 'of the provider; null: none arrived' },
    errorClass: { ...text, description: 'null: answered' },
    isFallback: { type: 'boolean' },
    costUsd: { ...number, description: 'null: unpriced or unknown' },
  },
  required: ['model', 'provider', 'startMs', 'endMs', 'firstTokenMs', 'waitMs', 'status', 'errorClass', 'costUsd'],
} as const

const warningSchema = {
  type: 'object',
  properties: { model: { type: 'string' }, field: { type: 'string' }, detail: { type: 'string' } },
  required: ['model', 'field', 'detail'],
} as const

const scoringSchema = {
  type: 'object',
  properties: {
    state: { enum: ['none', 'waiting', 'scored'], description: 'none: not drawn, or no rollout' },
    stage: text,
    scores: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          arm: { enum: ['baseline', 'candidate'] },
          evaluator: { type: 'string' },
          status: { enum: ['scored', 'missing', 'failed'] },
          value: number,
          reason: text,
        },
        required: ['arm', 'evaluator', 'status', 'value', 'reason'],
      },
    },
  },
  required: ['state', 'stage', 'scores'],
} as const

const decisionProperties = {
  requestId: { type: 'string' },
  at: timeSchema,
  route: { type: 'string' },
  version: { type: ['integer', 'null'] },
  versionDigest: text,
  promptVersion: text,
  proposal: text,
  arm: { enum: ['baseline', 'candidate'] },
  bucket: { type: ['integer', 'null'] },
  rule: text,
  task: text,
  reason: { type: 'string' },
  random: { type: 'number' },
  snapshotEpoch: { type: 'integer' },
  model: text,
  provider: text,
  eligible: { type: 'array', items: { type: 'string' } },
  excluded: { type: 'array', items: exclusionSchema },
  attempts: { type: 'array', items: attemptSchema },
  isFallback: { type: 'boolean' },
  status: { type: 'integer' },
  errorCode: text,
  isStream: { type: 'boolean' },
  usage: { type: ['object', 'null'] },
  costUsd: { ...number, description: 'null: unpriced, or nothing was answered' },
  ttftMs: number,
  totalMs: { type: 'integer' },
  keyId: { type: 'string' },
  metadata: { type: 'object', additionalProperties: { type: 'string' } },
  facts: { type: 'object' },
  endpoint: { enum: ['chat', 'responses', 'messages', 'embeddings'] },
  classification: { type: ['object', 'null'], description: 'how the task is known; null in old records' },
  live: { type: 'object', description: 'the live statistics that were consulted' },
  warnings: { type: 'array', items: warningSchema },
  priceVersion: {
    type: ['integer', 'null'],
    description: 'of the price behind costUsd; null: unpriced, or an old record',
  },
} as const

const decisionSchema = {
  type: 'object',
  properties: decisionProperties,
  required: Object.keys(decisionProperties),
} as const

const feedbackSchema = {
  type: 'object',
  properties: {
    id: idSchema,
    requestId: { type: 'string' },
    signal: { enum: signals },
    value: number,
    comment: text,
    by: { type: 'string' },
    at: timeSchema,
  },
  required: ['id', 'requestId', 'signal', 'value', 'comment', 'by', 'at'],
} as const

/** The decision log, and what people said about answers later. */
export const decisionOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'listDecisions',
    method: 'get',
    path: '/api/decisions',
    action: 'read',
    tag: 'decisions',
    summary: 'Lists decisions of the gateway, newest first',
    query: {
      ...pageQuery,
      ...decisionQuery,
    },
    responses: { 200: { description: 'a page', schema: pageSchema(decisionSchema) } },
    handle: async (deps, { query }) => {
      const { limit = 50, cursor, ...filter } = query
      const place = decodeCursor(cursor, ['number', 'string'])
      const rows = await listDecisions(deps.db, {
        ...(await decisionFilter(deps.db, filter)),
        limit: limit + 1,
        ...(place && { after: { at: place[0], requestId: place[1] } }),
      })
      return ok(pageOf(rows, limit, { item: decisionView, place: (row) => [row.at, row.requestId] }))
    },
  }),
  operation({
    id: 'getDecision',
    method: 'get',
    path: '/api/decisions/{requestId}',
    action: 'read',
    tag: 'decisions',
    summary: 'Reads a decision with its attempts, and the scores and feedback there are so far',
    params: { requestId: requestIdSchema },
    responses: {
      200: {
        description: 'the decision',
        schema: {
          ...decisionSchema,
          properties: {
            ...decisionProperties,
            why: { type: 'string', description: 'why this model, one sentence' },
            scoring: scoringSchema,
            feedback: { type: 'array', items: feedbackSchema },
          },
          required: [...decisionSchema.required, 'why', 'scoring', 'feedback'],
        },
      },
    },
    handle: async (deps, { params: { requestId } }) => {
      const decision = await existing(deps, requestId)
      const [feedback, scoring] = await Promise.all([
        readFeedback(deps.db, requestId),
        readRequestScores(deps.db, requestId, decision.proposal),
      ])
      const why = decisionSentence(decision)
      return ok({ ...decisionView(decision), why, scoring, feedback: feedback.map(feedbackView) })
    },
  }),
  operation({
    id: 'sendFeedback',
    method: 'post',
    path: '/api/feedback',
    action: 'send-feedback',
    tag: 'decisions',
    summary: 'Ties a signal to a request; a gateway key may only speak of its own requests',
    body: {
      kind: 'json',
      schema: {
        type: 'object',
        properties: {
          requestId: requestIdSchema,
          signal: { enum: signals },
          value: { type: ['number', 'null'], minimum: 0, maximum: 1, 'x-expects': 'a number from 0 to 1' },
          comment: { type: ['string', 'null'], maxLength: 4_000 },
        },
        required: ['requestId', 'signal'],
        additionalProperties: false,
      },
    },
    responses: { 201: { description: 'stored', schema: feedbackSchema } },
    handle: async (deps, { caller, body }) => {
      const { requestId, signal, value = null } = body
      // People quote what they saw.
      const comment = typeof body.comment === 'string' ? redactText(body.comment).text : null
      if (signal === 'rating' && value === null) {
        const message = 'is missing: a rating is a number from 0 to 1'
        throw new InterlockError('VALIDATION_FAILED', `/value ${message}`, [{ path: '/value', message }])
      }
      const decision = await existing(deps, requestId)
      // To a gateway key the requests of others do not exist.
      if (caller.role === 'gateway' && decision.keyId !== caller.keyId) throw noDecision(requestId)
      const at = deps.clock.nowMs()
      const feedback = { id: deps.newId('fb'), requestId, signal, value, comment, by: caller.name, at }
      await inTransaction(deps.db, (tx) => insertFeedback(tx, feedback))
      return created(feedbackView(feedback), `/api/decisions/${encodeURIComponent(requestId)}`)
    },
  }),
]

async function existing(deps: ControlDeps, requestId: string): Promise<DecisionRecord> {
  const decision = await readDecision(deps.db, requestId)
  if (decision === null) throw noDecision(requestId)
  return decision
}

function noDecision(requestId: string): InterlockError {
  const message = `no request "${requestId}" is in the decision log (it is written a moment after the answer)`
  return new InterlockError('NOT_FOUND', message)
}

function decisionView({ costMicroUsd, at, attempts, ...decision }: DecisionRecord) {
  return {
    ...decision,
    at: iso(at),
    // Absent in records of older versions: nobody waited, and the cost is not known.
    attempts: attempts.map(({ costMicroUsd: cost = null, waitMs = 0, ...attempt }) => ({
      ...attempt,
      waitMs,
      costUsd: usd(cost),
    })),
    costUsd: usd(costMicroUsd),
  }
}

function feedbackView({ at, ...feedback }: StoredFeedback) {
  return { ...feedback, at: iso(at) }
}
