import { renderPage } from '#reports/render.ts'
import type { PageName, PageViews, Shell } from '#reports/views.ts'
import { aDecision, aDecisionRow, aDecisionsView, aForm } from '#test/reports/decision-factories.ts'
import { aShell, day, now } from '#test/reports/factories.ts'
import { anInventory, anInventoryRow, aQualityLine, aRouteSavings, aSavings } from '#test/reports/savings-factories.ts'

function page<N extends PageName>(name: N, view: PageViews[N], shell: Partial<Shell> = {}): string {
  return renderPage(name, view, aShell(shell))
}

const noTotal = {
  requests: 0,
  isCut: false,
  errors: 0,
  costMicroUsd: null,
  unpriced: 0,
  latencyP50Ms: null,
  latencyP95Ms: null,
}

/** Pages over the decision log, by the name of their golden file. @param hostile text as an attacker would send it */
export function recordPages(hostile: string): Readonly<Record<string, () => string>> {
  return {
    decisions: () => page('decisions', aDecisionsView(), { title: 'Decisions' }),
    'decisions-empty': () =>
      page('decisions', aDecisionsView({ ...aForm(), summary: noTotal, items: [], nextUrl: null }), {
        title: 'Decisions',
      }),
    'decisions-hostile': () =>
      page(
        'decisions',
        aDecisionsView({
          ...aForm({ route: hostile, task: hostile, session: hostile }),
          items: [aDecisionRow({ route: hostile, model: hostile, rule: hostile, task: hostile, errorCode: hostile })],
        }),
        { title: 'Decisions' },
      ),
    decision: () => page('decision', aDecision(), { title: 'Decision req_03' }),
    'decision-refused': () =>
      page(
        'decision',
        aDecision({
          sentence: 'No model was asked (none was eligible).',
          status: 503,
          errorCode: 'no_eligible_model',
          candidates: aDecision().candidates.filter((candidate) => candidate.state === 'excluded'),
          hasLive: false,
          attempts: [],
          warnings: [],
          usage: null,
          costWords: 'nothing was answered',
          metadata: [],
          scoring: { state: 'none', stage: null, scores: [] },
          feedback: [],
          proposalId: null,
          totalMs: 2,
        }),
        { title: 'Decision req_04' },
      ),
    'decision-old': () =>
      page(
        'decision',
        aDecision({
          sentence: 'openai/gpt-4o answered (priority: first of 1 eligible).',
          why: [
            { name: 'Rule', value: 'none matched: the pool of the version' },
            { name: 'Task', value: 'not known' },
            { name: 'Strategy', value: 'priority: first of 1 eligible' },
          ],
          costMicroUsd: 5920,
          costWords: "from the provider's own token counts",
          usage: {
            inputTokens: 812,
            cachedInputTokens: 512,
            outputTokens: 95,
            reasoningTokens: 40,
            isEstimated: false,
          },
          candidates: [{ model: 'openai/gpt-4o', state: 'answered', reason: 'first choice', detail: null, live: null }],
          hasLive: false,
          attempts: aDecision().attempts.slice(2),
          warnings: [],
          scoring: { state: 'waiting', stage: 'canary', scores: [] },
          shadow: { model: 'local/llama', status: 503, errorClass: 'server_error', latencyMs: 310, costMicroUsd: null },
          feedback: [],
          route: 'openai/gpt-4o',
          isDirect: true,
        }),
        { title: 'Decision req_01' },
      ),
    'decision-hostile': () =>
      page(
        'decision',
        aDecision({
          requestId: hostile,
          sentence: hostile,
          errorCode: hostile,
          why: [{ name: hostile, value: hostile }],
          facts: [{ name: hostile, value: hostile }],
          candidates: [{ model: hostile, state: 'excluded', reason: hostile, detail: hostile, live: hostile }],
          attempts: [{ ...aDecision().attempts[0]!, model: hostile, errorClass: hostile }],
          warnings: [{ model: hostile, field: hostile, detail: hostile }],
          metadata: [{ name: hostile, value: hostile }],
          feedback: [{ at: now, signal: hostile, value: null, by: hostile, comment: hostile }],
          route: hostile,
        }),
        { title: hostile },
      ),
    inventory: () => page('inventory', anInventory(), { title: 'Inventory' }),
    'inventory-empty': () =>
      page(
        'inventory',
        anInventory({
          rows: [],
          total: { requests: 0, inputTokens: 0, outputTokens: 0, costMicroUsd: null, unpriced: 0, candidates: 0 },
        }),
        { title: 'Inventory' },
      ),
    'inventory-hostile': () =>
      page(
        'inventory',
        anInventory({
          window: { ...anInventory().window, isCut: true, coveredSince: now - 3 * day },
          rows: [
            anInventoryRow({
              name: hostile,
              owner: hostile,
              purpose: hostile,
              risk: hostile,
              models: [{ name: hostile, requests: 1, ratio: 1 }],
              workflows: [{ name: hostile, requests: 1, ratio: 1 }],
              reasons: [{ code: 'volume', sentence: hostile }],
            }),
            anInventoryRow({ kind: 'direct', name: hostile, caller: hostile }),
          ],
        }),
        { title: 'Inventory' },
      ),
    savings: () => page('savings', aSavings(), { title: 'Savings' }),
    'savings-empty': () =>
      page(
        'savings',
        aSavings({
          total: { ...aSavings().total, requests: 0, strongest: null, netMicroUsd: null, warnings: 0 },
          days: [],
          routes: [],
        }),
        { title: 'Savings' },
      ),
    'savings-hostile': () =>
      page(
        'savings',
        aSavings({
          routes: [
            aRouteSavings({
              route: hostile,
              owner: hostile,
              strongestModel: { model: hostile, by: 'price', reason: hostile },
              quality: [aQualityLine({ metric: hostile, against: hostile })],
              warning: { kind: 'fell', sentence: hostile },
            }),
          ],
          assumptions: [hostile],
        }),
        { title: 'Savings' },
      ),
  }
}
