import type { Problem } from './errors.ts'
import { compilePattern, isFault, maxPatternLength, type Pattern } from './pattern.ts'
import { pointer } from './pointer.ts'
import { readingsOf } from './readings.ts'

/** A text that may not be sent: its name is told to whoever is refused, the text never. */
export interface BlockedPattern {
  readonly name: string
  /** RE2 pattern; `(?i)` in front ignores case. */
  readonly pattern: string
}

/** What may not be sent, by a route version or by everyone. */
export interface Guardrails {
  readonly blocked?: readonly BlockedPattern[]
  /** Longest request body, bytes; at most the gateway's own limit. */
  readonly maxRequestBytes?: number
}

/** What holds for every request; a version of it is never changed, only followed by the next. */
export interface GuardrailSettings extends Guardrails {
  /** Data policies that a provider must state for requests of a sensitivity, by level: beside what routes ask. */
  readonly sensitivity?: Readonly<Record<string, readonly string[]>>
}

export const maxBlockedPatterns = 100

/** A rule that a request breaks. */
export interface Block {
  readonly rule: string
}

/** What is wrong with guardrails whose shape is right. */
export function checkGuardrails(guardrails: Guardrails | undefined, path: string): Problem[] {
  const blocked = guardrails?.blocked ?? []
  const at = pointer(path, 'blocked')
  return blocked.flatMap(({ name, pattern }, index) => {
    const compiled = compilePattern(pattern)
    const isRepeated = blocked.findIndex((other) => other.name === name) < index
    return [
      ...(isFault(compiled) ? [{ path: pointer(at, index, 'pattern'), message: compiled.fault }] : []),
      ...(!isFault(compiled) && compiled.test('')
        ? [{ path: pointer(at, index, 'pattern'), message: 'matches the empty text: every request would be refused' }]
        : []),
      ...(isRepeated
        ? [{ path: pointer(at, index, 'name'), message: `a pattern before this one is named "${name}"` }]
        : []),
    ]
  })
}

/** Patterns searched for as one. More of them together are slower than in groups: the engine's tables grow out of their bounds. */
const groupSize = 8

interface Group {
  /** All of them in one search; null: they have to be tried one by one. */
  readonly any: Pattern | null
  readonly each: readonly { readonly name: string; readonly pattern: Pattern }[]
}

const compiledGuardrails = new WeakMap<Guardrails, readonly Group[]>()

/** True where texts have to be searched at all. */
export function hasBlocked(guardrails: Guardrails | undefined): guardrails is Guardrails {
  return guardrails?.blocked !== undefined && guardrails.blocked.length > 0
}

/**
 * The first rule that any of the texts breaks; null: none. Each text is searched as it is and as it would be read
 * (readings.ts), in time linear in its length.
 */
export function blockIn(guardrails: Guardrails, texts: readonly string[]): Block | null {
  const groups = groupsOf(guardrails)
  const readings = texts.flatMap(readingsOf)
  for (const { any, each } of groups) {
    const suspects = any === null ? readings : readings.filter((reading) => any.test(reading))
    if (suspects.length === 0) continue
    const found = each.find(({ pattern }) => suspects.some((reading) => pattern.test(reading)))
    if (found !== undefined) return { rule: found.name }
  }
  return null
}

/** In the order given, as many together as one search takes. */
function inGroups(patterns: Group['each']): Group['each'][] {
  const groups: { readonly name: string; readonly pattern: Pattern }[][] = []
  for (const one of patterns) {
    const last = groups.at(-1)
    const fits =
      last !== undefined && last.length < groupSize && joinedSource([...last, one]).length <= maxPatternLength
    if (fits) last.push(one)
    else groups.push([one])
  }
  return groups
}

function joinedSource(patterns: Group['each']): string {
  return patterns.map(({ pattern }) => `(?:${pattern.source})`).join('|')
}

function groupsOf(guardrails: Guardrails): readonly Group[] {
  const known = compiledGuardrails.get(guardrails)
  if (known !== undefined) return known
  const patterns = (guardrails.blocked ?? []).flatMap(({ name, pattern }) => {
    const compiled = compilePattern(pattern)
    // Patterns are checked before they are stored; one that no longer compiles must not open the door for the others.
    return isFault(compiled) ? [] : [{ name, pattern: compiled }]
  })
  const groups = inGroups(patterns).map((each) => {
    const joined = compilePattern(joinedSource(each))
    return { any: each.length < 2 || isFault(joined) ? null : joined, each }
  })
  compiledGuardrails.set(guardrails, groups)
  return groups
}
