import { scoreOfUnreadableAnswer } from './answer.ts'
import type { EvalCase, Score, Tools } from './evaluator.ts'
import type { Criterion, CriterionVerdict } from './judge-criteria.ts'
import { loadPrompt } from './judge-prompt.ts'
import { askJudge } from './judge-protocol.ts'
import { askAbout, setUpJudge } from './judge-question.ts'

export const rubricPrompt = loadPrompt('rubric')

type RubricChoice = 'met' | 'not_met' | 'cannot_tell'

/**
 * Scores one answer by binary criteria: the share of decided criteria that are met. When the judge cannot tell for half of
 * them or more, there is no score.
 */
export function rubricJudge(
  model: string,
  criteria: readonly Criterion[],
): (evalCase: EvalCase, tools: Tools) => Promise<Score> {
  const choices: readonly RubricChoice[] = ['met', 'not_met', 'cannot_tell']
  const setup = setUpJudge({ model, prompt: rubricPrompt, criteria, choices, replyName: 'rubric' }, ['answer'])
  return async (evalCase, tools) => {
    const unreadable = scoreOfUnreadableAnswer(evalCase)
    if (unreadable) return unreadable
    const answers = new Map([['answer', evalCase.output]])
    const answer = await askJudge(askAbout(setup, { evalCase, answers, random: tools.random }), tools)
    const details = { mode: 'rubric', judge: model, spend: answer.spend, costMicroUsd: answer.spend.costMicroUsd }
    if (answer.kind !== 'verdict') return { status: answer.kind, reason: answer.reason, details }
    return scoreVerdicts(answer.verdict, { ...details, criteria: answer.verdict })
  }
}

function scoreVerdicts(
  verdicts: readonly CriterionVerdict<RubricChoice>[],
  details: Readonly<Record<string, unknown>>,
): Score {
  const met = verdicts.filter(({ verdict }) => verdict === 'met').length
  const failed = verdicts.filter(({ verdict }) => verdict === 'not_met')
  const decided = met + failed.length
  if (decided * 2 <= verdicts.length) {
    return { status: 'unscored', reason: `the judge could not tell for ${verdicts.length - decided} criteria`, details }
  }
  const names = failed.map(({ id }) => id).join(', ')
  const reason =
    failed.length === 0 ? `all ${decided} criteria met` : `${met} of ${decided} criteria met; not met: ${names}`
  return { status: 'scored', value: met / decided, reason, details }
}
