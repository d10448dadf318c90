import { Ajv, type ErrorObject, type Options } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormatsModule from 'ajv-formats'
import { isWithinDepth } from './content-hash.ts'
import { PatientDeadline, withDeadline } from './deadline.ts'
import { linearRegExp } from './pattern.ts'
import { knownDraftUris, mapSubschemas, prepareSchema, type SchemaDraft } from './schema-draft.ts'

// ajv-formats is CommonJS: under nodenext its default import is typed as the module
const addFormats = addFormatsModule as unknown as typeof addFormatsModule.default

/** Limits on a schema from a dataset, a request or a bar (reliability.md: schemas are code to the validator). */
export const maxSchemaBytes = 64 * 1024
export const maxSchemaDepth = 50
const compileLimitMs = 1_000
const validateLimitMs = 250

/** Up to this length a schema without references, patterns and formats is validated without the watchdog. */
const plainAnswerLength = 4_096

export class InvalidSchemaError extends Error {
  readonly code = 'INVALID_SCHEMA'
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'InvalidSchemaError'
  }
}

export interface CompiledSchema {
  readonly draft: SchemaDraft
  /**
   * Every violation, [] when valid.
   * @param length  length of the text the value was parsed from: decides whether the watchdog is needed
   * @throws DeadlineExceededError  validation took more than 250 ms twice, or has done so for three answers before
   */
  violations(value: unknown, length: number): readonly ErrorObject[]
}

/**
 * Compiles a schema into a validator: draft by `$schema`, formats asserted, patterns in linear time, no remote references.
 *
 * @param strict  also refuse what is legal but surely a slip: unknown keywords (`x-...` allowed), unknown formats
 * @throws InvalidSchemaError  not a schema of its draft, over a limit, or not compilable
 */
export function compileSchema(schema: unknown, strict: boolean): CompiledSchema {
  checkLimits(schema)
  const prepared = prepareSchema(schema)
  if (!prepared) {
    throw new InvalidSchemaError(`unknown $schema ${declaredDraft(schema)}; known: ${knownDraftUris.join(', ')}`)
  }
  const meta = metaValidators[prepared.draft]()
  const validate = explain(() =>
    withDeadline('compiling the schema', compileLimitMs, () => {
      checkAgainstDraft(meta, prepared.schema, prepared.draft)
      return newAjv(prepared.draft, strict, JSON.stringify(prepared.schema)).compile(prepared.schema as object)
    }),
  )
  const isPlain = isCheap(prepared.schema)
  const deadline = new PatientDeadline('validating the answer', validateLimitMs)
  const run = (value: unknown): readonly ErrorObject[] => (validate(value) === true ? [] : [...(validate.errors ?? [])])
  return {
    draft: prepared.draft,
    violations: (value, length) =>
      isPlain && length <= plainAnswerLength ? run(value) : deadline.run(() => run(value)),
  }
}

function checkLimits(schema: unknown): void {
  if (typeof schema !== 'boolean' && (typeof schema !== 'object' || schema === null || Array.isArray(schema))) {
    throw new InvalidSchemaError('a schema is an object or a boolean')
  }
  if (!isWithinDepth(schema, maxSchemaDepth)) {
    throw new InvalidSchemaError(`the schema is nested deeper than ${maxSchemaDepth} levels`)
  }
  const bytes = Buffer.byteLength(JSON.stringify(schema))
  if (bytes > maxSchemaBytes) {
    throw new InvalidSchemaError(`the schema has ${bytes} bytes; the limit is ${maxSchemaBytes}`)
  }
}

function declaredDraft(schema: unknown): string {
  return JSON.stringify((schema as { $schema?: unknown }).$schema)
}

/** Meta-schema validators are built once per draft, outside every deadline: that costs some 50 ms. */
const metaValidators: Readonly<Record<SchemaDraft, () => Ajv>> = {
  'draft-07': once(() => warm(new Ajv(metaOptions))),
  '2019-09': once(() => warm(new Ajv2019(metaOptions))),
  '2020-12': once(() => warm(new Ajv2020(metaOptions))),
}
const metaOptions: Options = { strict: false, logger: false, validateFormats: false, allErrors: false }

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => {
    made ??= make()
    return made
  }
}

function warm(ajv: Ajv): Ajv {
  ajv.validateSchema({})
  return ajv
}

function checkAgainstDraft(meta: Ajv, schema: unknown, draft: SchemaDraft): void {
  if (typeof schema !== 'object' || schema === null) return
  // without $schema the instance checks against its own draft; a translated draft-04 schema would name the wrong one
  const { $schema: _declared, ...bare } = schema as Readonly<Record<string, unknown>>
  if (meta.validateSchema(bare) === true) return
  const first = meta.errors?.[0]
  throw new InvalidSchemaError(
    `not a valid ${draft} schema: ${first?.instancePath || 'the schema'} ${first?.message ?? 'is wrong'}`,
  )
}

/** A fresh instance for each schema: `$id`s of one caller's schemas must not be visible to another's. */
function newAjv(draft: SchemaDraft, strict: boolean, text: string): Ajv {
  const options: Options = {
    strictSchema: strict,
    strictNumbers: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    validateSchema: false,
    allErrors: true,
    ownProperties: true,
    inlineRefs: false,
    logger: false,
    meta: text.includes('json-schema.org'),
    code: { regExp: linearRegExp },
  }
  const ajv =
    draft === 'draft-07' ? new Ajv(options) : draft === '2019-09' ? new Ajv2019(options) : new Ajv2020(options)
  addFormats(ajv)
  if (strict) ajv.addVocabulary([...new Set(text.match(/"x-[\w-]+"(?=:)/g) ?? [])].map((key) => key.slice(1, -1)))
  return ajv
}

function explain<T>(compile: () => T): T {
  try {
    return compile()
  } catch (error) {
    if (error instanceof InvalidSchemaError) throw error
    if (error instanceof RangeError)
      throw new InvalidSchemaError('the references of the schema cannot be resolved', error)
    const message = error instanceof Error ? error.message : String(error)
    const missing = /can't resolve reference (\S+)/.exec(message)?.[1]
    throw new InvalidSchemaError(
      missing ? `$ref ${missing} is not in the schema (nothing is fetched)` : message.slice(0, 300),
      error,
    )
  }
}

/** No keyword whose cost is not bounded by schema size times answer size. */
function isCheap(schema: unknown): boolean {
  let cheap = true
  mapSubschemas(schema, (part) => {
    cheap &&= !['$ref', '$dynamicRef', '$recursiveRef', 'pattern', 'patternProperties', 'format'].some((k) => k in part)
    return part
  })
  return cheap
}

/** Patterns share one cache key in ajv unless the engine names itself: refuse to start rather than validate nothing. */
function selfTest(): void {
  const schema = { properties: { a: { pattern: '^y+$' }, b: { pattern: '^x$' } } }
  const validate = newAjv('2020-12', true, '').compile(schema)
  if (validate({ b: 'yy' }) || !validate({ a: 'yy', b: 'x' })) {
    throw new Error('the pattern engine does not keep the patterns of a schema apart; JSON validation would be void')
  }
}
selfTest()
