import { InterlockError } from '#domain/errors.ts'
import type { LabelTask } from '#domain/label-task.ts'
import { created, type Operation, ok } from '#http/operation.ts'
import { labelVerdict, nextVerdicts } from '#rollout/label-verdict.ts'
import { readStoredEvalRun } from '#store/eval-runs.ts'
import { listCalibrations, type StoredCalibration } from '#store/judge-calibrations.ts'
import { countLabels } from '#store/judge-labels.ts'
import { readJudgesOfRun } from '#store/report-judges.ts'
import { idSchema, iso, pageSchema, timeSchema, usd } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'

const texts = { type: 'array', items: { type: 'string' } } as const

export const evaluatorNameSchema = {
  type: 'string',
  pattern: '^[a-z][a-z0-9_]{0,62}$',
  'x-expects': 'the name of an evaluator',
} as const

const taskIdSchema = {
  type: 'string',
  pattern: '^[\\w-]{1,80}\\.[0-9a-f]{16}\\.[\\w-]{1,60}$',
  'x-expects': 'the id of a task from /api/labels/queue',
} as const

/** Which verdicts: drawn at random, in doubt, or one in three in doubt. */
export const sampleSchema = { enum: ['mixed', 'drawn', 'doubt'] } as const

const taskSchema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    runId: { type: 'string' },
    evaluator: { type: 'string' },
    version: { type: 'string', description: 'content hash of the evaluator: labels measure this very version' },
    dataset: { type: 'string' },
    kind: { enum: ['criterion', 'claim', 'pair'] },
    question: { ...texts, description: 'the criterion, the statement, or what "better" means' },
    request: { type: 'array', items: { type: 'object' } },
    context: texts,
    reference: { type: ['string', 'null'] },
    responses: { ...texts, description: 'the answer; of a pair both, in an order that does not tell the arms' },
    verdict: { type: 'string', description: "the judge's" },
    others: { ...texts, description: 'what it could have been instead' },
    says: { type: 'array', items: { type: 'object' } },
    doubt: { enum: ['disagreement', 'uncertainty', null] },
  },
  required: ['id', 'evaluator', 'version', 'kind', 'question', 'request', 'responses', 'verdict', 'others'],
} as const

const labelBodySchema = {
  type: 'object',
  properties: {
    task: taskIdSchema,
    mark: { enum: ['right', 'wrong', 'says', 'cannot_tell'] },
    instead: { type: 'string', minLength: 1, maxLength: 40 },
    comment: { type: 'string', maxLength: 2000 },
  },
  required: ['task', 'mark'],
  additionalProperties: false,
} as const

const labelledSchema = {
  type: 'object',
  properties: {
    task: { type: 'string' },
    evaluator: { type: 'string' },
    version: { type: 'string' },
    isRight: { type: ['boolean', 'null'], description: 'null: the person could not tell' },
  },
  required: ['task', 'evaluator', 'version', 'isRight'],
} as const

const calibrationSchema = {
  type: 'object',
  properties: {
    evaluator: { type: 'string' },
    version: { type: 'string', description: 'another version has no calibration: every change expires it' },
    dataset: { type: ['string', 'null'], description: 'null: all datasets together' },
    labels: { type: 'integer' },
    computedAt: timeSchema,
    measured: {
      type: 'array',
      description: 'per kind of verdict: sensitivity (TPR), specificity (TNR), kappa, each with a 95 % interval',
      items: { type: 'object' },
    },
  },
  required: ['evaluator', 'version', 'dataset', 'labels', 'computedAt', 'measured'],
} as const

const statsSchema = {
  type: 'object',
  properties: {
    versions: { type: 'array', items: { type: 'object' } },
    calibrations: { type: 'array', items: calibrationSchema },
  },
  required: ['versions', 'calibrations'],
} as const

/** People's labels on judges' verdicts, and what they say of the judges (C4). */
export const labelOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'getLabelQueue',
    method: 'get',
    path: '/api/labels/queue',
    action: 'read',
    tag: 'labels',
    summary: 'The next verdicts of judges to label, blind to the arms',
    query: {
      run: idSchema,
      evaluator: evaluatorNameSchema,
      sample: sampleSchema,
      limit: { type: 'integer', minimum: 1, maximum: 20 },
    },
    responses: { 200: { description: 'tasks', schema: pageSchema(taskSchema) } },
    handle: async (deps, { caller, query }) => {
      const tasks = await nextVerdicts(deps.db, caller, {
        sample: query.sample ?? 'mixed',
        limit: query.limit ?? 5,
        ...(query.run !== undefined && { runId: query.run }),
        ...(query.evaluator !== undefined && { evaluator: query.evaluator }),
      })
      return ok({ items: tasks.map(taskView), nextCursor: null })
    },
  }),
  operation({
    id: 'createLabel',
    method: 'post',
    path: '/api/labels',
    action: 'label',
    tag: 'labels',
    summary: 'Says whether a verdict is right; the judge is measured anew',
    body: { kind: 'json', schema: labelBodySchema },
    responses: { 201: { description: 'stored', schema: labelledSchema } },
    handle: async (deps, { caller, body }) => {
      const { evaluator, version, judge, human } = await labelVerdict(deps, caller, body)
      const isRight = human === 'cannot_tell' ? null : human === judge
      return created({ task: body.task, evaluator, version, isRight }, '/api/labels/stats')
    },
  }),
  operation({
    id: 'getLabelStats',
    method: 'get',
    path: '/api/labels/stats',
    action: 'read',
    tag: 'labels',
    summary: 'How many labels there are and what they say of each judge',
    query: { evaluator: evaluatorNameSchema },
    responses: { 200: { description: 'counts and calibrations', schema: statsSchema } },
    handle: async (deps, { caller, query }) => {
      const counts = await countLabels(deps.db, caller.principal)
      const named = query.evaluator === undefined ? {} : { evaluator: query.evaluator }
      const calibrations = await listCalibrations(deps.db, { ...named, limit: 100 })
      const versions = counts.filter(({ evaluator }) => (query.evaluator ?? evaluator) === evaluator)
      return ok({
        versions: versions.map(({ lastAt, ...count }) => ({ ...count, lastAt: iso(lastAt) })),
        calibrations: calibrations.map(calibrationView),
      })
    },
  }),
  operation({
    id: 'getRunJudges',
    method: 'get',
    path: '/api/eval-runs/{id}/judges',
    action: 'read',
    tag: 'eval-runs',
    summary:
      'What is known of the judges behind a run: conflicts, agreement with people, corrected rates, order, length, drift',
    params: { id: idSchema },
    responses: { 200: { description: 'one per evaluator that asks a judge', schema: pageSchema({ type: 'object' }) } },
    handle: async (deps, { params }) => {
      if ((await readStoredEvalRun(deps.db, params.id)) === null) {
        throw new InterlockError('NOT_FOUND', `there is no eval run "${params.id}"`)
      }
      const judges = await readJudgesOfRun(deps.db, params.id)
      const items = judges.map(({ costMicroUsd, labelUrl: _, ...judge }) => ({ ...judge, costUsd: usd(costMicroUsd) }))
      return ok({ items, nextCursor: null })
    },
  }),
]

/** Runs are named; what tells an arm is not in a task. */
function taskView(task: LabelTask) {
  return { ...task, says: task.says.map(({ evidence, reasoning }) => ({ evidence, reasoning })) }
}

function calibrationView({ dataset, computedAt, record, ...stored }: StoredCalibration) {
  return { ...stored, dataset: dataset === '' ? null : dataset, computedAt: iso(computedAt), measured: record.measured }
}
