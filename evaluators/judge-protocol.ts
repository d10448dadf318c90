import type { Message } from '#datasets/item.ts'
import { excerpt } from './answer.ts'
import type { JudgeSpend, Tools } from './evaluator.ts'
import { extractJson } from './json-extract.ts'
import { scanJson } from './json-scan.ts'
import { fill, retryPrompt } from './judge-prompt.ts'
import type { CompiledSchema } from './schema-compile.ts'

/** Longest wait for one reply; the port's own timeouts are shorter. */
const replyLimitMs = 110_000
const maxReplyTokens = 4_096
/** Longest question in characters: beyond it a judge would see only part of it. */
export const maxQuestionLength = 400_000

/** One question to a judge. */
export interface JudgeQuestion<Verdict> {
  readonly model: string
  readonly system: string
  readonly user: string
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
 * closed. `unscored`: the judge had its say; `errored`: it could not be reached.
 */
export async function askJudge<Verdict>(question: JudgeQuestion<Verdict>, tools: Tools): Promise<JudgeAnswer<Verdict>> {
  let spend: JudgeSpend = { calls: 0, costMicroUsd: 0 }
  const messages: Message[] = [
    { role: 'system', content: question.system },
    { role: 'user', content: question.user },
  ]
  if (question.system.length + question.user.length > maxQuestionLength) {
    return { kind: 'unscored', reason: `too long for a judge: more than ${maxQuestionLength} characters`, spend }
  }
  let problem = ''
  for (let attempt = 0; attempt < 2; attempt++) {
    const reply = await callJudge(question, messages, tools)
    if (reply.kind === 'failed') return { kind: 'errored', reason: reply.reason, spend: addSpend(spend, 1, null) }
    spend = addSpend(spend, 1, reply.costMicroUsd)
    if (reply.finishReason === 'length') {
      return { kind: 'unscored', reason: 'the judge’s reply was cut off at its token limit', spend }
    }
    const read = readReply(reply.text, question)
    if ('verdict' in read) return { kind: 'verdict', verdict: read.verdict, spend }
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
      temperature: 0,
      maxTokens: maxReplyTokens,
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

/** Sum of two spends; an unknown price makes the sum unknown. */
export function addSpend(spend: JudgeSpend, calls: number, costMicroUsd: number | null): JudgeSpend {
  const isKnown = spend.costMicroUsd !== null && costMicroUsd !== null
  return { calls: spend.calls + calls, costMicroUsd: isKnown ? spend.costMicroUsd + costMicroUsd : null }
}
