import type { Bar } from '#domain/bar.ts'
import { gateStages } from '#domain/bar-check.ts'
import { fallbackReasons } from '#domain/fallback.ts'
import { maxBlockedPatterns } from '#domain/guardrails.ts'
import type { RolloutPlan } from '#domain/plan.ts'
import type { RouteSpec } from '#domain/route.ts'
import { typed } from '#http/from-schema.ts'
import { labelSchema, modelRefSchema, nameSchema, timeSchema, versionSchema } from './common-schemas.ts'

/** Shapes of specs, bars and plans. What they mean is checked in the domain: spec-check.ts and bar-check.ts. */

const closed = { type: 'object', additionalProperties: false } as const
const weight = { type: 'number', minimum: 0, maximum: 1_000_000 } as const

/** A bare model, or one with its weight. Keywords apply by type, so that problems are those of the form that was meant. */
const pool = {
  type: 'array',
  minItems: 1,
  maxItems: 100,
  items: {
    ...modelRefSchema,
    ...closed,
    type: ['string', 'object'],
    'x-expects': 'a model as provider/model, or {"model": "provider/model", "weight": 1}',
    properties: { model: modelRefSchema, weight },
    required: ['model'],
  },
} as const

const words = { type: 'array', items: labelSchema, maxItems: 64 } as const
const text = { type: 'string', minLength: 1, maxLength: 200 } as const
const ratio = { type: 'number', minimum: 0, maximum: 1 } as const
const ms = { type: 'integer', minimum: 1, maximum: 3_600_000 } as const
const latency = { type: 'number', exclusiveMinimum: 0, maximum: 3_600_000 } as const

const constraints = {
  ...closed,
  properties: {
    regions: words,
    dataPolicies: words,
    capabilities: words,
    providers: { ...closed, properties: { allow: words, deny: words } },
    maxCostUsd: { type: 'number', exclusiveMinimum: 0, maximum: 1_000_000 },
    maxLatencyMs: { ...closed, properties: { p50: latency, p95: latency, p99: latency }, minProperties: 1 },
    minQuality: { ...closed, properties: { metric: text, score: ratio }, required: ['metric', 'score'] },
    sensitivity: {
      type: 'object',
      description: 'data policies a provider must state for requests of a sensitivity, by level',
      maxProperties: 16,
      additionalProperties: words,
    },
  },
} as const

const quantile = { enum: ['p50', 'p95', 'p99'] } as const
const aboveZero = { type: 'number', exclusiveMinimum: 0, maximum: 3_600_000 } as const
const weightOfPart = { type: 'number', minimum: 0, maximum: 1_000_000 } as const

const select = {
  ...closed,
  properties: {
    strategy: { enum: ['priority', 'weighted', 'least-busy', 'cost', 'latency', 'quality', 'hybrid'] },
    acceptAnyQuality: { type: 'boolean' },
    metric: { ...text, description: 'latency: ttft or total; quality: the name of an evaluator' },
    quantile,
    order: {
      type: 'array',
      minItems: 1,
      maxItems: 8,
      description:
        'hybrid: one after the other; each keeps those within its tolerance of the best for the next. min or max alone only filters.',
      items: {
        ...closed,
        properties: {
          by: { enum: ['cost', 'quality', 'latency'] },
          within: { type: 'number', minimum: 0, maximum: 1_000 },
          min: ratio,
          max: aboveZero,
          metric: text,
          quantile,
        },
        required: ['by'],
      },
    },
    weights: {
      ...closed,
      description: 'hybrid: parts of one score',
      properties: { quality: weightOfPart, cost: weightOfPart, latency: weightOfPart },
      minProperties: 1,
    },
  },
  required: ['strategy'],
} as const

const fallback = {
  anyOf: [
    modelRefSchema,
    {
      ...closed,
      properties: {
        model: modelRefSchema,
        on: { type: 'array', minItems: 1, uniqueItems: true, items: { enum: fallbackReasons } },
      },
      required: ['model'],
    },
  ],
} as const

