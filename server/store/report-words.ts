import { fallbacksOf, poolOf, type RouteSpec, type Rule, type Select } from '#domain/route.ts'

/**
 * A recorded message as a sentence: first letter large and a full stop. Names such as `llm_judge` or `openai/gpt-4o` in front
 * keep their spelling.
 */
export function sentence(text: string): string {
  const first = text.split(' ', 1)[0] ?? ''
  const isName = /[_/.0-9]/.test(first)
  const head = isName ? text : text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?…]$/.test(head) || head === '' ? head : `${head}.`
}

/** Basis points as "25 %", with a no-break space. */
export function shareWords(basisPoints: number): string {
  return `${Number((basisPoints / 100).toFixed(2))}\u00a0%`
}

/** What a route version does, one sentence each, in the order a request meets it. */
export function specWords(spec: RouteSpec): string[] {
  return [
    ...(spec.rules ?? []).map(ruleWords),
    `${(spec.rules ?? []).length > 0 ? 'Everything else goes' : 'Requests go'} to ${poolWords(spec.models, spec.select)}.`,
    ...(spec.fallbacks === undefined || spec.fallbacks.length === 0
      ? []
      : [
          `When that fails before the first token, ${fallbacksOf(spec).map(fallbackWords).join(', then ')} takes over.`,
        ]),
    ...constraintWords(spec),
    ...limitWords(spec),
    ...parameterWords(spec),
  ]
}

function fallbackWords({ model, on }: ReturnType<typeof fallbacksOf>[number]): string {
  return on === undefined ? model : `${model} (only after ${on.join(', ').replaceAll('_', ' ')})`
}

function ruleWords(rule: Rule): string {
  const where = rule.models === undefined ? 'is routed' : `goes to ${poolWords(rule.models, rule.select)}`
  return `Rule "${rule.name}": a request with ${conditionWords(rule.when)} ${where}.`
}

function poolWords(models: RouteSpec['models'], select: Select | undefined): string {
  const strategy = select?.strategy ?? 'priority'
  const pool = poolOf(models)
  const names = pool.map((target) =>
    strategy === 'weighted' ? `${target.model} (weight ${target.weight})` : target.model,
  )
  if (names.length === 1) return names[0] ?? ''
  return strategy === 'priority' ? `${names.join(', else ')}` : `one of ${names.join(', ')}, chosen by ${strategy}`
}

/** Conditions stay close to their JSON: exact beats elegant. */
function conditionWords(when: unknown): string {
  if (typeof when !== 'object' || when === null) return JSON.stringify(when)
  return Object.entries(when)
    .map(([field, test]) => `${field} ${testWords(test)}`)
    .join(' and ')
}

function testWords(test: unknown): string {
  if (typeof test !== 'object' || test === null) return `= ${JSON.stringify(test)}`
  if (Array.isArray(test)) return `of (${test.map(conditionWords).join('; ')})`
  return Object.entries(test)
    .map(
      ([operator, value]) =>
        `${operator} ${Array.isArray(value) ? value.map(String).join(', ') : JSON.stringify(value)}`,
    )
    .join(' and ')
}

function constraintWords(spec: RouteSpec): string[] {
  const { constraints } = spec
  if (constraints === undefined) return []
  const parts = Object.entries(constraints).map(([name, value]) => {
    const shown = Array.isArray(value)
      ? value.join(', ')
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value)
    return `${name} ${shown}`
  })
  return parts.length === 0 ? [] : [`Only models that meet: ${parts.join('; ')}.`]
}

function limitWords(spec: RouteSpec): string[] {
  const timeouts = Object.entries(spec.timeouts ?? {}).map(([name, ms]) => `${name.replace(/Ms$/, '')} ${ms} ms`)
  const attempts = spec.retry?.attempts
  return [
    ...(attempts === undefined ? [] : [`Each target is tried up to ${attempts === 1 ? 'once' : `${attempts} times`}.`]),
    ...(timeouts.length === 0 ? [] : [`Deadlines: ${timeouts.join(', ')}.`]),
  ]
}

function parameterWords(spec: RouteSpec): string[] {
  const set = Object.entries(spec.parameters ?? {}).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
  const prompt = spec.prompt === undefined ? [] : [`The prompt is ${spec.prompt.name} version ${spec.prompt.version}.`]
  return set.length === 0 ? prompt : [...prompt, `Where the request does not say otherwise: ${set.join(', ')}.`]
}

/** Pretty JSON with keys in their stored order, for line diffs and reading. */
export function prettyJson(value: unknown): string {
  return JSON.stringify(value, null, 2)
}
