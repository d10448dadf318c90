import type { Constraints } from './route.ts'

/** How delicate a request is, in rising order; from `metadata.sensitivity`. A request without one is `internal`. */
export const sensitivityLevels: readonly string[] = ['public', 'internal', 'confidential', 'restricted']

/**
 * What a provider must state, one of each list, where the route says nothing: a provider of confidential requests does not
 * train on them, one of restricted requests does not keep them either.
 */
const defaults: Readonly<Record<string, readonly string[]>> = {
  confidential: ['no-training', 'no-retention', 'on-premises', 'confidential', 'restricted'],
  restricted: ['no-retention', 'on-premises', 'restricted'],
}

/**
 * Why a provider may not see a request of this sensitivity (A3); null: it may.
 *
 * The most particular word wins: what a constraint's `sensitivity` asks for this level (all of it); else, where the constraints
 * in force name `dataPolicies`, those are what the author asks for, whatever the level, and hold elsewhere; else the defaults
 * above. Capitals and spaces around a level don't matter. A level that nobody knows is held to be `restricted`: a typing error
 * never opens a door.
 */
export function sensitivityProblem(
  stated: string | undefined,
  policies: readonly string[],
  constraints: readonly Constraints[],
): string | null {
  const hasOwnLevels = constraints.some(({ sensitivity }) => sensitivity !== undefined)
  if ((stated === undefined || stated === '') && !hasOwnLevels) return null
  const { level, isKnown } = levelOf(stated, constraints)
  const held = isKnown ? '' : `sensitivity "${stated}" is not known, so held to be restricted: `
  const asked = hasOwnLevels ? constraints.flatMap(({ sensitivity = {} }) => askedFor(level, sensitivity)) : []
  if (asked.length > 0) {
    const lacking = asked.filter((policy) => !policies.includes(policy))
    return lacking.length === 0 ? null : `${held}a ${level} request needs ${lacking.join(' and ')}`
  }
  if (constraints.some(({ dataPolicies }) => dataPolicies !== undefined && dataPolicies.length > 0)) return null
  const needed = Object.hasOwn(defaults, level) ? defaults[level] : undefined
  if (needed === undefined || needed.some((policy) => policies.includes(policy))) return null
  return `${held}a ${level} request needs ${needed.slice(0, -1).join(', ')} or ${needed.at(-1)}`
}

function levelOf(
  stated: string | undefined,
  constraints: readonly Constraints[],
): { readonly level: string; readonly isKnown: boolean } {
  const level = stated === undefined || stated === '' ? 'internal' : spelled(stated)
  const isKnown =
    sensitivityLevels.includes(level) ||
    constraints.some(({ sensitivity = {} }) => Object.keys(sensitivity).some((name) => spelled(name) === level))
  return isKnown ? { level, isKnown } : { level: 'restricted', isKnown }
}

function askedFor(level: string, sensitivity: Readonly<Record<string, readonly string[]>>): readonly string[] {
  return Object.entries(sensitivity).flatMap(([name, policies]) => (spelled(name) === level ? policies : []))
}

function spelled(level: string): string {
  return level.trim().toLowerCase()
}
