import { renderPage } from '#reports/render.ts'
import type { PageName, PageViews } from '#reports/views.ts'
import { aGatewayPage, aKeyRow, aKeysView, anAudit, anAuditRow, aReplica } from '#test/reports/control-factories.ts'
import { datasetPages } from '#test/reports/dataset-factories.ts'
import { aDecision, aDecisionRow, aDecisionsView, aForm } from '#test/reports/decision-factories.ts'
import { aCase, anAnswer, anEvalRun, anExcerpt } from '#test/reports/eval-run-factories.ts'
import { anOverview, aProposalSummary, aShell, hour, now } from '#test/reports/factories.ts'
import { aJudge, aLabelPage, aLabelTask } from '#test/reports/judge-factories.ts'
import { judgePages } from '#test/reports/judge-pages.ts'
import { aDiff, aProposal } from '#test/reports/proposal-factories.ts'
import { recordPages } from '#test/reports/record-pages.ts'

function page<N extends PageName>(name: N, view: PageViews[N], title = 'Hostile'): string {
  return renderPage(name, view, aShell({ title, viewer: { name: title, role: 'admin' } }))
}

/** One case whose every text is hostile: prompt, context, reference, both answers, reasons and quotes of evaluators. */
function hostileCase(text: string, position: number) {
  const score = { status: 'scored', value: 0.5, reason: text, details: [{ isGood: null, label: text, text }] } as const
  return aCase({
    position,
    itemId: text,
    tags: [text],
    slice: [{ name: text, value: text }],
    input: [{ role: text, content: anExcerpt(text) }],
    context: [anExcerpt(text)],
    reference: anExcerpt(text),
    baseline: anAnswer(`same words ${text}`, { model: text, finishReason: text }),
    candidate: anAnswer(`other words ${text}`, { model: text }),
    scores: [{ evaluator: text, baseline: score, candidate: score, difference: -0.5 }],
  })
}

/** Pages that hold the whole corpus in their lists. @param texts every payload */
export function fullPages(texts: readonly string[]): Readonly<Record<string, () => string>> {
  return {
    ...caseParts(texts),
    'xss-proposal': () => page('proposal', hostileProposal(texts)),
    'xss-overview': () =>
      page('overview', anOverview({ proposals: texts.map((text, index) => summaryOf(text, index)) })),
    'xss-decisions': () =>
      page(
        'decisions',
        aDecisionsView({
          ...aForm(),
          items: texts.map((text) =>
            aDecisionRow({ requestId: text, route: text, model: text, rule: text, task: text, errorCode: text }),
          ),
        }),
      ),
    'xss-decision': () => page('decision', hostileDecision(texts)),
    'xss-audit': () =>
      page(
        'audit',
        anAudit({
          items: texts.map((text, seq) =>
            anAuditRow({ seq, actor: text, action: text, subject: text, subjectUrl: text, details: text, hash: text }),
          ),
        }),
      ),
    'xss-keys': () =>
      page(
        'keys',
        aKeysView({
          items: texts.map((text, index) =>
            aKeyRow({ id: `key_${index}`, name: text, principal: text, createdBy: text, limits: [text] }),
          ),
        }),
      ),
    'xss-gateways': () =>
      page(
        'gateways',
        aGatewayPage({
          items: texts.map((text) => aReplica({ id: text, bootId: text, digest: text })),
          exposed: texts.map((text) => ({ proposalId: text, route: text, version: 2, shareBp: 100 })),
        }),
      ),
    'xss-labels': () =>
      page(
        'labels',
        aLabelPage({
          task: aLabelTask({
            question: texts,
            request: texts.map((text) => ({ role: text, text })),
            context: texts,
            responses: texts,
            says: texts.map((text) => ({ reasoning: text, evidence: [{ quote: text, source: text }] })),
          }),
        }),
      ),
    'xss-judges': () =>
      page('eval-run', anEvalRun({ judges: [aJudge({ judges: texts, escalate: texts[0] ?? '', conflicts: texts })] })),
  }
}

/** Eval reports with a hundred cases each. */
function caseParts(texts: readonly string[]): Record<string, () => string> {
  const parts: Record<string, () => string> = {}
  for (let from = 0; from < texts.length; from += 100) {
    const cases = texts.slice(from, from + 100).map((text, index) => hostileCase(text, from + index))
    parts[`xss-cases-${from}`] = () => page('eval-run', anEvalRun({ regressions: cases }))
  }
  return parts
}

function summaryOf(text: string, index: number) {
  return aProposalSummary({ id: `prp_${index}`, title: text, route: text, author: text, lastWord: text })
}

function hostileProposal(texts: readonly string[]): PageViews['proposal'] {
  const [base] = aProposal().verdicts
  return aProposal({
    diff: aDiff({
      lines: texts.map((text) => ({ kind: 'added', path: text, sentence: text, before: text, after: text })),
      json: texts.map((text) => ({ kind: 'added', text })),
    }),
    timeline: texts.map((text) => ({
      ...{ at: now - hour, kind: 'moved', from: 'queued', to: 'offline', shareBp: 0 },
      by: text,
      reason: text,
    })),
    approvals: texts.map((text) => ({ before: text, by: text, at: now, reason: text })),
    verdicts: base === undefined ? [] : texts.map((message) => ({ ...base, reasons: [{ ...reason, message }] })),
  })
}

const reason = { rule: 'r', metric: null, observed: null, threshold: null, samples: null }

function hostileDecision(texts: readonly string[]): PageViews['decision'] {
  const [attempt] = aDecision().attempts
  return aDecision({
    why: texts.map((text) => ({ name: text, value: text })),
    facts: texts.map((text) => ({ name: text, value: text })),
    candidates: texts.map((text) => ({ model: text, state: 'excluded', reason: text, detail: text, live: text })),
    attempts: attempt === undefined ? [] : texts.slice(0, 8).map((text) => ({ ...attempt, model: text })),
    warnings: texts.map((text) => ({ model: text, field: text, detail: text })),
    metadata: texts.map((text) => ({ name: text, value: text })),
    feedback: texts.map((text) => ({ at: now, signal: text, value: null, by: text, comment: text })),
  })
}

/** Pages with one payload wherever there is only one place: titles, headings, fields, choices, addresses, errors. */
export function singlePages(text: string): Readonly<Record<string, string>> {
  const made = { ...datasetPages(text), ...recordPages(text), ...judgePages(text) }
  const rendered = (name: string) => made[name]?.() ?? ''
  const headline = { verdict: 'fail', sentence: text, reason: text, evidenceAt: now } as const
  const error = { status: 404, title: text, detail: text, requestId: text, retryUrl: text }
  return {
    proposal: page(
      'proposal',
      aProposal({ title: text, description: text, author: text, route: text, headline }),
      text,
    ),
    'eval-run': page('eval-run', anEvalRun({ dataset: text, headline }), text),
    error: page('error', error, text),
    login: page('login', { next: text, error: text }, text),
    dataset: rendered('dataset-hostile'),
    decisions: rendered('decisions-hostile'),
    decision: rendered('decision-hostile'),
    inventory: rendered('inventory-hostile'),
    savings: rendered('savings-hostile'),
    labels: rendered('labels-hostile'),
    keys: page('keys', aKeysView({ form: { ...aKeysView().form, name: text, principal: text, problem: text } }), text),
  }
}
