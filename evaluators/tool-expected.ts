import { contentHash, isWithinDepth } from './content-hash.ts'
import { type Comparison, comparisons, isSameValue } from './tool-arguments.ts'
import { isObject, type MadeCall, readCalls } from './tool-calls.ts'

/** A call a right answer makes. */
export interface ExpectedCall {
  readonly name: string
  /** Argument to the values that are right; '' among them: it may be left out. */
  readonly acceptable: ReadonlyMap<string, readonly unknown[]>
  /** Arguments that may be given with any value. */
  readonly optional: ReadonlySet<string>
}

/** What can be wrong with calls. The first eight are of one call, the others of the answer as a whole. */
const toolFaults = [
  'invalid_json',
  'unknown_tool',
  'schema',
  'missing_arg',
  'extra_arg',
  'type',
  'value',
  'wrong_tool',
  'no_call',
  'missing_call',
  'extra_call',
  'order',
  'loop',
] as const
export type ToolFault = (typeof toolFaults)[number]

/** One thing wrong. `call` counts from 0 among the calls made; null: the fault is of no one call. */
export interface CallProblem {
  readonly fault: ToolFault
  readonly call: number | null
  readonly message: string
}

const maxDepth = 32

/**
 * Reads `expectedToolCalls`: `{name, arguments: {city: "Paris"}}` with one right value each, `{name, acceptable: {unit: ["C", ""]}}`
 * with several as the Berkeley leaderboard writes them, or both; `optional: ["note"]` for what may be added freely. The OpenAI form
 * of a call is read too.
 *
 * @returns the calls, or what is wrong with the item
 */
export function readExpected(calls: readonly unknown[]): { calls: ExpectedCall[] } | { problem: string } {
  const expected: ExpectedCall[] = []
  for (const [index, call] of calls.entries()) {
    const place = `/expectedToolCalls/${index}`
    if (!isWithinDepth(call, maxDepth)) return { problem: `${place} is nested deeper than ${maxDepth} levels` }
    const [read] = readCalls([call])
    if (!read || read.name === '') return { problem: `${place} names no function` }
    if (read.arguments === null) return { problem: `${place}: ${read.fault}` }
    const { acceptable = {}, optional = [] } = call as { acceptable?: unknown; optional?: unknown }
    if (
      !isObject(acceptable) ||
      !Object.values(acceptable).every((values) => Array.isArray(values) && values.length > 0)
    ) {
      return { problem: `${place}/acceptable must give each argument a list of values` }
    }
    if (!Array.isArray(optional) || !optional.every((name) => typeof name === 'string')) {
      return { problem: `${place}/optional must be a list of names` }
    }
    const exact = Object.entries(read.arguments).map(([name, value]): [string, readonly unknown[]] => [name, [value]])
    const several = Object.entries(acceptable) as [string, readonly unknown[]][]
    expected.push({ name: read.name, acceptable: new Map([...exact, ...several]), optional: new Set(optional) })
  }
  return { calls: expected }
}

export interface Matching {
  /** Other names under which a tool's call is right too. */
  readonly aliases: ReadonlyMap<string, ReadonlySet<string>>
  /** Comparison by `tool.argument` or `argument`. */
  readonly comparisons: ReadonlyMap<string, Comparison>
  readonly defaultComparison: Comparison
}

