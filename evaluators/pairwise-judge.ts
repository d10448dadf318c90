import { scoreOfUnreadableAnswer } from './answer.ts'
import type { EvalCase, JudgeSpend, Score, Tools } from './evaluator.ts'
import type { Criterion, CriterionVerdict } from './judge-criteria.ts'
import { majorityOf, meanOf, modelsOfPanel, type Panel, type Silent, silenceOf, spendOf } from './judge-panel.ts'
import { loadPrompt } from './judge-prompt.ts'
import { askJudge, type JudgeAnswer } from './judge-protocol.ts'
import { askAbout, type JudgeSetup, setUpJudge } from './judge-question.ts'

export const pairwisePrompt = loadPrompt('pairwise')

type PairChoice = 'response_1' | 'response_2' | 'tie'
type Winner = 'baseline' | 'candidate' | 'tie'
type Setup = JudgeSetup<PairChoice>

/** The two answers compared. */
interface Pair {
  readonly baseline: EvalCase
  readonly candidate: EvalCase
}

/** What one judge made of a pair. A judge whose orders disagree has no opinion: its preference was for the place. */
type Opinion =
  | {
      readonly judge: string
      readonly kind: 'verdict'
      readonly winner: Winner
      readonly orderDisagreement: boolean
      readonly orders: readonly { first: string; winner: Winner; criteria: readonly CriterionVerdict<PairChoice>[] }[]
      readonly spend: JudgeSpend
    }
  | Silent

/**
 * Compares both arms' answers to one request, each order once per judge: the candidate's value is 1 when it wins, 0 when the
 * baseline does, else 0.5. One judge whose orders disagree, or a panel without a majority, is undecided: a judge to escalate to
 * is asked then, and without one (or when it is undecided too) the pair is a tie and says so. Equal answers are a tie without
 * a call.
 */
