import { canonicalJson } from './canonical.ts'
import type { Problem } from './errors.ts'
import { isObject } from './json-value.ts'
import type { RouteSpec } from './route.ts'

export type Rebased = { readonly spec: RouteSpec } | { readonly conflicts: readonly Problem[] }

type Fields = Readonly<Record<string, unknown>>

/**
 * Carries a change over to a version that has moved on meanwhile: a three-way merge of specs. Objects are merged field by
 * field; lists and values are taken whole from whichever side changed them. Pure.
 *
 * @param base the version the change was written against
 * @param mine the changed spec
 * @param theirs the version that is stable now
 * @returns conflicts (both sides changed one place, each to something else), paths below the spec; nothing is guessed
 */
export function rebaseSpec(base: RouteSpec, mine: RouteSpec, theirs: RouteSpec): Rebased {
  const conflicts: Problem[] = []
  const spec = mergeFields(
    { base: base as unknown as Fields, mine: mine as unknown as Fields, theirs: theirs as unknown as Fields },
    '',
    conflicts,
  )
  return conflicts.length > 0 ? { conflicts } : { spec: spec as unknown as RouteSpec }
}

interface Sides<T> {
  readonly base: T
  readonly mine: T
  readonly theirs: T
}

function mergeFields({ base, mine, theirs }: Sides<Fields>, path: string, conflicts: Problem[]): Fields {
  const names = new Set([...Object.keys(theirs), ...Object.keys(mine), ...Object.keys(base)])
  const merged = [...names].map((name): [string, unknown] => {
    const sides = { base: own(base, name), mine: own(mine, name), theirs: own(theirs, name) }
    return [name, mergeValue(sides, `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, conflicts)]
  })
  return Object.fromEntries(merged.filter(([, value]) => value !== undefined))
}

function mergeValue({ base, mine, theirs }: Sides<unknown>, path: string, conflicts: Problem[]): unknown {
  if (isSame(mine, theirs) || isSame(base, mine)) return theirs
  if (isSame(base, theirs)) return mine
  if (isObject(mine) && isObject(theirs)) {
    return mergeFields({ base: isObject(base) ? base : {}, mine, theirs }, path, conflicts)
  }
  conflicts.push({
    path,
    message: 'was changed here and by the version that is stable now, each in its own way; decide and propose anew',
  })
  return theirs
}

function own(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? fields[name] : undefined
}

function isSame(one: unknown, other: unknown): boolean {
  if (one === undefined || other === undefined) return one === other
  return canonicalJson(one) === canonicalJson(other)
}
