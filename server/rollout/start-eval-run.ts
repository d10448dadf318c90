import type { EvaluatorRef } from '#domain/bar.ts'
import { InterlockError, type Problem } from '#domain/errors.ts'
import type { Caller } from '#domain/snapshot.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'
import { appendAudit } from '#store/audit.ts'
import { inTransaction, type Tx } from '#store/database.ts'
import { type EvalTarget, insertEvalRun } from '#store/eval-work.ts'
import { parseDatasetRef } from './offline-stage.ts'
import type { RolloutDeps } from './rollout-deps.ts'

export interface EvalRunInput {
  /** `name@version`. */
  readonly dataset: string
  readonly targets: readonly ({ readonly route: string; readonly version: number } | { readonly model: string })[]
  readonly evaluators: readonly EvaluatorRef[]
}

/**
 * Plans an eval run outside any proposal (C7) and rings for a worker.
 *
 * @throws InterlockError VALIDATION_FAILED with the path of every unknown dataset, route version, model or evaluator
 */
export async function startEvalRun(deps: RolloutDeps, caller: Caller, input: EvalRunInput): Promise<{ id: string }> {
  const id = deps.newId('run')
  await inTransaction(deps.db, async (tx) => {
    const resolved = resolveEvaluators(input.evaluators)
    const problems: Problem[] = 'problems' in resolved ? [...resolved.problems] : []
    const targets = await checkTargets(tx, input.targets, problems)
    const dataset = parseDatasetRef(input.dataset)
    const isKnown =
      problems.length === 0 &&
      dataset !== null &&
      (await insertEvalRun(tx, {
        id,
        proposalId: null,
        datasetName: dataset.name,
        datasetVersion: dataset.version,
        targets,
        evaluators: input.evaluators,
        by: caller.name,
        at: deps.clock.nowMs(),
      }))
    if (!isKnown && (problems.length === 0 || dataset === null)) {
      problems.push({ path: '/dataset', message: `there is no dataset "${input.dataset}"; write name@version` })
    }
    if (problems.length > 0) {
      throw new InterlockError('VALIDATION_FAILED', 'the eval run is not valid; nothing was started', problems)
    }
    await appendAudit(tx, {
      at: deps.clock.nowMs(),
      actor: caller.name,
      action: 'eval_run.start',
      subject: `eval-run:${id}`,
      details: { dataset: input.dataset, targets: targets.map((target) => target.label) },
    })
  })
  deps.ring({ name: 'eval-run', id })
  return { id }
}

async function checkTargets(tx: Tx, targets: EvalRunInput['targets'], problems: Problem[]): Promise<EvalTarget[]> {
  const checked: EvalTarget[] = []
  for (const [index, target] of targets.entries()) {
    if ('model' in target) {
      const slash = target.model.indexOf('/')
      const row = await tx
        .selectFrom('models')
        .select('model')
        .where('provider', '=', target.model.slice(0, slash))
        .where('model', '=', target.model.slice(slash + 1))
        .executeTakeFirst()
      if (row === undefined) {
        problems.push({
          path: `/targets/${index}/model`,
          message: `there is no model "${target.model}" in the catalogue`,
        })
      }
      checked.push({ kind: 'model', label: target.model, model: target.model })
      continue
    }
    const row = await tx
      .selectFrom('route_versions')
      .select('version')
      .where('route', '=', target.route)
      .where('version', '=', target.version)
      .executeTakeFirst()
    if (row === undefined) {
      problems.push({ path: `/targets/${index}`, message: `route "${target.route}" has no version ${target.version}` })
    }
    const kind = index === 0 && targets.length > 1 ? 'baseline' : 'candidate'
    checked.push({ kind, label: `${target.route} v${target.version}`, route: target.route, version: target.version })
  }
  return checked
}
