import type { Catalogue } from './constraints.ts'
import type { Problem } from './errors.ts'
import { pointer } from './pointer.ts'
import type { Constraints } from './route.ts'

/** Capabilities that requests can need by themselves; a catalogue may name more. */
const requestCapabilities: readonly string[] = ['streaming', 'tools', 'json_schema', 'vision']

/**
 * What is wrong with constraints: names that nothing in the catalogue bears (a typing error would exclude every model), values
 * out of range, and limits that need measurements which are not available yet.
 */
export function checkConstraints(constraints: Constraints | undefined, path: string, catalogue: Catalogue): Problem[] {
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
    ...checkLimits(constraints, path),
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

function checkLimits(constraints: Constraints, path: string): Problem[] {
  const problems: Problem[] = []
  const { maxCostUsd } = constraints
  if (maxCostUsd !== undefined && !(Number.isFinite(maxCostUsd) && maxCostUsd > 0)) {
    problems.push({ path: pointer(path, 'maxCostUsd'), message: 'must be a number of dollars above 0' })
  }
  if (constraints.maxLatencyMs !== undefined) {
    problems.push({ path: pointer(path, 'maxLatencyMs'), message: 'latency limits are not available yet' })
  }
  if (constraints.minQuality !== undefined) {
    problems.push({ path: pointer(path, 'minQuality'), message: 'quality floors are not available yet' })
  }
  return problems
}
