import { type ContractSubject, describeChatProvider, pixel, requests } from '#test/contract/chat-provider.contract.ts'
import { fixturesOf } from '#test/support/provider-fixtures.ts'

const usage = (input: number, output: number, cached = 0, reasoning = 0) => ({ input, cached, output, reasoning })

/** OpenAI's own bodies: nothing may be changed. */
const asWritten: ContractSubject['sent'] = requests

const openai = fixturesOf('openai')
const azure = fixturesOf('azure-openai')

describeChatProvider({
  kind: 'openai',
  basePath: '/v1',
  model: 'gpt-4o',
  paths: { complete: '/v1/chat/completions', stream: '/v1/chat/completions' },
  headers: { authorization: 'Bearer secret-of-test' },
  sent: asWritten,
  answers: {
    text: { fixture: openai('text'), content: 'The capital of France is Paris.', usage: usage(24, 8) },
    calls: {
      fixture: openai('parallel calls'),
      calls: [
        { name: 'delete_file', input: { path: '.env' } },
        { name: 'create_file', input: { path: 'test.txt' } },
      ],
    },
    json: {
      fixture: { name: 'json', body: withContent(openai('text').body, '{"city":"London"}') },
      value: { city: 'London' },
    },
    cached: { fixture: openai('cached'), usage: usage(4020, 4, 4012) },
    reasoning: { fixture: openai('reasoning'), usage: usage(30, 212, 0, 192), reasoning: null },
    ends: [{ fixture: openai('text'), finishReason: 'stop' }],
    textStream: {
      fixture: openai('stream of text'),
      content: 'The capital of Mexico is Mexico City.',
      usage: usage(14, 8),
    },
    callStream: {
      fixture: openai('stream of calls'),
      calls: [{ name: 'get_current_weather', input: { location: 'San Francisco' } }],
    },
  },
  errors: [
    { fixture: openai('bad request'), errorClass: 'bad_request' },
    { fixture: openai('unknown model'), errorClass: 'bad_request' },
    {
      fixture: {
        name: 'too long a prompt',
        status: 400,
        body: { error: { message: 'too long', type: 'invalid_request_error', code: 'context_length_exceeded' } },
      },
      errorClass: 'context_length',
    },
    {
      fixture: {
        name: 'rate limit',
        status: 429,
        headers: { 'retry-after': '2' },
        body: { error: { message: 'slow' } },
      },
      errorClass: 'rate_limit',
      retryAfterMs: 2_000,
    },
  ],
  errorEvent: {
    text: 'data: {"error":{"message":"The server had an error","type":"server_error"}}\n\n',
    errorClass: 'server_error',
  },
})

