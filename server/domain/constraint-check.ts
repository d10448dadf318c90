import type { Catalogue } from './constraints.ts'
import type { Problem } from './errors.ts'
import { pointer } from './pointer.ts'
import type { Constraints } from './route.ts'
import { checkMetric } from './select-check.ts'

/** Capabilities that requests can need by themselves; a catalogue may name more. */
const requestCapabilities: readonly string[] = ['streaming', 'tools', 'json_schema', 'vision', 'embeddings']

/** What names may mean. */
export interface KnownNames {
  readonly catalogue: Catalogue
  /** Names of the evaluators; undefined: not checked. */
  readonly metrics?: readonly string[] | undefined
}

/**
 * What is wrong with constraints: names that nothing in the catalogue bears (a typing error would exclude every model) and
 * values out of range.
 */
export function checkConstraints(
  constraints: Constraints | undefined,
  path: string,
  { catalogue, metrics }: KnownNames,
): Problem[] {
  if (constraints === undefined) return []
  const providers = [...catalogue.providers.values()]
  const regions = providers.flatMap((provider) => (provider.region === null ? [] : [provider.region]))
  const policies = providers.flatMap((provider) => provider.dataPolicies)
  const capabilities = [...catalogue.models.values()].flatMap((model) => model.capabilities)
  const names = providers.map((provider) => provider.name)
  const { allow, deny } = constraints.providers ?? {}
  return [
    ...checkNames(constraints.regions, pointer(path, 'regions'), 'region', regions),
    ...checkNames(constraints.dataPolicies, pointer(path, 'dataPolicies'), 'data policy', policies),
    ...checkNames(constraints.capabilities, pointer(path, 'capabilities'), 'capability', [
      ...requestCapabilities,
      ...capabilities,
    ]),
    ...checkNames(allow, pointer(path, 'providers', 'allow'), 'provider', names),
    ...checkNames(deny, pointer(path, 'providers', 'deny'), 'provider', names),
    ...checkSensitivity(constraints.sensitivity ?? {}, pointer(path, 'sensitivity'), policies),
    ...checkLimits(constraints, path, metrics),
  ]
}

function checkNames(
  wanted: readonly string[] | undefined,
  path: string,
  what: string,
  known: readonly string[],
): Problem[] {
  const distinct = [...new Set(known)].sort()
  return (wanted ?? []).flatMap((name, index) => {
    if (distinct.includes(name)) return []
    const message = `no ${what} "${name}" in the catalogue; known: ${distinct.join(', ') || 'none'}`
    return [{ path: pointer(path, index), message }]
  })
}

/** Levels are open (a company has its own words), policies are not. */
function checkSensitivity(
  needs: Readonly<Record<string, readonly string[]>>,
  path: string,
  policies: readonly string[],
): Problem[] {
  return Object.entries(needs).flatMap(([level, wanted]) => [
    ...(level === '' ? [{ path: pointer(path, level), message: 'a level needs a name' }] : []),
    ...checkNames(wanted, pointer(path, level), 'data policy', policies),
  ])
}

const quantiles: readonly string[] = ['p50', 'p95', 'p99']

function checkLimits(constraints: Constraints, path: string, metrics: readonly string[] | undefined): Problem[] {
  const problems: Problem[] = []
  const { maxCostUsd, maxLatencyMs, minQuality } = constraints
  if (maxCostUsd !== undefined && !(Number.isFinite(maxCostUsd) && maxCostUsd > 0)) {
    problems.push({ path: pointer(path, 'maxCostUsd'), message: 'must be a number of dollars above 0' })
  }
  for (const [quantile, limit] of Object.entries(maxLatencyMs ?? {})) {
    const at = pointer(path, 'maxLatencyMs', quantile)
    if (!quantiles.includes(quantile)) problems.push({ path: at, message: `unknown; known: ${quantiles.join(', ')}` })
    else if (!(Number.isFinite(limit) && limit > 0)) {
      problems.push({ path: at, message: 'must be a number of milliseconds above 0' })
    }
  }
  if (minQuality !== undefined) {
    problems.push(...checkMetric(minQuality.metric, pointer(path, 'minQuality', 'metric'), metrics))
    if (!(minQuality.score >= 0 && minQuality.score <= 1)) {
      problems.push({ path: pointer(path, 'minQuality', 'score'), message: 'a score lies in 0 to 1' })
    }
  }
  return problems
}
