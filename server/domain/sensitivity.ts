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
 * above. A level that nobody knows is held to be `restricted`: a typing error never opens a door.
 */
export function sensitivityProblem(
  level: string | undefined,
  stated: readonly string[],
  constraints: readonly Constraints[],
): string | null {
  if (level === undefined || level === '') return null
  const asked = constraints.flatMap(({ sensitivity }) =>
    sensitivity !== undefined && Object.hasOwn(sensitivity, level) ? [sensitivity[level] ?? []] : [],
  )
  if (asked.length > 0) {
    const lacking = asked.flat().filter((policy) => !stated.includes(policy))
    return lacking.length === 0 ? null : `a ${level} request needs ${lacking.join(' and ')}`
  }
  if (constraints.some(({ dataPolicies }) => dataPolicies !== undefined && dataPolicies.length > 0)) return null
  const isKnown = sensitivityLevels.includes(level)
  const needed = isKnown ? defaults[level] : defaults['restricted']
  if (needed === undefined || needed.some((policy) => stated.includes(policy))) return null
  const what = isKnown ? `a ${level} request` : `sensitivity "${level}" is not known, so held to be restricted, and`
  return `${what} needs ${needed.slice(0, -1).join(', ')} or ${needed.at(-1)}`
}
