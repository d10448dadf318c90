import { excerpt, finishNote, referenceOf, scoreOfUnreadableAnswer } from './answer.ts'
import type { EvalCase, Score, Tools } from './evaluator.ts'
import { expectationReader } from './expectation.ts'
import { type Fact, type FactFinding, factsSchema, factText, findFact, readFacts, wordF1 } from './facts.ts'
import { factsPrompt, scoreFactsByJudge } from './facts-judge.ts'
import { judgeModelSchema } from './judge-model.ts'
import { retryPrompt } from './judge-prompt.ts'
import type { EvaluatorKind } from './kind.ts'
import { UnsupportedPatternError } from './pattern.ts'
import { classifyAnswer } from './refusal-class.ts'

const fallbacks = ['none', 'word_f1'] as const

/**
 * Key facts of a case: the weighted share of `must` facts that the answer states; 0 as soon as it states a `must_not`. Facts come from
 * the item (`expect.factual.facts`) or the configuration. `aliases` looks for words and numbers, `llm` asks a judge about each fact,
 * with quotes. Without facts the case is not applicable, or with `fallback: "word_f1"` compared word by word with its reference.
 */
export const factual: EvaluatorKind = {
  name: 'factual',
  codeVersion: 2,
  needsReference: true,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      mode: { enum: ['aliases', 'llm'] },
      judge: judgeModelSchema,
      facts: factsSchema,
      fallback: { enum: fallbacks },
    },
  },
  configure(config) {
    const isLlm = config['mode'] === 'llm'
    const judge = typeof config['judge'] === 'string' ? config['judge'] : null
    if (isLlm && judge === null) return { problems: [{ path: '/judge', message: 'is required with mode llm' }] }
    if (!isLlm && judge !== null) {
      return { problems: [{ path: '/judge', message: 'is only used with mode llm; mode is aliases' }] }
    }
    const written = (config['facts'] ?? []) as readonly unknown[]
    const fallback = (config['fallback'] ?? 'none') as (typeof fallbacks)[number]
    const read = tryRead(written)
    if ('problem' in read) return { problems: [{ path: '/facts', message: read.problem }] }
    const settings: Settings = { judge: isLlm ? judge : null, facts: read.facts, fallback }
    return {
      config: { mode: isLlm ? 'llm' : 'aliases', facts: written, fallback, ...(isLlm ? { judge } : {}) },
      ...(isLlm && judge !== null && { material: [factsPrompt.source, retryPrompt], usesJudge: true, judges: [judge] }),
      score: (evalCase, tools) => scoreFactual(evalCase, settings, tools),
    }
  },
}

interface Settings {
  readonly judge: string | null
  readonly facts: readonly Fact[]
  readonly fallback: (typeof fallbacks)[number]
}

function tryRead(written: readonly unknown[]): { facts: Fact[] } | { problem: string } {
  try {
    return { facts: readFacts(written) }
  } catch (error) {
    if (error instanceof UnsupportedPatternError || error instanceof Error) return { problem: error.message }
    throw error
  }
}

const ownFacts = expectationReader<readonly Fact[]>(
  'factual',
  { type: 'object', additionalProperties: false, required: ['facts'], properties: { facts: factsSchema } },
  (value: { facts: readonly unknown[] }) => readFacts(value.facts),
)

function scoreFactual(evalCase: EvalCase, settings: Settings, tools: Tools): Score | Promise<Score> {
  const own = ownFacts(evalCase)
  if (own && 'fault' in own) return own.fault
  const facts = own?.value ?? settings.facts
  const reference = settings.fallback === 'word_f1' ? referenceOf(evalCase) : null
  if (facts.length === 0 && reference === null) {
    return { status: 'not_applicable', reason: 'the case has no facts (expect.factual.facts or configuration)' }
  }
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  if (facts.length === 0) return byWords(evalCase, reference ?? '')
  if (settings.judge !== null) return scoreFactsByJudge(settings.judge, evalCase, facts, tools)
  const answer = factText(evalCase.output)
  return fromFindings(
    evalCase,
    facts,
    facts.map((fact) => findFact(answer, fact)),
  )
}

function byWords(evalCase: EvalCase, reference: string): Score {
  const value = wordF1(evalCase.output, reference)
  const reason = `word F1 with the reference ${value.toFixed(2)}${finishNote(evalCase)}`
  return { status: 'scored', value, reason, details: { mode: 'word_f1' } }
}

function fromFindings(evalCase: EvalCase, facts: readonly Fact[], findings: readonly FactFinding[]): Score {
  const forbidden = findings.filter(({ must, isSaid }) => !must && isSaid)
  const wanted = facts.filter(({ must }) => must)
  const total = wanted.reduce((sum, { weight }) => sum + weight, 0)
  const said = new Set(findings.filter(({ isSaid }) => isSaid).map(({ id }) => id))
  const found = wanted.reduce((sum, { id, weight }) => sum + (said.has(id) ? weight : 0), 0)
  const recall = total === 0 ? 1 : found / total
  const { answerClass } = classifyAnswer(evalCase)
  const isAttempted = answerClass === 'full_answer' || answerClass === 'partial'
  // SimpleQA's three outcomes: an answer that says it does not know is not the same as a wrong one
  const outcome = forbidden.length === 0 && recall === 1 ? 'correct' : isAttempted ? 'incorrect' : 'not_attempted'
  const details = { mode: 'aliases', facts: findings, recall, forbidden: forbidden.map(({ id }) => id), outcome }
  if (forbidden.length > 0) {
    const told = forbidden.map(({ text }) => JSON.stringify(excerpt(text, 40))).join(', ')
    return { status: 'scored', value: 0, reason: excerpt(`states ${told}, which it must not`, 300), details }
  }
  const missing = findings.filter(({ must, isSaid }) => must && !isSaid)
  if (missing.length === 0)
    return { status: 'scored', value: recall, reason: `all ${wanted.length} facts stated`, details }
  const told = missing.slice(0, 3).map(({ text }) => JSON.stringify(excerpt(text, 40)))
  const reason = `${missing.length} of ${wanted.length} facts missing: ${told.join(', ')}${finishNote(evalCase)}`
  return { status: 'scored', value: recall, reason, details }
}
