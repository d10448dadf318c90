import { counts, describeChatProvider, pixel } from '#test/contract/chat-provider.contract.ts'
import { fixturesOf } from '#test/support/provider-fixtures.ts'

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
      usage: counts(8, 778, 0, 725),
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
    cached: { fixture: gemini('cached'), usage: counts(3_520, 44, 3_512, 42) },
    reasoning: {
      fixture: gemini('reasoning'),
      usage: counts(1_106, 1_867, 0, 1_089),
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
      usage: counts(18, 115, 0, 35),
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
