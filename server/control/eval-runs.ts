import { InterlockError } from '#domain/errors.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { typed } from '#http/from-schema.ts'
import { accepted, type Operation, ok } from '#http/operation.ts'
import { type EvalRunInput, estimateEvalRun, startEvalRun } from '#rollout/start-eval-run.ts'
import {
  listEvalRuns,
  listResults,
  readStoredEvalRun,
  type StoredEvalRun,
  type StoredResult,
} from '#store/eval-runs.ts'
import { idSchema, modelRefSchema, nameSchema, pageSchema, usd, versionSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { estimateSchema, estimateView, runSchema, runView } from './eval-run-view.ts'

const number = { type: ['number', 'null'] } as const
const text = { type: ['string', 'null'] } as const
const itemCount = { type: 'integer', minimum: 1, maximum: 100_000 } as const

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
      description:
        'each {route, version}, {route, version, model} (that model forced), {route, version, failing: [models made to fail]} ' +
        'or {model}; the first is what the others are compared with',
      items: {
        type: 'object',
        properties: {
          route: nameSchema,
          version: versionSchema,
          model: modelRefSchema,
          failing: { type: 'array', minItems: 1, maxItems: 16, uniqueItems: true, items: modelRefSchema },
          items: { ...itemCount, description: 'answers a sample of so many items, drawn by hash of their id' },
        },
        additionalProperties: false,
        minProperties: 1,
        dependentRequired: { route: ['version'], version: ['route'], failing: ['route'] },
        // A path is one thing: a model forced beside models made to fail would leave open which of them is tested.
        dependentSchemas: { failing: { not: { required: ['model'] }, 'x-expects': 'either model or failing' } },
      },
    },
    evaluators: evaluatorsSchema,
    repeats: { type: 'integer', minimum: 1, maximum: 20, description: 'answers of each target to each item' },
    maxCostUsd: { type: 'number', exclusiveMinimum: 0, maximum: 1_000_000, description: 'judges included' },
    noiseItems: {
      type: 'integer',
      minimum: 0,
      maximum: 100_000,
      description: 'the first target answers so many items again: the band of noise beside the differences',
    },
    cacheMaxAge: {
      type: 'string',
      pattern: '^[0-9]{1,9}(ms|s|m|h|d)$',
      'x-expects': 'a duration such as 24h or 7d',
      description: 'answers of other runs at most this old are used again; without it none is',
    },
  },
  required: ['dataset', 'targets', 'evaluators'],
  additionalProperties: false,
})

const resultSchema = {
  type: 'object',
  properties: {
    itemId: { type: 'string' },
    position: { type: 'integer' },
    target: { type: 'integer', description: 'index into the targets of the run' },
    repeat: { type: 'integer', description: 'which of several answers of the target to the item' },
    isCached: { type: 'boolean', description: 'taken from an earlier answer, whose cost and latency these are' },
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
    id: 'estimateEvalRun',
    method: 'post',
    path: '/api/eval-runs/estimate',
    action: 'run-evals',
    tag: 'eval-runs',
    summary: 'Says what an eval run would cost, without starting it',
    body: { kind: 'json', schema: runBodySchema },
    responses: { 200: { description: 'the estimate', schema: estimateSchema } },
    handle: async (deps, { body }) => ok(estimateView(await estimateEvalRun(deps, body))),
  }),
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
      return accepted(runView(await existing(deps, id), deps.clock.nowMs()), `/api/eval-runs/${id}`)
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
      const nowMs = deps.clock.nowMs()
      return ok(pageOf(rows, limit, { item: (run) => runView(run, nowMs), place: (run) => [run.createdAt, run.id] }))
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
    handle: async (deps, { params }) => ok(runView(await existing(deps, params.id), deps.clock.nowMs())),
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

function resultView({ costMicroUsd, ...result }: StoredResult) {
  return { ...result, costUsd: usd(costMicroUsd) }
}
