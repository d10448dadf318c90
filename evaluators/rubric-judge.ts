import { scoreOfUnreadableAnswer } from './answer.ts'
import type { EvalCase, JudgeSpend, Score, Tools } from './evaluator.ts'
import type { Criterion, CriterionVerdict } from './judge-criteria.ts'
import { majorityOf, meanOf, modelsOfPanel, type Panel, type Silent, silenceOf, spendOf } from './judge-panel.ts'
import { loadPrompt } from './judge-prompt.ts'
import { askJudge } from './judge-protocol.ts'
import { askAbout, type JudgeSetup, setUpJudge } from './judge-question.ts'

export const rubricPrompt = loadPrompt('rubric')

type RubricChoice = 'met' | 'not_met' | 'cannot_tell'
type Verdicts = readonly CriterionVerdict<RubricChoice>[]

type Opinion =
  | { readonly judge: string; readonly kind: 'verdict'; readonly verdicts: Verdicts; readonly spend: JudgeSpend }
  | Silent

/**
 * Scores one answer by binary criteria: the share of decided criteria that are met. A criterion is decided by more than half of
 * the panel (one judge: by itself); a judge to escalate to is asked once and decides what is left. When half of the criteria or
 * more stay open there is no score.
 */
export function rubricJudge(
  panel: Panel,
  criteria: readonly Criterion[],
): (evalCase: EvalCase, tools: Tools) => Promise<Score> {
  const choices: readonly RubricChoice[] = ['met', 'not_met', 'cannot_tell']
  const setups = new Map(
    modelsOfPanel(panel).map((model) => [
      model,
      setUpJudge({ model, prompt: rubricPrompt, criteria, choices, replyName: 'rubric' }, ['answer']),
    ]),
  )
  const ask = (model: string, evalCase: EvalCase, tools: Tools) =>
    opinionOf(setups.get(model) as JudgeSetup<RubricChoice>, evalCase, tools)
  return async (evalCase, tools) => {
    const unreadable = scoreOfUnreadableAnswer(evalCase)
    if (unreadable) return unreadable
    const opinions = await Promise.all(panel.judges.map((model) => ask(model, evalCase, tools)))
    if (panel.aggregate === 'mean') return scoreByMean(opinions)
    const joint = jointVerdicts(opinions, criteria)
    const isOpen = joint.some(({ verdict }) => verdict === 'cannot_tell')
    const last = isOpen && panel.escalate !== null ? await ask(panel.escalate, evalCase, tools) : null
    return scoreByMajority(opinions, last?.kind === 'verdict' ? decideRest(joint, last.verdicts) : joint, last)
  }
}

async function opinionOf(setup: JudgeSetup<RubricChoice>, evalCase: EvalCase, tools: Tools): Promise<Opinion> {
  const answers = new Map([['answer', evalCase.output]])
  const answer = await askJudge(askAbout(setup, { evalCase, answers, random: tools.random }), tools)
  const { model: judge } = setup
  if (answer.kind !== 'verdict') return { judge, kind: answer.kind, reason: answer.reason, spend: answer.spend }
  return { judge, kind: 'verdict', verdicts: answer.verdict, spend: answer.spend }
}

/** Each criterion with what the panel decided, and the words of the first judge that said so. */
function jointVerdicts(opinions: readonly Opinion[], criteria: readonly Criterion[]): Verdicts {
  return criteria.map(({ id }) => {
    const given = opinions.map((opinion) =>
      opinion.kind === 'verdict' ? (opinion.verdicts.find((verdict) => verdict.id === id) ?? null) : null,
    )
    const votes = given.map((entry) => (entry === null || entry.verdict === 'cannot_tell' ? null : entry.verdict))
    const verdict = majorityOf(votes) ?? 'cannot_tell'
    const said = given.find((entry) => entry?.verdict === verdict) ?? given.find((entry) => entry !== null)
    return { id, evidence: said?.evidence ?? [], reasoning: said?.reasoning ?? '', verdict }
  })
}

function decideRest(joint: Verdicts, last: Verdicts): Verdicts {
  return joint.map((entry) =>
    entry.verdict === 'cannot_tell' ? (last.find(({ id }) => id === entry.id) ?? entry) : entry,
  )
}

function scoreByMajority(opinions: readonly Opinion[], verdicts: Verdicts, last: Opinion | null): Score {
  const details = detailsOf(opinions, last)
  const silent = silenceOf(opinions)
  if (silent !== null && last?.kind !== 'verdict') return silentScore(opinions, details)
  return scoreVerdicts(verdicts, { ...details, criteria: verdicts })
}

function scoreByMean(opinions: readonly Opinion[]): Score {
  const scores = opinions.map((opinion) => (opinion.kind === 'verdict' ? scoreVerdicts(opinion.verdicts, {}) : null))
  const value = meanOf(scores.map((score) => (score?.status === 'scored' ? score.value : null)))
  const details = detailsOf(opinions, null)
  if (value !== null) return { status: 'scored', value, reason: `mean of ${scores.length} judges`, details }
  if (silenceOf(opinions) !== null) return silentScore(opinions, details)
  return { status: 'unscored', reason: 'too few judges could tell', details }
}

function silentScore(opinions: readonly Opinion[], details: Readonly<Record<string, unknown>>): Score {
  const silent = silenceOf(opinions)
  const which = opinions.length === 1 ? '' : `too few judges gave a verdict; ${silent?.judge}: `
  return { status: silent?.kind ?? 'unscored', reason: `${which}${silent?.reason ?? 'no verdict'}`, details }
}

function scoreVerdicts(verdicts: Verdicts, details: Readonly<Record<string, unknown>>): Score {
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

function detailsOf(opinions: readonly Opinion[], last: Opinion | null): Readonly<Record<string, unknown>> {
  const spend = spendOf([...opinions, last])
  const base = { mode: 'rubric', spend, costMicroUsd: spend.costMicroUsd }
  const escalation = last === null ? {} : { escalation: recordOf(last) }
  if (opinions.length === 1) return { ...base, judge: opinions[0]?.judge, ...escalation }
  return { ...base, judges: opinions.map(({ judge }) => judge), panel: opinions.map(recordOf), ...escalation }
}

function recordOf(opinion: Opinion): Readonly<Record<string, unknown>> {
  return opinion.kind === 'verdict'
    ? { judge: opinion.judge, criteria: opinion.verdicts }
    : { judge: opinion.judge, problem: opinion.reason }
}
