/** Drafts a validator exists for. Draft-06 runs as draft-07, draft-04 is translated to it. */
export type SchemaDraft = 'draft-07' | '2019-09' | '2020-12'

type SchemaObject = Readonly<Record<string, unknown>>

const draftsByUri: Readonly<Record<string, SchemaDraft>> = {
  'json-schema.org/draft-04/schema': 'draft-07',
  'json-schema.org/draft-06/schema': 'draft-07',
  'json-schema.org/draft-07/schema': 'draft-07',
  'json-schema.org/schema': 'draft-07',
  'json-schema.org/draft/2019-09/schema': '2019-09',
  'json-schema.org/draft/2020-12/schema': '2020-12',
}

/** Keywords whose value is a schema, a list of schemas or a map of schemas. A list may stand where one schema may. */
const schemaKeywords = new Set(
  'additionalItems additionalProperties contains contentSchema else if items not propertyNames then unevaluatedItems unevaluatedProperties'.split(
    ' ',
  ),
)
const listKeywords = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems', 'items'])
const mapKeywords = new Set([
  '$defs',
  'definitions',
  'dependencies',
  'dependentSchemas',
  'patternProperties',
  'properties',
])

/**
 * Applies `visit` to every subschema, children first, and returns the changed copy. Instance data (`enum`, `const`, `default`)
 * is left alone. Recursive: check the depth first.
 */
export function mapSubschemas(schema: unknown, visit: (schema: SchemaObject) => SchemaObject): unknown {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema
  const copy: Record<string, unknown> = {}
  for (const [keyword, value] of Object.entries(schema)) {
    const mapped = mapKeyword(keyword, value, visit)
    // defineProperty: a plain assignment of the key __proto__ would set the prototype instead
    Object.defineProperty(copy, keyword, { value: mapped, enumerable: true, writable: true, configurable: true })
  }
  return visit(copy)
}

function mapKeyword(keyword: string, value: unknown, visit: (schema: SchemaObject) => SchemaObject): unknown {
  if (Array.isArray(value)) {
    return listKeywords.has(keyword) ? value.map((entry) => mapSubschemas(entry, visit)) : value
  }
  if (typeof value !== 'object' || value === null) return value
  if (schemaKeywords.has(keyword)) return mapSubschemas(value, visit)
  if (!mapKeywords.has(keyword)) return value
  const entries = Object.entries(value).map(([key, entry]) => [key, mapSubschemas(entry, visit)] as const)
  return Object.fromEntries(entries)
}

export interface PreparedSchema {
  readonly draft: SchemaDraft
  readonly schema: unknown
}

/**
 * Chooses the draft by `$schema` and irons out what differs between drafts in ways the validator does not handle itself.
 * Without `$schema` it is 2020-12, or 2019-09 when keywords appear that 2020-12 has dropped (a list in `items`,
 * `additionalItems`).
 *
 * @returns null when `$schema` names a draft we do not know
 */
export function prepareSchema(schema: unknown): PreparedSchema | null {
  const declared = typeof schema === 'object' && schema !== null && '$schema' in schema ? schema.$schema : undefined
  const draft = declared === undefined ? undeclaredDraft(schema) : draftOfUri(declared)
  if (draft === null) return null
  const isDraft04 = typeof declared === 'string' && declared.includes('/draft-04/')
  const prepared = mapSubschemas(schema, (part) => prepareOne(part, draft, isDraft04))
  return { draft, schema: prepared }
}

export const knownDraftUris = Object.keys(draftsByUri).map(
  (uri) => `${uri.includes('draft/') ? 'https' : 'http'}://${uri}`,
)

function draftOfUri(uri: unknown): SchemaDraft | null {
  if (typeof uri !== 'string') return null
  const key = uri.replace(/^https?:\/\//, '').replace(/#$/, '')
  return Object.hasOwn(draftsByUri, key) ? (draftsByUri[key] ?? null) : null
}

function undeclaredDraft(schema: unknown): SchemaDraft {
  let draft: SchemaDraft = '2020-12'
  mapSubschemas(schema, (part) => {
    if (Array.isArray(part['items']) || 'additionalItems' in part) draft = '2019-09'
    return part
  })
  return draft
}

function prepareOne(part: SchemaObject, draft: SchemaDraft, isDraft04: boolean): SchemaObject {
  // `$async` would make the validator answer with a promise, which every caller takes for "valid"
  const { $async: _async, id, ...rest } = part
  const kept: Record<string, unknown> = rest
  // legal, and satisfied by nothing; the validator refuses to compile it
  if (Array.isArray(kept['enum']) && kept['enum'].length === 0) return { not: {} }
  if (isDraft04) {
    if (typeof id === 'string') kept['$id'] = id.replace(/#$/, '')
    translateLimit(kept, 'exclusiveMinimum', 'minimum')
    translateLimit(kept, 'exclusiveMaximum', 'maximum')
  }
  if (draft !== 'draft-07' || typeof kept['$ref'] !== 'string') return kept
  // up to draft-07 a $ref silences its siblings; the places a $ref may point to stay
  return Object.fromEntries(
    Object.entries(kept).filter(([keyword]) => ['$ref', '$schema', 'definitions', '$defs'].includes(keyword)),
  )
}

/** Draft-04: `exclusiveMinimum: true` says how to read `minimum`. */
function translateLimit(part: Record<string, unknown>, exclusive: string, inclusive: string): void {
  if (typeof part[exclusive] !== 'boolean') return
  if (part[exclusive] === true && typeof part[inclusive] === 'number') {
    part[exclusive] = part[inclusive]
    delete part[inclusive]
  } else delete part[exclusive]
}
