import { InterlockError } from '#domain/errors.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { typed } from '#http/from-schema.ts'
import { accepted, type Operation, ok } from '#http/operation.ts'
import { type EvalRunInput, startEvalRun } from '#rollout/start-eval-run.ts'
import {
  listEvalRuns,
  listResults,
  readStoredEvalRun,
  type StoredEvalRun,
  type StoredResult,
} from '#store/eval-runs.ts'
import {
  idSchema,
  iso,
  modelRefSchema,
  nameSchema,
  pageSchema,
  timeSchema,
  usd,
  versionSchema,
} from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'

const number = { type: ['number', 'null'] } as const
const text = { type: ['string', 'null'] } as const

const evaluatorsSchema = {
  type: 'array',
  minItems: 1,
  maxItems: 32,
  items: {
    type: 'object',
    properties: { name: { type: 'string', minLength: 1, maxLength: 200 }, config: { type: 'object' } },
    required: ['name'],
    additionalProperties: false,
  },
} as const

const runBodySchema = typed<EvalRunInput>({
  type: 'object',
  properties: {
    dataset: {
      type: 'string',
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}@[1-9]\\d{0,8}$',
      'x-expects': 'a dataset version as name@version',
    },
    targets: {
      type: 'array',
      minItems: 1,
      maxItems: 16,
      description: 'each {route, version} or {model}',
      items: {
        type: 'object',
        properties: { route: nameSchema, version: versionSchema, model: modelRefSchema },
        additionalProperties: false,
        minProperties: 1,
        dependentRequired: { route: ['version'], version: ['route'] },
        // A target is one thing: a model beside a route would leave open which of them answers.
        dependentSchemas: { model: { maxProperties: 1, 'x-expects': 'either {route, version} or {model}' } },
      },
    },
    evaluators: evaluatorsSchema,
  },
  required: ['dataset', 'targets', 'evaluators'],
  additionalProperties: false,
})

const runSchema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    proposal: text,
    dataset: { type: 'string' },
    sha256: { type: 'string' },
    targets: { type: 'array', items: { type: 'object' } },
    evaluators: { type: 'array', items: { type: 'object' } },
    status: { enum: ['running', 'completed', 'failed', 'cancelled'] },
    planned: { type: 'integer', description: 'answers to fetch: items times targets' },
    answered: { type: 'integer' },
    errored: { type: 'integer' },
    scored: { type: 'integer' },
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
    'answered',
    'errored',
    'scored',
    'links',
  ],
} as const

const resultSchema = {
  type: 'object',
  properties: {
    itemId: { type: 'string' },
    position: { type: 'integer' },
    target: { type: 'integer', description: 'index into the targets of the run' },
    status: { enum: ['pending', 'answered', 'errored'] },
    model: text,
    output: text,
    finishReason: text,
    toolCalls: { type: ['array', 'null'] },
    errorClass: text,
    error: text,
    inputTokens: number,
    outputTokens: number,
    costUsd: number,
    latencyMs: number,
    scores: { type: 'array', items: { type: 'object' } },
  },
  required: ['itemId', 'position', 'target', 'status', 'output', 'scores'],
} as const

/** Eval runs: targets and evaluators over a dataset. */
export const evalRunOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'startEvalRun',
    method: 'post',
    path: '/api/eval-runs',
    action: 'run-evals',
    tag: 'eval-runs',
    summary: 'Starts an eval run outside any proposal',
    body: { kind: 'json', schema: runBodySchema },
    responses: { 202: { description: 'started', schema: runSchema } },
    handle: async (deps, { caller, body }) => {
      const { id } = await startEvalRun(deps, caller, body)
      return accepted(runView(await existing(deps, id)), `/api/eval-runs/${id}`)
    },
  }),
  operation({
    id: 'listEvalRuns',
    method: 'get',
    path: '/api/eval-runs',
    action: 'read',
    tag: 'eval-runs',
    summary: 'Lists eval runs, newest first',
    query: { ...pageQuery, proposal: idSchema },
    responses: { 200: { description: 'a page', schema: pageSchema(runSchema) } },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const place = decodeCursor(query.cursor, ['number', 'string'])
      const rows = await listEvalRuns(deps.db, {
        limit: limit + 1,
        ...(query.proposal !== undefined && { proposalId: query.proposal }),
        ...(place && { after: { createdAt: place[0], id: place[1] } }),
      })
      return ok(pageOf(rows, limit, { item: runView, place: (run) => [run.createdAt, run.id] }))
    },
  }),
  operation({
    id: 'getEvalRun',
    method: 'get',
    path: '/api/eval-runs/{id}',
    action: 'read',
    tag: 'eval-runs',
    summary: 'Reads an eval run with its progress',
    params: { id: idSchema },
    responses: { 200: { description: 'the run', schema: runSchema } },
    handle: async (deps, { params }) => ok(runView(await existing(deps, params.id))),
  }),
  operation({
    id: 'listEvalResults',
    method: 'get',
    path: '/api/eval-runs/{id}/results',
    action: 'read',
    tag: 'eval-runs',
    summary: 'Lists answers with their scores, item by item',
    params: { id: idSchema },
    query: { ...pageQuery, target: { type: 'integer', minimum: 0, maximum: 15 } },
    responses: { 200: { description: 'a page', schema: pageSchema(resultSchema) } },
    handle: async (deps, { params, query }) => {
      const run = await existing(deps, params.id)
      const limit = query.limit ?? 50
      const place = decodeCursor(query.cursor, ['number', 'number', 'number'])
      const rows = await listResults(deps.db, {
        runId: run.id,
        limit: limit + 1,
        ...(query.target !== undefined && { target: query.target }),
        ...(place && { after: { position: place[0], target: place[1], repeat: place[2] } }),
      })
      return ok(pageOf(rows, limit, { item: resultView, place: (row) => [row.position, row.target, row.repeat] }))
    },
  }),
]

async function existing(deps: ControlDeps, id: string): Promise<StoredEvalRun> {
  const run = await readStoredEvalRun(deps.db, id)
  if (run === null) throw new InterlockError('NOT_FOUND', `there is no eval run "${id}"`)
  return run
}

function runView({ proposalId, createdAt, finishedAt, ...run }: StoredEvalRun) {
  return {
    ...run,
    proposal: proposalId,
    createdAt: iso(createdAt),
    finishedAt: finishedAt === null ? null : iso(finishedAt),
    links: {
      self: `/api/eval-runs/${run.id}`,
      results: `/api/eval-runs/${run.id}/results`,
      report: `/eval-runs/${run.id}`,
    },
  }
}

function resultView({ costMicroUsd, ...result }: StoredResult) {
  return { ...result, costUsd: usd(costMicroUsd) }
}
