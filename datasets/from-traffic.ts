import { createHash } from 'node:crypto'
import type { DatasetItem, Message } from './item.ts'
import { inHashOrder } from './sample.ts'

/** A recorded request with what is known of it. Texts are redacted already. */
export interface RecordedRequest {
  readonly requestId: string
  readonly task: string | null
  readonly workflow: string | null
  /** HTTP status the client got; null: unknown. */
  readonly status: number | null
  readonly messages: readonly unknown[]
  /** Messages at the front that the route's prompt put there: the version under test brings its own. */
  readonly promptMessages: number
  readonly variables: Readonly<Record<string, string>>
  readonly context?: readonly string[]
  readonly reference?: string
  readonly schema?: Readonly<Record<string, unknown>>
  readonly tools?: readonly unknown[]
}

/** Characters from which a request counts as long. */
const longChars = 8_000

/**
 * The item of a recorded request. Its id is a hash: the request's own id leads to its caller. There is no reference but what
 * the application sent as one: what a model answered is not what it should have answered.
 *
 * @returns null when nothing of the request itself is left
 */
export function itemOfRequest(request: RecordedRequest): DatasetItem | null {
  const messages = request.messages.slice(request.promptMessages) as readonly Message[]
  if (messages.length === 0) return null
  const slice = {
    ...(request.task !== null && { task: request.task }),
    ...(request.workflow !== null && { workflow: request.workflow.slice(0, 200) }),
  }
  const { context, reference, schema, tools, variables } = request
  return {
    id: `t-${createHash('sha256').update(`traffic:${request.requestId}`).digest('hex').slice(0, 20)}`,
    messages: messages.map(withContent),
    ...(reference !== undefined && { reference }),
    ...(context !== undefined && { context }),
    ...(schema !== undefined && { schema }),
    ...(tools !== undefined && tools.length > 0 && { tools }),
    ...(Object.keys(variables).length > 0 && { variables }),
    tags: tagsOf(request, messages),
    ...(Object.keys(slice).length > 0 && { slice }),
  }
}

/** A reply that is nothing but tool calls may come without content; an item says so. */
function withContent(message: Message): Message {
  return message.content === undefined ? { ...message, content: message.role === 'assistant' ? null : '' } : message
}

function tagsOf({ status }: RecordedRequest, messages: readonly Message[]): string[] {
  const isFailed = status !== null && status >= 400 && status !== 499
  const isLong = textOfMessages(messages).length >= longChars
  const tags = [...(isFailed ? ['failed'] : []), ...(isLong ? ['long'] : [])]
  return tags.length === 0 ? ['normal'] : tags
}

/** What requests are compared by: everything that was said but the system's words, which a route's requests share. */
export function textOfMessages(messages: readonly Message[]): string {
  const spoken = messages.filter(({ role }) => role !== 'system' && role !== 'developer')
  return (spoken.length > 0 ? spoken : messages).map(({ content }) => contentText(content)).join('\n')
}

function contentText(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part: { text?: unknown } | null) => (typeof part?.text === 'string' ? part.text : '')).join('\n')
}

/** A request by its place in the strata. */
export interface TrafficKey {
  readonly requestId: string
  readonly stratum: string
}

/**
 * The order in which requests are tried for a sample: the first of every stratum, the largest first, then each as often as its
 * share of the traffic says, by hash within. Stopping after any number leaves a stratified sample, so that requests that turn
 * out to be duplicates cost only themselves.
 *
 * @param seed  another seed, another sample
 */
export function samplingOrder(keys: readonly TrafficKey[], seed: string): TrafficKey[] {
  const strata = Map.groupBy(keys, ({ stratum }) => stratum)
  const placed = [...strata].flatMap(([stratum, members]) => {
    const inOrder = inHashOrder(
      members.map((key) => ({ ...key, id: key.requestId })),
      seed,
    )
    return inOrder.map(({ requestId }, index) => ({
      requestId,
      stratum,
      place: index === 0 ? -members.length / keys.length : (index + 0.5) / members.length,
    }))
  })
  placed.sort((a, b) => a.place - b.place || (a.stratum < b.stratum ? -1 : a.stratum > b.stratum ? 1 : 0))
  return placed.map(({ requestId, stratum }) => ({ requestId, stratum }))
}
