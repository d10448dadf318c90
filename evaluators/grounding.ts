import { scoreOfUnreadableAnswer } from './answer.ts'
import { type ContextSource, contextOf, contextSources } from './context-source.ts'
import type { EvalCase, Score, Tools } from './evaluator.ts'
import { groundingPrompt, scoreByJudge } from './grounding-judge.ts'
import { scoreLexically } from './grounding-lexical.ts'
import { groundingModel } from './grounding-model.ts'
import { judgeModelSchema } from './judge-model.ts'
import { retryPrompt } from './judge-prompt.ts'
import type { EvaluatorKind } from './kind.ts'

/** Longest answer and context compared, in UTF-16 code units: beyond it the comparison would hold up everything else. */
const maxAnswerLength = 200_000
const maxContextLength = 1_000_000

/**
 * The answer's statements, one by one, against the retrieved context. `lexical` compares wording (no calls; what it is worth
 * is in grounding-model.card.md), `llm` asks a judge for verdicts with quotes. No context, a refusal, or no statement that
 * can be checked: not applicable.
 */
export const grounding: EvaluatorKind = {
  name: 'grounding',
  codeVersion: 2,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      mode: { enum: ['lexical', 'llm'] },
      judge: judgeModelSchema,
      contextFrom: { enum: contextSources },
    },
  },
  configure(config) {
    const mode = config['mode'] === 'llm' ? 'llm' : 'lexical'
    const contextFrom = (config['contextFrom'] ?? 'interlock') as ContextSource
    const judge = config['judge']
    if (mode === 'llm' && typeof judge !== 'string') {
      return { problems: [{ path: '/judge', message: 'is required with mode llm' }] }
    }
    if (mode === 'lexical' && judge !== undefined) {
      return { problems: [{ path: '/judge', message: 'is only used with mode llm; mode is lexical' }] }
    }
    const isLlm = mode === 'llm'
    return {
      config: { mode, contextFrom, ...(isLlm ? { judge } : {}) },
      material: isLlm ? [groundingPrompt.source, retryPrompt] : groundingModel,
      usesJudge: isLlm,
      ...(isLlm && { judges: [String(judge)] }),
      score: (evalCase, tools) => scoreGrounding(evalCase, { contextFrom, judge: isLlm ? String(judge) : null, tools }),
    }
  },
}

function scoreGrounding(
  evalCase: EvalCase,
  { contextFrom, judge, tools }: { contextFrom: ContextSource; judge: string | null; tools: Tools },
): Score | Promise<Score> {
  const passages = contextOf(evalCase, contextFrom)
  if (passages.length === 0) return { status: 'not_applicable', reason: `the case has no context (${contextFrom})` }
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  if (evalCase.output.length > maxAnswerLength) {
    return { status: 'scored', value: 0, reason: `the answer has more than ${maxAnswerLength} characters` }
  }
  const length = passages.reduce((sum, passage) => sum + passage.length, 0)
  if (length > maxContextLength) {
    return { status: 'errored', reason: `the context has ${length} characters; the limit is ${maxContextLength}` }
  }
  return judge === null ? scoreLexically(evalCase.output, passages) : scoreByJudge(judge, evalCase, passages, tools)
}
