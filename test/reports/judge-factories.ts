import type { JudgeView, ShareView } from '#reports/judge-view.ts'
import type { LabelPageView, LabelTaskView } from '#reports/label-view.ts'
import { hour, now } from './factories.ts'

export function aShare(count: number, of: number, interval: readonly [number, number] = [0.1, 0.9]): ShareView {
  return { count, of, share: of === 0 ? null : count / of, interval: of === 0 ? null : interval }
}

export function aJudge(overrides: Partial<JudgeView> = {}): JudgeView {
  return {
    evaluator: 'llm_judge',
    version: '9f2c1e7a5b3d8040',
    judges: ['openai/gpt-4o', 'mistral/large'],
    escalate: 'anthropic/claude-opus',
    conflicts: [
      'llm_judge: openai/gpt-4o is of the same family as openai/gpt-4o-mini (openai): judges favour their own',
    ],
    calibration: {
      kind: 'pair',
      dataset: 'support',
      labels: 124,
      people: 3,
      contested: 4,
      kappa: { value: 0.62, interval: [0.48, 0.76] },
      exact: aShare(101, 124, [0.74, 0.87]),
      sensitivity: aShare(52, 60, [0.76, 0.93]),
      specificity: aShare(41, 51, [0.67, 0.89]),
      doubtful: aShare(9, 17, [0.31, 0.74]),
      betweenPeople: aShare(18, 21, [0.65, 0.95]),
      fitness: 'good',
      computedAt: now - hour,
    },
    expired: null,
    orders: [
      { judge: 'openai/gpt-4o', flips: aShare(71, 800, [0.07, 0.11]), firstPlace: aShare(812, 1600, [0.48, 0.53]) },
    ],
    drift: { retests: 30, flips: aShare(2, 30, [0.02, 0.21]), shift: -0.02, hasDrifted: false },
    rates: [
      {
        target: 'support-reply v2',
        what: 'decided pairs won',
        raw: aShare(420, 700, [0.563, 0.636]),
        corrected: { rate: 0.68, interval: [0.55, 0.81], note: 'by its errors on both arms' },
        powered: { mean: 0.64, interval: [0.57, 0.71], labels: 111 },
      },
    ],
    difference: null,
    length: {
      pairs: 800,
      rate: 0.59,
      controlled: 0.52,
      controlledInterval: [0.48, 0.56],
      slope: 0.84,
      slopeInterval: [0.61, 1.07],
    },
    costMicroUsd: 1_240_000,
    labelUrl: '/labels?run=evr_44&evaluator=llm_judge',
    ...overrides,
  }
}

/** As it stands before anybody has labelled anything, after its prompt has changed. */
export function anUnmeasuredJudge(): JudgeView {
  return aJudge({
    version: '0000aaaa1111bbbb',
    judges: ['openai/gpt-4o'],
    escalate: null,
    conflicts: [],
    calibration: null,
    expired: { version: '9f2c1e7a5b3d8040', labels: 124, at: now - 3 * hour },
    orders: [],
    drift: { retests: 30, flips: aShare(11, 30), shift: -0.21, hasDrifted: true },
    rates: [
      {
        target: 'support-reply v2',
        what: 'criteria met',
        raw: aShare(2100, 2400),
        corrected: { rate: null, interval: null, note: 'nobody has labelled this judge’s verdicts' },
        powered: null,
      },
    ],
    difference: { rate: 0.03, interval: [-0.01, 0.07], note: 'by its errors on this arm' },
    length: null,
    costMicroUsd: null,
  })
}

export function aLabelTask(overrides: Partial<LabelTaskView> = {}): LabelTaskView {
  return {
    id: 'evr_44.00f3a1b2c4d5e6f7.pair',
    evaluator: 'llm_judge',
    version: '9f2c1e7a5b3d8040',
    dataset: 'support@1',
    kind: 'pair',
    question: ['Does precisely what the request asks, keeps its constraints, and is right.'],
    request: [{ role: 'user', text: 'How do I reset my password?' }],
    context: ['Passwords are reset in the settings.'],
    reference: null,
    responses: ['Call us.', 'Open the settings and choose "reset".'],
    verdict: 'response_2',
    others: ['response_1', 'tie'],
    says: [{ reasoning: 'Response 2 answers it.', evidence: [{ quote: 'Open the settings', source: 'response_2' }] }],
    doubt: null,
    ...overrides,
  }
}

export function aLabelPage(overrides: Partial<LabelPageView> = {}): LabelPageView {
  return {
    task: aLabelTask(),
    refusal: null,
    isSaved: false,
    isHidden: false,
    kept: [
      { name: 'run', value: 'evr_44' },
      { name: 'sample', value: 'mixed' },
    ],
    samples: [
      { label: 'Mixed', url: '/labels?run=evr_44&sample=mixed', isCurrent: true },
      { label: 'At random only', url: '/labels?run=evr_44&sample=drawn', isCurrent: false },
      { label: 'In doubt only', url: '/labels?run=evr_44&sample=doubt', isCurrent: false },
    ],
    hideUrl: '/labels?run=evr_44&verdict=hidden',
    judges: [
      {
        evaluator: 'llm_judge',
        version: '9f2c1e7a5b3d8040',
        labels: 124,
        own: 40,
        people: 3,
        kappa: 0.62,
        kappaInterval: [0.48, 0.76],
        sensitivity: 0.867,
        specificity: 0.804,
        fitness: 'good',
      },
    ],
    ...overrides,
  }
}
