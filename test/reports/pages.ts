import { renderPage } from '#reports/render.ts'
import type { PageName, PageViews, Shell } from '#reports/views.ts'
import { controlPages } from '#test/reports/control-factories.ts'
import { datasetPages } from '#test/reports/dataset-factories.ts'
import { aCase, anAnswer, anEvalRun, anExcerpt } from '#test/reports/eval-run-factories.ts'
import {
  anAction,
  anOverview,
  aProposalSummary,
  aShell,
  aThreshold,
  hour,
  minute,
  now,
} from '#test/reports/factories.ts'
import { judgePages } from '#test/reports/judge-pages.ts'
import { aDiff, aGate, aProposal, fourGates } from '#test/reports/proposal-factories.ts'
import { recordPages } from '#test/reports/record-pages.ts'
import { aRoute } from '#test/reports/route-factories.ts'

/** Text as an attacker would send it: markup, bidi override, escape sequence, zero-width and tag characters. */
export const hostile =
  '<script>alert(1)</script>"\'><img src=x onerror=alert(2)> {{constructor}} \u202Egnp.exe\u202C \u001B[31mred\u001B[0m a\u200Bb \u{E0041} javascript:alert(3)'

function page<N extends PageName>(name: N, view: PageViews[N], shell: Partial<Shell> = {}): string {
  return renderPage(name, view, aShell(shell))
}

