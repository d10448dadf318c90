import type { ChatPort } from '#evaluators/evaluator.ts'
import { CommandFailure, exitCodes } from './io.ts'

const defaultUrl = 'http://127.0.0.1:8080'
const answerTimeoutMs = 120_000

/**
 * Judges of the `score` command answer through a running gateway: `INTERLOCK_URL` with the key `INTERLOCK_KEY`, which must be
 * allowed to address the judge's model directly.
 *
 * @throws CommandFailure when there is no key
 */
export function judgePort(env: Readonly<Record<string, string | undefined>>): ChatPort {
  const key = env['INTERLOCK_KEY']
  if (!key) {
    throw new CommandFailure(
      exitCodes.usage,
      'score: this evaluator asks a judge; set INTERLOCK_KEY (and INTERLOCK_URL) to a gateway that reaches its model',
    )
  }
  const url = new URL('/v1/chat/completions', env['INTERLOCK_URL'] ?? defaultUrl)
  return {
    complete: async ({ model, messages, responseFormat, temperature, maxTokens }) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model,
          messages,
          ...(responseFormat && { response_format: responseFormat }),
          ...(temperature !== undefined && { temperature }),
          ...(maxTokens !== undefined && { max_tokens: maxTokens }),
        }),
        signal: AbortSignal.timeout(answerTimeoutMs),
      })
      if (!response.ok) throw new Error(`the judge's gateway answered ${response.status}`)
      const answer = (await response.json()) as {
        choices?: { message?: { content?: unknown }; finish_reason?: unknown }[]
      }
      const choice = answer.choices?.[0]
      const text = choice?.message?.content
      if (typeof text !== 'string') throw new Error("the judge's answer has no text")
      const finishReason = typeof choice?.finish_reason === 'string' ? choice.finish_reason : null
      return { text, finishReason, costMicroUsd: null }
    },
  }
}
