import { scoreOfUnreadableAnswer } from './answer.ts'
import { type ContextSource, contextOf, contextSources } from './context-source.ts'
import type { EvalCase, Score } from './evaluator.ts'
import { groundingPrompt, scoreByJudge } from './grounding-judge.ts'
import { scoreLexically } from './grounding-lexical.ts'
import { groundingModel } from './grounding-model.ts'
import { judgeModelSchema } from './judge-model.ts'
import { retryPrompt } from './judge-prompt.ts'
import type { ConfigProblem, EvaluatorKind } from './kind.ts'

/** Longest answer and context compared, in UTF-16 code units: beyond it the comparison would hold up everything else. */
const maxAnswerLength = 200_000
const maxContextLength = 1_000_000

/**
 * The answer's statements, one by one, against the retrieved context. `lexical` compares wording (no calls; what it is worth
 * is in grounding-model.card.md), `llm` asks a judge for verdicts with quotes. No context, a refusal, or no statement that
 * can be checked: not applicable.
 *
 * `score`: `mean` over the statements (default); `lowest` of them (lexical only); `all`: 1 where none is contradicted or
 * unsupported, else 0 (llm only: the threshold of lexical probabilities moves from one kind of text to the next).
 */
export const grounding: EvaluatorKind = {
  name: 'grounding',
  codeVersion: 4,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      mode: { enum: ['lexical', 'llm'] },
      judge: judgeModelSchema,
      secondJudge: judgeModelSchema,
      score: { enum: ['mean', 'lowest', 'all'] },
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
    const problems = misplaced(config, mode)
    if (problems.length > 0) return { problems }
    const by = (config['score'] ?? 'mean') as 'mean' | 'lowest' | 'all'
    const secondJudge = typeof config['secondJudge'] === 'string' ? config['secondJudge'] : null
    if (mode === 'lexical') {
      const lexicalBy = by === 'lowest' ? 'lowest' : 'mean'
      return {
        config: { mode, contextFrom, score: by },
        material: groundingModel,
        score: (evalCase) =>
          scoreGrounding(evalCase, contextFrom, (passages) => scoreLexically(evalCase.output, passages, lexicalBy)),
      }
    }
    const judging = { judge: String(judge), secondJudge, by: by === 'all' ? 'all' : 'mean' } as const
    return {
      config: { mode, contextFrom, score: by, judge, ...(secondJudge !== null && { secondJudge }) },
      material: [groundingPrompt.source, retryPrompt, ...(secondJudge === null ? [] : [groundingModel])],
      usesJudge: true,
      judges: [String(judge), ...(secondJudge === null ? [] : [secondJudge])],
      score: (evalCase, tools) =>
        scoreGrounding(evalCase, contextFrom, (passages) => scoreByJudge(judging, evalCase, passages, tools)),
    }
  },
}

/** Settings that the mode has no use for: one that does nothing is a slip. */
function misplaced(config: Readonly<Record<string, unknown>>, mode: string): ConfigProblem[] {
  const inMode = (path: string, other: string) => ({
    path,
    message: `is only used with mode ${other}; mode is ${mode}`,
  })
  if (mode === 'lexical') {
    return [
      ...(['judge', 'secondJudge'] as const).flatMap((name) =>
        config[name] === undefined ? [] : [inMode(`/${name}`, 'llm')],
      ),
      ...(config['score'] === 'all' ? [{ path: '/score', message: 'can be all only with mode llm: use lowest' }] : []),
    ]
  }
  return [
    ...(config['score'] === 'lowest'
      ? [{ path: '/score', message: 'can be lowest only with mode lexical: use all' }]
      : []),
    ...(config['secondJudge'] === config['judge']
      ? [{ path: '/secondJudge', message: 'is the judge itself: a second opinion needs another model' }]
      : []),
  ]
}

function scoreGrounding(
  evalCase: EvalCase,
  contextFrom: ContextSource,
  score: (passages: readonly string[]) => Promise<Score>,
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
  return score(passages)
}
