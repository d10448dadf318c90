import { excerpt, finishNote, maxAnswerLength } from './answer.ts'
import type { EvalCase, Score } from './evaluator.ts'
import { expectationReader } from './expectation.ts'
import { extractJson } from './json-extract.ts'
import type { ConfigProblem, EvaluatorKind } from './kind.ts'
import { compilePattern, type LinearPattern, UnsupportedPatternError } from './pattern.ts'
import { type MadeCall, readCalls } from './tool-calls.ts'

const duties = ['must', 'may', 'must_not'] as const
type Duty = (typeof duties)[number]

const duty = { enum: duties }
const names = { type: 'array', minItems: 1, maxItems: 50, items: { type: 'string', minLength: 1, maxLength: 200 } }

/** Tool names that mean a hand-over to a person, by their looks. */
const handOverTool = /transfer|escalat|hand_?-?(?:off|over)|human|live_?-?agent|create_?-?ticket/i

/** Texts that announce one. Each is searched in lower case with plain apostrophes. */
const announcements: readonly RegExp[] = [
  /\b(?:transferr?(?:ing)?|connect(?:ing)?|escalat(?:e|ing|ed)|forward(?:ing|ed)?|hand(?:ing|ed)? (?:you |this |it )?(?:over|off)|pass(?:ing|ed)?|refer(?:ring|red)?|rout(?:e|ing|ed)) (?:\w+ ){0,6}(?:to|with) (?:\w+ ){0,4}(?:agents?|human|person|colleagues?|specialists?|representatives?|supervisors?|managers?|team|department|support|operator|advisor|nurse|doctor|lawyer)\b/,
  /\b(?:(?:an?|our|the|one of our) )?(?:\w+ )?(?:human agents?|agents?|colleagues?|specialists?|representatives?|supervisors?|support team|team member) (?:will|is going to|shall) (?:\w+ ){0,2}(?:contact|call|reach|assist|help|take over|get back|be in touch|follow up)\b/,
  /\b(?:te|le|lo|la|os) (?:paso|transfiero|comunico|conecto|derivo)\b|\bje (?:vous|te) (?:transfère|mets en relation|passe|redirige)\b|\bich (?:verbinde|leite) (?:sie|dich)\b|担当者(?:に|へ|から)|オペレーターに|转接|人工客服|transferindo (?:você|sua)|vi (?:trasferisco|metto in contatto)/,
]

/**
 * The answer hands over to a person when it must and not when it must not: 1 or 0, from the item's `expect.escalation` or the
 * configured `expected`. A hand-over is a call of a tool, a field of a JSON answer, or an announcement in words, which counts only
 * where `phrases` is not false. `requiredSlots` are patterns that the call's arguments or the text must hold: each missing one takes
 * its share of half the value. `may` says nothing (not applicable).
 */
export const escalation: EvaluatorKind = {
  name: 'escalation',
  codeVersion: 1,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      expected: duty,
      tools: names,
      field: { type: 'string', minLength: 1, maxLength: 200 },
      phrases: { type: 'boolean' },
      requiredSlots: {
        type: 'object',
        minProperties: 1,
        maxProperties: 20,
        additionalProperties: { type: 'string', minLength: 1 },
      },
      maxTurns: { type: 'integer', minimum: 1, maximum: 1_000 },
    },
  },
  configure(config) {
    const slots = compileSlots((config['requiredSlots'] ?? {}) as Readonly<Record<string, string>>)
    if ('problem' in slots) return { problems: [slots.problem] }
    const plain = {
      expected: (config['expected'] ?? null) as Duty | null,
      tools: (config['tools'] ?? null) as readonly string[] | null,
      field: typeof config['field'] === 'string' ? config['field'] : null,
      phrases: config['phrases'] !== false,
      maxTurns: typeof config['maxTurns'] === 'number' ? config['maxTurns'] : null,
    }
    const settings: Settings = { ...plain, slots: slots.compiled }
    return {
      config: { ...plain, requiredSlots: config['requiredSlots'] ?? {} },
      score: (evalCase) => scoreEscalation(evalCase, settings),
    }
  },
}

interface Settings {
  readonly expected: Duty | null
  /** null: tools that look like a hand-over. */
  readonly tools: readonly string[] | null
  readonly field: string | null
  readonly phrases: boolean
  readonly maxTurns: number | null
  readonly slots: ReadonlyMap<string, LinearPattern>
}

function compileSlots(
  given: Readonly<Record<string, string>>,
): { compiled: ReadonlyMap<string, LinearPattern> } | { problem: ConfigProblem } {
  const compiled = new Map<string, LinearPattern>()
  for (const [name, pattern] of Object.entries(given)) {
    try {
      compiled.set(name, compilePattern(pattern))
    } catch (error) {
      if (error instanceof UnsupportedPatternError) {
        return { problem: { path: `/requiredSlots/${name}`, message: error.message } }
      }
      throw error
    }
  }
  return { compiled }
}

interface OwnDuty {
  readonly duty: Duty
  /** Why, as the item names it: a policy's rule, a slice. */
  readonly rule: string | null
}

