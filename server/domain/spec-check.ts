import { checkCondition } from './conditions.ts'
import { checkConstraints, type KnownNames } from './constraint-check.ts'
import type { Catalogue } from './constraints.ts'
import type { Problem } from './errors.ts'
import { fallbackReasons } from './fallback.ts'
import { checkGuardrails } from './guardrails.ts'
import { pointer } from './pointer.ts'
import { checkPromptRef } from './prompt.ts'
import { type Fallback, poolOf, type RetryReason, type RouteSpec, type Rule } from './route.ts'
import { checkSelect } from './select-check.ts'
import { checkTask } from './task-check.ts'

const retryReasons: readonly RetryReason[] = ['timeout', 'rate_limit', 'server_error', 'connection']

/** Milliseconds a spec may set, smallest and largest. */
const timeoutRanges: Readonly<Record<string, readonly [number, number]>> = {
  connectMs: [50, 10_000],
  firstTokenMs: [100, 300_000],
  idleMs: [100, 300_000],
  totalMs: [100, 600_000],
}

/** Request fields that only the request itself may set. */
const reservedParameters: readonly string[] = [
  'model',
  'messages',
  'stream',
  'stream_options',
  'metadata',
  'interlock',
  'n',
]

/**
 * What is wrong with the meaning of a spec whose shape is right: names that do not exist, values out of range, combinations
 * that cannot route.
 *
 * @param metrics names of the evaluators, whose scores floors and strategies go by; undefined: not checked
 * @returns problems with JSON pointers into the spec ('' = the spec); none: every model, rule and limit in it can be used
 */
export function checkSpec(spec: RouteSpec, catalogue: Catalogue, metrics?: readonly string[]): Problem[] {
  return [
    ...checkPool(spec.models, '/models', catalogue),
    ...checkConstraints(spec.constraints, '/constraints', { catalogue, metrics }),
    ...checkReach(spec.models, [spec.constraints], '/models', catalogue),
    ...checkRules(spec, { catalogue, metrics }),
    ...checkSelect(spec.select, '/select', { hasFloor: spec.constraints?.minQuality !== undefined, metrics }),
    ...checkFallbacks(spec.fallbacks ?? [], catalogue),
    ...checkRetry(spec.retry),
    ...checkTimeouts(spec.timeouts),
    ...checkParameters(spec.parameters ?? {}),
    ...checkTask(spec, catalogue),
    ...checkPromptRef(spec.prompt, catalogue.prompts ?? new Set()),
    ...checkGuardrails(spec.guardrails, '/guardrails'),
  ]
}

function checkPool(models: RouteSpec['models'], path: string, catalogue: Catalogue): Problem[] {
  if (models.length === 0) return [{ path, message: 'needs at least one model' }]
  const problems: Problem[] = []
  const targets = poolOf(models)
  targets.forEach(({ model, weight }, index) => {
    const at = pointer(path, index)
    const isBare = typeof models[index] === 'string'
    problems.push(...checkModel(model, isBare ? at : pointer(at, 'model'), catalogue))
    if (targets.findIndex((other) => other.model === model) < index) {
      problems.push({ path: at, message: `"${model}" is in this pool twice` })
    }
    if (!Number.isFinite(weight) || weight < 0) {
      problems.push({ path: pointer(at, 'weight'), message: 'must be a number, 0 (drained) or more' })
    }
  })
  if (targets.every((target) => target.weight === 0)) {
    problems.push({ path, message: 'every weight is 0: the pool would be drained' })
  }
  return problems
}

function checkModel(model: string, path: string, catalogue: Catalogue): Problem[] {
  if (catalogue.models.has(model)) return []
  const known = [...catalogue.models.keys()].sort()
  const shown = known.length > 12 ? `${known.slice(0, 12).join(', ')} and ${known.length - 12} more` : known.join(', ')
  return [{ path, message: `no model "${model}"; known: ${shown || 'none, the catalogue is empty'}` }]
}

/** Constraints that no model of a pool can ever meet would refuse every request: said here instead. */
function checkReach(
  models: RouteSpec['models'],
  constraints: readonly RouteSpec['constraints'][],
  path: string,
  catalogue: Catalogue,
): Problem[] {
  const known = poolOf(models).filter((target) => catalogue.models.has(target.model))
  if (known.length === 0) return []
  const isReachable = known.some(({ model }) => {
    const entry = catalogue.models.get(model)
    const provider = catalogue.providers.get(entry?.provider ?? '')
    return constraints.every((c) => {
      if (c === undefined) return true
      if (entry === undefined || provider === undefined) return false
      if (c.regions !== undefined && !c.regions.includes(provider.region ?? '')) return false
      if (c.dataPolicies?.some((policy) => !provider.dataPolicies.includes(policy))) return false
      if (c.capabilities?.some((capability) => !entry.capabilities.includes(capability))) return false
      if (c.providers?.deny?.includes(provider.name)) return false
      return c.providers?.allow === undefined || c.providers.allow.includes(provider.name)
    })
  })
  return isReachable
    ? []
    : [{ path, message: 'no model of this pool meets the constraints: every request would be refused' }]
}

