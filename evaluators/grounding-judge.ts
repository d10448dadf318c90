import { type Claim, extractClaims, maxClaims } from './claims.ts'
import type { EvalCase, JudgeSpend, Score, Tools } from './evaluator.ts'
import { type CriterionVerdict, checkReply, replySchema } from './judge-criteria.ts'
import { conversationText, fence, newNonce } from './judge-fence.ts'
import { fill, loadPrompt } from './judge-prompt.ts'
import { askJudge, type JudgeAnswer, type JudgeQuestion } from './judge-protocol.ts'
import { addSpend, noSpend } from './judge-spend.ts'
import { compileSchema } from './schema-compile.ts'

export const groundingPrompt = loadPrompt('grounding')

type Support = 'supported' | 'contradicted' | 'not_in_context' | 'cannot_tell'
const choices: readonly Support[] = ['supported', 'contradicted', 'not_in_context', 'cannot_tell']

/** Claims in one call: more, and judges begin to skip some. */
const claimsPerCall = 10

/** Ids of the claims of one call and the reply's schema for that many, compiled once for each size. */
const replies = Array.from({ length: claimsPerCall + 1 }, (_, count) => {
  const criteria = Array.from({ length: count }, (_, index) => ({ id: `s${index + 1}`, text: '' }))
  const schema = replySchema(criteria, ['context'], choices)
  return { criteria, schema, compiled: count === 0 ? null : compileSchema(schema, true) }
})

/**
 * Share of the answer's decided claims that a judge finds supported, each with quotes that code has found in the context. A
 * `supported` without a quote is no verdict. When the judge cannot tell for half of the claims or more, there is no score.
 */
export async function scoreByJudge(
  judge: string,
  evalCase: EvalCase,
  passages: readonly string[],
  tools: Tools,
): Promise<Score> {
  const claims = extractClaims(evalCase.output).claims.slice(0, maxClaims)
  if (claims.length === 0)
    return { status: 'not_applicable', reason: 'the answer makes no statement that can be checked' }
  const verdicts: CriterionVerdict<Support>[] = []
  let spend = noSpend
  for (let from = 0; from < claims.length; from += claimsPerCall) {
    const part = claims.slice(from, from + claimsPerCall)
    const answer = await askJudge(questionAbout(part, { judge, evalCase, passages, tools }), tools)
    spend = addSpend(spend, answer.spend)
    if (answer.kind !== 'verdict') return noVerdict(answer, judge, spend)
    verdicts.push(...inOrder(answer.verdict))
  }
  return fromVerdicts(claims, verdicts, { mode: 'llm', judge, spend, costMicroUsd: spend.costMicroUsd })
}

function noVerdict(
  answer: Exclude<JudgeAnswer<unknown>, { kind: 'verdict' }>,
  judge: string,
  spend: JudgeSpend,
): Score {
  const details = { mode: 'llm', judge, spend, costMicroUsd: spend.costMicroUsd }
  return { status: answer.kind, reason: answer.reason, details }
}

function inOrder(verdicts: readonly CriterionVerdict<Support>[]): CriterionVerdict<Support>[] {
  return [...verdicts].sort((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1)))
}

function questionAbout(
  claims: readonly Claim[],
  {
    judge,
    evalCase,
    passages,
    tools,
  }: { judge: string; evalCase: EvalCase; passages: readonly string[]; tools: Tools },
): JudgeQuestion<readonly CriterionVerdict<Support>[]> {
  const reply = replies[claims.length]
  if (!reply?.compiled) throw new Error(`no reply schema for ${claims.length} claims`)
  const nonce = newNonce(tools.random)
  const context = passages.map((passage, index) => `[${index + 1}] ${passage}`).join('\n\n')
  const statements = claims.map(({ text }, index) => `s${index + 1}: ${text.replace(/\s+/g, ' ')}`).join('\n')
  const request = evalCase.messages?.length ? [fence('request', conversationText(evalCase.messages), nonce)] : []
  const blocks = [...request, fence('context', context, nonce), fence('statements', statements, nonce)]
  const values = { nonce, material: blocks.join('\n\n'), ids: reply.criteria.map(({ id }) => id).join(', ') }
  return {
    model: judge,
    nonce,
    system: fill(groundingPrompt.system, values),
    user: fill(groundingPrompt.user, values),
    replyName: 'grounding',
    replySchema: reply.schema,
    compiledReply: reply.compiled,
    check: (value) => checkSupport(value, reply.criteria, context),
  }
}

function checkSupport(
  value: unknown,
  criteria: readonly { readonly id: string; readonly text: string }[],
  context: string,
): { verdict: readonly CriterionVerdict<Support>[] } | { problem: string } {
  const checked = checkReply<Support>(value, criteria, new Map([['context', context]]))
  if ('problem' in checked) return checked
  const bare = checked.verdict.find(({ verdict, evidence }) => verdict === 'supported' && evidence.length === 0)
  return bare ? { problem: `"${bare.id}" is called supported without a quote from the context` } : checked
}

function fromVerdicts(
  claims: readonly Claim[],
  verdicts: readonly CriterionVerdict<Support>[],
  base: Readonly<Record<string, unknown>>,
): Score {
  const checked = claims.map(({ text, start, end }, index) => {
    const { verdict, evidence, reasoning } = verdicts[index] ?? { verdict: 'cannot_tell', evidence: [], reasoning: '' }
    return { claim: text, start, end, verdict, evidence, reasoning }
  })
  const decided = checked.filter(({ verdict }) => verdict !== 'cannot_tell')
  const supported = decided.filter(({ verdict }) => verdict === 'supported')
  const details = { ...base, claims: checked }
  if (decided.length * 2 <= checked.length) {
    const reason = `the judge could not tell for ${checked.length - decided.length} of ${checked.length} statements`
    return { status: 'unscored', reason, details }
  }
  const reason = `${supported.length} of ${decided.length} statements supported by the context`
  return { status: 'scored', value: supported.length / decided.length, reason, details }
}
