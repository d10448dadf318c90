import { hashUnit } from './replay-latency.ts'

export const faultKinds = [
  'truncate_json',
  'fence',
  'garble',
  'empty',
  'error_500',
  'rate_limit',
  'stall',
  'slow',
  'cut_stream',
  'wrong_answer',
] as const

/**
 * truncate_json: the answer ends in the middle, finish_reason `length`. fence: prose and a code fence around it. garble: quotes
 * become typographic, so that JSON no longer parses. empty: no text. error_500, rate_limit: an HTTP error. stall: no byte until
 * the client gives up. slow: `delayMs` more before the first byte. cut_stream: the connection ends half way through the body.
 * wrong_answer: what the model said to another prompt, of another reference where references are known.
 */
export type FaultKind = (typeof faultKinds)[number]

export interface Fault {
  readonly kind: FaultKind
  /** Share of requests that get it, 0 to 1, drawn by hash of seed, model and request number. */
  readonly rate: number
  /** Requests of the model, counted from when the fault was set, that are still served well; default 0. */
  readonly afterRequests?: number
  /** For rate_limit; default 1. */
  readonly retryAfterSeconds?: number
  /** For slow; default 3,000. */
  readonly delayMs?: number
}

const faultFields = ['kind', 'rate', 'afterRequests', 'retryAfterSeconds', 'delayMs']

/** Reads a fault from a request body; the error says what is wrong and what is known. */
export function parseFault(body: unknown): { readonly fault: Fault } | { readonly error: string } {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return { error: 'a fault is a JSON object' }
  const fields = body as Record<string, unknown>
  const unknown = Object.keys(fields).find((field) => !faultFields.includes(field))
  if (unknown !== undefined) return { error: `unknown field "${unknown}"; known: ${faultFields.join(', ')}` }
  const { kind, rate } = fields
  if (!faultKinds.includes(kind as FaultKind)) {
    return { error: `unknown kind ${JSON.stringify(kind)}; known: ${faultKinds.join(', ')}` }
  }
  if (typeof rate !== 'number' || !(rate >= 0 && rate <= 1)) return { error: 'rate must be a number from 0 to 1' }
  for (const field of faultFields.slice(2)) {
    const value = fields[field]
    if (value === undefined) continue
    if (typeof value !== 'number' || !(value >= 0 && value <= 86_400_000))
      return { error: `${field} must be 0 or more` }
  }
  return { fault: fields as unknown as Fault }
}

/** Which faults are in force, and whether one strikes the n-th request of a model. */
export class FaultPlan {
  readonly #seed: string
  readonly #faults = new Map<string, { readonly fault: Fault; seen: number }>()

  constructor(seed: string) {
    this.#seed = seed
  }

  /** One fault per model; a new one replaces it, null ends it. `*` is for models without one of their own. */
  set(model: string, fault: Fault | null): void {
    if (fault === null) this.#faults.delete(model)
    else this.#faults.set(model, { fault, seen: 0 })
  }

  entries(): Record<string, Fault> {
    return Object.fromEntries([...this.#faults].map(([model, { fault }]) => [model, fault]))
  }

  /** Counts one request of the model and says which fault strikes it. */
  next(model: string): Fault | null {
    const entry = this.#faults.get(model) ?? this.#faults.get('*')
    if (entry === undefined) return null
    const number = entry.seen
    entry.seen += 1
    if (number < (entry.fault.afterRequests ?? 0)) return null
    const draw = hashUnit(this.#seed, 'fault', model, String(number))
    return draw < entry.fault.rate ? entry.fault : null
  }
}

/** The answer's text as a fault of the text leaves it; other kinds leave it alone. */
export function spoilText(text: string, kind: FaultKind): string {
  switch (kind) {
    case 'truncate_json':
      return cutAt(text, 0.6)
    case 'fence':
      return `Sure! Here is the answer:\n\n\`\`\`json\n${withoutFence(text)}\n\`\`\`\n\nLet me know if you need anything else.`
    case 'garble':
      return text.includes('"') ? text.replaceAll('"', '\u201d') : [...text].reverse().join('')
    case 'empty':
      return ''
    default:
      return text
  }
}

/** The first part of a text, never ending in half a character. */
export function cutAt(text: string, ratio: number): string {
  const end = Math.floor(text.length * ratio)
  const code = text.charCodeAt(end - 1)
  return text.slice(0, code >= 0xd800 && code <= 0xdbff ? end - 1 : end)
}

function withoutFence(text: string): string {
  const fenced = /```(?:json)?\n([\s\S]*?)\n?```/.exec(text)
  return fenced?.[1] ?? text
}
