import { describe, expect, it } from 'vitest'
import { anthropic } from '#providers/anthropic.ts'
import { ProviderError } from '#providers/provider.ts'
import { answered } from '#test/support/dialects.ts'
import type { Json } from '#test/support/json.ts'
import { fixturesOf } from '#test/support/provider-fixtures.ts'

const fixture = fixturesOf('anthropic')

describe('answers of Anthropic', () => {
  const whole = (body: Json) => {
    const answer = answered(anthropic, body)
    if (answer instanceof ProviderError) throw answer
    return answer
  }

  it('keep what was written to a cache apart from what was read from it, both being input', () => {
    expect(whole(fixture('cached').body).completion.usage).toEqual({
      prompt_tokens: 1_532,
      completion_tokens: 33,
      total_tokens: 1_565,
      prompt_tokens_details: { cached_tokens: 1_111, cache_write_tokens: 418 },
      completion_tokens_details: { reasoning_tokens: 0 },
    })
  })

  it('say which stop sequence it was', () => {
    expect(whole(fixture('stop sequence').body).completion.choices[0]).toMatchObject({
      finish_reason: 'stop',
      stop_sequence: 'Paris',
    })
  })

  it('hand out thinking blocks as the next request needs them', () => {
    const { content } = fixture('reasoning').body
    expect(whole(fixture('reasoning').body).completion.choices[0].message.thinking_blocks).toEqual([content[0]])
  })

  it.each([
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['pause_turn', 'stop'],
    ['refusal', 'content_filter'],
    ['brand_new', 'stop'],
  ])('that stop with %s finish with %s', (reason, expected) => {
    const body = { ...fixture('text').body, stop_reason: reason }
    expect(whole(body).completion.choices[0].finish_reason).toBe(expected)
  })

  it('without counts leave them to be estimated', () => {
    expect(whole({ ...fixture('text').body, usage: undefined }).facts.usage).toBeNull()
  })

  it.each<[string, Json]>([
    ['a list', []],
    ['text', 'hello'],
    ['another object', { type: 'completion' }],
    ['no content', { type: 'message', content: null }],
  ])('that are %s are none', (_name, body) => {
    expect(answered(anthropic, body)).toMatchObject({ errorClass: 'invalid_response' })
  })
})
