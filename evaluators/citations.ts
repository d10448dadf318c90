import { excerpt, finishNote, scoreOfUnreadableAnswer } from './answer.ts'
import { citationPrompt, judgeCitations, type NoVerdict } from './citation-judge.ts'
import { type CitationMark, citationsOf } from './citation-markers.ts'
import { type CitedStatement, checkCitations } from './citation-support.ts'
import { type ContextSource, contextOf, contextSources } from './context-source.ts'
import type { EvalCase, Score, Tools } from './evaluator.ts'
import { groundingModel } from './grounding-model.ts'
import { judgeModelSchema } from './judge-model.ts'
import { retryPrompt } from './judge-prompt.ts'
import type { EvaluatorKind } from './kind.ts'

/** Longest answer and context compared, in UTF-16 code units. */
const maxAnswer = 200_000
const maxContext = 1_000_000

/**
 * Citations of an answer against the passages it was given, as ALCE scores them (Gao et al. 2023): recall is the share of statements
 * that their citations support together, precision the share of citations that support their statement, the value their F1. A
 * citation of a passage that does not exist supports nothing. Whether a passage supports a statement is the lexical grounding model's
 * estimate, or with mode `llm` a judge's word, with quotes that code finds in the passages. Without context, without statements that need one, or with `required: false` without citations: not applicable.
 */
export const citations: EvaluatorKind = {
  name: 'citations',
  codeVersion: 1,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      mode: { enum: ['lexical', 'llm'] },
      judge: judgeModelSchema,
      contextFrom: { enum: contextSources },
      measure: { enum: ['f1', 'recall', 'precision', 'validity', 'coverage'] },
      required: { type: 'boolean' },
      minSupport: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
      misattributionMargin: { type: 'number', minimum: 0, maximum: 1 },
    },
  },
  configure(config) {
    const isLlm = config['mode'] === 'llm'
    const judge = typeof config['judge'] === 'string' ? config['judge'] : null
    if (isLlm && judge === null) return { problems: [{ path: '/judge', message: 'is required with mode llm' }] }
    if (!isLlm && judge !== null) {
      return { problems: [{ path: '/judge', message: 'is only used with mode llm; mode is lexical' }] }
    }
    if (isLlm && config['minSupport'] !== undefined) {
      return { problems: [{ path: '/minSupport', message: 'is only used with mode lexical; mode is llm' }] }
    }
    const settings: Settings = {
      judge,
      contextFrom: (config['contextFrom'] ?? 'interlock') as ContextSource,
      measure: (config['measure'] ?? 'f1') as Settings['measure'],
      required: config['required'] !== false,
      minSupport: Number(config['minSupport'] ?? 0.5),
      margin: Number(config['misattributionMargin'] ?? 0.25),
    }
    return {
      config: { ...settings },
      material: isLlm ? [citationPrompt.source, retryPrompt] : groundingModel,
      ...(judge !== null && { usesJudge: true, judges: [judge] }),
      score: (evalCase, tools) => scoreCitations(evalCase, settings, tools),
    }
  },
}

interface Settings {
  /** null: the lexical model. */
  readonly judge: string | null
  readonly contextFrom: ContextSource
  readonly measure: 'f1' | 'recall' | 'precision' | 'validity' | 'coverage'
  readonly required: boolean
  readonly minSupport: number
  readonly margin: number
}

async function scoreCitations(evalCase: EvalCase, settings: Settings, tools: Tools): Promise<Score> {
  const passages = contextOf(evalCase, settings.contextFrom)
  if (passages.length === 0) {
    return { status: 'not_applicable', reason: `the case has no context (${settings.contextFrom})` }
  }
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  if (evalCase.output.length > maxAnswer) {
    return { status: 'scored', value: 0, reason: `the answer has more than ${maxAnswer} characters` }
  }
  const length = passages.reduce((sum, passage) => sum + passage.length, 0)
  if (length > maxContext) {
    return { status: 'errored', reason: `the context has ${length} characters; the limit is ${maxContext}` }
  }
  const marks = citationsOf(evalCase.output, passages)
  if (marks.length === 0 && !settings.required) {
    return { status: 'not_applicable', reason: 'the answer cites nothing, and need not' }
  }
  const { statements, undecided, failed, base } = await check(evalCase, { passages, marks, settings, tools })
  if (failed) return { status: failed.kind, reason: failed.reason, details: base }
  if (undecided > 0 && undecided >= statements.length) {
    return { status: 'unscored', reason: `the judge could not tell for ${undecided} statements`, details: base }
  }
  if (statements.length === 0 && marks.length === 0) {
    return { status: 'not_applicable', reason: 'the answer makes no statement that can be checked' }
  }
  return toScore(evalCase, { statements, marks, settings, base })
}

