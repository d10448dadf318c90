/** What one item may weigh. Above these a line is refused, so that one row can stall neither the store nor a report. */
export const itemLimits = {
  items: 100_000,
  /** UTF-16 code units of one line or CSV record. */
  itemChars: 1_048_576,
  idChars: 200,
  messages: 500,
  csvColumns: 100,
  /** Values (objects, arrays, scalars) inside one item. */
  values: 20_000,
  depth: 64,
} as const

export const messageRoles = ['system', 'developer', 'user', 'assistant', 'tool', 'function'] as const

/** Evaluators that read an expectation of the item itself: the fields of `expect`. */
export const expectationNames = [
  'citations',
  'escalation',
  'factual',
  'format',
  'json_fields',
  'language',
  'length',
  'pii_leak',
  'refusal',
  'tone',
  'tool_use',
] as const

/** The one JSON Schema of a dataset item; the type is `DatasetItem` in item.ts. */
export const itemSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'messages'],
  properties: {
    id: { type: 'string', minLength: 1, maxLength: itemLimits.idChars, pattern: '^[^\\u0000-\\u001f\\u007f]*$' },
    messages: {
      type: 'array',
      minItems: 1,
      maxItems: itemLimits.messages,
      items: {
        type: 'object',
        required: ['role', 'content'],
        properties: {
          role: { type: 'string', enum: messageRoles },
          content: {
            type: ['string', 'array', 'null'],
            items: { type: 'object', required: ['type'], properties: { type: { type: 'string', minLength: 1 } } },
          },
        },
        // only a reply that is nothing but tool calls has no content
        if: { properties: { role: { enum: ['assistant', 'function'] } } },
        else: { properties: { content: { type: ['string', 'array'] } } },
      },
    },
    reference: { type: 'string' },
    context: { type: 'array', items: { type: 'string' } },
    schema: { type: 'object' },
    tools: { type: 'array', maxItems: 128, items: { type: 'object' } },
    expectedToolCalls: { type: 'array', maxItems: 128, items: { type: 'object' } },
    expect: {
      type: 'object',
      additionalProperties: false,
      properties: Object.fromEntries(expectationNames.map((name) => [name, {}])),
    },
    tags: { type: 'array', maxItems: 50, uniqueItems: true, items: { type: 'string', minLength: 1, maxLength: 100 } },
    cluster: { type: 'string', minLength: 1, maxLength: 200 },
    variables: {
      type: 'object',
      maxProperties: 64,
      propertyNames: { minLength: 1, maxLength: 64 },
      additionalProperties: { type: 'string', maxLength: 32_768 },
    },
    slice: {
      type: 'object',
      maxProperties: 20,
      propertyNames: { minLength: 1, maxLength: 100 },
      additionalProperties: { type: 'string', maxLength: 200 },
    },
  },
} as const

export const itemFields: readonly string[] = Object.keys(itemSchema.properties)
