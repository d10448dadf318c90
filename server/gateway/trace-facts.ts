import type { TraceFacts } from '#infra/trace-context.ts'
import type { AnswerFacts } from '#providers/provider.ts'
import type { Chat } from './chat-context.ts'

/** Fields of a request that a span may show: numbers that tune the model. */
const tuning = ['temperature', 'top_p', 'max_tokens', 'max_completion_tokens', 'seed', 'n'] as const

/** What a request's spans say besides its decision record; no text. @param facts null: nothing was answered */
export function traceFactsOf(chat: Chat, facts: AnswerFacts | null): TraceFacts {
  const parameters: Record<string, number> = {}
  for (const name of tuning) {
    const value = chat.request.fields[name]
    if (typeof value === 'number') parameters[name] = value
  }
  return { providers: chat.snapshot.providers, finishReason: facts?.finishReason ?? null, parameters }
}