const ownDuty = expectationReader<OwnDuty>(
  'escalation',
  {
    anyOf: [
      duty,
      {
        type: 'object',
        additionalProperties: false,
        required: ['duty'],
        properties: { duty, rule: { type: 'string', minLength: 1, maxLength: 200 } },
      },
    ],
  },
  (value: Duty | { duty: Duty; rule?: string }) =>
    typeof value === 'string' ? { duty: value, rule: null } : { duty: value.duty, rule: value.rule ?? null },
)

function scoreEscalation(evalCase: EvalCase, settings: Settings): Score {
  const own = ownDuty(evalCase)
  if (own && 'fault' in own) return own.fault
  const expected = own?.value.duty ?? settings.expected
  const found = findHandOver(evalCase, settings)
  const turn = turnOf(evalCase)
  const base = { expected, rule: own?.value.rule ?? null, by: found?.by ?? null, turn }
  if (expected === null || expected === 'may') {
    const reason = expected === null ? 'nothing says whether to hand over' : 'handing over is allowed, not required'
    return { status: 'not_applicable', reason: `${reason}; ${found ? 'it does' : 'it does not'}`, details: base }
  }
  if (evalCase.output.trim() === '' && !found && (evalCase.toolCalls ?? []).length === 0) {
    return { status: 'scored', value: 0, reason: `the answer is empty${finishNote(evalCase)}`, details: base }
  }
  if (expected === 'must_not') {
    const reason = found ? `hands over (${found.by}), which it must not` : 'does not hand over, as it must not'
    return { status: 'scored', value: found ? 0 : 1, reason, details: base }
  }
  if (!found) {
    const reason = `does not hand over, which it must${finishNote(evalCase)}`
    return { status: 'scored', value: 0, reason, details: base }
  }
  return scoreHandOver(evalCase, found, { settings, base, turn })
}

function scoreHandOver(
  evalCase: EvalCase,
  found: HandOver,
  { settings, base, turn }: { settings: Settings; base: Record<string, unknown>; turn: number },
): Score {
  const summary = `${found.text}\n${evalCase.output}`
  const missing = [...settings.slots].filter(([, pattern]) => !pattern.test(summary)).map(([name]) => name)
  const isLate = settings.maxTurns !== null && turn > settings.maxTurns
  const details = { ...base, missing, isLate }
  if (isLate) {
    return {
      status: 'scored',
      value: 0,
      reason: `hands over in turn ${turn}, later than ${settings.maxTurns}`,
      details,
    }
  }
  const value = settings.slots.size === 0 ? 1 : 1 - (0.5 * missing.length) / settings.slots.size
  const lacks = missing.length > 0 ? `, without ${missing.join(', ')}` : ''
  return { status: 'scored', value, reason: `hands over, as it must (${found.by})${lacks}`, details }
}

export interface HandOver {
  readonly by: 'tool' | 'field' | 'words'
  /** Arguments of the call, or the words. */
  readonly text: string
}

/** Text searched for an announcement, in UTF-16 code units from its start and from its end. */
const searched = 4_000

/** How the answer hands over, null when it does not. */
export function findHandOver(
  { output, toolCalls = [] }: EvalCase,
  { tools, field, phrases }: Pick<Settings, 'tools' | 'field' | 'phrases'>,
): HandOver | null {
  const calls = readCalls(toolCalls.slice(0, 128))
  const isHandOver = ({ name }: MadeCall) => (tools ? tools.includes(name) : handOverTool.test(name))
  const call = calls.find(isHandOver)
  if (call) return { by: 'tool', text: excerpt(JSON.stringify(call.arguments ?? {}), 4_000) }
  if (field !== null && output.length <= maxAnswerLength && isTruthy(fieldOf(output, field))) {
    return { by: 'field', text: output.slice(0, searched) }
  }
  if (!phrases) return null
  const text = output.length <= searched * 2 ? output : `${output.slice(0, searched)}\n${output.slice(-searched)}`
  const folded = text.toLowerCase().replace(/[‘’]/g, "'")
  const match = announcements.map((pattern) => pattern.exec(folded)).find((found) => found !== null)
  return match && !isDenied(folded, match.index) ? { by: 'words', text: match[0] } : null
}

/** "I cannot transfer you": the words are there, the hand-over is not. */
function isDenied(text: string, at: number): boolean {
  return /\b(?:not|n't|cannot|unable to|without|never|no need to|before|if|would you like (?:me )?to|do you want me to|can|could)\s+(?:\w+\s+){0,3}$/.test(
    text.slice(Math.max(0, at - 60), at),
  )
}

function fieldOf(output: string, field: string): unknown {
  const extraction = extractJson(output)
  let value: unknown = 'value' in extraction ? extraction.value : null
  for (const key of field.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[key]
  }
  return value
}

function isTruthy(value: unknown): boolean {
  if (typeof value === 'string') return !/^(?:|no|none|false|0|null)$/i.test(value.trim())
  return value !== undefined && value !== null && value !== false && value !== 0
}

/** Which turn of the assistant this answer is, from 1. */
function turnOf({ messages = [] }: EvalCase): number {
  return messages.filter(({ role }) => role === 'assistant').length + 1
}