interface Checked {
  readonly statements: readonly CitedStatement[]
  readonly undecided: number
  readonly failed?: NoVerdict['failed']
  readonly base: Readonly<Record<string, unknown>>
}

interface Material {
  readonly passages: readonly string[]
  readonly marks: readonly CitationMark[]
  readonly settings: Settings
  readonly tools: Tools
}

async function check(evalCase: EvalCase, { passages, marks, settings, tools }: Material): Promise<Checked> {
  const { judge, minSupport } = settings
  if (judge === null) {
    const statements = await checkCitations(evalCase.output, { passages, marks, minSupport })
    return { statements, undecided: 0, base: { mode: 'lexical' } }
  }
  const judged = await judgeCitations({ evalCase, passages, marks, judge, tools })
  const { spend } = judged
  const base = { mode: 'llm', judge, spend, costMicroUsd: spend.costMicroUsd }
  return 'failed' in judged ? { statements: [], undecided: 0, failed: judged.failed, base } : { ...judged, base }
}

interface Found extends Pick<Material, 'marks' | 'settings'> {
  readonly statements: readonly CitedStatement[]
  readonly base: Readonly<Record<string, unknown>>
}

function toScore(evalCase: EvalCase, { statements, marks, settings, base }: Found): Score {
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole)
  const cited = statements.filter(({ citations: given }) => given.length > 0)
  const given = cited.flatMap(({ citations: list }) => list)
  const madeUp = marks.filter(({ passage }) => passage === null)
  const misattributed = statements.filter(
    ({ support, alternative }) =>
      alternative !== null &&
      alternative.support >= settings.minSupport &&
      alternative.support - support >= settings.margin,
  )
  const recall = share(cited.filter(({ isSupported }) => isSupported).length, statements.length)
  // a citation of nothing is wrong wherever it stands, also behind a sentence that needs none
  const stray = Math.max(0, madeUp.length - given.filter(({ passage }) => passage === null).length)
  const precision = share(given.filter(({ isNeeded }) => isNeeded).length, given.length + stray)
  const measures = {
    f1: share(2 * precision * recall, precision + recall),
    recall,
    precision,
    validity: share(marks.length - madeUp.length, marks.length),
    coverage: share(
      cited.filter(({ citations: list }) => list.some(({ passage }) => passage !== null)).length,
      statements.length,
    ),
  }
  const faults = [
    ...(madeUp.length > 0 ? [`${madeUp.length} citations of nothing (${excerpt(madeUp[0]?.source ?? '', 40)})`] : []),
    ...(misattributed.length > 0 ? [`${misattributed.length} statements look taken from another passage`] : []),
    ...(cited.length < statements.length ? [`${statements.length - cited.length} statements without a citation`] : []),
  ]
  const told = faults.length > 0 ? faults.join('; ') : 'no fault found'
  const reason = `${cited.length} of ${statements.length} statements cited; ${told}${finishNote(evalCase)}`
  const details = {
    ...base,
    ...Object.fromEntries(Object.entries(measures).map(([name, value]) => [name, Math.round(value * 10_000) / 10_000])),
    citations: marks.length,
    madeUp: madeUp.slice(0, 20).map(({ source }) => excerpt(source, 80)),
    unneeded: given.filter(({ isNeeded, passage }) => !isNeeded && passage !== null).length,
    misattributed: misattributed.slice(0, 20).map(({ text, alternative }) => ({ text, passage: alternative?.passage })),
    statements: statements.slice(0, 100),
  }
  return { status: 'scored', value: measures[settings.measure], reason, details }
}