/** What may not be sent: of a route version, and of everyone. */
export const guardrails = {
  ...closed,
  properties: {
    blocked: {
      type: 'array',
      maxItems: maxBlockedPatterns,
      items: {
        ...closed,
        properties: { name: nameSchema, pattern: { type: 'string', minLength: 1, maxLength: 1_000 } },
        required: ['name', 'pattern'],
      },
    },
    maxRequestBytes: { type: 'integer', minimum: 1_024, maximum: 4 * 1024 * 1024 },
  },
} as const

export const specSchema = typed<RouteSpec>({
  ...closed,
  properties: {
    models: pool,
    prompt: { ...closed, properties: { name: nameSchema, version: versionSchema }, required: ['name', 'version'] },
    task: {
      ...closed,
      properties: {
        default: text,
        types: { type: 'array', items: text, maxItems: 64 },
        classifier: {
          type: 'object',
          description:
            'rules: {rules: [{when, task}]}; lexical: {minConfidence?, longContextTokens?}; embedding: {model, examples: [{text, task?, rule?}], minSimilarity?, deadlineMs?}; model: {model, tasks?, deadlineMs?}. See docs/task-classifier.md.',
          properties: { kind: { enum: ['rules', 'lexical', 'embedding', 'model'] } },
          required: ['kind'],
        },
      },
    },
    constraints,
    guardrails,
    rules: {
      type: 'array',
      maxItems: 200,
      items: {
        ...closed,
        properties: {
          name: text,
          when: {
            type: 'object',
            description:
              'Fields task, metadata.NAME, inputTokens, hasTools, hasImages, wantsJson, stream, promptMatches; operators eq ne in nin gt gte lt lte exists; combined with all, any, not.',
          },
          models: pool,
          constraints,
          select,
        },
        required: ['name', 'when'],
      },
    },
    select,
    fallbacks: { type: 'array', maxItems: 32, items: fallback },
    retry: {
      ...closed,
      properties: {
        attempts: { type: 'integer', minimum: 1, maximum: 5 },
        on: {
          type: 'array',
          uniqueItems: true,
          items: { enum: ['timeout', 'rate_limit', 'server_error', 'connection'] },
        },
      },
    },
    timeouts: { ...closed, properties: { connectMs: ms, firstTokenMs: ms, idleMs: ms, totalMs: ms } },
    parameters: { type: 'object', maxProperties: 64 },
  },
  required: ['models'],
})

const amount = { type: 'number', minimum: 0, maximum: 1e12 } as const

const approvals = {
  type: 'array',
  maxItems: 3,
  items: { ...closed, properties: { before: { enum: ['shadow', 'canary', 'promotion'] } }, required: ['before'] },
} as const

export const barSchema = typed<Omit<Bar, 'evaluators'> & Partial<Pick<Bar, 'evaluators'>>>({
  ...closed,
  properties: {
    evaluators: {
      type: 'array',
      maxItems: 32,
      items: { ...closed, properties: { name: text, config: { type: 'object' } }, required: ['name'] },
    },
    gates: {
      type: 'array',
      minItems: 1,
      maxItems: 64,
      items: {
        ...closed,
        properties: {
          metric: text,
          min: amount,
          max: amount,
          maxDrop: amount,
          maxIncrease: amount,
          stages: { type: 'array', minItems: 1, uniqueItems: true, items: { enum: gateStages } },
          action: { enum: ['rollback', 'hold', 'observe'] },
        },
        required: ['metric'],
      },
    },
    alpha: {
      type: 'number',
      exclusiveMinimum: 0,
      maximum: 0.2,
      'x-expects': 'the level of false promotion, above 0 and at most 0.2',
    },
    maxMissing: ratio,
    required: { type: 'array', uniqueItems: true, items: { enum: gateStages } },
    approvals,
  },
  required: ['gates'],
})

