import { type AnswerFacts, ProviderError } from '#providers/provider.ts'

/**
 * What is wrong with a whole answer that came with status 200: the provider filtered it, it is empty, or it is no JSON where
 * JSON was asked for. Matters only where a route names a fallback for it; else the answer goes out as it came.
 *
 * @returns null: nothing
 */
export function flawOf(facts: AnswerFacts, wantsJson: boolean): ProviderError | null {
  if (facts.finishReason === 'content_filter') return flaw('content_filter', 'the answer was filtered')
  if (facts.toolCalls.length > 0) return null
  if (facts.output.trim() === '' && facts.refusal === null) return flaw('invalid_response', 'the answer is empty')
  if (wantsJson && facts.refusal === null && !isJson(facts.output)) {
    return flaw('invalid_response', 'the answer is no JSON')
  }
  return null
}

function flaw(errorClass: 'content_filter' | 'invalid_response', message: string): ProviderError {
  return new ProviderError(errorClass, message, { status: 200 })
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
