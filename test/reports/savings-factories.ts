import type { InventoryRow, InventoryView } from '#reports/inventory-view.ts'
import type { ReportLinks, ReportWindowView } from '#reports/report-window-view.ts'
import type { QualityLine, RouteSavings, SavingsView } from '#reports/savings-view.ts'
import { day, now } from '#test/reports/factories.ts'

const aWindow: ReportWindowView = {
  since: now - 30 * day,
  until: now,
  coveredSince: now - 30 * day,
  isCut: false,
  period: '30d',
}

function theLinks(name: string): ReportLinks {
  return {
    csv: `/api/reports/${name}?period=30d&format=csv`,
    json: `/api/reports/${name}?period=30d`,
    periods: ['7', '30', '90'].map((days) => ({
      label: `${days} days`,
      url: `/${name}?period=${days}d`,
      isCurrent: days === '30',
    })),
  }
}

export function anInventoryRow(over: Partial<InventoryRow> = {}): InventoryRow {
  return {
    kind: 'route',
    name: 'support-reply',
    caller: null,
    owner: 'support-platform',
    purpose: 'Answers to customers',
    risk: 'medium',
    stableVersion: 2,
    models: [
      { name: 'openai/gpt-4o', requests: 61_200, ratio: 0.72 },
      { name: 'openai/gpt-4o-mini', requests: 23_800, ratio: 0.28 },
    ],
    tasks: [
      { name: 'classification', requests: 40_800, ratio: 0.48 },
      { name: 'generation', requests: 32_300, ratio: 0.38 },
      { name: null, requests: 11_900, ratio: 0.14 },
    ],
    prompts: [{ name: 'support-reply@3', requests: 85_000, ratio: 1 }],
    workflows: [
      { name: 'inbox', requests: 31_000, ratio: 0.62 },
      { name: 'chat-widget', requests: 19_000, ratio: 0.38 },
    ],
    requests: 85_000,
    requestsPerDay: 2833,
    inputTokens: 69_020_000,
    outputTokens: 8_075_000,
    latencyP50Ms: 1380,
    latencyP95Ms: 3120,
    errors: 255,
    costMicroUsd: 412_300_000,
    unpriced: 0,
    isCandidate: true,
    reasons: [
      { code: 'volume', sentence: '2,833 requests a day' },
      { code: 'spend', sentence: '71 % of all that was spent' },
      { code: 'cheaper_model', sentence: 'openai/gpt-4.1-nano would cost 2.8 % of it for the same tokens' },
      { code: 'simple_on_strong', sentence: '34 % are simple tasks on the dearest model' },
    ],
    ...over,
  }
}

export function anInventory(over: Partial<InventoryView> = {}): InventoryView {
  return {
    window: aWindow,
    total: {
      requests: 113_240,
      inputTokens: 91_400_000,
      outputTokens: 11_200_000,
      costMicroUsd: 580_700_000,
      unpriced: 4_100,
      candidates: 1,
    },
    rows: [
      anInventoryRow(),
      anInventoryRow({
        kind: 'direct',
        name: 'openai/gpt-4o',
        caller: 'key crm-batch, team sales',
        owner: null,
        purpose: null,
        risk: null,
        stableVersion: null,
        models: [{ name: 'openai/gpt-4o', requests: 1_240, ratio: 1 }],
        tasks: [],
        prompts: [],
        workflows: [],
        requests: 1_240,
        requestsPerDay: 41.3,
        inputTokens: 8_100_000,
        outputTokens: 912_000,
        errors: 12,
        costMicroUsd: 54_180_000,
        isCandidate: false,
        reasons: [
          { code: 'cheaper_model', sentence: 'openai/gpt-4.1-nano would cost 2.9 % of it for the same tokens' },
          { code: 'past_routes', sentence: 'passes every route: no bar watches it and nothing can be rolled back' },
        ],
      }),
      anInventoryRow({
        name: 'invoice-extract',
        owner: 'finance-tools',
        purpose: 'Fields of scanned invoices as JSON',
        risk: 'high',
        stableVersion: 7,
        models: [{ name: 'mistral/mistral-small', requests: 27_000, ratio: 1 }],
        tasks: [{ name: 'extraction', requests: 27_000, ratio: 1 }],
        prompts: [],
        workflows: [],
        requests: 27_000,
        requestsPerDay: 900,
        inputTokens: 14_280_000,
        outputTokens: 2_213_000,
        latencyP50Ms: 540,
        latencyP95Ms: 1210,
        errors: 19,
        costMicroUsd: 5_310_000,
        unpriced: 4_100,
        isCandidate: false,
        reasons: [{ code: 'volume', sentence: '900 requests a day' }],
      }),
      anInventoryRow({
        name: 'summarise-call',
        owner: 'voice',
        purpose: null,
        risk: 'low',
        stableVersion: 3,
        models: [{ name: 'anthropic/claude-haiku', requests: 0, ratio: 0 }],
        tasks: [],
        prompts: [],
        workflows: [],
        requests: 0,
        requestsPerDay: 0,
        inputTokens: 0,
        outputTokens: 0,
        latencyP50Ms: null,
        latencyP95Ms: null,
        errors: 0,
        costMicroUsd: null,
        isCandidate: false,
        reasons: [],
      }),
    ],
    rules: ['much traffic: 100 requests a day or more', 'much money: 10 % or more of all that was spent'],
    mixRequests: 50_000,
    links: theLinks('inventory'),
    ...over,
  }
}

