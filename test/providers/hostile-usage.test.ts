import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { factsOfCompletion } from '#providers/answer-facts.ts'
import { readMessage } from '#providers/anthropic-answer.ts'
import { readResponse } from '#providers/gemini-answer.ts'

const openai = (input: unknown, output: unknown) =>
  factsOfCompletion({
    choices: [{ message: { content: 'hi' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: input, completion_tokens: output },
  })?.usage

const usageIn = (completion: unknown) => factsOfCompletion(completion)?.usage

const anthropic = (input: unknown, output: unknown, cached: unknown = 0) =>
  usageIn(
    readMessage(
      {
        type: 'message',
        content: [{ type: 'text', text: 'hi' }],
        stop_reason: 'end_turn',
        usage: { input_tokens: input, output_tokens: output, cache_read_input_tokens: cached },
      },
      0,
    ),
  )

const gemini = (input: unknown, output: unknown) =>
  usageIn(
    readResponse(
      {
        candidates: [{ content: { parts: [{ text: 'hi' }] }, finishReason: 'STOP' }],
        usageMetadata: { promptTokenCount: input, candidatesTokenCount: output },
      },
      0,
    ),
  )

/** Counts no provider can mean: below zero they would fill a budget again, far above they fit no column of the log. */
const absurd = fc.oneof(
  fc.integer({ max: -1 }),
  fc.double({ min: 0.1, max: 0.9, noNaN: true }),
  fc.constantFrom(-0.5, 1.5, 2_147_483_648, 9e15, Number.MAX_SAFE_INTEGER, 1e300, '12', true, {}, []),
)

describe.each([
  ['openai', openai],
  ['anthropic', anthropic],
  ['gemini', gemini],
])('counts of a hostile provider of kind %s (B4, B5)', (_kind, read) => {
  it('are believed where they can be true', () => {
    expect(read(7, 3)).toMatchObject({ inputTokens: 7, outputTokens: 3, isEstimated: false })
  })

  it('are not believed below zero, in parts, as another type or beyond what fits anywhere: they are estimated', () => {
    fc.assert(
      fc.property(absurd, fc.boolean(), (count, isInput) => {
        expect(isInput ? read(count, 3) : read(7, count)).toBeNull()
      }),
    )
  })
})

it('of a cache below zero do not make a request of Anthropic cheaper', () => {
  expect(anthropic(7, 3, -1_000_000)).toBeNull()
})
