import { type Fields, isObject } from './answer-facts.ts'

/** Deepest path and longest list that pieces may build. */
const maxSteps = 32
const maxIndex = 1_000

type Step = string | number

/** Without a prototype: names come from a model. */
export function emptyArguments(): Record<string, unknown> {
  return Object.create(null)
}

/**
 * Arguments of a call with one more piece in its place. A piece is `{jsonPath, stringValue | numberValue | boolValue |
 * nullValue}`; text at a place that has text is put behind it.
 *
 * @returns the same arguments, changed; pieces that cannot be placed are left out
 */
export function withPartial(args: unknown, piece: Fields): unknown {
  const steps = stepsOf(piece['jsonPath'])
  const last = steps?.at(-1)
  if (steps === null || last === undefined) return args
  const holder = holderOf(args, steps)
  if (holder === null) return args
  const before = Array.isArray(holder) ? holder[Number(last)] : holder[String(last)]
  const value = valueIn(piece, before)
  if (Array.isArray(holder)) {
    if (typeof last === 'number') holder[last] = value
  } else holder[String(last)] = value
  return args
}

type Holder = unknown[] | Record<string, unknown>

/** The object or list that the last step is in, made where it is missing. */
function holderOf(args: unknown, steps: readonly Step[]): Holder | null {
  let holder: unknown = args
  for (const [index, step] of steps.slice(0, -1).entries()) {
    if (!isHolder(holder)) return null
    const made = typeof steps[index + 1] === 'number' ? [] : emptyArguments()
    if (Array.isArray(holder)) {
      if (typeof step !== 'number') return null
      holder[step] ??= made
      holder = holder[step]
    } else {
      holder[String(step)] ??= made
      holder = holder[String(step)]
    }
  }
  return isHolder(holder) ? holder : null
}

function isHolder(value: unknown): value is Holder {
  return Array.isArray(value) || isObject(value)
}

// $ followed by .name, ['name'] or [index]
const step = /\.([^.[\]]+)|\['([^']+)'\]|\[(\d{1,4})\]/y

function stepsOf(path: unknown): Step[] | null {
  if (typeof path !== 'string' || !path.startsWith('$')) return null
  const steps: Step[] = []
  step.lastIndex = 1
  for (let match = step.exec(path); match !== null; match = step.exec(path)) {
    const index = match[3] === undefined ? null : Number(match[3])
    if (steps.length >= maxSteps || (index !== null && index > maxIndex)) return null
    const name = match[1] ?? match[2] ?? ''
    // A model's text must never reach what all objects share.
    if (name === '__proto__') return null
    steps.push(index ?? name)
    if (step.lastIndex === path.length) return steps
  }
  return null
}

function valueIn(piece: Fields, before: unknown): unknown {
  if (typeof piece['stringValue'] === 'string') {
    return typeof before === 'string' ? before + piece['stringValue'] : piece['stringValue']
  }
  if (typeof piece['numberValue'] === 'number') return piece['numberValue']
  return typeof piece['boolValue'] === 'boolean' ? piece['boolValue'] : null
}
