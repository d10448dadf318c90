import type { AnswerFacts } from '#providers/provider.ts'

/** How assistants begin to decline, in the first sentence. A coarse guardrail, not an evaluator. */
const opening =
  /^\W{0,3}(?:(?:i['’]m |i am )?(?:very |so |really )?sorry[,.]?\s+(?:but\s+)?(?:i\s+)?(?:can(?:no|['’])t|can not|am (?:not able|unable)|['’]m (?:not able|unable))|(?:i\s+)?(?:apologi[sz]e)[,.]?\s+but\s+i\s+(?:can(?:no|['’])t|am (?:not able|unable))|(?:as an ai[^.]{0,60},\s*)?i\s+(?:can(?:no|['’])t|can not|won['’]t|will not|am (?:not able|unable) to|['’]m (?:not able|unable) to)\s+(?:help|assist|provide|comply|fulfil|fulfill|answer|create|write|do that|discuss|engage|support|share|give|generate|continue))/i

/** True where the provider filtered the answer, marked it a refusal, or its text begins like one. */
export function isRefusal(facts: AnswerFacts): boolean {
  if (facts.finishReason === 'content_filter') return true
  if (facts.refusal !== null && facts.refusal !== '') return true
  return opening.test(facts.output.slice(0, 240))
}