export function pairwiseJudge(
  panel: Panel,
  criteria: readonly Criterion[],
): (baseline: EvalCase, candidate: EvalCase, tools: Tools) => Promise<Score> {
  const choices: readonly PairChoice[] = ['response_1', 'response_2', 'tie']
  const answers = ['response_1', 'response_2']
  const setups = new Map(
    modelsOfPanel(panel).map((model) => [
      model,
      setUpJudge({ model, prompt: pairwisePrompt, criteria, choices, replyName: 'comparison' }, answers),
    ]),
  )
  const ask = (model: string, pair: Pair, tools: Tools) => opinionOf(setups.get(model) as Setup, pair, tools)
  return async (baseline, candidate, tools) => {
    const settled = settleWithoutJudge(baseline, candidate)
    if (settled) return settled
    const pair = { baseline, candidate }
    const opinions = await Promise.all(panel.judges.map((model) => ask(model, pair, tools)))
    if (panel.aggregate === 'mean') return scoreByMean(opinions)
    const winner = majorityOf(opinions.map(voteOf))
    if (winner !== null || panel.escalate === null) return scoreByMajority(opinions, winner, null)
    const last = await ask(panel.escalate, pair, tools)
    return scoreByMajority(opinions, voteOf(last), last)
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

async function opinionOf(setup: Setup, { baseline, candidate }: Pair, tools: Tools): Promise<Opinion> {
  const [baselineFirst, candidateFirst] = await Promise.all([
    askInOrder(setup, [baseline, candidate], candidate, tools),
    askInOrder(setup, [candidate, baseline], candidate, tools),
  ])
  const spend = spendOf([baselineFirst, candidateFirst])
  if (baselineFirst.kind !== 'verdict' || candidateFirst.kind !== 'verdict') {
    const silent = [baselineFirst, candidateFirst].filter((answer) => answer.kind !== 'verdict')
    const cause = silent.find(({ kind }) => kind === 'errored') ?? silent[0]
    return { judge: setup.model, kind: cause?.kind ?? 'errored', reason: cause?.reason ?? '', spend }
  }
  const winners = [
    winnerOf(baselineFirst.verdict, 'baseline', 'candidate'),
    winnerOf(candidateFirst.verdict, 'candidate', 'baseline'),
  ] as const
  const orders = [
    { first: 'baseline', winner: winners[0], criteria: baselineFirst.verdict },
    { first: 'candidate', winner: winners[1], criteria: candidateFirst.verdict },
  ]
  const orderDisagreement = winners[0] !== winners[1]
  const winner = orderDisagreement ? 'tie' : winners[0]
  return { judge: setup.model, kind: 'verdict', winner, orderDisagreement, orders, spend }
}

function askInOrder(
  setup: Setup,
  shown: readonly [EvalCase, EvalCase],
  evalCase: EvalCase,
  tools: Tools,
): Promise<JudgeAnswer<readonly CriterionVerdict<PairChoice>[]>> {
  const answers = new Map([
    ['response_1', shown[0].output],
    ['response_2', shown[1].output],
  ])
  return askJudge(askAbout(setup, { evalCase, answers, random: tools.random }), tools)
}

/** More criteria won decides; the judge is never asked for a sum, so it cannot contradict itself. */
function winnerOf(verdicts: readonly CriterionVerdict<PairChoice>[], first: Winner, second: Winner): Winner {
  const lead = verdicts.reduce(
    (sum, { verdict }) => sum + (verdict === 'response_1' ? 1 : verdict === 'response_2' ? -1 : 0),
    0,
  )
  return lead > 0 ? first : lead < 0 ? second : 'tie'
}

/** null: it abstains. */
function voteOf(opinion: Opinion): Winner | null {
  return opinion.kind === 'verdict' && !opinion.orderDisagreement ? opinion.winner : null
}

const valueOfWinner = { candidate: 1, tie: 0.5, baseline: 0 } as const

function scoreByMean(opinions: readonly Opinion[]): Score {
  const values = opinions.map((opinion) => (opinion.kind === 'verdict' ? valueOfWinner[opinion.winner] : null))
  const value = meanOf(values)
  const details = detailsOf(opinions, null, new Set(opinions.map(voteOf)).size > 1)
  if (value === null) return silentScore(opinions, details)
  return { status: 'scored', value, reason: `mean of ${values.length} judges`, details }
}

function scoreByMajority(opinions: readonly Opinion[], winner: Winner | null, last: Opinion | null): Score {
  const isUndecided = last !== null || winner === null
  const details = detailsOf(opinions, last, isUndecided)
  // A judge to escalate to that gives no verdict leaves things as they were without it.
  if (winner === null && silenceOf(opinions) !== null && last?.kind !== 'verdict') return silentScore(opinions, details)
  const value = valueOfWinner[winner ?? 'tie']
  return { status: 'scored', value, reason: reasonOf(opinions, winner, last), details }
}

function silentScore(opinions: readonly Opinion[], details: Readonly<Record<string, unknown>>): Score {
  const silent = silenceOf(opinions)
  const which = opinions.length === 1 ? '' : `too few judges gave a verdict; ${silent?.judge}: `
  return { status: silent?.kind ?? 'unscored', reason: `${which}${silent?.reason ?? 'no verdict'}`, details }
}

function reasonOf(opinions: readonly Opinion[], winner: Winner | null, last: Opinion | null): string {
  const outcome = winner === null || winner === 'tie' ? 'tie' : `the ${winner} is better`
  if (last !== null) return `${outcome}: ${undecided(opinions)}; ${last.judge} ${lastWord(last)}`
  if (winner === null) return `tie: ${undecided(opinions)}`
  if (opinions.length === 1) return `${outcome} in both orders`
  return `${outcome} for ${opinions.filter((opinion) => voteOf(opinion) === winner).length} of ${opinions.length} judges`
}

function undecided(opinions: readonly Opinion[]): string {
  const [only] = opinions
  if (opinions.length > 1 || only?.kind !== 'verdict') {
    return opinions.length > 1 ? 'the judges have no majority' : 'the judge gave no verdict'
  }
  const [first, second] = only.orders.map(({ winner }) => winner)
  return `the two orders disagree (${first} with the baseline first, ${second} with the candidate first)`
}

function lastWord(last: Opinion): string {
  if (last.kind !== 'verdict') return 'gave no verdict either'
  return last.orderDisagreement ? 'is undecided too' : 'decided'
}

/** One judge alone is written flat, a panel as a list: readers of either find `orders` in the same shape. */
function detailsOf(
  opinions: readonly Opinion[],
  last: Opinion | null,
  isUndecided: boolean,
): Readonly<Record<string, unknown>> {
  const spend = spendOf([...opinions, last])
  const base = { mode: 'pairwise', spend, costMicroUsd: spend.costMicroUsd }
  const escalation = last === null ? {} : { escalation: recordOf(last) }
  const [only] = opinions
  if (opinions.length > 1 || only === undefined) {
    const judges = opinions.map(({ judge }) => judge)
    return { ...base, judges, isUndecided, panel: opinions.map(recordOf), ...escalation }
  }
  return { ...base, isUndecided, ...recordOf(only), ...escalation }
}

function recordOf(opinion: Opinion): Readonly<Record<string, unknown>> {
  if (opinion.kind !== 'verdict') return { judge: opinion.judge, problem: opinion.reason }
  const { judge, winner, orderDisagreement, orders } = opinion
  return { judge, winner, orderDisagreement, orders }
}
