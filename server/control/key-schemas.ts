import { roles } from '#http/permissions.ts'
import { budgetListSchema, limitsSchema } from './budget-schemas.ts'
import { idSchema, keyNameSchema, modelRefSchema, sinceSchema } from './common-schemas.ts'

/** What is said about a key when it is made. */
export const keyFields = {
  name: keyNameSchema,
  role: { enum: roles },
  principal: {
    type: 'string',
    minLength: 1,
    maxLength: 200,
    description: 'the person or service behind the key; two keys of one principal are one person to approvals',
  },
  metadata: {
    type: 'object',
    description: 'forced on every request of the key; wins over body and headers',
    maxProperties: 32,
    propertyNames: { pattern: '^[a-zA-Z][\\w.-]{0,63}$', 'x-expects': 'a name of letters, digits, "_", "." or "-"' },
    additionalProperties: { type: 'string', maxLength: 512 },
  },
  routes: {
    type: ['array', 'null'],
    description: 'routes the key may call; absent: all. provider/model allows a model directly, * any',
    maxItems: 256,
    uniqueItems: true,
    items: {
      type: 'string',
      minLength: 1,
      maxLength: 264,
      pattern: '^(\\*|[a-z0-9][\\w./:@+-]*)$',
      'x-expects': 'a route, provider/model, or *',
    },
  },
  models: {
    type: ['array', 'null'],
    description: 'models the key may reach, by whatever route and fallback; absent: all',
    maxItems: 256,
    uniqueItems: true,
    items: modelRefSchema,
  },
  expiresAt: {
    ...sinceSchema,
    type: ['string', 'null'],
    description: 'the key is refused from then on; absent: never',
  },
  budgets: budgetListSchema,
  limits: { ...limitsSchema, type: ['object', 'null'] },
} as const

/** What makes a key. */
export const newKeyBodySchema = {
  type: 'object',
  properties: keyFields,
  required: ['name', 'role'],
  additionalProperties: false,
} as const

/** A key in answers. */
export const keySchema = {
  type: 'object',
  properties: {
    id: idSchema,
    ...keyFields,
    createdBy: { type: 'string' },
    createdAt: { type: 'string', format: 'date-time' },
    rotatedAt: { type: ['string', 'null'], format: 'date-time' },
    previousUntil: {
      type: ['string', 'null'],
      format: 'date-time',
      description: 'until when the secret before the last rotation is taken as well',
    },
    revokedAt: { type: ['string', 'null'], format: 'date-time' },
  },
  required: [
    ...['id', 'name', 'role', 'principal', 'metadata', 'routes', 'models', 'budgets', 'limits'],
    ...['createdBy', 'createdAt', 'expiresAt', 'rotatedAt', 'previousUntil', 'revokedAt'],
  ],
} as const

/** A key in the one answer that shows its secret. */
export const newKeySchema = {
  ...keySchema,
  properties: {
    ...keySchema.properties,
    key: { type: ['string', 'null'], description: 'shown once; null in a replay' },
  },
  required: [...keySchema.required, 'key'],
} as const
