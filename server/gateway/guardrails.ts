import type { Chat } from './chat-context.ts'
import type { ApiError } from './openai-error.ts'

/** Why a request may not be sent to anyone (B6); null: it may. */
export function checkGuardrails(_chat: Chat): ApiError | null {
  return null
}
