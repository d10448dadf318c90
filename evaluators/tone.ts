import { excerpt, finishNote, scoreOfUnreadableAnswer } from './answer.ts'
import type { EvalCase, Score } from './evaluator.ts'
import { type Criterion, criteriaSchema, readCriteria } from './judge-criteria.ts'
import { modelsOfPanel, panelSchema, readPanel } from './judge-panel.ts'
import { retryPrompt } from './judge-prompt.ts'
import type { EvaluatorKind } from './kind.ts'
import { rubricJudge, rubricPrompt } from './rubric-judge.ts'
import { hasPhrase, type ToneFacts, toneOf } from './tone-checks.ts'

/** Rules with an upper bound: configuration field to what it counts. */
const limits = {
  maxExclamations: 'exclamations',
  maxEmoji: 'emoji',
  maxShouted: 'shouted',
  maxApologies: 'apologies',
  maxHedges: 'hedges',
  maxProfanities: 'profanities',
  maxBlame: 'blame',
  maxPromises: 'promises',
  maxContractions: 'contractions',
  maxSentenceWords: 'longestSentence',
  maxReadingGrade: 'readingGrade',
} as const satisfies Readonly<Record<string, keyof ToneFacts>>

/** What holds of any service's answers when a bar gives no rule: polite, calm, no blame, nothing promised. */
const defaultLimits: Readonly<Partial<Record<keyof typeof limits, number>>> = {
  maxProfanities: 0,
  maxShouted: 0,
  maxExclamations: 3,
  maxEmoji: 3,
  maxApologies: 2,
  maxBlame: 0,
  maxPromises: 0,
}

const defaultToneCriteria: readonly Criterion[] = [
  {
    id: 'acknowledges',
    text: 'Where the person states a problem or feeling, the answer takes it up before anything else.',
  },
  { id: 'no_blame', text: 'The answer does not blame, lecture or talk down to the person.' },
  { id: 'no_promise', text: 'The answer promises nothing that it cannot know will happen.' },
  { id: 'formality', text: 'The answer is as formal or informal as the request, and stays so throughout.' },
]

const phrases = {
  type: 'array',
  minItems: 1,
  maxItems: 200,
  items: { type: 'string', pattern: '\\S', maxLength: 500 },
}

/**
 * `rules`: the share of a style guide's rules that hold, counted by code. `llm`: a judge answers binary criteria, as `llm_judge` does.
 * Tone is where judges agree least with people and with each other: advise with it, do not gate on it alone.
 */
export const tone: EvaluatorKind = {
  name: 'tone',
  codeVersion: 1,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      mode: { enum: ['rules', 'llm'] },
      ...Object.fromEntries(Object.keys(limits).map((name) => [name, { type: 'number', minimum: 0, maximum: 10_000 }])),
      banned: phrases,
      required: phrases,
      secondPerson: { type: 'boolean' },
      ...panelSchema,
      criteria: criteriaSchema,
    },
  },
  configure(config) {
    return config['mode'] === 'llm' ? configureJudge(config) : configureRules(config)
  },
}

type Config = Readonly<Record<string, unknown>>
type Configured = ReturnType<EvaluatorKind['configure']>

const judgeFields: readonly string[] = [...Object.keys(panelSchema), 'criteria', 'mode']

function configureJudge(config: Config): Configured {
  const unused = Object.keys(config).find((field) => !judgeFields.includes(field))
  if (unused !== undefined) {
    return { problems: [{ path: `/${unused}`, message: 'is only used with mode rules; mode is llm' }] }
  }
  const whom = readPanel(config)
  if ('problem' in whom) return { problems: [whom.problem] }
  const read = readCriteria(config['criteria'])
  if ('problem' in read) return { problems: [read.problem] }
  const { panel } = whom
  const criteria = read.criteria ?? defaultToneCriteria
  return {
    config: { mode: 'llm', panel, criteria },
    material: [rubricPrompt.source, retryPrompt],
    usesJudge: true,
    judges: modelsOfPanel(panel),
    questions: { rubric: criteria },
    score: rubricJudge(panel, criteria),
  }
}

interface Rules {
  readonly limits: readonly (readonly [rule: string, fact: keyof ToneFacts, limit: number])[]
  readonly banned: readonly string[]
  readonly required: readonly string[]
  readonly secondPerson: boolean | null
}

function configureRules(config: Config): Configured {
  const stray = judgeFields.find((name) => name !== 'mode' && config[name] !== undefined)
  if (stray !== undefined) {
    return { problems: [{ path: `/${stray}`, message: 'is only used with mode llm; mode is rules' }] }
  }
  const { mode: _mode, ...given } = config
  const wanted: Config = Object.keys(given).length === 0 ? defaultLimits : given
  const rules: Rules = {
    limits: Object.entries(limits).flatMap(([rule, fact]) => {
      const limit = wanted[rule]
      return typeof limit === 'number' ? [[rule, fact, limit] as const] : []
    }),
    banned: (wanted['banned'] ?? []) as readonly string[],
    required: (wanted['required'] ?? []) as readonly string[],
    secondPerson: typeof wanted['secondPerson'] === 'boolean' ? wanted['secondPerson'] : null,
  }
  return { config: { mode: 'rules', ...wanted }, score: (evalCase) => scoreRules(evalCase, rules) }
}

function scoreRules(evalCase: EvalCase, rules: Rules): Score {
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  const facts = toneOf(evalCase.output)
  const results: { rule: string; fault: string | null }[] = []
  for (const [rule, fact, limit] of rules.limits) {
    const got = facts[fact]
    // no grade for this text: the rule says nothing about it
    if (got === null) continue
    results.push({ rule, fault: got <= limit ? null : `${got} ${fact}, at most ${limit} allowed` })
  }
  for (const phrase of rules.banned) {
    results.push({ rule: 'banned', fault: hasPhrase(evalCase.output, phrase) ? `says ${quoted(phrase)}` : null })
  }
  for (const phrase of rules.required) {
    results.push({ rule: 'required', fault: hasPhrase(evalCase.output, phrase) ? null : `lacks ${quoted(phrase)}` })
  }
  if (rules.secondPerson !== null) {
    const isFit = facts.secondPerson > 0 === rules.secondPerson
    const fault = rules.secondPerson ? 'never addresses the reader' : 'addresses the reader'
    results.push({ rule: 'secondPerson', fault: isFit ? null : fault })
  }
  if (results.length === 0) return { status: 'not_applicable', reason: 'no rule says anything about this text' }
  const broken = results.filter(({ fault }) => fault !== null)
  const details = { facts, broken }
  const value = (results.length - broken.length) / results.length
  if (broken.length === 0) return { status: 'scored', value, reason: `all ${results.length} rules hold`, details }
  const told = broken.map(({ rule, fault }) => `${rule}: ${fault}`).join('; ')
  const reason = `${broken.length} of ${results.length} rules broken: ${excerpt(told, 250)}${finishNote(evalCase)}`
  return { status: 'scored', value, reason, details }
}

function quoted(phrase: string): string {
  return JSON.stringify(excerpt(phrase, 40))
}