function checkRules(spec: RouteSpec, known: KnownNames): Problem[] {
  const rules = spec.rules ?? []
  return rules.flatMap((rule, index) => {
    const path = pointer('/rules', index)
    const isRepeated = rules.findIndex((other) => other.name === rule.name) < index
    return [
      ...(rule.name === '' ? [{ path: pointer(path, 'name'), message: 'must not be empty' }] : []),
      ...(isRepeated
        ? [{ path: pointer(path, 'name'), message: `a rule before this one is named "${rule.name}"` }]
        : []),
      ...checkCondition(rule.when, pointer(path, 'when')),
      ...checkRuleBody(spec, rule, path, known),
    ]
  })
}

function checkRuleBody(spec: RouteSpec, rule: Rule, path: string, known: KnownNames): Problem[] {
  const { catalogue, metrics } = known
  const hasFloor = (rule.constraints?.minQuality ?? spec.constraints?.minQuality) !== undefined
  const problems = [
    ...(rule.models === undefined ? [] : checkPool(rule.models, pointer(path, 'models'), catalogue)),
    ...checkConstraints(rule.constraints, pointer(path, 'constraints'), known),
    ...checkSelect(rule.select, pointer(path, 'select'), { hasFloor, metrics }),
  ]
  if (rule.models === undefined && rule.constraints === undefined && rule.select === undefined) {
    return [...problems, { path, message: 'changes nothing: give it models, constraints or select' }]
  }
  if (problems.length > 0 || (rule.models === undefined && rule.constraints === undefined)) return problems
  const at = pointer(path, rule.models === undefined ? 'constraints' : 'models')
  return checkReach(rule.models ?? spec.models, [spec.constraints, rule.constraints], at, catalogue)
}

function checkFallbacks(fallbacks: readonly Fallback[], catalogue: Catalogue): Problem[] {
  const models = fallbacks.map((entry) => (typeof entry === 'string' ? entry : entry.model))
  return fallbacks.flatMap((entry, index) => {
    const path = pointer('/fallbacks', index)
    const model = models[index] ?? ''
    const repeated = models.indexOf(model) < index ? [{ path, message: `"${model}" is a fallback twice` }] : []
    if (typeof entry === 'string') return [...checkModel(model, path, catalogue), ...repeated]
    return [
      ...checkModel(model, pointer(path, 'model'), catalogue),
      ...repeated,
      ...checkFallbackReasons(entry.on, pointer(path, 'on')),
    ]
  })
}

function checkFallbackReasons(on: readonly string[] | undefined, path: string): Problem[] {
  if (on === undefined) return []
  if (on.length === 0) return [{ path, message: 'names no class: the fallback would never be tried' }]
  return on.flatMap((reason, index) => {
    if (fallbackReasons.some((known) => known === reason)) return []
    const message = `unknown class "${reason}"; known: ${fallbackReasons.join(', ')}`
    return [{ path: pointer(path, index), message }]
  })
}

function checkRetry(retry: RouteSpec['retry']): Problem[] {
  const problems: Problem[] = []
  const attempts = retry?.attempts
  if (attempts !== undefined && (!Number.isInteger(attempts) || attempts < 1 || attempts > 5)) {
    problems.push({ path: '/retry/attempts', message: 'must be a whole number from 1 (no retry) to 5' })
  }
  retry?.on?.forEach((reason, index) => {
    if (!retryReasons.includes(reason)) {
      const message = `unknown reason "${reason}"; known: ${retryReasons.join(', ')}`
      problems.push({ path: pointer('/retry/on', index), message })
    }
  })
  return problems
}

function checkTimeouts(timeouts: RouteSpec['timeouts']): Problem[] {
  const problems: Problem[] = []
  for (const [name, value] of Object.entries(timeouts ?? {})) {
    const range = timeoutRanges[name]
    const path = pointer('/timeouts', name)
    if (range === undefined)
      problems.push({ path, message: `unknown; known: ${Object.keys(timeoutRanges).join(', ')}` })
    else if (!Number.isInteger(value) || value < range[0] || value > range[1]) {
      problems.push({ path, message: `must be a whole number of milliseconds from ${range[0]} to ${range[1]}` })
    }
  }
  const { firstTokenMs, totalMs } = timeouts ?? {}
  if (problems.length === 0 && firstTokenMs !== undefined && totalMs !== undefined && firstTokenMs > totalMs) {
    problems.push({ path: '/timeouts/firstTokenMs', message: `is longer than totalMs (${totalMs})` })
  }
  return problems
}

function checkParameters(parameters: Readonly<Record<string, unknown>>): Problem[] {
  return reservedParameters
    .filter((name) => Object.hasOwn(parameters, name))
    .map((name) => ({ path: pointer('/parameters', name), message: 'only the request itself may set this field' }))
}