/** What keeps a call from being the expected one; [] when it is. Values are compared argument by argument. */
export function differences(made: MadeCall, expected: ExpectedCall, matching: Matching): Omit<CallProblem, 'call'>[] {
  if (made.name !== expected.name && !matching.aliases.get(expected.name)?.has(made.name)) {
    return [{ fault: 'wrong_tool', message: `calls ${quoted(made.name)} instead of ${quoted(expected.name)}` }]
  }
  if (made.arguments === null) return [{ fault: 'invalid_json', message: made.fault ?? 'cannot be read' }]
  const problems: Omit<CallProblem, 'call'>[] = []
  for (const [name, values] of expected.acceptable) {
    const comparison =
      matching.comparisons.get(`${expected.name}.${name}`) ??
      matching.comparisons.get(name) ??
      matching.defaultComparison
    if (!Object.hasOwn(made.arguments, name)) {
      if (!values.includes('')) problems.push({ fault: 'missing_arg', message: `lacks ${quoted(name)}` })
      continue
    }
    const got = made.arguments[name]
    if (values.some((value) => isAcceptable(got, value, comparison))) continue
    const isType = values.every((value) => value === '' || kindOf(value) !== kindOf(got))
    const fault = isType ? 'type' : 'value'
    problems.push({
      fault,
      message: `${quoted(name)} is ${shown(got)}, expected ${values.map(shown).slice(0, 3).join(' or ')}`,
    })
  }
  for (const name of Object.keys(made.arguments)) {
    if (!expected.acceptable.has(name) && !expected.optional.has(name)) {
      problems.push({ fault: 'extra_arg', message: `has ${quoted(name)}, which is not expected` })
    }
  }
  return problems
}

/**
 * BFCL nests its lists of acceptable values: `{budget: [{min: [100], max: [200, ""]}]}`. A wanted object whose values are all lists
 * is read that way when it does not fit as it stands.
 */
function isAcceptable(got: unknown, wanted: unknown, comparison: Comparison): boolean {
  if (isSameValue(got, wanted, comparison)) return true
  if (Array.isArray(got) && Array.isArray(wanted) && got.length === wanted.length && wanted.some(isObject)) {
    return got.every((value, index) => isAcceptable(value, wanted[index], comparison))
  }
  if (!isObject(got) || !isObject(wanted) || !Object.values(wanted).every(Array.isArray)) return false
  if (Object.keys(got).some((key) => !Object.hasOwn(wanted, key))) return false
  return (Object.entries(wanted) as [string, unknown[]][]).every(([key, values]) =>
    Object.hasOwn(got, key) ? values.some((value) => isAcceptable(got[key], value, comparison)) : values.includes(''),
  )
}

/**
 * The largest pairing of made and expected calls in which every pair fits (augmenting paths; order does not matter).
 * @returns for each expected call the index of its call, or null
 */
export function pairCalls(fits: readonly (readonly boolean[])[]): (number | null)[] {
  const takenBy = new Map<number, number>()
  const find = (expected: number, seen: Set<number>): boolean => {
    for (const [made, isFit] of (fits[expected] ?? []).entries()) {
      if (!isFit || seen.has(made)) continue
      seen.add(made)
      const holder = takenBy.get(made)
      if (holder === undefined || find(holder, seen)) {
        takenBy.set(made, expected)
        return true
      }
    }
    return false
  }
  for (let expected = 0; expected < fits.length; expected++) find(expected, new Set())
  const pairs: (number | null)[] = fits.map(() => null)
  for (const [made, expected] of takenBy) pairs[expected] = made
  return pairs
}

/** The longest run of identical calls in a row, by name and arguments. */
export function longestLoop(calls: readonly MadeCall[]): number {
  let longest = 0
  let length = 0
  let last = ''
  for (const call of calls) {
    const key = isWithinDepth(call.arguments, maxDepth) ? contentHash([call.name, call.arguments]) : `${length}`
    length = key === last ? length + 1 : 1
    longest = Math.max(longest, length)
    last = key
  }
  return longest
}

/** Configuration field `arguments`: comparison by argument. */
export const comparisonsSchema = {
  type: 'object',
  maxProperties: 100,
  propertyNames: { minLength: 1, maxLength: 200 },
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    required: ['compare'],
    properties: { compare: { enum: comparisons }, tolerance: { type: 'number', minimum: 0 } },
  },
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value
}

function quoted(name: string): string {
  return JSON.stringify(name.slice(0, 60))
}

function shown(value: unknown): string {
  if (!isWithinDepth(value, maxDepth)) return '(nested too deeply)'
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 60).toWellFormed()}…` : text
}
