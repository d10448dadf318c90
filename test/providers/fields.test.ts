import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Fields } from '#providers/answer-facts.ts'
import type { Dialect } from '#providers/dialect.ts'
import { ProviderError } from '#providers/provider.ts'
import { allDialects, hello, sent, translating } from '#test/support/dialects.ts'
import { noRecordings, readRecordings } from '#test/support/recordings.ts'

/** A value of every field of a chat request that asks for something. */
const samples: Fields = {
  audio: { voice: 'alloy', format: 'mp3' },
  frequency_penalty: 0.5,
  function_call: 'auto',
  functions: [{ name: 'f', parameters: { type: 'object' } }],
  logit_bias: { '50256': -100 },
  logprobs: true,
  max_completion_tokens: 99,
  max_tokens: 99,
  modalities: ['text', 'audio'],
  moderation: { model: 'omni-moderation-latest' },
  n: 2,
  parallel_tool_calls: false,
  prediction: { type: 'content', content: 'abc' },
  presence_penalty: 0.5,
  prompt_cache_key: 'k',
  prompt_cache_options: { mode: 'explicit' },
  prompt_cache_retention: '24h',
  reasoning_effort: 'high',
  response_format: { type: 'json_schema', json_schema: { name: 's', schema: { type: 'object', properties: {} } } },
  safety_identifier: 'u1',
  seed: 7,
  service_tier: 'flex',
  stop: ['END'],
  store: true,
  temperature: 0.3,
  tool_choice: 'required',
  tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object', properties: {} } } }],
  top_logprobs: 3,
  top_p: 0.5,
  user: 'u1',
  verbosity: 'low',
  web_search_options: { search_context_size: 'low' },
}

/** What the field needs beside it to mean anything. */
const besides: Readonly<Record<string, Fields>> = {
  tool_choice: { tools: samples['tools'] },
  parallel_tool_calls: { tools: samples['tools'] },
}

/** Fields that are the gateway's own business, whatever the provider: the tests of streams and of metadata look at them. */
const gateways = ['messages', 'model', 'stream', 'stream_options', 'metadata']

/** Every field of the official client, read off its types: one that a new version brings fails here until it is thought of. */
function fieldsOfOfficialClient(): string[] {
  const path = 'node_modules/openai/resources/chat/completions/completions.d.ts'
  const text = readFileSync(path, 'utf8')
  const start = text.indexOf('interface ChatCompletionCreateParamsBase')
  const body = text.slice(start, text.indexOf('\n}', start))
  return [...body.matchAll(/^ {4}([a-z_]+)\??:/gm)].map((match) => String(match[1]))
}

/** How a dialect treats a field; an empty list would be silence. */
function fateOf(dialect: Dialect, field: string): string[] {
  const others = besides[field] ?? {}
  try {
    const before = sent(dialect, others)
    const after = sent(dialect, { ...others, [field]: samples[field] })
    const isMapped = JSON.stringify(before.body) !== JSON.stringify(after.body)
    const isWarned = after.warnings.some((warning) => warning.field === field && warning.detail !== '')
    return [...(isMapped ? ['mapped'] : []), ...(isWarned ? ['warned'] : [])]
  } catch (error) {
    if (error instanceof ProviderError && error.errorClass === 'unsupported') return ['excluded']
    throw error
  }
}

describe('no field of a chat request is dropped in silence (B2)', () => {
  const fields = fieldsOfOfficialClient()

  it('has a sample of every field that the official client knows', () => {
    expect(fields.length).toBeGreaterThan(30)
    expect(fields.filter((field) => !gateways.includes(field) && !Object.hasOwn(samples, field))).toEqual([])
  })

  for (const dialect of allDialects) {
    it.each(Object.keys(samples))(`${dialect.kind}: %s is mapped, warned of or excludes the target`, (field) => {
      expect(fateOf(dialect, field)).not.toEqual([])
    })
  }

  it.each([
    ['openai', Object.keys(samples)],
    ['azure-openai', Object.keys(samples)],
    [
      'anthropic',
      [
        'max_completion_tokens',
        'max_tokens',
        'parallel_tool_calls',
        'reasoning_effort',
        'response_format',
        'safety_identifier',
        'stop',
        'temperature',
        'tool_choice',
        'tools',
        'top_p',
        'user',
      ],
    ],
    [
      'gemini',
      [
        'frequency_penalty',
        'max_completion_tokens',
        'max_tokens',
        'n',
        'presence_penalty',
        'reasoning_effort',
        'response_format',
        'seed',
        'stop',
        'temperature',
        'tool_choice',
        'tools',
        'top_p',
      ],
    ],
  ])('%s maps what its provider has', (kind, expected) => {
    const dialect = allDialects.find((one) => one.kind === kind)
    expect(Object.keys(samples).filter((field) => fateOf(dialect!, field).includes('mapped'))).toEqual(expected)
  })

  it.each(translating)(
    '$kind is not asked with OpenAI’s old functions: without them it is another question',
    (dialect) => {
      expect(fateOf(dialect, 'functions')).toEqual(['excluded'])
    },
  )

  it.each(translating)('$kind warns of fields nobody knows, and of members of messages', (dialect) => {
    const { warnings } = sent(dialect, {
      brand_new: { a: 1 },
      messages: [{ role: 'user', name: 'Ada', content: 'Hi', mood: 'glad' }],
    })
    expect(warnings).toEqual([
      { model: 'p/m', field: 'messages.name', detail: 'participants have no names here' },
      { model: 'p/m', field: 'messages.mood', detail: 'the member is not known here' },
      { model: 'p/m', field: 'brand_new', detail: 'the field is not known here and was not sent' },
    ])
  })

  it.each(translating)('$kind does not warn of values that ask for nothing', (dialect) => {
    const { warnings } = sent(dialect, {
      n: 1,
      logprobs: false,
      top_logprobs: 0,
      frequency_penalty: 0,
      presence_penalty: 0,
      store: false,
      service_tier: 'auto',
      parallel_tool_calls: true,
      modalities: ['text'],
      logit_bias: {},
      seed: null,
      functions: [],
      metadata: { team: 'a' },
      response_format: { type: 'text' },
    })
    expect(warnings).toEqual([])
  })

  it.each(['openai', 'azure-openai'])('%s sends the bytes as they are', (kind) => {
    const dialect = allDialects.find((one) => one.kind === kind)
    const { body, warnings } = sent(dialect!, { ...samples, brand_new: 1 })
    expect(body).toEqual({ messages: hello, ...samples, brand_new: 1, model: 'm' })
    expect(warnings).toEqual([])
  })
})

describe.skipIf(noRecordings !== null)(`recorded requests of OpenAI's clients (B2): ${noRecordings ?? 'all'}`, () => {
  const requests = (noRecordings === null ? readRecordings() : []).filter(
    (row) => row.request?.messages !== undefined && /chat\/completions$/.test(row.api),
  )

  for (const dialect of translating) {
    it.each(requests)(`${dialect.kind} can say or names what it cannot: $provider $id`, ({ request }) => {
      const { model: _, ...fields } = request
      try {
        const { body } = sent(dialect, fields)
        expect(body.messages ?? body.contents).not.toEqual([])
      } catch (error) {
        expect(error).toMatchObject({ errorClass: 'unsupported', upstream: { param: expect.any(String) } })
      }
    })
  }
})
