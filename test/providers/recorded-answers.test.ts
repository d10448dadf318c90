import { describe, expect, it } from 'vitest'
import { fallbackReasonOf } from '#domain/fallback.ts'
import { anthropic } from '#providers/anthropic.ts'
import type { Dialect } from '#providers/dialect.ts'
import { gemini } from '#providers/gemini.ts'
import { openAi } from '#providers/openai.ts'
import { type ErrorClass, ProviderError } from '#providers/provider.ts'
import { errorOfAnswer } from '#providers/upstream-errors.ts'
import { answered, assembled, streamed } from '#test/support/dialects.ts'
import type { Json } from '#test/support/json.ts'
import { noRecordings, type Recording, readRecordings } from '#test/support/recordings.ts'

/** What a recorded answer says, read off it by the shortest way: the adapters must come to the same. */
interface Said {
  readonly content: string
  readonly reasoning: string
  readonly calls: readonly { readonly name: string; readonly input: unknown }[]
  readonly finish: string
  readonly input: number
  readonly cached: number
  readonly output: number
  readonly thought: number
}

const eventsIn = (stream: string): Json[] =>
  stream
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:') && !line.includes('[DONE]'))
    .map((line) => JSON.parse(line.slice(5)))

function saidByAnthropic({ body, stream }: Recording): Said {
  const message = body ?? messageOf(eventsIn(stream ?? ''))
  const blocks: Json[] = message.content
  const { usage } = message
  const [read, created] = [usage.cache_read_input_tokens ?? 0, usage.cache_creation_input_tokens ?? 0]
  return {
    content: blocks.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    reasoning: blocks.map((block) => (block.type === 'thinking' ? block.thinking : '')).join(''),
    calls: blocks.filter((block) => block.type === 'tool_use').map(({ name, input }) => ({ name, input })),
    finish: { end_turn: 'stop', tool_use: 'tool_calls', refusal: 'content_filter', stop_sequence: 'stop' }[
      message.stop_reason as string
    ] as string,
    input: usage.input_tokens + read + created,
    cached: read,
    output: usage.output_tokens,
    thought: usage.output_tokens_details?.thinking_tokens ?? 0,
  }
}

function messageOf(events: Json[]) {
  const message: Json = { content: [], usage: {} }
  const texts: string[] = []
  for (const event of events) {
    if (event.type === 'message_start') {
      Object.assign(message.usage, event.message.usage)
      message.stop_reason = event.message.stop_reason
      message.content = [...event.message.content]
    }
    if (event.type === 'content_block_start') message.content[event.index] = { ...event.content_block }
    const block = message.content[event.index]
    if (event.delta?.type === 'text_delta') block.text += event.delta.text
    if (event.delta?.type === 'thinking_delta') block.thinking += event.delta.thinking
    if (event.delta?.type === 'input_json_delta')
      texts[event.index] = (texts[event.index] ?? '') + event.delta.partial_json
    if (event.type === 'content_block_stop' && texts[event.index]) block.input = JSON.parse(texts[event.index]!)
    if (event.type === 'message_delta') {
      message.stop_reason = event.delta.stop_reason
      Object.assign(message.usage, event.usage)
    }
  }
  return message
}

function saidByGemini({ id, body, stream }: Recording): Said {
  const responses: Json[] = body === null ? eventsIn(stream ?? '') : [body]
  const parts: Json[] = responses.flatMap((response) => response.candidates[0].content?.parts ?? [])
  const usage = responses.at(-1).usageMetadata
  const calls = id.includes('no-args-tool-call')
    ? [
        { name: 'read_theme', input: {} },
        ...['A', 'B', 'C'].map((screen) => ({ name: 'read_screen', input: { id: screen } })),
      ]
    : parts
        .filter((part) => part.functionCall)
        .map(({ functionCall }) => ({ name: functionCall.name, input: functionCall.args ?? {} }))
  const reason = responses.at(-1).candidates[0].finishReason
  return {
    content: parts.map((part) => (part.thought ? '' : (part.text ?? ''))).join(''),
    reasoning: parts.map((part) => (part.thought ? (part.text ?? '') : '')).join(''),
    calls,
    finish: reason === 'MAX_TOKENS' ? 'length' : calls.length > 0 ? 'tool_calls' : 'stop',
    input: usage.promptTokenCount + (usage.toolUsePromptTokenCount ?? 0),
    cached: usage.cachedContentTokenCount ?? 0,
    output: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
    thought: usage.thoughtsTokenCount ?? 0,
  }
}

