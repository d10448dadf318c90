import { canonicalJson } from './canonical.ts'
import type { Guardrails } from './guardrails.ts'
import { isObject } from './json-value.ts'
import { pointer } from './pointer.ts'
import { promptKey } from './prompt.ts'
import { fallbacksOf, poolOf, type RouteSpec, type Rule } from './route.ts'

/** One difference between two specs, at a JSON pointer of the spec that has it (of the newer where both do). */
export interface SpecChange {
  readonly path: string
  readonly kind: 'added' | 'removed' | 'changed'
  readonly from?: unknown
  readonly to?: unknown
  /** The change as a sentence for people, without a full stop. */
  readonly words: string
}

/**
 * What changes between two specs, in the terms of routing: a model joins a pool, a rule moves, a limit is raised (D1). Written
 * differently but meaning the same (a bare model and one of weight 1, another order of fields) is no change.
 */
export function diffSpecs(from: RouteSpec, to: RouteSpec): SpecChange[] {
  return [
    ...diffPools(from.models, to.models, '/models', 'the pool'),
    ...diffRules(from.rules ?? [], to.rules ?? []),
    ...diffFallbacks(from, to),
    ...diffValue(
      from.select ?? { strategy: 'priority' },
      to.select ?? { strategy: 'priority' },
      '/select',
      'selection',
    ),
    ...diffValue(from.constraints ?? {}, to.constraints ?? {}, '/constraints', 'constraint'),
    ...diffValue(from.retry ?? {}, to.retry ?? {}, '/retry', 'retry setting'),
    ...diffValue(from.timeouts ?? {}, to.timeouts ?? {}, '/timeouts', 'timeout'),
    ...diffValue(from.parameters ?? {}, to.parameters ?? {}, '/parameters', 'request parameter'),
    ...diffPrompt(from.prompt, to.prompt),
    ...diffGuardrails(from.guardrails ?? {}, to.guardrails ?? {}),
    ...diffValue(from.task ?? {}, to.task ?? {}, '/task', 'task setting'),
  ]
}

function diffPrompt(from: RouteSpec['prompt'], to: RouteSpec['prompt']): SpecChange[] {
  const path = '/prompt'
  const [old, next] = [from && promptKey(from), to && promptKey(to)]
  if (old === next) return []
  if (from === undefined) return [{ path, kind: 'added', to, words: `the prompt ${next} comes before the messages` }]
  if (to === undefined) return [{ path, kind: 'removed', from, words: `the prompt ${old} goes` }]
  return [{ path, kind: 'changed', from, to, words: `the prompt goes from ${old} to ${next}` }]
}

/** Blocked patterns by name: their order decides only which of two is named. */
function diffGuardrails(from: Guardrails, to: Guardrails): SpecChange[] {
  const [before, after] = [from.blocked ?? [], to.blocked ?? []]
  const removed = before.flatMap((rule, index): SpecChange[] => {
    if (after.some(({ name }) => name === rule.name)) return []
    const path = pointer('/guardrails/blocked', index)
    return [{ path, kind: 'removed', from: rule, words: `the blocked pattern "${rule.name}" goes` }]
  })
  const others = after.flatMap((rule, index): SpecChange[] => {
    const path = pointer('/guardrails/blocked', index)
    const old = before.find(({ name }) => name === rule.name)
    if (old === undefined) return [{ path, kind: 'added', to: rule, words: `the blocked pattern "${rule.name}" comes` }]
    return diffLeaf(old.pattern, rule.pattern, pointer(path, 'pattern'), `the blocked pattern "${rule.name}"`)
  })
  const size = diffLeaf(from.maxRequestBytes, to.maxRequestBytes, '/guardrails/maxRequestBytes', 'the longest request')
  return [...removed, ...others, ...size]
}

function diffPools(from: RouteSpec['models'], to: RouteSpec['models'], path: string, name: string): SpecChange[] {
  const before = poolOf(from)
  const after = poolOf(to)
  const changes: SpecChange[] = []
  before.forEach((target, index) => {
    if (after.some((other) => other.model === target.model)) return
    changes.push({
      path: pointer(path, index),
      kind: 'removed',
      from: from[index],
      words: `${target.model} leaves ${name}`,
    })
  })
  after.forEach((target, index) => {
    const old = before.find((other) => other.model === target.model)
    const at = pointer(path, index)
    if (old === undefined) {
      const weight = target.weight === 1 ? '' : ` with weight ${target.weight}`
      changes.push({ path: at, kind: 'added', to: to[index], words: `${target.model} joins ${name}${weight}` })
    } else if (old.weight !== target.weight) {
      const words = `the weight of ${target.model} in ${name} goes from ${old.weight} to ${target.weight}${
        target.weight === 0 ? ' (drained)' : ''
      }`
      changes.push({ path: pointer(at, 'weight'), kind: 'changed', from: old.weight, to: target.weight, words })
    }
  })
  const order = diffOrder(
    before.map((target) => target.model),
    after.map((target) => target.model),
  )
  if (order !== null)
    changes.push({ path, kind: 'changed', ...order, words: `${name} is in another order: ${order.to.join(', ')}` })
  return changes
}

