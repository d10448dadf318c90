import { describe, expect, it } from 'vitest'
import { anthropic } from '#providers/anthropic.ts'
import { ProviderError } from '#providers/provider.ts'
import { hello, sent } from '#test/support/dialects.ts'
import type { Json } from '#test/support/json.ts'
import { fixturesOf } from '#test/support/provider-fixtures.ts'

const fixture = fixturesOf('anthropic')
const send = (fields: Json, model = 'claude-sonnet-4-5', more = {}) => sent(anthropic, fields, model, more)
const fieldsOf = ({ warnings }: ReturnType<typeof send>) => warnings.map((warning) => warning.field)
const tool = (name: string, more = {}) => ({
  type: 'function',
  function: { name, parameters: { type: 'object' }, ...more },
})
const call = (id: string, text = '{}', name = 'f') => ({ id, type: 'function', function: { name, arguments: text } })
const text = (value: string) => ({ type: 'text', text: value })

describe('a conversation for Anthropic', () => {
  it('is what a client of Anthropic’s own was recorded to send', () => {
    const { messages, tools, tool_choice } = fixture('results of tools').request
    const { body } = send({
      messages: [
        { role: 'user', content: 'What is the largest city in the user country?' },
        { role: 'assistant', content: null, tool_calls: [call(messages[1].content[0].id, '{}', 'get_user_country')] },
        { role: 'tool', tool_call_id: messages[1].content[0].id, content: 'Mexico' },
      ],
      tools: tools.map(({ name, description, input_schema }: Json) =>
        tool(name, { description, parameters: input_schema }),
      ),
      tool_choice: 'required',
    })
    // Text of a result may be a string or a block; `is_error` is false where it is not said.
    messages[2].content[0].content = [text('Mexico')]
    delete messages[2].content[0].is_error
    expect(body).toEqual({ model: 'claude-sonnet-4-5', max_tokens: 4096, messages, tools, tool_choice })
  })

  it('has every system and developer message before it, and says when that moved one', () => {
    const { body, warnings } = send({
      messages: [
        { role: 'system', content: 'One.' },
        { role: 'user', content: 'Hi' },
        { role: 'developer', content: 'Two.' },
      ],
    })
    expect(body.system).toEqual([text('One.'), text('Two.')])
    expect(body.messages).toEqual([{ role: 'user', content: [text('Hi')] }])
    expect(warnings).toEqual([
      { model: 'p/claude-sonnet-4-5', field: 'messages', detail: expect.stringMatching(/moved before/) },
    ])
  })

  it('begins with the user, holds no empty text and alternates', () => {
    const { body } = send({
      messages: [
        { role: 'assistant', content: 'Welcome' },
        { role: 'user', content: [text(''), text('a')] },
        { role: 'user', content: 'b' },
        { role: 'assistant', content: '' },
        { role: 'user', content: 'c' },
        { role: 'assistant', content: 'I think ' },
      ],
    })
    expect(body.messages).toEqual([
      { role: 'user', content: [text('...')] },
      { role: 'assistant', content: [text('Welcome')] },
      { role: 'user', content: [text('a'), text('b'), text('c')] },
      { role: 'assistant', content: [text('I think')] },
    ])
  })

  it('of a system prompt alone is sent as the user’s', () => {
    const result = send({ messages: [{ role: 'system', content: 'Say hello.' }] })
    expect(result.body).toMatchObject({ messages: [{ role: 'user', content: [text('Say hello.')] }] })
    expect(result.body.system).toBeUndefined()
    expect(fieldsOf(result)).toEqual(['messages'])
  })

  it('keeps results of parallel calls in one message, with errors and pictures in them', () => {
    const { body } = send({
      messages: [
        ...hello,
        { role: 'assistant', content: 'Looking.', tool_calls: [call('a.1'), call('b')] },
        { role: 'tool', tool_call_id: 'a.1', content: 'no such city', is_error: true },
        {
          role: 'tool',
          tool_call_id: 'b',
          content: [text('x'), { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }],
        },
      ],
      tools: [tool('f')],
    })
    // Ids may hold letters, digits, _ and - only: the same change on both sides keeps them together.
    expect(body.messages[1].content[1]).toEqual({ type: 'tool_use', id: 'a_1', name: 'f', input: {} })
    expect(body.messages[2].content).toEqual([
      { type: 'tool_result', tool_use_id: 'a_1', content: [text('no such city')], is_error: true },
      {
        type: 'tool_result',
        tool_use_id: 'b',
        content: [text('x'), { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } }],
      },
    ])
  })

  it('sends arguments that are no object as text, and says so', () => {
    const result = send({
      messages: [...hello, { role: 'assistant', tool_calls: [call('a', 'not json'), call('b', '[1]'), call('c', '')] }],
      tools: [tool('f')],
    })
    const inputs = result.body.messages[1].content.map((block: Json) => block.input)
    expect(inputs).toEqual([{ arguments: 'not json' }, { arguments: '[1]' }, {}])
    expect(fieldsOf(result)).toEqual(['messages.tool_calls'])
  })

  it('names the tools of earlier calls where the request offers none any more', () => {
    const result = send({
      messages: [
        ...hello,
        { role: 'assistant', tool_calls: [call('a')] },
        { role: 'tool', tool_call_id: 'a', content: '1' },
      ],
    })
    expect(result.body).toMatchObject({ tools: [{ name: 'f' }], tool_choice: { type: 'none' } })
    expect(fieldsOf(result)).toEqual(['tools'])
  })

  it('sends thinking back with its signature, before the calls it led to', () => {
    const thinking = { type: 'thinking', thinking: 'hm', signature: 'sig' }
    const { body, warnings } = send({
      messages: [
        ...hello,
        {
          role: 'assistant',
          content: null,
          reasoning_content: 'hm',
          thinking_blocks: [thinking],
          tool_calls: [call('a')],
        },
        { role: 'tool', tool_call_id: 'a', content: '1' },
      ],
      tools: [tool('f')],
      reasoning_effort: 'low',
    })
    expect(body.messages[1].content).toEqual([thinking, { type: 'tool_use', id: 'a', name: 'f', input: {} }])
    expect(body.thinking).toEqual({ type: 'enabled', budget_tokens: 1024 })
    expect(warnings).toEqual([])
  })

  it('keeps marks of what to cache on texts, results, tools and the whole', () => {
    const mark = { cache_control: { type: 'ephemeral' } }
    const { body } = send({
      ...mark,
      messages: [
        { role: 'system', content: 'long', ...mark },
        { role: 'user', content: [{ ...text('a'), ...mark }] },
        { role: 'assistant', tool_calls: [call('a')] },
        { role: 'tool', tool_call_id: 'a', content: 'r', ...mark },
      ],
      tools: [{ ...tool('f'), ...mark }],
    })
    expect(body).toMatchObject({
      ...mark,
      system: [{ text: 'long', ...mark }],
      messages: [{ content: [{ text: 'a', ...mark }] }, {}, { content: [{ type: 'tool_result', ...mark }] }],
      tools: [{ name: 'f', ...mark }],
    })
    expect(body.messages[2].content[0].content).toEqual([text('r')])
  })

  it('sends documents: PDFs as they are, texts as text', () => {
    const file = (media: string, data: string) => ({
      type: 'file',
      file: { filename: 'a', file_data: `data:${media};base64,${data}` },
    })
    const content = [file('application/pdf', 'JVBE'), file('text/markdown', Buffer.from('# Hé').toString('base64'))]
    expect(send({ messages: [{ role: 'user', content }] }).body.messages[0].content).toEqual([
      { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' }, title: 'a' },
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: '# Hé' } },
    ])
  })

  it.each<[string, Json]>([
    ['messages[0].content[0]', [{ type: 'file', file: { file_id: 'file-1' } }]],
    ['messages', [{ type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } }]],
    ['messages[0].content[0]', [{ type: 'image_url', image_url: { url: 'ftp://x/y' } }]],
    ['messages[0].content[0]', [{ type: 'hologram' }]],
  ])('is not sent at all where a part has no counterpart: %s', (param, content) => {
    const attempt = () => send({ messages: [{ role: 'user', content }] })
    expect(attempt).toThrow(ProviderError)
    expect(attempt).toThrow(
      expect.objectContaining({ errorClass: 'unsupported', upstream: expect.objectContaining({ param }) }),
    )
  })
})

