import { scoreOfUnreadableAnswer } from './answer.ts'
import type { EvalCase, Score, Tools } from './evaluator.ts'
import type { Criterion, CriterionVerdict } from './judge-criteria.ts'
import { loadPrompt } from './judge-prompt.ts'
import { addSpend, askJudge, type JudgeAnswer } from './judge-protocol.ts'
import { askAbout, type JudgeSetup, setUpJudge } from './judge-question.ts'

export const pairwisePrompt = loadPrompt('pairwise')

type PairChoice = 'response_1' | 'response_2' | 'tie'
type Winner = 'baseline' | 'candidate' | 'tie'

/**
 * Compares both arms' answers to one request, each order once: the candidate's value is 1 when both orders prefer it, 0 when
 * both prefer the baseline, else 0.5. Orders that disagree are a tie with `orderDisagreement` set: the judge's preference was
 * for the place, or the difference is below what it can see. Equal answers are a tie without a call.
 */
export function pairwiseJudge(
  model: string,
  criteria: readonly Criterion[],
): (baseline: EvalCase, candidate: EvalCase, tools: Tools) => Promise<Score> {
  const choices: readonly PairChoice[] = ['response_1', 'response_2', 'tie']
  const answers = ['response_1', 'response_2']
  const setup = setUpJudge({ model, prompt: pairwisePrompt, criteria, choices, replyName: 'comparison' }, answers)
  return async (baseline, candidate, tools) => {
    const settled = settleWithoutJudge(baseline, candidate)
    if (settled) return settled
    const [first, second] = await Promise.all([
      askInOrder(setup, { shown: [baseline, candidate], evalCase: candidate, tools }),
      askInOrder(setup, { shown: [candidate, baseline], evalCase: candidate, tools }),
    ])
    return combine(model, first, second)
  }
}

function settleWithoutJudge(baseline: EvalCase, candidate: EvalCase): Score | null {
  const details = { mode: 'pairwise', spend: { calls: 0, costMicroUsd: 0 }, costMicroUsd: 0 }
  if (baseline.output === candidate.output && sameJson(baseline.toolCalls, candidate.toolCalls)) {
    return {
      status: 'scored',
      value: 0.5,
      reason: 'both answers are the same',
      details: { ...details, identical: true },
    }
  }
  const [forBaseline, forCandidate] = [scoreOfUnreadableAnswer(baseline), scoreOfUnreadableAnswer(candidate)]
  const notApplicable = [forCandidate, forBaseline].find((score) => score?.status === 'not_applicable')
  if (notApplicable) return notApplicable
  if (!forBaseline && !forCandidate) return null
  const value = forBaseline && forCandidate ? 0.5 : forCandidate ? 0 : 1
  const which = forCandidate ? (forBaseline ? 'neither answer can be read' : 'candidate') : 'baseline'
  const cause = (forCandidate ?? forBaseline)?.reason ?? ''
  return { status: 'scored', value, reason: `${which}: ${cause}`, details }
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a ?? []) === JSON.stringify(b ?? [])
}

function askInOrder(
  setup: JudgeSetup<PairChoice>,
  { shown, evalCase, tools }: { shown: readonly [EvalCase, EvalCase]; evalCase: EvalCase; tools: Tools },
): Promise<JudgeAnswer<readonly CriterionVerdict<PairChoice>[]>> {
  const answers = new Map([
    ['response_1', shown[0].output],
    ['response_2', shown[1].output],
  ])
  return askJudge(askAbout(setup, { evalCase, answers, random: tools.random }), tools)
}

type OrderAnswer = JudgeAnswer<readonly CriterionVerdict<PairChoice>[]>

function combine(model: string, baselineFirst: OrderAnswer, candidateFirst: OrderAnswer): Score {
  const spend = addSpend(baselineFirst.spend, candidateFirst.spend.calls, candidateFirst.spend.costMicroUsd)
  const base = { mode: 'pairwise', judge: model, spend, costMicroUsd: spend.costMicroUsd }
  const failed = [baselineFirst, candidateFirst].find((answer) => answer.kind === 'errored')
  const unusable = failed ?? [baselineFirst, candidateFirst].find((answer) => answer.kind !== 'verdict')
  if (unusable && unusable.kind !== 'verdict') return { status: unusable.kind, reason: unusable.reason, details: base }
  if (baselineFirst.kind !== 'verdict' || candidateFirst.kind !== 'verdict') throw new Error('unreachable')
  const winners = [
    winnerOf(baselineFirst.verdict, 'baseline', 'candidate'),
    winnerOf(candidateFirst.verdict, 'candidate', 'baseline'),
  ] as const
  const orderDisagreement = winners[0] !== winners[1]
  const winner = orderDisagreement ? 'tie' : winners[0]
  const orders = [
    { first: 'baseline', winner: winners[0], criteria: baselineFirst.verdict },
    { first: 'candidate', winner: winners[1], criteria: candidateFirst.verdict },
  ]
  const value = winner === 'candidate' ? 1 : winner === 'baseline' ? 0 : 0.5
  const reason = orderDisagreement
    ? `tie: the two orders disagree (${winners[0]} with the baseline first, ${winners[1]} with the candidate first)`
    : winner === 'tie'
      ? 'tie in both orders'
      : `the ${winner} is better in both orders`
  return { status: 'scored', value, reason, details: { ...base, orderDisagreement, orders } }
}

/** More criteria won decides; the judge is never asked for a sum, so it cannot contradict itself. */
function winnerOf(verdicts: readonly CriterionVerdict<PairChoice>[], first: Winner, second: Winner): Winner {
  const lead = verdicts.reduce(
    (sum, { verdict }) => sum + (verdict === 'response_1' ? 1 : verdict === 'response_2' ? -1 : 0),
    0,
  )
  return lead > 0 ? first : lead < 0 ? second : 'tie'
}