describeChatProvider({
  kind: 'azure-openai',
  basePath: '?api-version=2025-01-01-preview',
  model: 'my deployment',
  paths: {
    complete: '/openai/deployments/my%20deployment/chat/completions?api-version=2025-01-01-preview',
    stream: '/openai/deployments/my%20deployment/chat/completions?api-version=2025-01-01-preview',
  },
  headers: { 'api-key': 'secret-of-test' },
  sent: asWritten,
  answers: {
    text: { fixture: azure('text'), content: 'The capital of France is Paris.', usage: usage(24, 8, 16, 4) },
    calls: {
      fixture: azure('parallel calls'),
      calls: [
        { name: 'get_weather', input: { city: 'Denver' } },
        { name: 'get_elevation', input: { city: 'Denver' } },
      ],
    },
    json: {
      fixture: { name: 'json', body: withContent(azure('text').body, '{"city":"London"}') },
      value: { city: 'London' },
    },
    cached: { fixture: azure('text'), usage: usage(24, 8, 16, 4) },
    reasoning: { fixture: azure('text'), usage: usage(24, 8, 16, 4), reasoning: null },
    ends: [{ fixture: azure('filtered'), finishReason: 'content_filter' }],
    textStream: { fixture: azure('stream of text'), content: 'Hello there', usage: usage(24, 8, 16, 4) },
    callStream: {
      fixture: azure('stream of calls'),
      calls: [{ name: 'get_weather', input: { city: 'Denver' } }],
    },
  },
  errors: [
    { fixture: azure('prompt filtered'), errorClass: 'content_filter' },
    { fixture: azure('unknown deployment'), errorClass: 'bad_request' },
    { fixture: azure('rate limit'), errorClass: 'rate_limit', retryAfterMs: 25_500 },
    { fixture: azure('bad key'), errorClass: 'auth' },
  ],
  errorEvent: {
    text: 'data: {"error":{"message":"The response was filtered","code":"content_filter"}}\n\n',
    errorClass: 'content_filter',
  },
})

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
    text: { fixture: anthropic('text'), content: 'The capital of France is Paris.', usage: usage(20, 10) },
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
    cached: { fixture: anthropic('cached'), usage: usage(1_532, 33, 1_111) },
    reasoning: {
      fixture: anthropic('reasoning'),
      usage: usage(13, 44, 0, 33),
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
    textStream: { fixture: anthropic('stream of text'), content: 'Hello there!', usage: usage(11, 6) },
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

const gemini = fixturesOf('gemini')
const geminiError = (
  name: string,
  code: number,
  status: string,
  message: string,
  details: readonly unknown[] = [],
) => ({
  name,
  status: code,
  body: { error: { code, message, status, details } },
})

describeChatProvider({
  kind: 'gemini',
  basePath: '/v1beta',
  model: 'gemini-2.5-flash',
  paths: {
    complete: '/v1beta/models/gemini-2.5-flash:generateContent',
    stream: '/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
  },
  headers: { 'x-goog-api-key': 'secret-of-test' },
  sent: {
    text: {
      contents: [{ role: 'user', parts: [{ text: 'Capital of France?' }] }],
      generationConfig: { maxOutputTokens: 50, temperature: 0.5, stopSequences: ['END'] },
    },
    system: {
      systemInstruction: { parts: [{ text: 'Be brief.' }, { text: 'Answer in French.' }] },
      contents: [{ role: 'user', parts: [{ text: 'Hello' }] }],
    },
    tools: {
      tools: [
        {
          functionDeclarations: [
            {
              name: 'get_weather',
              description: 'Weather of a city',
              parametersJsonSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
            },
          ],
        },
      ],
      toolConfig: { functionCallingConfig: { mode: 'ANY' } },
    },
    toolResults: {
      contents: [
        { role: 'user', parts: [{ text: 'Weather in Paris and Rome?' }] },
        {
          role: 'model',
          parts: [
            { functionCall: { id: 'call_1', name: 'get_weather', args: { city: 'Paris' } } },
            { functionCall: { id: 'call_2', name: 'get_weather', args: { city: 'Rome' } } },
          ],
        },
        {
          role: 'user',
          parts: [
            { functionResponse: { id: 'call_1', name: 'get_weather', response: { output: 'Sunny' } } },
            { functionResponse: { id: 'call_2', name: 'get_weather', response: { sky: 'grey' } } },
            { text: 'Thanks' },
          ],
        },
      ],
    },
    images: {
      contents: [
        {
          role: 'user',
          parts: [
            { text: 'What is this?' },
            { inlineData: { mimeType: 'image/png', data: pixel } },
            { fileData: { fileUri: 'https://example.com/cat.jpg', mimeType: 'image/jpeg' } },
          ],
        },
      ],
    },
    jsonSchema: {
      generationConfig: {
        responseMimeType: 'application/json',
        responseJsonSchema: {
          type: 'object',
          properties: { city: { type: 'string' } },
          required: ['city'],
          additionalProperties: false,
        },
      },
    },
  },
  answers: {
    text: {
      fixture: gemini('text'),
      content: gemini('text').body.candidates[0].content.parts[0].text,
      usage: usage(8, 778, 0, 725),
    },
    calls: {
      fixture: gemini('call'),
      calls: [
        {
          name: 'final_result',
          input: { name: 'Ada Lovelace', address: { city: 'London', street: '12 Baker Street' } },
        },
      ],
    },
    json: { fixture: gemini('json schema'), value: { amount: 12.34 } },
    cached: { fixture: gemini('cached'), usage: usage(3_520, 44, 3_512, 42) },
    reasoning: {
      fixture: gemini('reasoning'),
      usage: usage(1_106, 1_867, 0, 1_089),
      reasoning: gemini('reasoning').body.candidates[0].content.parts[0].text,
    },
    ends: [
      { fixture: gemini('length'), finishReason: 'length' },
      ...['SAFETY', 'RECITATION', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'LANGUAGE', 'OTHER'].map((reason) => ({
        fixture: { name: reason, body: { ...gemini('text').body, candidates: [{ finishReason: reason, index: 0 }] } },
        finishReason: 'content_filter',
      })),
    ],
    textStream: {
      fixture: gemini('stream of text'),
      content: Array.from({ length: 30 }, (_, index) => index + 1).join('\n'),
      usage: usage(18, 115, 0, 35),
    },
    callStream: {
      fixture: gemini('stream of calls'),
      calls: [
        { name: 'read_theme', input: {} },
        ...['A', 'B', 'C'].map((id) => ({ name: 'read_screen', input: { id } })),
      ],
    },
  },
  errors: [
    { fixture: gemini('rate limit'), errorClass: 'rate_limit', retryAfterMs: 34_400 },
    { fixture: geminiError('bad request', 400, 'INVALID_ARGUMENT', 'Invalid value'), errorClass: 'bad_request' },
    {
      fixture: geminiError(
        'too long a prompt',
        400,
        'INVALID_ARGUMENT',
        'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
      ),
      errorClass: 'context_length',
    },
    {
      fixture: geminiError('bad key', 400, 'INVALID_ARGUMENT', 'API key not valid.', [{ reason: 'API_KEY_INVALID' }]),
      errorClass: 'auth',
    },
    { fixture: geminiError('not served here', 400, 'FAILED_PRECONDITION', 'location'), errorClass: 'auth' },
    { fixture: geminiError('unknown model', 404, 'NOT_FOUND', 'models/x is not found'), errorClass: 'bad_request' },
    { fixture: geminiError('overloaded', 503, 'UNAVAILABLE', 'The model is overloaded.'), errorClass: 'server_error' },
    { fixture: geminiError('too slow', 504, 'DEADLINE_EXCEEDED', 'Deadline expired'), errorClass: 'timeout' },
  ],
  errorEvent: {
    text: 'data: {"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}\r\n\r\n',
    errorClass: 'server_error',
  },
})

function withContent(body: ReturnType<typeof JSON.parse>, content: string) {
  return { ...body, choices: [{ ...body.choices[0], message: { role: 'assistant', content } }] }
}