describe('settings for Anthropic', () => {
  it('always name a limit: the request’s, the catalogue’s, else 4,096', () => {
    expect(send({ max_tokens: 10 }).body.max_tokens).toBe(10)
    expect(send({ max_tokens: 10, max_completion_tokens: 20 }).body.max_tokens).toBe(20)
    expect(send({}, 'm', { maxOutputTokens: 8_192 }).body.max_tokens).toBe(8_192)
    expect(send({}).body.max_tokens).toBe(4_096)
  })

  it('stop at a text or several, white space left out', () => {
    expect(send({ stop: 'a' }).body.stop_sequences).toEqual(['a'])
    expect(send({ stop: ['a', '\n', 'b'] }).body.stop_sequences).toEqual(['a', 'b'])
    expect(send({ stop: null }).body.stop_sequences).toBeUndefined()
  })

  it('keep temperatures within 0 to 1 and send one way of sampling', () => {
    const hot = send({ temperature: 1.5 })
    expect([hot.body.temperature, fieldsOf(hot)]).toEqual([1, ['temperature']])
    const both = send({ temperature: 0.2, top_p: 0.9 })
    expect([both.body.temperature, both.body.top_p, fieldsOf(both)]).toEqual([0.2, undefined, ['top_p']])
    expect(send({ top_p: 0.9, top_k: 5 }).body).toMatchObject({ top_p: 0.9, top_k: 5 })
  })

  it.each<[Json, Json]>([
    ['auto', { type: 'auto' }],
    ['none', { type: 'none' }],
    ['required', { type: 'any' }],
    [
      { type: 'function', function: { name: 'g' } },
      { type: 'tool', name: 'g' },
    ],
    [undefined, undefined],
  ])('map tool_choice %j', (choice, expected) => {
    expect(send({ tools: [tool('f'), tool('g')], tool_choice: choice }).body.tool_choice).toEqual(expected)
  })

  it('allow some of the tools by offering no others', () => {
    const allowed = { mode: 'required', tools: [{ type: 'function', function: { name: 'g' } }] }
    const { body } = send({
      tools: [tool('f'), tool('g')],
      tool_choice: { type: 'allowed_tools', allowed_tools: allowed },
    })
    expect(body).toMatchObject({ tools: [{ name: 'g' }], tool_choice: { type: 'any' } })
    expect(body.tools).toHaveLength(1)
  })

  it('forbid parallel calls where the request does', () => {
    const serial = { tools: [tool('f')], parallel_tool_calls: false }
    expect(send(serial).body.tool_choice).toEqual({ type: 'auto', disable_parallel_tool_use: true })
    expect(send({ ...serial, tool_choice: 'required' }).body.tool_choice).toEqual({
      type: 'any',
      disable_parallel_tool_use: true,
    })
    expect(send({ ...serial, tool_choice: 'none' }).body.tool_choice).toEqual({ type: 'none' })
  })

  it('force arguments into their schema where the model has structured output, else say that they are not', () => {
    const strict = { tools: [tool('f', { strict: true, parameters: { type: 'object', properties: {} } })] }
    const forced = send(strict, 'claude-sonnet-4-5', { capabilities: ['tools', 'json_schema'] })
    expect(forced.body.tools).toEqual([
      { name: 'f', strict: true, input_schema: { type: 'object', properties: {}, additionalProperties: false } },
    ])
    expect(forced.warnings).toEqual([])
    const loose = send(strict, 'claude-3-haiku', { capabilities: ['tools'] })
    expect(loose.body.tools).toEqual([{ name: 'f', input_schema: { type: 'object', properties: {} } }])
    expect(fieldsOf(loose)).toEqual(['tools.strict'])
  })

  it('offer Anthropic’s own tools as they are, and no other kind', () => {
    const search = { type: 'web_search_20250305', name: 'web_search' }
    expect(send({ tools: [search] }).body.tools).toEqual([search])
    expect(() => send({ tools: [{ type: 'custom', custom: { name: 'x' } }] })).toThrow(/tools\[0\]/)
  })

  it('are those of a recorded request for structured output', () => {
    const { output_config } = fixture('json schema').request
    const { body } = send({
      response_format: { type: 'json_schema', json_schema: { name: 'city', schema: output_config.format.schema } },
    })
    expect(body.output_config).toEqual(output_config)
  })

  it('close the objects of a schema: Anthropic refuses open ones', () => {
    const inner = { type: 'object', properties: { type: { type: 'string' } } }
    const schema = {
      type: 'object',
      properties: { list: { type: 'array', items: inner } },
      $defs: { a: inner },
      default: { type: 'object' },
    }
    const { format } = send({ response_format: { type: 'json_schema', json_schema: { schema } } }).body.output_config
    const closed = { ...inner, additionalProperties: false }
    expect(format.schema).toEqual({
      ...schema,
      additionalProperties: false,
      properties: { list: { type: 'array', items: closed } },
      $defs: { a: closed },
    })
  })

  it('warn that JSON without a schema cannot be asked for', () => {
    expect(fieldsOf(send({ response_format: { type: 'json_object' } }))).toEqual(['response_format'])
  })
})

