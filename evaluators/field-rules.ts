import { escapePointer } from './json-scan.ts'
import { mapSubschemas } from './schema-draft.ts'

/** Ways to compare a field, by the schema keyword `x-eval`. */
export const comparisons = ['exact', 'number', 'date', 'text', 'set', 'ignore'] as const
export type Comparison = (typeof comparisons)[number]

/** Ways to pair the elements of an array. `best`: the pairing with most agreement. */
const arrayOrders = ['ordered', 'key', 'best'] as const
export type ArrayOrder = (typeof arrayOrders)[number]

/** What `x-eval` says about a place in the schema, defaults filled in. */
export interface FieldRule {
  /** null: nothing is said, values are compared exactly. */
  readonly compare: Comparison | null
  /** number: largest absolute difference, and the largest one relative to the wanted value. Either is enough. */
  readonly absTolerance: number
  readonly relTolerance: number
  /** text: least similarity in [0, 1]. */
  readonly minSimilarity: number
  /** Part of this field, and of what is in it, in the sums. Above 0. */
  readonly weight: number
  /** The score is 0 when this field, or anything in it, is not right. */
  readonly isCritical: boolean
  readonly array: ArrayOrder
  /** array `key`: the property that tells elements apart. */
  readonly key: string
}

const defaults: FieldRule = {
  compare: null,
  absTolerance: 0,
  relTolerance: 1e-6,
  minSimilarity: 0.8,
  weight: 1,
  isCritical: false,
  array: 'ordered',
  key: '',
}

type SchemaObject = Readonly<Record<string, unknown>>

/** What is wrong with the `x-eval` of a schema, in order of appearance; [] when all are good. */
export function ruleProblems(schema: unknown): string[] {
  const problems: string[] = []
  mapSubschemas(schema, (part) => {
    if ('x-eval' in part) {
      const read = readRule(part['x-eval'])
      if (typeof read === 'string') problems.push(read)
    }
    return part
  })
  return problems
}

const ranges: Readonly<Record<string, (value: number) => boolean>> = {
  absTolerance: (value) => value >= 0,
  relTolerance: (value) => value >= 0,
  minSimilarity: (value) => value >= 0 && value <= 1,
  weight: (value) => value > 0 && value <= 1_000,
}
const fields = ['compare', 'critical', 'array', 'key', ...Object.keys(ranges)]

/** A rule, or what is wrong with it. `"number"` is short for `{"compare": "number"}`. */
function readRule(value: unknown): FieldRule | string {
  const given = typeof value === 'string' ? { compare: value } : value
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return 'x-eval must be a name or an object'
  const rule = given as Readonly<Record<string, unknown>>
  const unknown = Object.keys(rule).find((field) => !fields.includes(field))
  if (unknown !== undefined) return `x-eval has no field "${unknown.slice(0, 40)}"; known: ${fields.join(', ')}`
  const { compare, array, key, critical } = rule
  if (compare !== undefined && !comparisons.includes(compare as Comparison)) {
    return `x-eval cannot compare by ${JSON.stringify(compare)?.slice(0, 60)}; known: ${comparisons.join(', ')}`
  }
  if (array !== undefined && !arrayOrders.includes(array as ArrayOrder)) {
    return `x-eval cannot pair elements by ${JSON.stringify(array)?.slice(0, 60)}; known: ${arrayOrders.join(', ')}`
  }
  if (critical !== undefined && typeof critical !== 'boolean') return 'critical in x-eval must be true or false'
  if (array === 'key' ? typeof key !== 'string' || key === '' : key !== undefined) {
    return 'x-eval needs key, a property of the elements, exactly where array is "key"'
  }
  const outOfRange = Object.entries(ranges).find(([name, holds]) => {
    const number = rule[name]
    return number !== undefined && !(typeof number === 'number' && Number.isFinite(number) && holds(number))
  })
  if (outOfRange) return `${outOfRange[0]} in x-eval is out of range`
  return { ...defaults, ...(rule as Partial<FieldRule>), isCritical: critical === true }
}

/** A place in a schema: what it says about comparing, and the way further down. */
export class RulePlace {
  readonly rule: FieldRule
  readonly #root: unknown
  readonly #here: SchemaObject

  constructor(root: unknown, here: unknown = root) {
    this.#root = root
    this.#here = resolve(root, here)
    const own = typeof here === 'object' && here !== null && 'x-eval' in here ? here['x-eval'] : this.#here['x-eval']
    const read = own === undefined ? defaults : readRule(own)
    this.rule = typeof read === 'string' ? defaults : read
  }

  property(name: string): RulePlace {
    const properties = this.#here['properties'] as SchemaObject | undefined
    const own = properties && Object.hasOwn(properties, name) ? properties[name] : undefined
    return new RulePlace(this.#root, own ?? this.#here['additionalProperties'])
  }

  element(index: number): RulePlace {
    const { prefixItems, items, additionalItems } = this.#here
    const list = Array.isArray(prefixItems) ? prefixItems : Array.isArray(items) ? items : []
    const rest = Array.isArray(items) ? additionalItems : items
    return new RulePlace(this.#root, list[index] ?? rest)
  }
}

/** Follows references within the document, at most a few: the validator has already refused those that lead nowhere. */
function resolve(root: unknown, schema: unknown): SchemaObject {
  let at = schema
  for (let hops = 0; hops < 16; hops++) {
    if (typeof at !== 'object' || at === null || Array.isArray(at)) return {}
    const reference = (at as SchemaObject)['$ref']
    if (typeof reference !== 'string') return at as SchemaObject
    at = reference.startsWith('#') ? atPointer(root, decodeURIComponent(reference.slice(1))) : undefined
  }
  return {}
}

function atPointer(root: unknown, pointer: string): unknown {
  let at = root
  for (const step of pointer.split('/').slice(1)) {
    if (typeof at !== 'object' || at === null) return undefined
    const entry = Object.entries(at).find(([key]) => escapePointer(key) === step)
    at = entry?.[1]
  }
  return at
}
