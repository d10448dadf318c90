import type { EvaluatorRef } from '#domain/bar.ts'
import { InterlockError, type Problem } from '#domain/errors.ts'
import type { EvalEstimate } from '#domain/eval-estimate.ts'
import { pathLabel } from '#domain/eval-paths.ts'
import { type Duration, durationMs } from '#domain/plan.ts'
import { modelsOf, type RouteSpec } from '#domain/route.ts'
import type { Caller } from '#domain/snapshot.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'
import { appendAudit } from '#store/audit.ts'
import { inTransaction, type Tx } from '#store/database.ts'
import { estimateRun } from '#store/eval-estimate.ts'
import { type EvalTarget, insertEvalRun } from '#store/eval-work.ts'
import { judgesOf } from './eval-judges.ts'
import { parseDatasetRef } from './offline-stage.ts'
import type { RolloutDeps } from './rollout-deps.ts'

/** What a run asks: a version, a version with one model forced or with models made to fail, or a model. */
export type TargetInput =
  | {
      readonly route: string
      readonly version: number
      readonly model?: string
      readonly failing?: readonly string[]
      /** Items it answers; absent: all. */
      readonly items?: number
    }
  | { readonly model?: string; readonly items?: number }

export interface EvalRunInput {
  /** `name@version`. */
  readonly dataset: string
  readonly targets: readonly TargetInput[]
  readonly evaluators: readonly EvaluatorRef[]
  /** Answers of each target to each item; default 1. */
  readonly repeats?: number
  readonly maxCostUsd?: number
  /** The first target answers so many items again, for the band of noise; default 0. */
  readonly noiseItems?: number
  /** Answers at most this old may be used again, such as `7d`; absent: none of other runs. */
  readonly cacheMaxAge?: Duration
}

interface Checked {
  readonly targets: readonly EvalTarget[]
  readonly dataset: { readonly name: string; readonly version: number }
  readonly estimate: EvalEstimate
}

/**
 * Plans an eval run outside any proposal (C7) and rings for a worker.
 *
 * @throws InterlockError VALIDATION_FAILED with the path of every unknown dataset, route version, model or evaluator, and of a
 *   cap that cannot be kept because a model has no price
 */
export async function startEvalRun(deps: RolloutDeps, caller: Caller, input: EvalRunInput): Promise<{ id: string }> {
  const id = deps.newId('run')
  await inTransaction(deps.db, async (tx) => {
    const { targets, dataset, estimate } = await check(tx, input)
    const nowMs = deps.clock.nowMs()
    const maxAgeMs = input.cacheMaxAge === undefined ? null : durationMs(input.cacheMaxAge)
    await insertEvalRun(tx, {
      id,
      proposalId: null,
      datasetName: dataset.name,
      datasetVersion: dataset.version,
      targets,
      evaluators: input.evaluators,
      by: caller.name,
      at: nowMs,
      repeats: input.repeats ?? 1,
      maxCostMicroUsd: input.maxCostUsd === undefined ? null : Math.round(input.maxCostUsd * 1_000_000),
      estimate,
      cacheSinceMs: maxAgeMs === null ? null : nowMs - maxAgeMs,
    })
    await appendAudit(tx, {
      at: nowMs,
      actor: caller.name,
      action: 'eval_run.start',
      subject: `eval-run:${id}`,
      details: {
        dataset: input.dataset,
        targets: targets.map((target) => target.label),
        estimate,
        maxCostUsd: input.maxCostUsd ?? null,
      },
    })
  })
  deps.ring({ name: 'eval-run', id })
  return { id }
}

/** What a run would cost, without starting it. @throws InterlockError as startEvalRun */
export async function estimateEvalRun(deps: Pick<RolloutDeps, 'db'>, input: EvalRunInput): Promise<EvalEstimate> {
  return inTransaction(deps.db, async (tx) => (await check(tx, { ...input, maxCostUsd: undefined })).estimate)
}

type MaybeCapped = Omit<EvalRunInput, 'maxCostUsd'> & { readonly maxCostUsd?: number | undefined }

