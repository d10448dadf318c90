import { renderPage } from '#reports/render.ts'
import type { PageName, PageViews, Shell } from '#reports/views.ts'
import { anEvalRun } from '#test/reports/eval-run-factories.ts'
import { aShell } from '#test/reports/factories.ts'
import { aJudge, aLabelPage, aLabelTask, anUnmeasuredJudge } from '#test/reports/judge-factories.ts'

function page<N extends PageName>(name: N, view: PageViews[N], shell: Partial<Shell> = {}): string {
  return renderPage(name, view, aShell(shell))
}

/** Pages about judges, by the name of their golden file. @param hostile text as an attacker would send it */
export function judgePages(hostile: string): Readonly<Record<string, () => string>> {
  return {
    'eval-run-judges': () =>
      page('eval-run', anEvalRun({ judges: [aJudge(), anUnmeasuredJudge()] }), { title: 'Eval report support@1' }),
    'eval-run-judges-hostile': () =>
      page(
        'eval-run',
        anEvalRun({ judges: [aJudge({ judges: [hostile], escalate: hostile, conflicts: [hostile] })] }),
        {
          title: 'Eval report support@1',
        },
      ),
    labels: () => page('labels', aLabelPage({ isSaved: true }), { title: 'Labels' }),
    'labels-claim': () =>
      page(
        'labels',
        aLabelPage({
          isHidden: true,
          task: aLabelTask({
            kind: 'claim',
            question: ['Passwords are reset by post.'],
            responses: ['Passwords are reset by post. It takes a week.'],
            verdict: 'unsupported',
            others: ['supported'],
            reference: 'In the settings.',
            doubt: 'uncertainty',
          }),
        }),
        { title: 'Labels' },
      ),
    'labels-empty': () =>
      page('labels', aLabelPage({ task: null, judges: [], refusal: 'Needs the role author.' }), { title: 'Labels' }),
    'labels-hostile': () =>
      page(
        'labels',
        aLabelPage({
          task: aLabelTask({
            question: [hostile],
            dataset: hostile,
            request: [{ role: hostile, text: hostile }],
            context: [hostile],
            reference: hostile,
            responses: [hostile, hostile],
            says: [{ reasoning: hostile, evidence: [{ quote: hostile, source: hostile }] }],
          }),
        }),
        { title: 'Labels' },
      ),
  }
}
