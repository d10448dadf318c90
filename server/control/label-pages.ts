import { type Request, type Response, Router } from 'express'
import { InterlockError } from '#domain/errors.ts'
import type { LabelTask, Mark } from '#domain/label-task.ts'
import type { Caller } from '#domain/snapshot.ts'
import { mayDo, permissions } from '#http/permissions.ts'
import { compileQuery } from '#http/validate.ts'
import type { LabelledJudgeRow, LabelPageView, LabelTaskView } from '#reports/label-view.ts'
import { labelVerdict, nextVerdicts } from '#rollout/label-verdict.ts'
import type { Database } from '#store/database.ts'
import { listCalibrations } from '#store/judge-calibrations.ts'
import { countLabels } from '#store/judge-labels.ts'
import { idSchema } from './common-schemas.ts'
import type { ControlDeps } from './control-deps.ts'
import { evaluatorNameSchema, sampleSchema } from './labels.ts'
import { formQuery, page, type ReportPagesDeps, show } from './page-shell.ts'
import { readSentForm } from './sent-form.ts'

const closed = {
  type: 'object',
  properties: {
    run: idSchema,
    evaluator: evaluatorNameSchema,
    sample: sampleSchema,
    verdict: { enum: ['shown', 'hidden'] },
    saved: { enum: ['1'] },
  },
  additionalProperties: false,
} as const

const labelForm = compileQuery(closed)
/** What is looked at, carried from one verdict to the next. */
const keptNames = ['run', 'evaluator', 'sample', 'verdict'] as const
type Kept = Partial<Record<(typeof keptNames)[number], string>>

const samples = [
  ['mixed', 'Mixed'],
  ['drawn', 'At random only'],
  ['doubt', 'In doubt only'],
] as const

/** The page on which people label verdicts. It works without scripts: a form per verdict, and the next one after it. */
export function mountLabelPage(router: Router, deps: ReportPagesDeps): void {
  page(router, deps, '/labels', async (req, res) => {
    const { saved, sample = 'mixed', ...query } = formQuery(req, labelForm)
    const viewer = deps.viewerOf(req)
    if (viewer === null) return
    const [task] = await nextVerdicts(deps.db, viewer, {
      sample,
      limit: 1,
      ...(query.run !== undefined && { runId: query.run }),
      ...(query.evaluator !== undefined && { evaluator: query.evaluator }),
    })
    const view = await pageView(deps.db, viewer, { task, kept: { ...query, sample }, isSaved: saved !== undefined })
    await show(deps, req, res, { page: 'labels', view, title: 'Labels' })
  })
}

async function pageView(
  db: Database,
  viewer: Caller,
  of: { readonly task: LabelTask | undefined; readonly kept: Kept; readonly isSaved: boolean },
): Promise<LabelPageView> {
  const { kept } = of
  const isHidden = kept.verdict === 'hidden'
  return {
    task: of.task === undefined ? null : taskView(of.task),
    refusal: mayDo(viewer.role, 'label')
      ? null
      : `Needs the role ${permissions.label.roles.join(' or ')}; your key has the role ${viewer.role}.`,
    isSaved: of.isSaved,
    isHidden,
    kept: keptNames.flatMap((name) => (kept[name] === undefined ? [] : [{ name, value: kept[name] }])),
    samples: samples.map(([name, label]) => ({
      label,
      url: labelsUrl({ ...kept, sample: name }),
      isCurrent: kept.sample === name,
    })),
    hideUrl: labelsUrl({ ...kept, verdict: isHidden ? 'shown' : 'hidden' }),
    judges: await judgeRows(db, viewer),
  }
}

function taskView({
  id,
  evaluator,
  version,
  dataset,
  kind,
  question,
  request,
  context,
  ...rest
}: LabelTask): LabelTaskView {
  const { reference, responses, verdict, others, says, doubt } = rest
  return {
    ...{ id, evaluator, version, dataset, kind, question, request, context },
    ...{ reference, responses, verdict, others, doubt },
    says: says.map(({ reasoning, evidence }) => ({ reasoning, evidence })),
  }
}

async function judgeRows(db: Database, { principal }: Caller): Promise<LabelledJudgeRow[]> {
  const [counts, calibrations] = await Promise.all([
    countLabels(db, principal),
    listCalibrations(db, { dataset: '', limit: 50 }),
  ])
  return counts.flatMap(({ evaluator, version, labels, own, people }) => {
    const found = calibrations.find((each) => each.evaluator === evaluator && each.version === version)
    return (found?.record.measured ?? []).map((measured) => ({
      ...{ evaluator, version, labels, own, people },
      kappa: measured.kappa?.value ?? null,
      kappaInterval: measured.kappa?.interval ?? null,
      sensitivity: measured.sensitivity.share,
      specificity: measured.specificity.share,
      fitness: measured.fitness,
    }))
  })
}

function labelsUrl(kept: Kept, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams({ ...more })
  for (const name of keptNames) if (kept[name] !== undefined) query.set(name, kept[name])
  return `/labels?${query}`
}

/** The form of the page: same origin, session, token, role, then the use case; then the next verdict. */
export function labelFormRouter(deps: ControlDeps): Router {
  const router = Router()
  router.post('/labels', (req, res) => submit(deps, req, res))
  return router
}

async function submit(deps: ControlDeps, req: Request, res: Response): Promise<void> {
  const { caller, fields } = await readSentForm(req, 'label')
  const comment = (fields.get('comment') ?? '').trim()
  if (comment.length > 2000) throw invalid('/comment', 'may have 2000 characters')
  await labelVerdict(deps, caller, {
    task: fields.get('task') ?? '',
    ...markOf(fields.get('choice') ?? ''),
    ...(comment !== '' && { comment }),
  })
  const kept = Object.fromEntries(
    keptNames.flatMap((name) => (fields.has(name) ? [[name, fields.get(name) ?? '']] : [])),
  )
  res.redirect(303, labelsUrl(kept, { saved: '1' }))
}

/** `right`, `cannot_tell`, `wrong:WORD` or `says:WORD`. */
function markOf(choice: string): Mark {
  const [mark, instead] = choice.split(':')
  if (mark !== 'right' && mark !== 'wrong' && mark !== 'says' && mark !== 'cannot_tell') {
    throw invalid('/choice', 'must be right, wrong, says or cannot_tell')
  }
  return { mark, ...(instead !== undefined && { instead }) }
}

function invalid(path: string, message: string): InterlockError {
  return new InterlockError('VALIDATION_FAILED', `the label is not valid: ${path.slice(1)} ${message}`, [
    { path, message },
  ])
}