const duration = {
  type: 'string',
  pattern: '^\\d{1,9}(ms|s|m|h|d)$',
  'x-expects': 'a duration such as 30s, 15m, 2h or 7d',
} as const
const samples = { type: 'integer', minimum: 1, maximum: 10_000_000 } as const
const rate = {
  type: 'number',
  exclusiveMinimum: 0,
  maximum: 1,
  'x-expects': 'a share above 0 and at most 1',
} as const

export const planSchema = typed<RolloutPlan>({
  ...closed,
  properties: {
    offline: {
      ...closed,
      properties: {
        datasets: {
          type: 'array',
          minItems: 1,
          maxItems: 32,
          items: {
            type: 'string',
            pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}@[1-9]\\d{0,8}$',
            'x-expects': 'a dataset version as name@version',
          },
        },
        repeats: { type: 'integer', minimum: 1, maximum: 20 },
        maxCostUsd: { type: 'number', exclusiveMinimum: 0, maximum: 1_000_000 },
        paths: {
          ...closed,
          properties: {
            items: { type: 'integer', minimum: 1, maximum: 100_000 },
            require: { enum: ['no_harm', 'pass'] },
          },
        },
        noiseItems: { type: 'integer', minimum: 0, maximum: 100_000 },
      },
      required: ['datasets'],
    },
    shadow: { ...closed, properties: { sampleRate: rate, minSamples: samples, maxDuration: duration } },
    canary: {
      ...closed,
      properties: {
        steps: {
          type: 'array',
          minItems: 1,
          maxItems: 32,
          items: {
            type: 'number',
            exclusiveMinimum: 0,
            maximum: 100,
            'x-expects': 'a share in percent, above 0 and at most 100',
          },
        },
        unit: { enum: ['session', 'user', 'account', 'request'] },
        minSamples: samples,
        maxDuration: duration,
        scoreRate: rate,
        ladder: { type: 'array', minItems: 1, maxItems: 32, items: { type: 'number', minimum: 1, maximum: 100 } },
      },
      required: ['steps'],
    },
    bake: { ...closed, properties: { duration }, required: ['duration'] },
    approvals,
  },
})

export const routeBodySchema = {
  type: 'object',
  properties: {
    name: nameSchema,
    owner: { type: 'string', minLength: 1, maxLength: 200 },
    purpose: { type: 'string', maxLength: 2_000 },
    risk: { enum: ['low', 'medium', 'high'] },
    spec: specSchema,
    bar: barSchema,
  },
  required: ['name', 'spec', 'bar'],
  additionalProperties: false,
} as const

const pointer = { type: 'object', properties: { version: { type: 'integer' } }, required: ['version'] } as const

export const routeSchema = {
  type: 'object',
  properties: {
    name: nameSchema,
    owner: { type: 'string' },
    purpose: { type: 'string' },
    risk: { enum: ['low', 'medium', 'high'] },
    bar: barSchema,
    barVersion: { type: 'integer' },
    stable: pointer,
    previous: { ...pointer, type: ['object', 'null'] },
    rollout: {
      type: ['object', 'null'],
      properties: {
        proposal: { type: 'string' },
        version: { type: 'integer' },
        status: { type: 'string' },
        share: { type: 'number', description: 'percent of live traffic on the candidate' },
      },
      required: ['proposal', 'version', 'status', 'share'],
    },
    createdBy: { type: 'string' },
    createdAt: timeSchema,
  },
  required: ['name', 'owner', 'purpose', 'risk', 'bar', 'stable', 'previous', 'rollout'],
} as const

export const versionBodySchema = {
  type: 'object',
  properties: {
    route: nameSchema,
    version: { type: 'integer' },
    spec: specSchema,
    digest: { type: 'string', description: 'sha256 of the canonical JSON of the spec' },
    createdBy: { type: 'string' },
    createdAt: timeSchema,
  },
  required: ['route', 'version', 'spec', 'digest', 'createdBy', 'createdAt'],
} as const
