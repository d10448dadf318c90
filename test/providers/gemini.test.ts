import { describe, expect, it } from 'vitest'
import { gemini } from '#providers/gemini.ts'
import { ProviderError } from '#providers/provider.ts'
import { answered, hello, sent } from '#test/support/dialects.ts'
import type { Json } from '#test/support/json.ts'
import { fixturesOf } from '#test/support/provider-fixtures.ts'

const fixture = fixturesOf('gemini')
const send = (fields: Json, model = 'gemini-2.5-flash') => sent(gemini, fields, model)
const fieldsOf = ({ warnings }: ReturnType<typeof send>) => warnings.map((warning) => warning.field)
const tool = (name: string, more = {}) => ({ type: 'function', function: { name, ...more } })
const call = (id: string, text = '{}', more = {}) => ({
  id,
  type: 'function',
  function: { name: 'f', arguments: text },
  ...more,
})

describe('a conversation for Gemini', () => {
  it('is what a client of Google’s own was recorded to send', () => {
    const { contents } = fixture('results of tools').request
    const { id } = contents[1].parts[0].functionCall
    const { body } = send({
      messages: [
        { role: 'user', content: 'What is the largest city in the user country?' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id, type: 'function', function: { name: 'get_user_country', arguments: '' } }],
        },
        { role: 'tool', tool_call_id: id, content: '{"return_value": "Mexico"}' },
      ],
    })
    expect(body.contents.map(({ role, parts }: Json) => ({ parts, role }))).toEqual(contents)
  })

  it('has system and developer messages apart, and says when that moved one', () => {
    const result = send({
      messages: [{ role: 'system', content: 'One.' }, ...hello, { role: 'developer', content: 'Two.' }],
    })
    expect(result.body).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Hello' }] }],
      systemInstruction: { parts: [{ text: 'One.' }, { text: 'Two.' }] },
    })
    expect(fieldsOf(result)).toEqual(['messages'])
  })

  it('begins with the user and alternates; a system prompt alone is the user’s', () => {
    expect(send({ messages: [{ role: 'assistant', content: 'Hi' }, ...hello, ...hello] }).body.contents).toEqual([
      { role: 'user', parts: [{ text: '...' }] },
      { role: 'model', parts: [{ text: 'Hi' }] },
      { role: 'user', parts: [{ text: 'Hello' }, { text: 'Hello' }] },
    ])
    expect(send({ messages: [{ role: 'system', content: 'Go.' }] }).body).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Go.' }] }],
    })
  })

  it('takes results that are objects as they are, others as output, failures as error, pictures behind them', () => {
    const results = ['{"a":1}', 'plain', '[1,2]', ''].map((content, index) => ({
      role: 'tool',
      tool_call_id: `c${index}`,
      content,
    }))
    const picture = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }
    const { body } = send({
      messages: [
        ...hello,
        { role: 'assistant', tool_calls: ['c0', 'c1', 'c2', 'c3', 'c4', 'c5'].map((id) => call(id)) },
        ...results,
        { role: 'tool', tool_call_id: 'c4', content: '{"b":1}', is_error: true },
        { role: 'tool', tool_call_id: 'c5', content: [{ type: 'text', text: 'see' }, picture] },
      ],
    })
    const parts = body.contents[2].parts
    expect(parts.map((part: Json) => part.functionResponse?.response ?? part)).toEqual([
      { a: 1 },
      { output: 'plain' },
      { output: '[1,2]' },
      { output: '' },
      { error: '{"b":1}' },
      { output: 'see' },
      { inlineData: { mimeType: 'image/png', data: 'AA==' } },
    ])
  })

  it('is not sent where a result belongs to no call: Gemini must be told the name of the tool', () => {
    expect(() => send({ messages: [...hello, { role: 'tool', tool_call_id: 'x', content: '1' }] })).toThrow(
      expect.objectContaining({ errorClass: 'unsupported' }),
    )
  })

  it('sends a call back with the signature it came with; calls of other models are marked as such', () => {
    const own = { extra_content: { google: { thought_signature: 'sig' } } }
    const conversation = (calls: Json[]) => ({ messages: [...hello, { role: 'assistant', tool_calls: calls }] })
    const signatures = (fields: Json, model: string) =>
      send(fields, model).body.contents[1].parts.map((part: Json) => part.thoughtSignature)
    expect(signatures(conversation([call('a', '{}', own), call('b')]), 'gemini-3-pro-preview')).toEqual([
      'sig',
      undefined,
    ])
    expect(signatures(conversation([call('a'), call('b')]), 'gemini-3-pro-preview')).toEqual([
      'skip_thought_signature_validator',
      undefined,
    ])
    expect(signatures(conversation([call('a')]), 'gemini-2.5-pro')).toEqual([undefined])
  })

  it('takes pictures, sound and documents inline, and addresses with the type their ending shows', () => {
    const content = [
      { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBE' } },
      { type: 'image_url', image_url: { url: 'https://x.test/a.PNG?size=2' } },
      { type: 'image_url', image_url: { url: 'gs://bucket/video', detail: 'low' } },
    ]
    const result = send({ messages: [{ role: 'user', content }] })
    expect(result.body.contents[0].parts).toEqual([
      { inlineData: { mimeType: 'audio/wav', data: 'AA==' } },
      { inlineData: { mimeType: 'application/pdf', data: 'JVBE' } },
      { fileData: { fileUri: 'https://x.test/a.PNG?size=2', mimeType: 'image/png' } },
      { fileData: { fileUri: 'gs://bucket/video' } },
    ])
    expect(fieldsOf(result)).toEqual(['messages.image_url.detail'])
  })

  it('warns of what only other providers know: cache marks, their thinking, invalid arguments', () => {
    const mark = { cache_control: { type: 'ephemeral' } }
    const result = send({
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'a', ...mark }] },
        {
          role: 'assistant',
          thinking_blocks: [{ type: 'thinking', thinking: 'x', signature: 's' }],
          tool_calls: [call('a', 'no')],
        },
      ],
      tools: [{ ...tool('f', { strict: true }), ...mark }],
      parallel_tool_calls: false,
    })
    expect(fieldsOf(result).sort()).toEqual([
      'messages.cache_control',
      'messages.thinking_blocks',
      'messages.tool_calls',
      'parallel_tool_calls',
      'tools.cache_control',
      'tools.strict',
    ])
  })
})

