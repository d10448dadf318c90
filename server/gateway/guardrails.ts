import { blockIn, type Guardrails, hasBlocked } from '#domain/guardrails.ts'
import type { RouteVersion } from '#domain/route.ts'
import { findJsonFault } from '#http/json-fault.ts'
import type { Chat } from './chat-context.ts'
import { type ApiError, invalidRequest } from './openai-error.ts'
import { textsOf } from './request-texts.ts'

/** A request that may not be sent to anyone. */
export interface Blocked {
  readonly error: ApiError
  /**
   * The version at trial turns it away and the other arm's would not: that counts against it. What holds for both, or for
   * everyone, says nothing about either.
   */
  readonly isEvidence: boolean
}

type Guarded = Pick<Chat, 'snapshot' | 'request' | 'facts'> & {
  readonly decision: Pick<Chat['decision'], 'version' | 'rollout'>
}

/** Why a request may not be sent to anyone (B6); null: it may. Texts are read only where patterns are set. */
export function checkGuardrails(chat: Guarded): Blocked | null {
  const { guardrails } = chat.snapshot
  const own = chat.decision.version.spec.guardrails
  if (own === undefined && guardrails.blocked === undefined && guardrails.maxRequestBytes === undefined) return null
  const isSearched = hasBlocked(guardrails) || hasBlocked(own)
  // What was searched must be what the provider reads, whichever of two equal names its reader takes.
  if (isSearched && repeatsName(chat.request.bytes)) return { error: repeated, isEvidence: false }
  const texts = isSearched ? textsOf(chat.request, chat.facts.metadata) : []
  const bytes = chat.request.bytes.length
  const error = errorBy(guardrails, { texts, bytes }, 'of this gateway')
  if (error !== null) return { error, isEvidence: false }
  const { version } = chat.decision
  const ownError = errorBy(own, { texts, bytes }, `of the route "${version.route}"`)
  if (ownError === null) return null
  return { error: ownError, isEvidence: !otherArmBlocks(chat, { texts, bytes }) }
}

const repeated = invalidRequest(
  400,
  'duplicate_field',
  'The body holds a field twice in one object, which this route does not take: readers disagree on which of them counts.',
)

function repeatsName(bytes: Buffer): boolean {
  return findJsonFault(bytes.toString('utf8'))?.kind === 'duplicate_key'
}

interface Sent {
  readonly texts: readonly string[]
  readonly bytes: number
}

function errorBy(guardrails: Guardrails | undefined, { texts, bytes }: Sent, whose: string): ApiError | null {
  const { maxRequestBytes } = guardrails ?? {}
  if (maxRequestBytes !== undefined && bytes > maxRequestBytes) {
    const message = `The request is longer than ${maxRequestBytes} bytes, the limit ${whose}.`
    return invalidRequest(413, 'request_too_large', message)
  }
  const block = hasBlocked(guardrails) ? blockIn(guardrails, texts) : null
  if (block === null) return null
  // The rule is named, the text is not repeated: it may be what must not be seen.
  return invalidRequest(403, 'content_blocked', `The request was blocked by the rule "${block.rule}" ${whose}.`)
}

function otherArmBlocks({ decision }: Guarded, sent: Sent): boolean {
  const { rollout, version } = decision
  if (rollout === null) return false
  const other: RouteVersion = version.version === rollout.candidate.version ? rollout.baseline : rollout.candidate
  return errorBy(other.spec.guardrails, sent, '') !== null
}
