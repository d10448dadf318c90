import { type Claim, extractClaims, maxClaims } from './claims.ts'
import type { EvalCase, JudgeSpend, Score, Tools } from './evaluator.ts'
import { indexContext } from './grounding-context.ts'
import { compareClaim } from './grounding-features.ts'
import { type CriterionVerdict, checkReply, replySchema } from './judge-criteria.ts'
import { conversationText, fence, newNonce } from './judge-fence.ts'
import { fill, loadPrompt } from './judge-prompt.ts'
import { askJudge, type JudgeAnswer, type JudgeQuestion } from './judge-protocol.ts'
import { addSpend, noSpend } from './judge-spend.ts'
import { placeOfQuote } from './quote-place.ts'
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

/** Who judges, and what becomes of the verdicts. `all`: 1 only where every decided claim is supported. */
export interface Judging {
  readonly judge: string
  /** Asked about claims on which judge and wording disagree; null: nobody. */
  readonly secondJudge: string | null
  readonly by: 'mean' | 'all'
}

/**
 * Share of the answer's decided claims that a judge finds supported, each with quotes that code has found in the context. A
 * `supported` without a quote is no verdict. When the judge cannot tell for half of the claims or more, there is no score.
 *
 * With a second judge, claims that the first supports against the wording (a number or name that is nowhere in the context), or
 * does not support although they are copied, are put to it as well: where the two differ, nobody can tell.
 */
export async function scoreByJudge(
  judging: Judging,
  evalCase: EvalCase,
  passages: readonly string[],
  tools: Tools,
): Promise<Score> {
  const all = extractClaims(evalCase.output).claims
  const claims = all.slice(0, maxClaims)
  if (claims.length === 0)
    return { status: 'not_applicable', reason: 'the answer makes no statement that can be checked' }
  const { judge, secondJudge } = judging
  const material = { evalCase, passages, tools }
  const first = await askAll(claims, judge, material)
  if ('failed' in first) return noVerdict(first.failed, judge, first.spend)
  const asked = secondJudge === null ? [] : doubtful(claims, first.verdicts, passages)
  const second =
    secondJudge === null || asked.length === 0
      ? { verdicts: [], spend: noSpend }
      : await askAll(
          asked.map((index) => claims[index] as Claim),
          secondJudge,
          material,
        )
  const spend = addSpend(first.spend, second.spend)
  if ('failed' in second) return noVerdict(second.failed, secondJudge ?? judge, spend)
  const opinions = new Map(asked.map((index, at) => [index, second.verdicts[at]?.verdict ?? 'cannot_tell']))
  const base = {
    mode: 'llm',
    judge,
    ...(secondJudge !== null && { secondJudge }),
    spend,
    costMicroUsd: spend.costMicroUsd,
  }
  const unseen = all.length - claims.length
  return fromVerdicts({ claims, unseen, verdicts: first.verdicts, opinions, passages, by: judging.by }, base)
}

interface Material {
  readonly evalCase: EvalCase
  readonly passages: readonly string[]
  readonly tools: Tools
}

type Asked =
  | { readonly verdicts: readonly CriterionVerdict<Support>[]; readonly spend: JudgeSpend }
  | { readonly failed: Exclude<JudgeAnswer<unknown>, { kind: 'verdict' }>; readonly spend: JudgeSpend }

async function askAll(claims: readonly Claim[], judge: string, material: Material): Promise<Asked> {
  const verdicts: CriterionVerdict<Support>[] = []
  let spend = noSpend
  for (let from = 0; from < claims.length; from += claimsPerCall) {
    const part = claims.slice(from, from + claimsPerCall)
    const answer = await askJudge(questionAbout(part, { judge, ...material }), material.tools)
    spend = addSpend(spend, answer.spend)
    if (answer.kind !== 'verdict') return { failed: answer, spend }
    verdicts.push(...inOrder(answer.verdict))
  }
  return { verdicts, spend }
}

/** Share of three-word runs from which a claim counts as copied. */
const copied = 0.9

/** Claims on which the wording says clearly otherwise than the judge. */
function doubtful(
  claims: readonly Claim[],
  verdicts: readonly CriterionVerdict<Support>[],
  passages: readonly string[],
): number[] {
  const context = indexContext(passages)
  return claims.flatMap(({ text }, index) => {
    const { features } = compareClaim(text, context)
    const isSupported = verdicts[index]?.verdict === 'supported'
    const isFlagged = features.numberMissing + features.nameMissing + features.quoteMissing + features.negationAdded > 0
    return (isSupported ? isFlagged : features.triples >= copied && features.negationAdded === 0) ? [index] : []
  })
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

interface Judged {
  readonly claims: readonly Claim[]
  /** Claims beyond the most that are asked about. */
  readonly unseen: number
  readonly verdicts: readonly CriterionVerdict<Support>[]
  /** What the second judge says, by index of the claim. */
  readonly opinions: ReadonlyMap<number, Support>
  readonly passages: readonly string[]
  readonly by: Judging['by']
}

function fromVerdicts(
  { claims, unseen, verdicts, opinions, passages, by }: Judged,
  base: Readonly<Record<string, unknown>>,
): Score {
  const checked = claims.map(({ text, start, end }, index) => {
    const { verdict, evidence, reasoning } = verdicts[index] ?? { verdict: 'cannot_tell', evidence: [], reasoning: '' }
    const second = opinions.get(index)
    const isAgreed = second === undefined || (second === 'supported') === (verdict === 'supported')
    return {
      claim: text,
      start,
      end,
      verdict: isAgreed ? verdict : ('cannot_tell' as const),
      evidence: evidence.map((each) => ({ ...each, place: placeOfQuote(each.quote, passages) })),
      reasoning,
      ...(second !== undefined && { firstVerdict: verdict, secondVerdict: second }),
    }
  })
  const decided = checked.filter(({ verdict }) => verdict !== 'cannot_tell')
  const supported = decided.filter(({ verdict }) => verdict === 'supported')
  const details = { ...base, claims: checked }
  if (decided.length * 2 <= checked.length) {
    const reason = `the judge could not tell for ${checked.length - decided.length} of ${checked.length} statements`
    return { status: 'unscored', reason, details }
  }
  const reason = `${supported.length} of ${decided.length} statements supported by the context`
  const share = supported.length / decided.length
  if (by === 'mean') return { status: 'scored', value: share, reason, details }
  // One statement nobody could tell about is one too many where all must hold; one that does not hold decides alone.
  const open = checked.length - decided.length + unseen
  if (share === 1 && open > 0) {
    return {
      status: 'unscored',
      reason: `${reason}; ${open} more statements are undecided, and all must hold`,
      details,
    }
  }
  return { status: 'scored', value: Math.floor(share), reason, details }
}
