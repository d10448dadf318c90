import { excerpt, finishNote, referenceOf, scoreOfUnreadableAnswer } from './answer.ts'
import type { EvalCase, Score } from './evaluator.ts'
import { expectationReader } from './expectation.ts'
import { fingerprintDistance, fingerprintOf } from './fingerprint.ts'
import { type FormattedText, formatChecks, formatted } from './format-checks.ts'
import type { ConfigProblem, EvaluatorKind } from './kind.ts'
import { UnsupportedPatternError } from './pattern.ts'

const constraints = {
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(Object.entries(formatChecks).map(([name, { schema }]) => [name, schema])),
} as const

/** Longest answer read, in UTF-16 code units; no format asks for more. */
const maxRead = 2_000_000

/**
 * Constraints a program can check. The value is the share of them that hold, or with `all` 1 or 0. An item's own `expect.format`
 * adds to the configured ones and wins where both name the same. `likeReference` is one constraint more: built like the reference.
 * The structural fingerprint of every answer is in the details; drift between arms is reported, not scored.
 */
export const format: EvaluatorKind = {
  name: 'format',
  codeVersion: 1,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      constraints,
      all: { type: 'boolean' },
      loose: { type: 'boolean' },
      likeReference: { type: 'number', minimum: 0, maximum: 1 },
    },
  },
  configure(config) {
    const given = (config['constraints'] ?? {}) as Constraints
    const prepared = prepare(given)
    if ('problems' in prepared) {
      return { problems: prepared.problems.map(({ path, message }) => ({ path: `/constraints${path}`, message })) }
    }
    const settings: Settings = {
      checks: prepared.checks,
      all: config['all'] === true,
      loose: config['loose'] === true,
      likeReference: typeof config['likeReference'] === 'number' ? config['likeReference'] : null,
    }
    const { all, loose, likeReference } = settings
    return {
      config: { constraints: given, all, loose, likeReference },
      score: (evalCase) => scoreFormat(evalCase, settings),
    }
  },
}

type Constraints = Readonly<Record<string, unknown>>
type Checks = ReadonlyMap<string, (answer: FormattedText) => string | null>

interface Settings {
  readonly checks: Checks
  readonly all: boolean
  readonly loose: boolean
  /** Largest distance of fingerprints that still counts as the same format; null: not asked. */
  readonly likeReference: number | null
}

const ownConstraints = expectationReader('format', { ...constraints, minProperties: 1 }, (value: Constraints) => {
  const prepared = prepare(value)
  const [problem] = 'problems' in prepared ? prepared.problems : []
  if ('problems' in prepared) throw new Error(`${problem?.path} ${problem?.message}`)
  return prepared.checks
})

function prepare(given: Constraints): { checks: Checks } | { problems: ConfigProblem[] } {
  const checks = new Map<string, (answer: FormattedText) => string | null>()
  const problems: ConfigProblem[] = []
  for (const [name, parameter] of Object.entries(given)) {
    try {
      if (isUpsideDown(parameter)) problems.push({ path: `/${name}/max`, message: 'is below min' })
      const check = formatChecks[name]?.prepare(parameter as never)
      if (check) checks.set(name, check)
    } catch (error) {
      if (!(error instanceof UnsupportedPatternError)) throw error
      problems.push({ path: `/${name}`, message: error.message })
    }
  }
  return problems.length > 0 ? { problems } : { checks }
}

function isUpsideDown(parameter: unknown): boolean {
  const { min, max } = (typeof parameter === 'object' ? parameter : {}) as { min?: unknown; max?: unknown }
  return typeof min === 'number' && typeof max === 'number' && max < min
}

function scoreFormat(evalCase: EvalCase, settings: Settings): Score {
  const own = ownConstraints(evalCase)
  if (own && 'fault' in own) return own.fault
  const checks = new Map([...settings.checks, ...(own?.value ?? [])])
  const reference = settings.likeReference === null ? null : referenceOf(evalCase)
  if (checks.size === 0 && reference === null) {
    return { status: 'not_applicable', reason: 'neither the configuration nor the case asks for a format' }
  }
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  if (evalCase.output.length > maxRead) {
    return { status: 'scored', value: 0, reason: `the answer has more than ${maxRead} characters` }
  }
  const answer = formatted(evalCase.output)
  const readings = settings.loose ? looseReadings(evalCase.output).map(formatted) : [answer]
  const results = [...checks].map(([name, check]) => ({ name, fault: faultOf(check, readings) }))
  if (reference !== null) results.push({ name: 'likeReference', fault: unlike(evalCase.output, reference, settings) })
  const broken = results.filter(({ fault }) => fault !== null)
  const share = (results.length - broken.length) / results.length
  const value = settings.all ? Math.floor(share) : share
  const details = { constraints: results, fingerprint: fingerprintOf(evalCase.output) }
  if (broken.length === 0) return { status: 'scored', value, reason: `all ${results.length} constraints hold`, details }
  const told = broken.map(({ name, fault }) => `${name}: ${fault}`).join('; ')
  const reason = `${broken.length} of ${results.length} constraints broken: ${excerpt(told, 300)}${finishNote(evalCase)}`
  return { status: 'scored', value, reason, details }
}

function faultOf(check: (answer: FormattedText) => string | null, readings: readonly FormattedText[]): string | null {
  let first: string | null = null
  for (const reading of readings) {
    const fault = check(reading)
    if (fault === null) return null
    first ??= fault
  }
  return first
}

/** IFEval's loose rule: also without emphasis marks, without the first line, the last line, or both. */
function looseReadings(answer: string): string[] {
  const lines = answer.split('\n')
  const cuts = [lines, lines.slice(1), lines.slice(0, -1), lines.slice(1, -1)].map((part) => part.join('\n').trim())
  const readings = [answer, ...cuts].flatMap((text) => [text, text.replaceAll('*', '')])
  return [...new Set(readings)].filter((text) => text !== '')
}

function unlike(answer: string, reference: string, { likeReference }: Settings): string | null {
  const distance = fingerprintDistance(fingerprintOf(answer), fingerprintOf(reference))
  if (distance <= (likeReference ?? 1)) return null
  return `its structure is ${distance.toFixed(2)} away from the reference's, more than ${likeReference}`
}
