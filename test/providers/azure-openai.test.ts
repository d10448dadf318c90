import { describe, expect, it } from 'vitest'
import { azureOpenAi } from '#providers/azure-openai.ts'
import { baseUrlQueryOf, providerKinds } from '#providers/registry.ts'
import { createAddressGuard } from '#providers/upstream-address.ts'
import { answered, assembled, streamed } from '#test/support/dialects.ts'
import { fixturesOf } from '#test/support/provider-fixtures.ts'

const fixture = fixturesOf('azure-openai')

function baseOf(baseUrl: string) {
  const url = new URL(baseUrl)
  return { origin: url.origin, path: url.pathname.replace(/\/+$/, ''), query: url.searchParams }
}

describe('addresses of Azure OpenAI', () => {
  const host = 'https://r.openai.azure.com'
  it.each([
    [host, '/openai/deployments/gpt%204o/chat/completions?api-version=2024-10-21'],
    [`${host}/`, '/openai/deployments/gpt%204o/chat/completions?api-version=2024-10-21'],
    [`${host}/openai`, '/openai/deployments/gpt%204o/chat/completions?api-version=2024-10-21'],
    [
      `${host}?api-version=2025-01-01-preview`,
      '/openai/deployments/gpt%204o/chat/completions?api-version=2025-01-01-preview',
    ],
    [`${host}/openai/deployments/d1`, '/openai/deployments/d1/chat/completions?api-version=2024-10-21'],
    [`${host}/openai/v1`, '/openai/v1/chat/completions'],
    [`${host}/openai/v1/?api-version=preview`, '/openai/v1/chat/completions?api-version=preview'],
  ])('%s', (baseUrl, expected) => {
    expect(azureOpenAi.path(baseOf(baseUrl), 'gpt 4o', false)).toBe(expected)
  })

  it('are those of embeddings too', () => {
    expect(azureOpenAi.embeddings?.path(baseOf(host), 'e')).toBe(
      '/openai/deployments/e/embeddings?api-version=2024-10-21',
    )
  })

  it('may hold a version in their query, those of other kinds nothing, and none anything else', () => {
    const guard = createAddressGuard([])
    const problem = (baseUrl: string, kind: (typeof providerKinds)[number]) =>
      guard.problemOf(baseUrl, baseUrlQueryOf(kind))
    expect(problem(`${host}?api-version=2024-10-21`, 'azure-openai')).toBeNull()
    expect(problem(`${host}?key=secret`, 'azure-openai')).toMatch(/must not hold a query but api-version/)
    expect(problem(`${host}?api-version=1&key=secret`, 'azure-openai')).toMatch(/must not hold a query/)
    expect(problem(`${host}#x`, 'azure-openai')).toMatch(/fragment/)
    for (const kind of providerKinds.filter((name) => name !== 'azure-openai')) {
      expect(problem(`${host}?api-version=2024-10-21`, kind)).toMatch(/must not hold a query/)
    }
  })
})

describe('the content filter of Azure OpenAI', () => {
  it('is a finish where it cut an answer, and the annotations reach the client', () => {
    const { body } = fixture('filtered')
    expect(answered(azureOpenAi, body)).toMatchObject({
      completion: body,
      facts: { finishReason: 'content_filter', output: '' },
    })
  })

  it('may annotate a stream with events without choices or deltas, which commit nothing and reach the client', () => {
    const { stream = '' } = fixture('stream of text')
    const { text, end } = streamed(azureOpenAi, [stream])
    expect(text).toBe(stream)
    expect(end).toMatchObject({ error: null, facts: { output: 'Hello there', finishReason: 'stop' } })
    const [annotation = ''] = stream.split('\n\n')
    expect(streamed(azureOpenAi, [`${annotation}\n\n`], { isCut: true })).toMatchObject({ text: '', failure: null })
  })

  it('may end a stream that has begun', () => {
    const { text, end } = streamed(azureOpenAi, [fixture('stream filtered').stream ?? ''])
    expect(end?.error).toBeNull()
    expect(assembled(text)).toMatchObject({ content: 'Once', finish: 'content_filter' })
  })

  it('is known by its inner code too', () => {
    const inner = { error: { code: 'BadRequest', message: 'x', innererror: { code: 'ResponsibleAIPolicyViolation' } } }
    expect(azureOpenAi.readError?.(inner, 400)).toEqual({ errorClass: 'content_filter' })
    expect(azureOpenAi.readError?.({ error: { code: 'BadRequest' } }, 400)).toEqual({})
    expect(azureOpenAi.readError?.('<html>', 502)).toEqual({})
  })
})
