import { isPayloadKept, userHash } from '#domain/payload.ts'
import { promptKey } from '#domain/prompt.ts'
import { type RedactedKind, redactText } from '#domain/redaction.ts'
import type { Chat, GatewayDeps } from './chat-context.ts'
import type { ArmResult } from './outcome.ts'
import { withoutImages } from './sample.ts'

/** Characters of one text that are kept, and of all texts of a request. */
const maxTextLength = 32_768
const maxTotalLength = 131_072
/** A text is redacted a little beyond its cut, so that the cut leaves no half of anything. */
const overlap = 512
const maxDepth = 64

/** Whether the texts of this request are kept once it is answered (B6): off unless its route has it switched on. */
export function keepsPayload(chat: Pick<Chat, 'snapshot' | 'decision' | 'isDirect' | 'requestId'>): boolean {
  if (chat.isDirect || chat.snapshot.payloads.size === 0) return false
  return isPayloadKept(chat.snapshot.payloads.get(chat.decision.version.route), chat.requestId)
}

/** Keeps the redacted texts of a request that was drawn for it. */
export function recordPayload(
  deps: Pick<GatewayDeps, 'sink' | 'clock'>,
  chat: Chat,
  { facts, error }: Pick<ArmResult, 'facts' | 'error'>,
): void {
  if (!keepsPayload(chat) || chat.request.vectors !== null) return
  const { route } = chat.decision.version
  const setting = chat.snapshot.payloads.get(route)
  if (setting === undefined) return
  const { prompt } = chat.decision.version.spec
  const redactor = new Redactor()
  const tools = chat.request.fields['tools']
  const { context, reference, schema } = chat.request.extras
  const { variables } = chat.request
  const texts = {
    messages: [...(chat.prompt?.messages ?? []), ...chat.request.messages.map(withoutImages)],
    ...(Array.isArray(tools) && { tools }),
    ...(context !== null && { context }),
    ...(reference !== null && { reference }),
    ...(variables !== null && { variables }),
    answer: facts && {
      output: facts.output,
      finishReason: facts.finishReason,
      refusal: facts.refusal,
      toolCalls: facts.toolCalls,
    },
  }
  const payload = {
    promptVersion: prompt === undefined || chat.prompt === null ? null : promptKey(prompt),
    ...(redactor.redact(texts, 0) as object),
    // As in samples for scoring: a schema is the route's own words, and masked it would fail every answer.
    ...(schema !== null && JSON.stringify(schema).length <= maxTextLength && { schema }),
    errorClass: error?.errorClass ?? null,
    redacted: redactor.counts,
    isCut: redactor.isCut,
  }
  const text = JSON.stringify(payload)
  const user = chat.facts.metadata['user']
  const now = deps.clock.nowMs()
  deps.sink.push(
    'payloads',
    {
      requestId: chat.requestId,
      route,
      atMs: now,
      expiresAtMs: now + setting.retentionMs,
      userHash: user === undefined ? null : userHash(user),
      payload: text,
    },
    text.length * 2,
  )
}

/** Redacts texts within a budget and counts what it found. */
class Redactor {
  readonly counts: Partial<Record<RedactedKind, number>> = {}
  isCut = false
  #left = maxTotalLength

  redact(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.#text(value)
    if (typeof value === 'number') return Number.isSafeInteger(value) ? Number(this.#text(String(value))) : value
    if (typeof value !== 'object' || value === null) return value
    if (depth > maxDepth) return null
    if (Array.isArray(value)) return value.map((child) => this.redact(child, depth + 1))
    return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, this.redact(child, depth + 1)]))
  }

  #text(text: string): string {
    const length = Math.min(text.length, maxTextLength, this.#left)
    const { text: masked, counts } = redactText(text.slice(0, length + overlap))
    for (const [kind, count] of Object.entries(counts) as [RedactedKind, number][]) {
      this.counts[kind] = (this.counts[kind] ?? 0) + count
    }
    this.#left -= length
    if (length === text.length) return masked
    this.isCut = true
    return masked.slice(0, length)
  }
}
