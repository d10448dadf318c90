import type { ErrorObject } from 'ajv/dist/2020.js'
import type { Problem } from '#domain/errors.ts'
import { pointerPart } from './json-fault.ts'

/** A reader fixes a few faults and sends again; more only hide the first. */
const maxProblems = 50

interface Subschema {
  readonly 'x-expects'?: string
  readonly 'x-secret'?: boolean
  readonly properties?: Readonly<Record<string, unknown>>
  readonly patternProperties?: Readonly<Record<string, unknown>>
}

/** What a validator found, as sentences for people: what is expected, what was sent, which names are known. */
export function describeErrors(errors: readonly ErrorObject[]): Problem[] {
  const problems = new Map<string, Problem>()
  for (const error of errors) {
    // The branches of if/then/else report for themselves.
    if (error.keyword === 'if' || error.keyword === 'propertyNames') continue
    const problem = { path: pathOf(error), message: messageOf(error) }
    const key = `${problem.path} ${problem.message}`
    if (!problems.has(key)) problems.set(key, problem)
  }
  const all = [...problems.values()]
  if (all.length <= maxProblems) return all
  const rest = all.length - maxProblems
  return [...all.slice(0, maxProblems), { path: '', message: `and ${rest} more problems` }]
}

function pathOf(error: ErrorObject): string {
  const params = error.params as Readonly<Record<string, unknown>>
  const inner =
    params['missingProperty'] ?? params['additionalProperty'] ?? params['unevaluatedProperty'] ?? error.propertyName
  return typeof inner === 'string' ? `${error.instancePath}/${pointerPart(shortName(inner))}` : error.instancePath
}

/** One sentence per JSON Schema keyword; those that have none fall back on the validator's words. */
const sentences: Readonly<Record<string, (error: ErrorObject, params: Record<string, unknown>) => string>> = {
  required: () => 'is missing',
  additionalProperties: (error) => `is unknown here; known: ${knownNames(error).join(', ') || 'none'}`,
  unevaluatedProperties: (error) => `is unknown here; known: ${knownNames(error).join(', ') || 'none'}`,
  type: (error, params) => `must be ${typeName(params['type'])}, got ${shown(error)}`,
  enum: (error, params) => `must be one of ${listed(params['allowedValues'])}, got ${shown(error)}`,
  const: (error, params) => `must be ${JSON.stringify(params['allowedValue'])}, got ${shown(error)}`,
  pattern: (error) => `does not have the form of its kind, got ${shown(error)}`,
  minimum: (error, params) => `must be ${params['limit']} or more, got ${shown(error)}`,
  maximum: (error, params) => `must be ${params['limit']} or less, got ${shown(error)}`,
  exclusiveMinimum: (error, params) => `must be more than ${params['limit']}, got ${shown(error)}`,
  exclusiveMaximum: (error, params) => `must be less than ${params['limit']}, got ${shown(error)}`,
  minLength: (error, params) =>
    params['limit'] === 1 ? 'must not be empty' : lengthSentence(error, params, 'at least'),
  maxLength: (error, params) => lengthSentence(error, params, 'at most'),
  minItems: (_, params) => `needs at least ${params['limit']} ${params['limit'] === 1 ? 'entry' : 'entries'}`,
  maxItems: (error, params) => `may have ${params['limit']} entries, got ${(error.data as unknown[]).length}`,
  uniqueItems: (_, params) => `entries ${params['j']} and ${params['i']} are the same`,
  minProperties: (error) => `must not be empty; known: ${knownNames(error).join(', ') || 'any name'}`,
  maxProperties: (_, params) => `may have ${params['limit']} fields`,
  dependentRequired: (_, params) => `is missing beside "${params['property']}"`,
}

function messageOf(error: ErrorObject): string {
  const expects = schemaOf(error)['x-expects']
  const isOfValue = !['required', 'additionalProperties', 'minItems', 'maxItems', 'uniqueItems'].includes(error.keyword)
  if (expects !== undefined && isOfValue) {
    const got = error.propertyName === undefined ? shown(error) : JSON.stringify(shortName(error.propertyName))
    return `must be ${expects}, got ${got}`
  }
  const sentence = sentences[error.keyword]
  return sentence?.(error, error.params as Record<string, unknown>) ?? error.message ?? `breaks ${error.keyword}`
}

function schemaOf(error: ErrorObject): Subschema {
  return (error.parentSchema ?? {}) as Subschema
}

function knownNames(error: ErrorObject): string[] {
  const { properties, patternProperties } = schemaOf(error)
  const patterns = Object.keys(patternProperties ?? {}).map((pattern) => pattern.replace(/^\^([a-z]+)\\\..*/, '$1.*'))
  return [...Object.keys(properties ?? {}), ...patterns]
}

function lengthSentence(error: ErrorObject, params: Record<string, unknown>, bound: string): string {
  return `must have ${bound} ${params['limit']} characters, got ${[...String(error.data)].length}`
}

const typeNames: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'an array',
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  null: 'null',
}

function typeName(type: unknown): string {
  const names = (Array.isArray(type) ? type : String(type).split(',')) as string[]
  return names.map((name) => typeNames[name] ?? name).join(' or ')
}

function listed(values: unknown): string {
  return (values as unknown[]).map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(', ')
}

/** What was sent, short; the kind only where it is long or could be a secret. */
function shown(error: ErrorObject): string {
  const { data } = error
  if (Array.isArray(data)) return 'an array'
  if (data === null) return 'null'
  if (typeof data === 'object') return 'an object'
  if (typeof data !== 'string') return String(data)
  if (schemaOf(error)['x-secret'] === true || looksSecret(data)) return 'a text that is not shown here'
  return data.length > 60 ? `a text of ${data.length} characters` : JSON.stringify(data)
}

/** A name that is sent where none is known may be anything, a pasted key included. */
function shortName(name: string): string {
  if (looksSecret(name)) return '(not shown)'
  return name.length > 60 ? `${name.slice(0, 60)}…` : name
}

/**
 * True for texts that could be a credential: a known prefix, or a long run without spaces that mixes letters and digits.
 */
export function looksSecret(text: string): boolean {
  if (/^(sk|pk|rk|ilk|ghp|gho|xox[a-z]|glpat|AKIA|AIza|eyJ|Bearer)[-_ A-Za-z0-9]/.test(text)) return true
  return /(?=[^\s]*\d)(?=[^\s]*[A-Za-z])[A-Za-z0-9+=_-]{24,}/.test(text)
}