/** Every page in every state worth seeing, by the name of its golden file. */
export const pages: Readonly<Record<string, () => string>> = {
  overview: () => page('overview', anOverview(), { liveUrl: '/live' }),
  'overview-empty': () =>
    page(
      'overview',
      anOverview({ routes: [], proposals: [], gateways: { currentEpoch: 1, engineSeenAt: null, gateways: [] } }),
    ),
  'overview-stale': () => page('overview', anOverview(), { staleSeconds: 42 }),
  route: () => page('route', aRoute(), { title: 'support-reply' }),
  'route-quiet': () =>
    page(
      'route',
      aRoute({
        rollout: null,
        diff: null,
        proposals: [],
        bar: { ...aRoute().bar, evaluators: [] },
        rollback: anAction('rollback', { isAllowed: false, refusal: 'There is no earlier version to return to.' }),
      }),
      { title: 'support-reply' },
    ),
  'proposal-inconclusive': () =>
    page('proposal', aProposal(), { title: 'Answer simple tickets', liveUrl: '/proposals/prp_7Hq2/live' }),
  'proposal-queued': () =>
    page(
      'proposal',
      aProposal({
        status: 'queued',
        live: null,
        gates: [],
        verdicts: [],
        verdictCount: 0,
        evalRuns: [],
        approvals: [],
        convergence: null,
        description: '',
        headline: {
          verdict: 'waiting',
          sentence: 'Queued: nothing has been judged yet.',
          reason: 'Offline evals start with the next turn of the engine.',
          evidenceAt: null,
        },
        timeline: aProposal().timeline.slice(-1),
        stages: aProposal().stages.map((stage) => ({ ...stage, state: 'todo', detail: '' })),
        actions: [
          anAction('rollback', { isAllowed: false, refusal: 'The candidate serves no request.' }),
          anAction('reject'),
        ],
      }),
      { title: 'Queued' },
    ),
  'proposal-rolled-back': () =>
    page(
      'proposal',
      aProposal({
        status: 'rolled_back',
        approvals: aProposal().approvals.slice(0, 1),
        endedAt: now - 2 * minute,
        headline: {
          verdict: 'fail',
          sentence: 'Rolled back at 25%: the error rate rose to 31%.',
          reason:
            '31.0% of candidate requests failed against 1.0% of the baseline; the guard needs e-value 100 and saw 240 after 26 requests.',
          evidenceAt: now - 2 * minute,
        },
        stages: aProposal().stages.map((stage) => {
          if (stage.state === 'todo') return { ...stage, state: 'unreached' }
          return stage.state === 'current' ? { ...stage, state: 'failed', detail: 'after 26 requests' } : stage
        }),
        gates: [
          {
            stage: 'canary',
            stepPercent: 25,
            isCurrent: false,
            rows: [
              aGate({
                metric: 'error_rate',
                unit: 'rate',
                isLowerBetter: true,
                baseline: 0.01,
                candidate: 0.31,
                difference: 0.3,
                interval: [0.14, 0.48],
                threshold: aThreshold({ maxIncrease: 1 }),
                margin: null,
                verdict: 'fail',
                samples: 26,
                missing: 0,
                eValue: 0.001,
                history: [],
              }),
              ...fourGates().slice(0, 1),
            ],
          },
        ],
        actions: [
          anAction('rollback', { isAllowed: false, refusal: 'Already rolled back: every request goes to v1.' }),
        ],
        timeline: [
          {
            at: now - 2 * minute,
            kind: 'ended',
            from: 'canary',
            to: 'rolled_back',
            by: 'engine',
            reason: 'error rate 31% against 1.0%',
            shareBp: 0,
          },
          ...aProposal().timeline,
        ],
        verdicts: [
          {
            at: now - 2 * minute,
            stage: 'canary',
            stepPercent: 25,
            action: 'rollback',
            engine: 'betting@1',
            reasons: [
              {
                rule: 'fast_fail',
                metric: 'error_rate',
                message: 'Error rate 31.0% against 1.0%.',
                observed: 0.31,
                threshold: 0.02,
                samples: 26,
              },
            ],
          },
        ],
        live: null,
      }),
      { title: 'Rolled back' },
    ),
  'proposal-hostile': () =>
    page(
      'proposal',
      aProposal({
        title: hostile,
        description: hostile,
        author: hostile,
        warnings: [hostile],
        diff: aDiff({
          lines: [{ kind: 'added', path: hostile, sentence: hostile, before: hostile, after: hostile }],
          json: [{ kind: 'added', text: hostile }],
        }),
        timeline: [
          { at: now - hour, kind: 'moved', from: 'queued', to: 'offline', by: hostile, reason: hostile, shareBp: 0 },
        ],
      }),
      { title: hostile },
    ),
  'eval-run': () => page('eval-run', anEvalRun(), { title: 'Eval report support@1' }),
  'eval-run-running': () =>
    page(
      'eval-run',
      anEvalRun({
        status: 'running',
        proposal: null,
        finishedAt: null,
        gates: [],
        comparisons: [],
        slices: [],
        regressions: [],
        regressionCount: 0,
        improvements: [],
        improvementCount: 0,
        health: [],
        headline: {
          verdict: 'waiting',
          sentence: 'Running: 120 of 1,600 answers.',
          reason: 'Nothing is judged before the last answer is scored.',
          evidenceAt: null,
        },
      }),
      { title: 'Eval report support@1' },
    ),
  'eval-run-hostile': () =>
    page(
      'eval-run',
      anEvalRun({
        regressions: [
          aCase({
            itemId: hostile,
            tags: [hostile],
            slice: [{ name: hostile, value: hostile }],
            input: [{ role: hostile, content: anExcerpt(hostile) }],
            context: [anExcerpt(hostile)],
            reference: anExcerpt(hostile),
            baseline: anAnswer(hostile),
            candidate: anAnswer(`${hostile} and more`),
            scores: [
              {
                evaluator: hostile,
                baseline: {
                  status: 'scored',
                  value: 1,
                  reason: hostile,
                  details: [{ isGood: null, label: hostile, text: hostile }],
                },
                candidate: { status: 'unscored', value: null, reason: hostile, details: [] },
                difference: null,
              },
            ],
          }),
        ],
      }),
      { title: 'Eval report' },
    ),
  ...datasetPages(hostile),
  ...recordPages(hostile),
  ...judgePages(hostile),
  ...controlPages(hostile),
  login: () => page('login', { next: '/proposals/prp_7Hq2', error: null }, { title: 'Log in', viewer: null, csrf: '' }),
  'login-refused': () =>
    page(
      'login',
      { next: 'javascript:alert(1)', error: 'No key matches. Check that you copied all of it.' },
      { title: 'Log in', viewer: null, csrf: '' },
    ),
  error: () =>
    page(
      'error',
      {
        status: 404,
        title: 'No such proposal',
        detail: 'There is no proposal "prp_zzz". It may have been typed wrong.',
        requestId: 'req_9f',
        retryUrl: null,
      },
      { title: 'Not found' },
    ),
  'overview-paused-only': () =>
    page(
      'overview',
      anOverview({
        proposals: [
          aProposalSummary({ isPaused: true }),
          aProposalSummary({ status: 'rolled_back', isInconclusive: true, shareBp: 0 }),
        ],
      }),
    ),
}