const usageIn = (usage: Json) => ({
  input: usage?.prompt_tokens,
  cached: usage?.prompt_tokens_details?.cached_tokens,
  output: usage?.completion_tokens,
  thought: usage?.completion_tokens_details?.reasoning_tokens,
})

/** The recording as a client of the gateway gets it. */
function heard(dialect: Dialect, { body, stream }: Recording): Said {
  if (stream !== null) {
    const fields = { messages: [], stream: true, stream_options: { include_usage: true } }
    const { text, failure, end } = streamed(dialect, [stream], { fields })
    if (failure !== null) throw failure
    if (end?.error) throw end.error
    const { content, reasoning, calls, finish, usage } = assembled(text)
    const read = calls.map((call) => ({ name: call.name, input: JSON.parse(call.arguments) }))
    expect(end?.facts.output).toBe(content)
    return { content, reasoning, calls: read, finish: finish ?? '', ...usageIn(usage) }
  }
  const answer = answered(dialect, body)
  if (answer instanceof ProviderError) throw answer
  const { message, finish_reason: finish } = answer.completion.choices[0]
  const calls = (message.tool_calls ?? []).map((call: Json) => {
    expect(call.id).toMatch(/\S/)
    return { name: call.function.name, input: JSON.parse(call.function.arguments) }
  })
  return {
    content: message.content ?? '',
    reasoning: message.reasoning_content ?? '',
    calls,
    finish,
    ...usageIn(answer.completion.usage),
  }
}

/** Answers that are none: broken off, begun again, or an error in the middle. Each with how it must be judged. */
const faults: Readonly<Record<string, ErrorClass>> = {
  'recording-anthropic-messages-spliced-message-start-stream#0': 'invalid_response',
  'exchange-764615e68591-0': 'bad_request',
  'exchange-2ecb2f8b499a-0': 'context_length',
}

describe.skipIf(noRecordings !== null)(`every recorded answer in OpenAI's shape (B2): ${noRecordings ?? 'all'}`, () => {
  const recordings = noRecordings === null ? readRecordings().filter(({ status }) => status === 200) : []
  const good = recordings.filter((row) => !Object.hasOwn(faults, row.id))
  const of = (provider: string, api: RegExp) => good.filter((row) => row.provider === provider && api.test(row.api))

  it.each(of('anthropic', /messages$/))('anthropic: $id', (row) => {
    expect(heard(anthropic, row)).toEqual(saidByAnthropic(row))
  })

  it.each(of('google', /generate-?content/i))('gemini: $id', (row) => {
    expect(heard(gemini, row)).toEqual(saidByGemini(row))
  })

  it.each(good.filter((row) => /chat[/-]completions$/.test(row.api)))(
    'openai: $provider $id passes unchanged',
    (row) => {
      if (row.stream !== null) {
        const { text, failure, end } = streamed(openAi, [row.stream])
        expect(failure ?? end?.error ?? null).toBeNull()
        expect(text).toBe(row.stream)
        return
      }
      const answer = answered(openAi, row.body)
      if (answer instanceof ProviderError) throw answer
      expect(answer.facts.usage?.outputTokens ?? null).toBe(row.body.usage?.completion_tokens ?? null)
    },
  )

  it.each(Object.entries(faults))('%s is no answer but %s', (id, expected) => {
    const row = recordings.find((recording) => recording.id === id)
    const { failure, end } = streamed(row?.provider === 'anthropic' ? anthropic : openAi, [row?.stream ?? ''])
    expect((failure ?? end?.error)?.errorClass).toBe(expected)
  })

  const refused = (noRecordings === null ? readRecordings() : []).filter(
    ({ status, api }) => status >= 400 && /chat\/completions$|enerate-?content$/i.test(api),
  )
  it.each(refused)('$provider $id: an error of status $status has its class', ({ provider, status, body }) => {
    const dialect = provider === 'google' ? gemini : openAi
    const error = errorOfAnswer(status, {}, JSON.stringify(body), 0)
    const reading = dialect.readError?.(body, status) ?? {}
    expect(error.upstream?.message).toBe(body.error.message)
    expect(reading.errorClass ?? error.errorClass).toBe(status === 429 ? 'rate_limit' : 'bad_request')
    expect(fallbackReasonOf(error) !== null).toBe(status !== 400)
    if (status === 429) expect(reading.retryAfterMs).toBe(34_400)
  })
})
