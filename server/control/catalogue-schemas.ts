import { labelSchema, modelNameSchema, nameSchema, timeSchema } from './common-schemas.ts'

/** Every kind the contract names; which of them can be called is the provider room's to say. */
const providerKindNames = ['openai', 'azure-openai', 'anthropic', 'gemini'] as const

const positiveInteger = { type: 'integer', minimum: 1, maximum: 2_147_483_647 } as const

const labels = { type: 'array', items: labelSchema, maxItems: 64, uniqueItems: true } as const

const provider = {
  kind: { enum: providerKindNames },
  baseUrl: { type: 'string', minLength: 1, maxLength: 1_000, 'x-secret': true },
  credential: {
    type: ['string', 'null'],
    maxLength: 1_000,
    pattern: '^(env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:/[^\\u0000-\\u001f]+)$',
    'x-expects': 'a reference, env:NAME or file:/PATH (never the secret itself)',
    'x-secret': true,
  },
  region: { ...labelSchema, type: ['string', 'null'] },
  dataPolicies: labels,
  limits: {
    type: 'object',
    properties: {
      requestsPerMinute: positiveInteger,
      tokensPerMinute: positiveInteger,
      concurrency: positiveInteger,
    },
    additionalProperties: false,
  },
} as const

export const providerBodySchema = {
  type: 'object',
  properties: provider,
  required: ['kind', 'baseUrl'],
  additionalProperties: false,
} as const

export const providerSchema = {
  type: 'object',
  properties: { name: nameSchema, ...provider, updatedAt: timeSchema },
  required: ['name', 'kind', 'baseUrl', 'credential', 'region', 'dataPolicies', 'limits', 'updatedAt'],
} as const

const usdPerMillion = {
  type: 'number',
  minimum: 0,
  maximum: 1_000_000,
  'x-expects': 'a price in USD per million tokens, 0 to 1000000',
} as const

/** US dollars per million tokens; null: unpriced, which is not free. */
export const priceSchema = {
  type: ['object', 'null'],
  properties: {
    input: usdPerMillion,
    cachedInput: { ...usdPerMillion, type: ['number', 'null'] },
    output: usdPerMillion,
    reasoning: {
      ...usdPerMillion,
      type: ['number', 'null'],
      description: 'of reasoning tokens; absent: as output',
    },
  },
  required: ['input', 'output'],
  additionalProperties: false,
} as const

const model = {
  contextWindow: { ...positiveInteger, type: ['integer', 'null'] },
  maxOutputTokens: { ...positiveInteger, type: ['integer', 'null'] },
  capabilities: labels,
  price: priceSchema,
} as const

export const modelBodySchema = {
  type: 'object',
  properties: model,
  additionalProperties: false,
} as const

export const modelSchema = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    provider: nameSchema,
    model: modelNameSchema,
    ...model,
    priceVersion: { type: 'integer' },
    updatedAt: timeSchema,
  },
  required: ['id', 'provider', 'model', 'contextWindow', 'maxOutputTokens', 'capabilities', 'price', 'updatedAt'],
} as const