/** The common members when their order differs; null when it does not. */
function diffOrder(from: readonly string[], to: readonly string[]): { from: string[]; to: string[] } | null {
  const kept = from.filter((name) => to.includes(name))
  const now = to.filter((name) => from.includes(name))
  return kept.every((name, index) => name === now[index]) ? null : { from: kept, to: now }
}

function diffRules(from: readonly Rule[], to: readonly Rule[]): SpecChange[] {
  const changes: SpecChange[] = []
  from.forEach((rule, index) => {
    if (to.some((other) => other.name === rule.name)) return
    changes.push({ path: pointer('/rules', index), kind: 'removed', from: rule, words: `rule "${rule.name}" goes` })
  })
  to.forEach((rule, index) => {
    const path = pointer('/rules', index)
    const old = from.find((other) => other.name === rule.name)
    if (old === undefined) changes.push({ path, kind: 'added', to: rule, words: `rule "${rule.name}" comes` })
    else changes.push(...diffRule(old, rule, path))
  })
  const names = (rules: readonly Rule[]) => rules.map((rule) => rule.name)
  const order = diffOrder(names(from), names(to))
  if (order !== null) {
    const words = `the rules are tried in another order: ${order.to.join(', ')}`
    changes.push({ path: '/rules', kind: 'changed', ...order, words })
  }
  return changes
}

function diffRule(from: Rule, to: Rule, path: string): SpecChange[] {
  const of = `of rule "${to.name}"`
  const pools =
    from.models !== undefined && to.models !== undefined
      ? diffPools(from.models, to.models, pointer(path, 'models'), `the pool ${of}`)
      : diffLeaf(from.models, to.models, pointer(path, 'models'), `the pool ${of}`)
  return [
    ...diffLeaf(from.when, to.when, pointer(path, 'when'), `the condition ${of}`),
    ...pools,
    ...diffValue(from.constraints ?? {}, to.constraints ?? {}, pointer(path, 'constraints'), `constraint ${of}:`),
    ...diffValue(from.select, to.select, pointer(path, 'select'), `selection ${of}:`),
  ]
}

function diffFallbacks(from: RouteSpec, to: RouteSpec): SpecChange[] {
  const [before, after] = [fallbacksOf(from), fallbacksOf(to)]
  const conditions = after.flatMap(({ model, on }, index) => {
    const old = before.find((entry) => entry.model === model)
    const path = pointer(pointer('/fallbacks', index), 'on')
    if (old === undefined) return []
    return diffLeaf(sorted(old.on), sorted(on), path, `the condition of fallback ${model}`)
  })
  return [...diffPools(from.fallbacks ?? [], to.fallbacks ?? [], '/fallbacks', 'the fallbacks'), ...conditions]
}

/** The order in which classes of failure are named means nothing. */
function sorted(on: readonly string[] | undefined): readonly string[] | undefined {
  return on === undefined ? undefined : [...on].sort()
}

/** Objects are compared field by field down to what is no object; lists are one value. */
function diffValue(from: unknown, to: unknown, path: string, name: string): SpecChange[] {
  if (!isObject(from) || !isObject(to)) return diffLeaf(from, to, path, name)
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])]
  return keys.flatMap((key) => diffValue(own(from, key), own(to, key), pointer(path, key), `${name} ${key}`))
}

function diffLeaf(from: unknown, to: unknown, path: string, name: string): SpecChange[] {
  if (spelled(from) === spelled(to)) return []
  if (from === undefined) return [{ path, kind: 'added', to, words: `${name} is set to ${brief(to)}` }]
  if (to === undefined) return [{ path, kind: 'removed', from, words: `${name} is no longer set (was ${brief(from)})` }]
  return [{ path, kind: 'changed', from, to, words: `${name} goes from ${brief(from)} to ${brief(to)}` }]
}

function spelled(value: unknown): string {
  return value === undefined ? '' : canonicalJson(value)
}

function brief(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}

function own(object: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined
}