describe('settings for Gemini', () => {
  it('are its generation config, each under its own name', () => {
    const { body } = send({
      temperature: 1.5,
      top_p: 0.9,
      top_k: 40,
      max_completion_tokens: 20,
      max_tokens: 10,
      seed: 7,
      frequency_penalty: 0.1,
      presence_penalty: -0.1,
      n: 3,
      stop: ['a', 'b'],
    })
    expect(body.generationConfig).toEqual({
      temperature: 1.5,
      topP: 0.9,
      topK: 40,
      maxOutputTokens: 20,
      seed: 7,
      frequencyPenalty: 0.1,
      presencePenalty: -0.1,
      candidateCount: 3,
      stopSequences: ['a', 'b'],
    })
  })

  it('are those of a recorded request for structured output', () => {
    const { responseMimeType, responseJsonSchema } = fixture('json schema').request.generationConfig
    const { body } = send({
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema: responseJsonSchema } },
    })
    expect(body.generationConfig).toEqual({ responseMimeType, responseJsonSchema })
    expect(send({ response_format: { type: 'json_object' } }).body.generationConfig).toEqual({ responseMimeType })
  })

  it.each<[Json, Json]>([
    ['auto', { mode: 'AUTO' }],
    ['none', { mode: 'NONE' }],
    ['required', { mode: 'ANY' }],
    [
      { type: 'function', function: { name: 'g' } },
      { mode: 'ANY', allowedFunctionNames: ['g'] },
    ],
    [
      {
        type: 'allowed_tools',
        allowed_tools: { mode: 'auto', tools: [{ type: 'function', function: { name: 'g' } }] },
      },
      { mode: 'VALIDATED', allowedFunctionNames: ['g'] },
    ],
  ])('map tool_choice %j', (choice, expected) => {
    const { body } = send({ tools: [tool('f'), tool('g')], tool_choice: choice })
    expect(body.toolConfig).toEqual({ functionCallingConfig: expected })
    expect(body.tools).toEqual([{ functionDeclarations: [{ name: 'f' }, { name: 'g' }] }])
  })

  it.each([
    ['gemini-2.5-flash', 'none', { thinkingBudget: 0, includeThoughts: false }],
    ['gemini-2.5-flash', 'low', { thinkingBudget: 1_024, includeThoughts: true }],
    ['gemini-2.5-pro', 'high', { thinkingBudget: 24_576, includeThoughts: true }],
    ['gemini-3-pro-preview', 'low', { thinkingLevel: 'low', includeThoughts: true }],
    ['gemini-3-flash-preview', 'medium', { thinkingLevel: 'high', includeThoughts: true }],
  ])('tell %s to think with effort %s', (model, effort, expected) => {
    expect(send({ reasoning_effort: effort }, model).body.generationConfig.thinkingConfig).toEqual(expected)
  })

  it.each([
    ['gemini-2.5-pro', { thinkingBudget: 128, includeThoughts: false }],
    ['gemini-3-pro-preview', { thinkingLevel: 'low', includeThoughts: false }],
  ])('ask %s, which always thinks, for as little as it can, and say so', (model, expected) => {
    const result = send({ reasoning_effort: 'none' }, model)
    expect(result.body.generationConfig.thinkingConfig).toEqual(expected)
    expect(fieldsOf(result)).toEqual(['reasoning_effort'])
  })
})