async function check(tx: Tx, input: MaybeCapped): Promise<Checked> {
  const resolved = resolveEvaluators(input.evaluators)
  const problems: Problem[] = 'problems' in resolved ? [...resolved.problems] : []
  const targets = withNoise(await checkTargets(tx, input.targets, problems), input.noiseItems ?? 0)
  if (input.cacheMaxAge !== undefined && durationMs(input.cacheMaxAge) === null) {
    problems.push({ path: '/cacheMaxAge', message: 'is a duration such as 24h or 7d' })
  }
  const dataset = parseDatasetRef(input.dataset)
  const repeats = input.repeats ?? 1
  const judges = judgesOf(input.evaluators)
  const estimate = dataset === null ? null : await estimateRun(tx, { dataset, targets, judges, repeats })
  if (dataset === null || estimate === null) {
    problems.push({ path: '/dataset', message: `there is no dataset "${input.dataset}"; write name@version` })
  } else if (input.maxCostUsd !== undefined && estimate.unpriced.length > 0) {
    const message = `no cap can be kept while ${estimate.unpriced.join(', ')} ${estimate.unpriced.length === 1 ? 'has' : 'have'} no price`
    problems.push({ path: '/maxCostUsd', message })
  }
  if (problems.length > 0 || dataset === null || estimate === null) {
    throw new InterlockError('VALIDATION_FAILED', 'the eval run is not valid; nothing was started', problems)
  }
  return { targets, dataset, estimate }
}

/** The baseline once more, on a sample. Only where the first target is a version or a model as it is. */
function withNoise(targets: readonly EvalTarget[], items: number): EvalTarget[] {
  const first = targets[0]
  if (items === 0 || first === undefined) return [...targets]
  return [...targets, { ...first, kind: 'noise', label: `${first.label} again`, sample: items }]
}

async function checkTargets(tx: Tx, targets: EvalRunInput['targets'], problems: Problem[]): Promise<EvalTarget[]> {
  const checked: EvalTarget[] = []
  for (const [index, target] of targets.entries()) {
    const path = `/targets/${index}`
    const sample = target.items === undefined ? {} : { sample: target.items }
    if (index === 0 && target.items !== undefined) {
      problems.push({
        path: `${path}/items`,
        message: 'the first target answers every item: the others are compared with it',
      })
    }
    if (!('route' in target)) {
      if (target.model === undefined) {
        problems.push({ path, message: 'names neither a route version nor a model' })
        continue
      }
      if (!(await isModel(tx, target.model))) {
        problems.push({ path: `${path}/model`, message: `there is no model "${target.model}" in the catalogue` })
      }
      checked.push({ kind: 'model', label: target.model, model: target.model, ...sample })
      continue
    }
    const spec = await specOf(tx, target.route, target.version)
    if (spec === null) {
      problems.push({ path, message: `route "${target.route}" has no version ${target.version}` })
    }
    checked.push({ ...checkPath(target, spec, { index, path, isAlone: targets.length === 1, problems }), ...sample })
  }
  return checked
}

function checkPath(
  { route, version, model, failing }: Extract<TargetInput, { route: string }>,
  spec: RouteSpec | null,
  at: { index: number; path: string; isAlone: boolean; problems: Problem[] },
): EvalTarget {
  const label = `${route} v${version}`
  if (model === undefined && failing === undefined) {
    return { kind: at.index === 0 && !at.isAlone ? 'baseline' : 'candidate', label, route, version }
  }
  const known = spec === null ? [] : modelsOf(spec)
  for (const name of spec === null ? [] : [...(model === undefined ? [] : [model]), ...(failing ?? [])]) {
    if (known.includes(name)) continue
    const message = `"${name}" is no model of ${label}; it has ${known.join(', ')}`
    at.problems.push({ path: `${at.path}/${name === model ? 'model' : 'failing'}`, message })
  }
  const path = model === undefined ? { failing: failing ?? [], failure: 'server_error' as const } : { model }
  return { kind: 'path', label: `${label} ${pathLabel(path)}`, route, version, ...path }
}

async function isModel(tx: Tx, name: string): Promise<boolean> {
  const slash = name.indexOf('/')
  const row = await tx
    .selectFrom('models')
    .select('model')
    .where('provider', '=', name.slice(0, slash))
    .where('model', '=', name.slice(slash + 1))
    .executeTakeFirst()
  return row !== undefined
}

async function specOf(tx: Tx, route: string, version: number): Promise<RouteSpec | null> {
  const row = await tx
    .selectFrom('route_versions')
    .select('spec')
    .where('route', '=', route)
    .where('version', '=', version)
    .executeTakeFirst()
  return row === undefined ? null : (row.spec as RouteSpec)
}