describe('reasoning of Anthropic', () => {
  it.each([
    ['low', 1_024],
    ['medium', 4_096],
    ['high', 16_384],
    ['xhigh', 32_768],
  ])('effort %s is a budget of %i tokens for models that take one, on top of the default limit', (effort, budget) => {
    const { body } = send({ reasoning_effort: effort })
    expect(body.thinking).toEqual({ type: 'enabled', budget_tokens: budget })
    expect(body.max_tokens).toBe(4_096 + budget)
  })

  it.each(['claude-opus-4-6', 'claude-opus-5', 'claude-sonnet-4-6-20260101', 'claude-fable-5'])(
    'effort is an effort for %s',
    (model) => {
      const { body } = send({ reasoning_effort: 'high' }, model)
      expect(body).toMatchObject({ thinking: { type: 'adaptive' }, output_config: { effort: 'high' } })
    },
  )

  it.each(['claude-sonnet-4-5', 'claude-opus-4-20250514', 'claude-3-7-sonnet-20250219', 'other'])(
    'effort is a budget for %s',
    (model) => {
      expect(send({ reasoning_effort: 'low' }, model).body.thinking).toMatchObject({ type: 'enabled' })
    },
  )

  it('leaves half of a limit to the answer, and none is none', () => {
    expect(send({ reasoning_effort: 'high', max_tokens: 4_000 }).body.thinking.budget_tokens).toBe(2_000)
    expect(send({ reasoning_effort: 'none' }).body.thinking).toBeUndefined()
  })

  it.each<[string, Json]>([
    ['the limit leaves no room', { max_tokens: 500 }],
    ['a call is forced', { tools: [tool('f')], tool_choice: 'required' }],
    [
      'thinking of earlier calls is missing',
      {
        messages: [
          ...hello,
          { role: 'assistant', tool_calls: [call('a')] },
          { role: 'tool', tool_call_id: 'a', content: '1' },
        ],
        tools: [tool('f')],
      },
    ],
  ])('is left out with a warning where %s', (_why, fields) => {
    const result = send({ reasoning_effort: 'high', ...fields })
    expect(result.body.thinking).toBeUndefined()
    expect(fieldsOf(result)).toEqual(['reasoning_effort'])
  })

  it('takes no sampling beside it, and Anthropic’s own setting as it is', () => {
    const thinking = { type: 'enabled', budget_tokens: 2_000 }
    const result = send({ thinking, temperature: 0.3, top_k: 4, top_p: 0.5 })
    expect(result.body.thinking).toEqual(thinking)
    expect(result.body).not.toHaveProperty('temperature')
    expect(fieldsOf(result).sort()).toEqual(['temperature', 'top_k', 'top_p'])
  })
})
