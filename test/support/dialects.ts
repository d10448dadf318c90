import { type Fields, factsOfCompletion } from '#providers/answer-facts.ts'
import { anthropic } from '#providers/anthropic.ts'
import { azureOpenAi } from '#providers/azure-openai.ts'
import { CommitPoint } from '#providers/commit-point.ts'
import type { Dialect, Translation } from '#providers/dialect.ts'
import { gemini } from '#providers/gemini.ts'
import { openAi } from '#providers/openai.ts'
import { type AnswerFacts, Cancellation, type ChatCall, ProviderError, type StreamEnd } from '#providers/provider.ts'
import { StreamReader } from '#providers/stream-reader.ts'
import { TranslatedStream } from '#providers/translated-stream.ts'
import { errorOfEvent, upstreamErrorIn } from '#providers/upstream-errors.ts'
import type { Json } from '#test/support/json.ts'
import { aProvider } from '#test/support/routing.ts'

export const allDialects: readonly Dialect[] = [openAi, azureOpenAi, anthropic, gemini]
export const translating: readonly Dialect[] = [anthropic, gemini]

export const hello = [{ role: 'user', content: 'Hello' }]

/** A call with the given fields of a chat request. */
export function aCall(dialect: Dialect, fields: Fields, model = 'm', more: Partial<ChatCall> = {}): ChatCall {
  return {
    provider: aProvider('p', 'https://api.example.com/v1', { kind: dialect.kind }),
    model,
    body: { fields, bytesFor: (name) => Buffer.from(JSON.stringify({ ...fields, model: name })) },
    limits: { connectMs: 1_000, firstTokenMs: 1_000, idleMs: 1_000, totalMs: 1_000 },
    cancellation: new Cancellation(),
    isKept: true,
    ...more,
  }
}

/** What a dialect sends for a chat request. */
export function sent(
  dialect: Dialect,
  fields: Fields,
  model = 'm',
  more: Partial<ChatCall> = {},
): { readonly body: Json; readonly warnings: Translation['warnings'] } {
  const request = { messages: hello, ...fields }
  const { body, warnings } = dialect.translate(aCall(dialect, request, model, more), fields['stream'] === true, 1_000)
  return { body: JSON.parse(body.toString('utf8')), warnings }
}

/** A whole answer as the client gets it. */
export function answered(
  dialect: Dialect,
  native: unknown,
  fields: Fields = { messages: hello },
): { readonly completion: Json; readonly facts: AnswerFacts } | ProviderError {
  const { answer } = dialect.translate(aCall(dialect, fields), false, 1_700_000_000_000)
  const upstream = upstreamErrorIn(native)
  if (upstream !== null) return errorOfEvent(upstream, 200)
  const completion = answer === null ? native : answer.whole(native)
  if (completion instanceof ProviderError) return completion
  const facts = factsOfCompletion(completion)
  return facts === null ? new ProviderError('invalid_response', 'no choice') : { completion, facts }
}

export interface Streamed {
  /** What reached the client. */
  readonly text: string
  readonly failure: ProviderError | null
  readonly end: StreamEnd | null
}

/** A stream of a provider, in the given chunks, as the client gets it. */
export function streamed(
  dialect: Dialect,
  chunks: readonly (Buffer | string)[],
  more: { readonly fields?: Fields; readonly isKept?: boolean; readonly isCut?: boolean } = {},
): Streamed {
  const { answer } = dialect.translate(
    aCall(dialect, more.fields ?? { messages: hello, stream: true }),
    true,
    1_700_000_000_000,
  )
  const seen = { text: '', failure: null as ProviderError | null, end: null as StreamEnd | null }
  const reader = new StreamReader(more.isKept ?? true, 200)
  const point = new CommitPoint(reader, 200, {
    onCommit: () =>
      point.attach({
        onBytes: (bytes) => {
          seen.text += bytes.toString('utf8')
          return true
        },
        onEnd: (end) => {
          seen.end = end
        },
      }),
    onFailure: (error) => {
      seen.failure = error
    },
    onBroken: () => undefined,
  })
  const way = answer === null ? point : new TranslatedStream(answer.events(), reader, point, 200)
  for (const chunk of chunks) way.push(Buffer.from(chunk))
  if (more.isCut !== true) way.close()
  return seen
}

/** The JSON of every event of a stream that reached a client, the marker left out. */
export function chunksIn(text: string): Json[] {
  return text
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice(6)))
}

/** What a client makes of a stream's chunks: the first choice, put together. */
export function assembled(text: string) {
  const whole = {
    content: '',
    reasoning: '',
    calls: [] as { id: string; name: string; arguments: string }[],
    finish: null as string | null,
    usage: null as Json,
  }
  for (const chunk of chunksIn(text)) {
    whole.usage = chunk.usage ?? whole.usage
    for (const { delta, finish_reason: finish } of chunk.choices) {
      whole.content += delta?.content ?? ''
      whole.reasoning += delta?.reasoning_content ?? ''
      whole.finish = finish ?? whole.finish
      for (const call of delta?.tool_calls ?? []) {
        whole.calls[call.index] ??= { id: call.id, name: call.function.name, arguments: '' }
        whole.calls[call.index]!.arguments += call.function.arguments ?? ''
      }
    }
  }
  return whole
}
