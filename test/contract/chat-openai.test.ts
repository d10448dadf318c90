import { type ContractSubject, counts, describeChatProvider, requests } from '#test/contract/chat-provider.contract.ts'
import type { Json } from '#test/support/json.ts'
import { fixturesOf } from '#test/support/provider-fixtures.ts'

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
    text: { fixture: openai('text'), content: 'The capital of France is Paris.', usage: counts(24, 8) },
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
    cached: { fixture: openai('cached'), usage: counts(4020, 4, 4012) },
    reasoning: { fixture: openai('reasoning'), usage: counts(30, 212, 0, 192), reasoning: null },
    ends: [{ fixture: openai('text'), finishReason: 'stop' }],
    textStream: {
      fixture: openai('stream of text'),
      content: 'The capital of Mexico is Mexico City.',
      usage: counts(14, 8),
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
    text: { fixture: azure('text'), content: 'The capital of France is Paris.', usage: counts(24, 8, 16, 4) },
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
    cached: { fixture: azure('text'), usage: counts(24, 8, 16, 4) },
    reasoning: { fixture: azure('text'), usage: counts(24, 8, 16, 4), reasoning: null },
    ends: [{ fixture: azure('filtered'), finishReason: 'content_filter' }],
    textStream: { fixture: azure('stream of text'), content: 'Hello there', usage: counts(24, 8, 16, 4) },
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

function withContent(body: Json, content: string) {
  return { ...body, choices: [{ ...body.choices[0], message: { role: 'assistant', content } }] }
}