export function aQualityLine(over: Partial<QualityLine> = {}): QualityLine {
  return {
    source: 'live',
    metric: 'json_validity',
    unit: 'score',
    isLowerBetter: false,
    against: 'v1',
    other: 0.973,
    current: 0.968,
    difference: -0.005,
    interval: [-0.021, 0.011],
    samples: 412,
    change: 'not_shown',
    ...over,
  }
}

export function aRouteSavings(over: Partial<RouteSavings> = {}): RouteSavings {
  return {
    route: 'support-reply',
    owner: 'support-platform',
    stableVersion: 2,
    requests: 85_000,
    excluded: { unpriced: 0, unanswered: 255, withoutComparison: 0 },
    strongestModel: {
      model: 'openai/gpt-4o',
      by: 'quality',
      reason: '94.1 % over 400 scored answers, not shown to be below the 94.6 % of openai/gpt-4o-mini, and dearer',
    },
    strongest: {
      requests: 84_745,
      actualMicroUsd: 412_300_000,
      otherMicroUsd: 466_200_000,
      savedMicroUsd: 53_900_000,
      savedRatio: 0.1156,
      savedRangeMicroUsd: [46_100_000, 61_700_000],
    },
    previous: {
      version: 2,
      previousVersion: 1,
      requests: 22_900,
      previousRequests: 5_000,
      currentEachMicroUsd: 391.2,
      previousEachMicroUsd: 5501.4,
      savedEachMicroUsd: 5110.2,
      savedEachIntervalMicroUsd: [5010.4, 5210],
      savedMicroUsd: 117_023_580,
      savedIntervalMicroUsd: [114_738_160, 119_309_000],
      coverage: 0.962,
    },
    previousNote: null,
    quality: [
      aQualityLine({
        source: 'eval',
        other: 0.981,
        current: 0.984,
        difference: 0.003,
        interval: [-0.008, 0.014],
        samples: 400,
      }),
      aQualityLine(),
      aQualityLine({
        source: 'feedback',
        metric: 'complaints',
        unit: 'rate',
        isLowerBetter: true,
        other: 0.011,
        current: 0.019,
        difference: 0.008,
        interval: [0.002, 0.014],
        samples: 23_800,
        change: 'fell',
      }),
    ],
    warning: { kind: 'fell', sentence: 'Quality was shown to have fallen: complaints (feedback) against v1.' },
    proving: { shadowMicroUsd: 1_240_000, evalMicroUsd: 2_910_000, unpricedCalls: 0 },
    ...over,
  }
}

export function aSavings(over: Partial<SavingsView> = {}): SavingsView {
  const midnight = Math.floor(now / day) * day
  return {
    window: aWindow,
    total: {
      requests: 112_000,
      strongest: {
        requests: 107_620,
        actualMicroUsd: 417_610_000,
        otherMicroUsd: 561_300_000,
        savedMicroUsd: 143_690_000,
        savedRatio: 0.256,
        savedRangeMicroUsd: [121_300_000, 166_080_000],
      },
      excluded: { unpriced: 4_100, unanswered: 280, withoutComparison: 0 },
      direct: { requests: 1_240, costMicroUsd: 54_180_000, unpriced: 0 },
      proving: { shadowMicroUsd: 1_240_000, evalMicroUsd: 2_910_000, unpricedCalls: 3 },
      netMicroUsd: 139_540_000,
      warnings: 1,
    },
    days: Array.from({ length: 30 }, (_, index) => {
      const requests = index === 11 ? 0 : 3000 + ((index * 733) % 1400)
      const paidEach = index < 18 ? 4600 : 2100
      return {
        at: midnight - (29 - index) * day,
        requests,
        actualMicroUsd: requests * paidEach,
        strongestMicroUsd: requests * 5215,
      }
    }),
    routes: [
      aRouteSavings(),
      aRouteSavings({
        route: 'invoice-extract',
        owner: 'finance-tools',
        stableVersion: 7,
        requests: 27_000,
        excluded: { unpriced: 4_100, unanswered: 25, withoutComparison: 0 },
        strongestModel: {
          model: 'openai/gpt-4o-mini',
          by: 'price',
          reason:
            'the dearest of the 2 priced models its live versions could choose; not all of them have 30 scores of one evaluator',
        },
        strongest: {
          requests: 22_875,
          actualMicroUsd: 5_310_000,
          otherMicroUsd: 4_900_000,
          savedMicroUsd: -410_000,
          savedRatio: -0.0837,
          savedRangeMicroUsd: [-740_000, -80_000],
        },
        previous: null,
        previousNote: 'No priced request of v6 is in the decision log.',
        quality: [],
        warning: { kind: 'unknown', sentence: 'Nothing measured its quality: a saving alone says little.' },
        proving: { shadowMicroUsd: 0, evalMicroUsd: 0, unpricedCalls: 0 },
      }),
      aRouteSavings({
        route: 'summarise-call',
        owner: 'voice',
        stableVersion: 1,
        requests: 0,
        excluded: { unpriced: 0, unanswered: 0, withoutComparison: 0 },
        strongestModel: null,
        strongest: null,
        previous: null,
        previousNote: 'v1 is the first stable version: there is none before it.',
        quality: [],
        warning: null,
        proving: { shadowMicroUsd: 0, evalMicroUsd: 0, unpricedCalls: 0 },
      }),
    ],
    assumptions: [
      'The strongest model would have written as many output tokens as were written.',
      'Prompts stay the same, and what was cached stays cached.',
    ],
    links: theLinks('savings'),
    ...over,
  }
}
