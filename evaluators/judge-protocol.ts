import type { Message } from '#datasets/item.ts'
import { excerpt } from './answer.ts'
import type { JudgeSpend, Tools } from './evaluator.ts'
import { extractJson } from './json-extract.ts'
import { scanJson } from './json-scan.ts'
import { fill, retryPrompt } from './judge-prompt.ts'
import { keepReply, keptReply, questionKey } from './judge-replies.ts'
import { addSpend, noSpend, oneCall } from './judge-spend.ts'
import type { CompiledSchema } from './schema-compile.ts'

/** Longest wait for one reply; the port's own timeouts are shorter. */
const replyLimitMs = 110_000
/** Part of the version of every evaluator that asks a judge. Temperature 0 reduces the noise of verdicts; it does not remove it. */
export const judgeParameters = { temperature: 0, maxTokens: 4_096 } as const
/** Longest question in characters: beyond it a judge would see only part of it. */
const maxQuestionLength = 400_000

/** One question to a judge. */
export interface JudgeQuestion<Verdict> {
  readonly model: string
  readonly system: string
  readonly user: string
  /** Stands in both texts and differs every time: no part of what is asked. */
  readonly nonce: string
  /** Name and JSON Schema of the reply, sent as `response_format` and checked again here. */
  readonly replyName: string
  readonly replySchema: Readonly<Record<string, unknown>>
  readonly compiledReply: CompiledSchema
  /** Checks what a schema cannot. Returns the verdict, or the sentence that tells the judge what is wrong. */
  readonly check: (reply: unknown) => { readonly verdict: Verdict } | { readonly problem: string }
}

export type JudgeAnswer<Verdict> =
  | { readonly kind: 'verdict'; readonly verdict: Verdict; readonly spend: JudgeSpend }
  | { readonly kind: 'unscored' | 'errored'; readonly reason: string; readonly spend: JudgeSpend }

/**
 * Asks once, and once more with the problem named when the reply cannot be used; then there is no verdict.
 *
 * Unusable: not exactly one JSON object of the schema, a key given twice, ids missing, quotes that are not in the material.
 * A reply cut off at its limit is not asked for again. Never reads a "pass" or "score" of the judge's own: the schema is
 * closed. A kept reply passes the same checks. `unscored`: the judge had its say, or may not be paid; `errored`: it could not
 * be reached.
 */
export async function askJudge<Verdict>(question: JudgeQuestion<Verdict>, tools: Tools): Promise<JudgeAnswer<Verdict>> {
  if (question.system.length + question.user.length > maxQuestionLength) {
    const reason = `too long for a judge: more than ${maxQuestionLength} characters`
    return { kind: 'unscored', reason, spend: noSpend }
  }
  const key = questionKey(question, judgeParameters, tools.repeat ?? 0)
  const kept = await keptReply(tools, key, question.model)
  const again = kept === null ? null : readReply(kept, question)
  if (again !== null && 'verdict' in again) {
    return { kind: 'verdict', verdict: again.verdict, spend: { ...noSpend, cachedCalls: 1 } }
  }
  const answer = await askAnew(question, tools)
  if (answer.kind !== 'verdict') return answer
  await keepReply(tools, key, question.model, answer.text)
  return { kind: 'verdict', verdict: answer.verdict, spend: answer.spend }
}

type Fresh<Verdict> =
  | Exclude<JudgeAnswer<Verdict>, { kind: 'verdict' }>
  | { readonly kind: 'verdict'; readonly verdict: Verdict; readonly spend: JudgeSpend; readonly text: string }

async function askAnew<Verdict>(question: JudgeQuestion<Verdict>, tools: Tools): Promise<Fresh<Verdict>> {
  let spend = noSpend
  const messages: Message[] = [
    { role: 'system', content: question.system },
    { role: 'user', content: question.user },
  ]
  let problem = ''
  for (let attempt = 0; attempt < 2; attempt++) {
    const refusal = tools.budget?.refusal() ?? null
    if (refusal !== null) return { kind: 'unscored', reason: `the judge was not asked: ${refusal}`, spend }
    const reply = await callJudge(question, messages, tools)
    if (reply.kind === 'failed') return { kind: 'errored', reason: reply.reason, spend: addSpend(spend, oneCall(null)) }
    tools.budget?.spent(reply.costMicroUsd)
    spend = addSpend(spend, oneCall(reply.costMicroUsd))
    if (reply.finishReason === 'length') {
      return { kind: 'unscored', reason: 'the judge’s reply was cut off at its token limit', spend }
    }
    const read = readReply(reply.text, question)
    if ('verdict' in read) return { kind: 'verdict', verdict: read.verdict, spend, text: reply.text }
    problem = read.problem
    messages.push(
      { role: 'assistant', content: reply.text.slice(0, 20_000) },
      { role: 'user', content: fill(retryPrompt, { problem }) },
    )
  }
  return { kind: 'unscored', reason: `no usable verdict after two replies: ${problem}`, spend }
}

type Reply =
  | {
      readonly kind: 'replied'
      readonly text: string
      readonly finishReason: string | null
      readonly costMicroUsd: number | null
    }
  | { readonly kind: 'failed'; readonly reason: string }

async function callJudge<V>(question: JudgeQuestion<V>, messages: readonly Message[], tools: Tools): Promise<Reply> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new Error(`no reply within ${replyLimitMs / 1000} s`)
    timer = setTimeout(() => reject(error), replyLimitMs)
  })
  try {
    const request = {
      model: question.model,
      messages: [...messages],
      responseFormat: responseFormat(question),
      ...judgeParameters,
    }
    const reply = await Promise.race([tools.chat.complete(request), late])
    const text = typeof reply.text === 'string' ? reply.text : ''
    return { kind: 'replied', text, finishReason: reply.finishReason, costMicroUsd: reply.costMicroUsd }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { kind: 'failed', reason: `the judge could not be reached: ${excerpt(message, 200)}` }
  } finally {
    clearTimeout(timer)
  }
}

function responseFormat<V>({ replyName, replySchema }: JudgeQuestion<V>): Record<string, unknown> {
  return { type: 'json_schema', json_schema: { name: replyName, strict: true, schema: replySchema } }
}

function readReply<V>(text: string, question: JudgeQuestion<V>): { verdict: V } | { problem: string } {
  if (text.trim() === '') return { problem: 'it is empty' }
  const extraction = extractJson(text)
  if (extraction.level > 1 || !('value' in extraction)) return { problem: `it is not JSON alone: ${extraction.error}` }
  const scan = scanJson(extraction.text)
  if (scan.depth > 16) return { problem: 'it is nested too deeply' }
  if (scan.duplicateKeys.length > 0) return { problem: `the key ${scan.duplicateKeys[0]} occurs twice` }
  const [violation] = question.compiledReply.violations(extraction.value, extraction.text.length)
  if (violation) {
    const property = violation.params['missingProperty'] ?? violation.params['additionalProperty']
    const which = typeof property === 'string' ? ` (${excerpt(property, 40)})` : ''
    return { problem: `${violation.instancePath || 'the reply'} ${violation.message}${which}` }
  }
  return question.check(extraction.value)
}
