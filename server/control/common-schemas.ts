/** Names of providers, routes and datasets: parts of addresses and of `name@version`. */
export const nameSchema = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$',
  'x-expects': 'a name of 1 to 63 letters, digits, ".", "_" or "-", beginning with a letter or digit',
} as const

/** Names of keys are read by people only: a text of one line. */
export const keyNameSchema = {
  type: 'string',
  pattern: '^[^\\s\\p{C}]([^\\p{C}\\p{Zl}\\p{Zp}]{0,98}[^\\s\\p{C}])?$',
  'x-expects': 'a name of 1 to 100 characters, without line breaks and without spaces at its ends',
} as const

/** The model part of `provider/model`: parts between slashes begin with a letter or digit, so `..` is none. */
export const modelNameSchema = {
  type: 'string',
  maxLength: 200,
  pattern: '^[A-Za-z0-9][\\w.:@+-]*(?:/[A-Za-z0-9][\\w.:@+-]*)*$',
  'x-expects': 'a model name such as gpt-4o-mini or meta-llama/Llama-3-8b',
  'x-spans-slashes': true,
} as const

export const modelRefSchema = {
  type: 'string',
  maxLength: 264,
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}/[A-Za-z0-9][\\w.:@+-]*(?:/[A-Za-z0-9][\\w.:@+-]*)*$',
  'x-expects': 'a model as provider/model',
} as const

export const idSchema = {
  type: 'string',
  pattern: '^[\\w-]{1,80}$',
  'x-expects': 'an id',
} as const

/** Ids of requests may be made elsewhere: visible ASCII but a slash. */
export const requestIdSchema = {
  type: 'string',
  pattern: '^[\\x21-\\x2e\\x30-\\x7e]{1,128}$',
  'x-expects': 'a request id, as x-interlock-request-id told it',
} as const

export const versionSchema = {
  type: 'integer',
  minimum: 1,
  maximum: 2_147_483_647,
  'x-expects': 'a version number (1, 2, 3, ...)',
} as const

/** A version in a path. */
export const versionParamSchema = {
  type: 'string',
  pattern: '^[1-9][0-9]{0,8}$',
  'x-expects': 'a version number (1, 2, 3, ...)',
} as const

/** Free words such as regions and data policies. */
export const labelSchema = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$',
  'x-expects': 'a word of letters, digits, ".", "_", ":" or "-"',
} as const

export const reasonSchema = { type: 'string', minLength: 1, maxLength: 2_000 } as const

/** What the record says where nobody gave a reason: the way back must not depend on finding words. */
export const noReason = 'no reason given'

export const sinceSchema = {
  type: 'string',
  maxLength: 40,
  pattern: '^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2}))?$',
  'x-expects': 'a time such as 2026-03-01T12:00:00Z',
} as const

export const timeSchema = { type: 'string', format: 'date-time' } as const

/** A page of a list in an answer. */
export function pageSchema(items: object) {
  return {
    type: 'object',
    required: ['items', 'nextCursor'],
    properties: { items: { type: 'array', items }, nextCursor: { type: ['string', 'null'] } },
  }
}

/** The text of a time in answers. */
export function iso(ms: number): string {
  return new Date(ms).toISOString()
}

/** Basis points as percent. */
export function percent(bp: number): number {
  return bp / 100
}

/** Integer micro-dollars as USD; null stays null: unknown is not free. */
export function usd(microUsd: number | null): number | null {
  return microUsd === null ? null : microUsd / 1e6
}