describe('answers of Gemini', () => {
  const whole = (body: Json) => {
    const answer = answered(gemini, body)
    if (answer instanceof ProviderError) throw answer
    return answer.completion
  }

  it('have ids for their calls, minted where Gemini gives none, and the signature that goes back', () => {
    const [call] = whole(fixture('call').body).choices[0].message.tool_calls
    expect(call).toMatchObject({
      id: 'call_W81gar6JN_K1qtsP4-zLsQs_1',
      type: 'function',
      extra_content: { google: { thought_signature: expect.stringMatching(/^CrwDARFN/) } },
    })
  })

  it('of several candidates are several choices', () => {
    const [candidate] = fixture('length').body.candidates
    const { choices } = whole({
      ...fixture('length').body,
      candidates: [candidate, { ...candidate, finishReason: 'STOP' }],
    })
    expect(choices.map((choice: Json) => [choice.index, choice.finish_reason])).toEqual([
      [0, 'length'],
      [1, 'stop'],
    ])
  })

  it('count the tokens of tools that ran at Google as input, thoughts as output', () => {
    const usageMetadata = {
      promptTokenCount: 10,
      toolUsePromptTokenCount: 5,
      candidatesTokenCount: 3,
      thoughtsTokenCount: 4,
    }
    expect(whole({ ...fixture('text').body, usageMetadata }).usage).toMatchObject({
      prompt_tokens: 15,
      completion_tokens: 7,
      total_tokens: 22,
      completion_tokens_details: { reasoning_tokens: 4 },
    })
  })

  it.each<[Json, string]>([
    [{ promptFeedback: { blockReason: 'SAFETY' } }, 'content_filter'],
    [{ candidates: [] }, 'invalid_response'],
    [{}, 'invalid_response'],
    [[], 'invalid_response'],
    [{ candidates: [{ finishReason: 'MALFORMED_FUNCTION_CALL' }] }, 'invalid_response'],
    [{ candidates: [{ finishReason: 'UNEXPECTED_TOOL_CALL' }] }, 'invalid_response'],
  ])('%j is none: %s', (body, errorClass) => {
    expect(answered(gemini, body)).toMatchObject({ errorClass })
  })
})

describe('addresses of Gemini', () => {
  const base = (path: string) => ({ origin: 'https://x.test', path, query: new URLSearchParams() })

  it.each([
    ['', 'gemini-2.5-pro', '/v1beta/models/gemini-2.5-pro:generateContent'],
    ['/v1', 'gemini-2.5-pro', '/v1/models/gemini-2.5-pro:generateContent'],
    ['/v1beta', 'tunedModels/mine', '/v1beta/tunedModels/mine:generateContent'],
    ['/v1beta', 'a?b#c', '/v1beta/models/a%3Fb%23c:generateContent'],
  ])('below %s for %s', (path, model, expected) => {
    expect(gemini.path(base(path), model, false)).toBe(expected)
  })
})

describe('embeddings of Gemini', () => {
  const translate = (fields: Json) =>
    gemini.embeddings?.translate({ fields, bytesFor: () => Buffer.alloc(0) }, 'gemini-embedding-001', 'p/e')

  it('are asked for all texts at once and come back as OpenAI’s', () => {
    const translation = translate({ input: ['a', 'b'], dimensions: 2, encoding_format: 'float' })
    expect(JSON.parse(String(translation?.body))).toEqual({
      requests: ['a', 'b'].map((text) => ({
        model: 'models/gemini-embedding-001',
        content: { parts: [{ text }] },
        outputDimensionality: 2,
      })),
    })
    expect(translation?.answer?.({ embeddings: [{ values: [0.5, 1] }, { values: [2, 3] }] })).toEqual({
      object: 'list',
      model: 'gemini-embedding-001',
      data: [
        { object: 'embedding', index: 0, embedding: [0.5, 1] },
        { object: 'embedding', index: 1, embedding: [2, 3] },
      ],
    })
  })

  it('come in base64 where that was asked for, as the official client does', () => {
    const list: Json = translate({ input: 'a', encoding_format: 'base64' })?.answer?.({
      embeddings: [{ values: [0.5, -1] }],
    })
    const bytes = Buffer.from(list.data[0].embedding, 'base64')
    expect([bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([0.5, -1])
  })

  it('are refused for token numbers, and are no answer when one is missing', () => {
    expect(() => translate({ input: [[1, 2]] })).toThrow(expect.objectContaining({ errorClass: 'unsupported' }))
    expect(translate({ input: ['a', 'b'] })?.answer?.({ embeddings: [{ values: [1] }] })).toMatchObject({
      errorClass: 'invalid_response',
    })
  })

  it('warn of fields that Gemini has not', () => {
    expect(translate({ input: 'a', user: 'u' })?.warnings).toMatchObject([{ model: 'p/e', field: 'user' }])
  })
})
