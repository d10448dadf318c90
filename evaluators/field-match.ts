import { assign } from './assignment.ts'
import { canonicalJson } from './content-hash.ts'
import { isSameValue } from './field-compare.ts'
import type { FieldRule, RulePlace } from './field-rules.ts'
import { escapePointer } from './json-scan.ts'

/** wrong: both have it and they differ; missing: only the expected value has it; invented: only the answer has it. */
export type FieldOutcome = 'match' | 'wrong' | 'missing' | 'invented'

/** One field of the comparison. `path` is a JSON pointer: of the answer where it has the field, else of what was expected. */
export interface FieldResult {
  readonly path: string
  readonly outcome: FieldOutcome
  readonly got?: unknown
  readonly want?: unknown
  readonly weight: number
  readonly isCritical: boolean
}

/** Arrays longer than this are paired in order: pairing by agreement compares every element with every other. */
const maxPaired = 60

/** What a place passes down: weights multiply, critical stays critical. */
interface Standing {
  readonly weight: number
  readonly isCritical: boolean
}

/**
 * Compares an answer with what was expected, field by field. Objects by property, arrays as `x-eval` says, everything else as
 * one field. Recursive: check the depth of both first.
 */
export function matchFields(got: unknown, want: unknown, place: RulePlace): FieldResult[] {
  return compare({ got, want, place, path: '' }, { weight: 1, isCritical: false })
}

interface Pair {
  /** undefined: the answer lacks it. */
  readonly got: unknown
  /** undefined: nothing was expected here. */
  readonly want: unknown
  readonly place: RulePlace
  readonly path: string
}

function compare({ got, want, place, path }: Pair, from: Standing): FieldResult[] {
  const { rule } = place
  if (rule.compare === 'ignore') return []
  const standing = { weight: from.weight * rule.weight, isCritical: from.isCritical || rule.isCritical }
  if (got === undefined || want === undefined) return oneSided({ got, want, place, path }, from)
  if (Array.isArray(got) && Array.isArray(want)) {
    if (rule.compare === 'set') return asSets(got, want, { path, standing })
    if (rule.compare === null) return inArray({ got, want, place, path }, standing)
  } else if (isObject(got) && isObject(want) && rule.compare === null) {
    const names = new Set([...Object.keys(want), ...Object.keys(got)])
    if (names.size > 0) {
      return [...names].flatMap((name) =>
        compare(
          {
            got: ownValue(got, name),
            want: ownValue(want, name),
            place: place.property(name),
            path: `${path}/${escapePointer(name)}`,
          },
          standing,
        ),
      )
    }
  }
  return [{ path, outcome: isSameValue(got, want, rule) ? 'match' : 'wrong', got, want, ...standing }]
}

/** Every field of a part that only one side has. */
function oneSided({ got, want, place, path }: Pair, from: Standing): FieldResult[] {
  const { rule } = place
  if (rule.compare === 'ignore') return []
  const standing = { weight: from.weight * rule.weight, isCritical: from.isCritical || rule.isCritical }
  const value = got ?? want
  const wrap = (child: unknown) => (got === undefined ? { got, want: child } : { got: child, want })
  if (Array.isArray(value) && value.length > 0 && rule.compare === null) {
    return value.flatMap((child, index) =>
      oneSided({ ...wrap(child), place: place.element(index), path: `${path}/${index}` }, standing),
    )
  }
  if (isObject(value) && Object.keys(value).length > 0 && rule.compare === null) {
    return Object.entries(value).flatMap(([name, child]) =>
      oneSided({ ...wrap(child), place: place.property(name), path: `${path}/${escapePointer(name)}` }, standing),
    )
  }
  return [
    got === undefined
      ? { path, outcome: 'missing', want, ...standing }
      : { path, outcome: 'invented', got, ...standing },
  ]
}

