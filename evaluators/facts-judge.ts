import { excerpt } from './answer.ts'
import type { EvalCase, JudgeSpend, Score, Tools } from './evaluator.ts'
import type { Fact } from './facts.ts'
import type { CriterionVerdict } from './judge-criteria.ts'
import { loadPrompt } from './judge-prompt.ts'
import { askJudge } from './judge-protocol.ts'
import { askAbout, type JudgeSetup, setUpJudge } from './judge-question.ts'
import { addSpend, noSpend } from './judge-spend.ts'

export const factsPrompt = loadPrompt('facts')

type Statement = 'entailed' | 'contradicted' | 'absent' | 'cannot_tell'
const choices: readonly Statement[] = ['entailed', 'contradicted', 'absent', 'cannot_tell']

/** Facts in one call: more, and judges begin to skip some. */
const factsPerCall = 8

const idsFor = (count: number) => Array.from({ length: count }, (_, index) => `f${index + 1}`)

/** Setups by number of facts, compiled at first use; the facts' own texts are put in for each case. */
const setups = new Map<string, JudgeSetup<Statement>>()

function setupFor(model: string, facts: readonly Fact[]): JudgeSetup<Statement> {
  const key = `${facts.length} ${model}`
  const criteria = idsFor(facts.length).map((id, index) => ({ id, text: facts[index]?.text ?? '' }))
  const known =
    setups.get(key) ?? setUpJudge({ model, prompt: factsPrompt, criteria, choices, replyName: 'facts' }, ['answer'])
  setups.set(key, known)
  return { ...known, criteria }
}

/**
 * The weighted share of `must` facts that a judge finds stated, each with words that stand in the answer. A contradicted fact is not
 * stated; a stated `must_not` makes it 0. Facts it cannot tell are left out; when they weigh half or more there is no score, nor where a
 * `must_not`, or every `must`, is among them: what nobody saw is no pass.
 */
export async function scoreFactsByJudge(
  judge: string,
  evalCase: EvalCase,
  facts: readonly Fact[],
  tools: Tools,
): Promise<Score> {
  let spend: JudgeSpend = noSpend
  const verdicts: CriterionVerdict<Statement>[] = []
  // the reference is left out: the judge would copy from it what the answer does not say
  const { reference: _reference, context: _context, ...shown } = evalCase
  for (let from = 0; from < facts.length; from += factsPerCall) {
    const part = facts.slice(from, from + factsPerCall)
    const question = askAbout(setupFor(judge, part), {
      evalCase: shown,
      answers: new Map([['answer', evalCase.output]]),
      random: tools.random,
    })
    const answer = await askJudge({ ...question, check: (reply) => checkQuotes(question.check(reply)) }, tools)
    spend = addSpend(spend, answer.spend)
    const details = { mode: 'llm', judge, spend, costMicroUsd: spend.costMicroUsd }
    if (answer.kind !== 'verdict') return { status: answer.kind, reason: answer.reason, details }
    const byId = new Map(answer.verdict.map((verdict) => [verdict.id, verdict]))
    verdicts.push(...idsFor(part.length).flatMap((id) => byId.get(id) ?? []))
  }
  return fromVerdicts(facts, verdicts, { mode: 'llm', judge, spend, costMicroUsd: spend.costMicroUsd })
}

type Checked = { readonly verdict: readonly CriterionVerdict<Statement>[] } | { readonly problem: string }

/** A statement or contradiction rests on words of the answer. */
function checkQuotes(checked: Checked): Checked {
  if ('problem' in checked) return checked
  const bare = checked.verdict.find(
    ({ verdict, evidence }) =>
      (verdict === 'entailed' || verdict === 'contradicted') && !evidence.some(({ source }) => source === 'answer'),
  )
  return bare ? { problem: `"${bare.id}" is called ${bare.verdict} without a quote from the answer` } : checked
}

function fromVerdicts(
  facts: readonly Fact[],
  verdicts: readonly CriterionVerdict<Statement>[],
  base: Readonly<Record<string, unknown>>,
): Score {
  const checked = facts.map(({ id, text, must, weight }, index) => {
    const { verdict, evidence, reasoning } = verdicts[index] ?? { verdict: 'cannot_tell', evidence: [], reasoning: '' }
    return { id, text, must, weight, verdict, evidence, reasoning }
  })
  const weightOf = (list: readonly { readonly weight: number }[]) => list.reduce((sum, { weight }) => sum + weight, 0)
  const decided = checked.filter(({ verdict }) => verdict !== 'cannot_tell')
  const details = { ...base, facts: checked }
  if (weightOf(decided) * 2 <= weightOf(checked)) {
    return {
      status: 'unscored',
      reason: `the judge could not tell for ${checked.length - decided.length} facts`,
      details,
    }
  }
  const forbidden = decided.find(({ must, verdict }) => !must && verdict === 'entailed')
  if (forbidden) {
    const reason = `states ${JSON.stringify(excerpt(forbidden.text, 60))}, which it must not`
    return { status: 'scored', value: 0, reason, details }
  }
  const open = checked.find(({ must, verdict }) => !must && verdict === 'cannot_tell')
  if (open) {
    const reason = `the judge could not tell whether it states ${JSON.stringify(excerpt(open.text, 60))}, which it must not`
    return { status: 'unscored', reason, details }
  }
  const wanted = decided.filter(({ must }) => must)
  if (wanted.length === 0 && facts.some(({ must }) => must)) {
    return { status: 'unscored', reason: 'the judge could not tell for any fact that must be stated', details }
  }
  const stated = wanted.filter(({ verdict }) => verdict === 'entailed')
  const contradicted = wanted.filter(({ verdict }) => verdict === 'contradicted').length
  const value = wanted.length === 0 ? 1 : weightOf(stated) / weightOf(wanted)
  const against = contradicted > 0 ? `, ${contradicted} contradicted` : ''
  return { status: 'scored', value, reason: `${stated.length} of ${wanted.length} facts stated${against}`, details }
}
