import { redactValue } from '#domain/redaction.ts'
import type { AnswerFacts } from '#providers/provider.ts'
import type { ChatRequest } from './chat-request.ts'

/** An answer as scoring sees it: redacted, and no longer than it takes to be scored. */
export function sampleOf(request: ChatRequest, facts: AnswerFacts): Readonly<Record<string, unknown>> {
  const { context, reference, schema } = request.extras
  const tools = request.fields['tools']
  const texts = {
    messages: request.messages.map(withoutImages),
    output: facts.output,
    finishReason: facts.finishReason,
    ...(facts.toolCalls.length > 0 && { toolCalls: facts.toolCalls }),
    ...(context !== null && { context }),
    ...(reference !== null && { reference }),
  }
  return {
    ...(redactValue(texts) as Readonly<Record<string, unknown>>),
    // Schemas are the route's own words: masking one would fail every answer against it.
    ...(Array.isArray(tools) && { tools }),
    ...(schema !== null && { schema }),
  }
}

/** Inlined images and sounds are not kept. */
export function withoutImages(message: unknown): unknown {
  const content = (message as { content?: unknown } | null)?.content
  if (!Array.isArray(content)) return message
  const kept = content.map((part: unknown) => {
    const type = (part as { type?: unknown } | null)?.type
    return type === 'text' || type === undefined ? part : { type }
  })
  return { ...(message as object), content: kept }
}