function asSets(
  got: readonly unknown[],
  want: readonly unknown[],
  { path, standing }: { path: string; standing: Standing },
): FieldResult[] {
  const [has, needs] = [byContent(got), byContent(want)]
  const results: FieldResult[] = []
  for (const [key, { value }] of needs) {
    const found = has.get(key)
    if (found) results.push({ path: `${path}/${found.index}`, outcome: 'match', got: value, want: value, ...standing })
    else results.push({ path, outcome: 'missing', want: value, ...standing })
  }
  for (const [key, { value, index }] of has) {
    if (!needs.has(key)) results.push({ path: `${path}/${index}`, outcome: 'invented', got: value, ...standing })
  }
  return results.length > 0 ? results : [{ path, outcome: 'match', got, want, ...standing }]
}

function byContent(list: readonly unknown[]): Map<string, { value: unknown; index: number }> {
  return new Map(list.map((value, index) => [canonicalJson(value), { value, index }]))
}

type ArrayPair = Omit<Pair, 'got' | 'want'> & { readonly got: readonly unknown[]; readonly want: readonly unknown[] }

function inArray({ got, want, place, path }: ArrayPair, standing: Standing): FieldResult[] {
  if (got.length === 0 && want.length === 0) return [{ path, outcome: 'match', got, want, ...standing }]
  const partnerOf = partners(got, want, place)
  const taken = new Set(partnerOf)
  const paired = want.flatMap((value, index) => {
    const at = partnerOf[index] ?? -1
    const element = place.element(index)
    if (at < 0) return oneSided({ got: undefined, want: value, place: element, path: `${path}/${index}` }, standing)
    return compare({ got: got[at], want: value, place: element, path: `${path}/${at}` }, standing)
  })
  const surplus = got.flatMap((value, index) =>
    taken.has(index)
      ? []
      : oneSided({ got: value, want: undefined, place: place.element(index), path: `${path}/${index}` }, standing),
  )
  return [...paired, ...surplus]
}

/** For every wanted element the index of its partner in the answer, -1: none. */
function partners(got: readonly unknown[], want: readonly unknown[], place: RulePlace): number[] {
  const { rule } = place
  const inOrder = want.map((_, index) => (index < got.length ? index : -1))
  if (rule.array === 'key') return byKey(got, want, rule)
  if (rule.array === 'ordered' || got.length > maxPaired || want.length > maxPaired) return inOrder
  if (got.length === 0) return inOrder
  return byAgreement(got, want, place)
}

function byKey(got: readonly unknown[], want: readonly unknown[], rule: FieldRule): number[] {
  const keyOf = (value: unknown) => (isObject(value) ? canonicalJson(ownValue(value, rule.key) ?? null) : null)
  const places = new Map<string | null, number[]>()
  got.forEach((value, index) => {
    const key = keyOf(value)
    places.set(key, [...(places.get(key) ?? []), index])
  })
  return want.map((value) => places.get(keyOf(value))?.shift() ?? -1)
}

function byAgreement(got: readonly unknown[], want: readonly unknown[], place: RulePlace): number[] {
  const cost = (wanted: number, at: number) =>
    1 - sumUp(compare({ got: got[at], want: want[wanted], place: place.element(wanted), path: '' }, neutral)).f1
  const isWide = got.length >= want.length
  const rows = isWide ? want : got
  const columns = isWide ? got : want
  const costs = rows.map((_, row) => columns.map((_, column) => (isWide ? cost(row, column) : cost(column, row))))
  const columnOf = assign(costs)
  if (isWide) return columnOf
  return want.map((_, index) => columnOf.indexOf(index))
}

const neutral: Standing = { weight: 1, isCritical: false }

/** Weighted shares. Nothing wanted and nothing given is full agreement. */
export function sumUp(fields: readonly FieldResult[]): { precision: number; recall: number; f1: number } {
  const sum = (outcomes: readonly FieldOutcome[]) =>
    fields.reduce((total, { outcome, weight }) => total + (outcomes.includes(outcome) ? weight : 0), 0)
  const right = sum(['match'])
  const given = right + sum(['wrong', 'invented'])
  const wanted = right + sum(['wrong', 'missing'])
  const share = (whole: number) => (whole === 0 ? 1 : right / whole)
  return {
    precision: share(given),
    recall: share(wanted),
    f1: given + wanted === 0 ? 1 : (2 * right) / (given + wanted),
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function ownValue(value: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(value, name) ? value[name] : undefined
}
