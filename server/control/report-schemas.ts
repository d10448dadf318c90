import { timeSchema } from './common-schemas.ts'

const text = { type: 'string' } as const
const textOrNull = { type: ['string', 'null'] } as const
const number = { type: 'number' } as const
const numberOrNull = { type: ['number', 'null'] } as const
const whole = { type: 'integer' } as const
const wholeOrNull = { type: ['integer', 'null'] } as const
const list = (items: object) => ({ type: 'array', items }) as const
const interval = { type: 'array', items: number, minItems: 2, maxItems: 2 } as const
const intervalOrNull = { ...interval, type: ['array', 'null'] } as const

/** An object whose every property is there. */
function closed<const P extends Readonly<Record<string, object>>>(properties: P) {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false } as const
}

function orNull(schema: object) {
  return { ...schema, type: ['object', 'null'] }
}

const windowSchema = closed({
  since: timeSchema,
  until: timeSchema,
  coveredSince: {
    ...timeSchema,
    description: 'later than since where more than 1,000,000 requests came: the newest count',
  },
  isCut: { type: 'boolean' },
  period: textOrNull,
})

const mix = list(closed({ name: textOrNull, requests: whole, ratio: number }))

export const inventorySchema = closed({
  window: windowSchema,
  total: closed({
    requests: whole,
    inputTokens: whole,
    outputTokens: whole,
    costUsd: numberOrNull,
    unpriced: whole,
    candidates: whole,
  }),
  rows: list(
    closed({
      kind: { enum: ['route', 'direct'], description: 'direct: a model addressed by its name, past every route' },
      name: text,
      caller: textOrNull,
      owner: textOrNull,
      purpose: textOrNull,
      risk: textOrNull,
      stableVersion: wholeOrNull,
      models: mix,
      tasks: mix,
      prompts: mix,
      workflows: mix,
      requests: whole,
      requestsPerDay: number,
      inputTokens: whole,
      outputTokens: whole,
      latencyP50Ms: wholeOrNull,
      latencyP95Ms: wholeOrNull,
      errors: whole,
      costUsd: { ...numberOrNull, description: 'of the priced requests; null: none is priced' },
      unpriced: whole,
      isCandidate: { type: 'boolean', description: 'routing would pay here: see rules' },
      reasons: list(closed({ code: text, sentence: text })),
    }),
  ),
  rules: list(text),
  mixRequests: { ...whole, description: 'workflows are counted over at most this many of the newest requests' },
})

const comparison = closed({
  requests: whole,
  actualUsd: number,
  otherUsd: number,
  savedUsd: number,
  savedRatio: numberOrNull,
  savedRangeUsd: { ...interval, description: 'if the other model wrote a quarter less, or more, than was written' },
})
const excluded = closed({ unpriced: whole, unanswered: whole, withoutComparison: whole })
const proving = closed({ shadowUsd: number, evalUsd: number, unpricedCalls: whole })

const quality = closed({
  source: { enum: ['eval', 'live', 'feedback'] },
  metric: text,
  unit: text,
  isLowerBetter: { type: 'boolean' },
  against: text,
  other: numberOrNull,
  current: numberOrNull,
  difference: numberOrNull,
  interval: intervalOrNull,
  samples: whole,
  change: { enum: ['fell', 'rose', 'not_shown'] },
})

const previous = closed({
  version: whole,
  previousVersion: whole,
  requests: whole,
  previousRequests: whole,
  currentEachUsd: number,
  previousEachUsd: number,
  savedEachUsd: number,
  savedEachIntervalUsd: { ...interval, description: '95 % interval of savedEachUsd' },
  savedUsd: number,
  savedIntervalUsd: interval,
  coverage: number,
})

export const savingsSchema = closed({
  window: windowSchema,
  total: closed({
    requests: whole,
    strongest: orNull(comparison),
    excluded,
    direct: closed({ requests: whole, costUsd: numberOrNull, unpriced: whole }),
    proving,
    netUsd: numberOrNull,
    warnings: whole,
  }),
  days: list(closed({ at: timeSchema, requests: whole, actualUsd: number, strongestUsd: number })),
  routes: list(
    closed({
      route: text,
      owner: textOrNull,
      stableVersion: wholeOrNull,
      requests: whole,
      excluded,
      strongestModel: orNull(closed({ model: text, by: { enum: ['quality', 'price'] }, reason: text })),
      strongest: orNull(comparison),
      previous: orNull(previous),
      previousNote: textOrNull,
      quality: list(quality),
      warning: orNull(closed({ kind: { enum: ['fell', 'unknown'] }, sentence: text })),
      proving,
    }),
  ),
  assumptions: list(text),
})
