import { counts, describeChatProvider, pixel } from '#test/contract/chat-provider.contract.ts'
import { fixturesOf } from '#test/support/provider-fixtures.ts'

const anthropic = fixturesOf('anthropic')
const anthropicError = (name: string, status: number, type: string, message: string) => ({
  name,
  status,
  body: { type: 'error', error: { type, message }, request_id: 'req_1' },
})

describeChatProvider({
  kind: 'anthropic',
  basePath: '',
  model: 'claude-sonnet-4-5',
  paths: { complete: '/v1/messages', stream: '/v1/messages' },
  headers: { 'x-api-key': 'secret-of-test', 'anthropic-version': '2023-06-01' },
  sent: {
    text: {
      model: 'claude-sonnet-4-5',
      max_tokens: 50,
      temperature: 0.5,
      stop_sequences: ['END'],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Capital of France?' }] }],
    },
    system: {
      max_tokens: 4_096,
      system: [
        { type: 'text', text: 'Be brief.' },
        { type: 'text', text: 'Answer in French.' },
      ],
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
    },
    tools: {
      tools: [
        {
          name: 'get_weather',
          description: 'Weather of a city',
          input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        },
      ],
      tool_choice: { type: 'any' },
    },
    toolResults: {
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Weather in Paris and Rome?' }] },
        {
          role: 'assistant',
          content: [
            { type: 'tool_use', id: 'call_1', name: 'get_weather', input: { city: 'Paris' } },
            { type: 'tool_use', id: 'call_2', name: 'get_weather', input: { city: 'Rome' } },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'call_1', content: [{ type: 'text', text: 'Sunny' }] },
            { type: 'tool_result', tool_use_id: 'call_2', content: [{ type: 'text', text: '{"sky": "grey"}' }] },
            { type: 'text', text: 'Thanks' },
          ],
        },
      ],
    },
    images: {
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
            { type: 'image', source: { type: 'url', url: 'https://example.com/cat.jpg' } },
          ],
        },
      ],
    },
    jsonSchema: {
      output_config: {
        format: {
          type: 'json_schema',
          schema: {
            type: 'object',
            properties: { city: { type: 'string' } },
            required: ['city'],
            additionalProperties: false,
          },
        },
      },
    },
  },
  answers: {
    text: { fixture: anthropic('text'), content: 'The capital of France is Paris.', usage: counts(20, 10) },
    calls: {
      fixture: anthropic('parallel calls'),
      calls: [
        { name: 'get_weather', input: { city: 'Denver' } },
        { name: 'get_elevation', input: { city: 'Denver' } },
      ],
    },
    json: {
      fixture: anthropic('json schema'),
      value: { city: 'London', country: 'United Kingdom', population: 9_002_488 },
    },
    // 3 + 418 written to the cache + 1,111 read from it.
    cached: { fixture: anthropic('cached'), usage: counts(1_532, 33, 1_111) },
    reasoning: {
      fixture: anthropic('reasoning'),
      usage: counts(13, 44, 0, 33),
      reasoning: "This is a straightforward arithmetic problem, so I'll just provide the answer directly.",
    },
    ends: [
      { fixture: anthropic('stop sequence'), finishReason: 'stop' },
      { fixture: anthropic('refused'), finishReason: 'content_filter' },
      {
        fixture: { name: 'length', body: { ...anthropic('text').body, stop_reason: 'max_tokens' } },
        finishReason: 'length',
      },
    ],
    textStream: { fixture: anthropic('stream of text'), content: 'Hello there!', usage: counts(11, 6) },
    callStream: {
      fixture: anthropic('stream of calls'),
      calls: [
        { name: 'get_weather', input: { location: 'San Francisco, CA', unit: 'celsius' } },
        { name: 'get_time', input: { timezone: 'America/Los_Angeles' } },
      ],
    },
  },
  errors: [
    {
      fixture: anthropicError('bad request', 400, 'invalid_request_error', 'max_tokens: must be positive'),
      errorClass: 'bad_request',
    },
    {
      fixture: anthropicError(
        'long',
        400,
        'invalid_request_error',
        'prompt is too long: 210000 tokens > 200000 maximum',
      ),
      errorClass: 'context_length',
    },
    { fixture: anthropicError('bad key', 401, 'authentication_error', 'invalid x-api-key'), errorClass: 'auth' },
    { fixture: anthropicError('no access', 403, 'permission_error', 'no'), errorClass: 'auth' },
    { fixture: anthropicError('unknown model', 404, 'not_found_error', 'model: x'), errorClass: 'bad_request' },
    { fixture: anthropicError('too large', 413, 'request_too_large', 'too large'), errorClass: 'context_length' },
    {
      fixture: { ...anthropicError('rate limit', 429, 'rate_limit_error', 'slow'), headers: { 'retry-after': '17' } },
      errorClass: 'rate_limit',
      retryAfterMs: 17_000,
    },
    { fixture: anthropicError('fault', 500, 'api_error', 'Internal server error'), errorClass: 'server_error' },
    { fixture: anthropicError('overloaded', 529, 'overloaded_error', 'Overloaded'), errorClass: 'server_error' },
  ],
  errorEvent: {
    text: 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n',
    errorClass: 'server_error',
  },
})
