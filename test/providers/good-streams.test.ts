import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CommitPoint } from '#providers/commit-point.ts'
import type { ProviderError, StreamEnd } from '#providers/provider.ts'
import { repeatsField } from '#providers/repeated-field.ts'
import { StreamReader } from '#providers/stream-reader.ts'
import { chunk, finish, role } from '#test/support/fake-upstream.ts'

const filler = fc.constantFrom<unknown>(
  chunk({ content: '' }),
  chunk({}),
  chunk({ content: null }),
  ': keep-alive',
  ': OPENROUTER PROCESSING',
)
const content = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => chunk({ content: text })),
  fc.string({ unit: 'binary', minLength: 1 }).map((text) => chunk({ content: text })),
  fc.constantFrom(
    chunk({ content: '"error": {"message": "no"}' }),
    chunk({ content: 'data: [DONE]\n\n' }),
    chunk({ content: '"finish_reason": "stop", "usage": 1, \0' }),
    chunk({ reasoning_content: 'hm' }),
    chunk({ refusal: 'No.' }),
    chunk({ tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '{"a":' } }] }),
    chunk({ tool_calls: [{ index: 0, function: { arguments: '1}' } }] }),
    chunk({ content: 'more' }, null, { usage: null, system_fingerprint: 'fp' }),
  ),
)
const stream = fc.record({
  preamble: fc.array(filler, { maxLength: 6 }),
  parts: fc.array(fc.oneof({ weight: 6, arbitrary: content }, { weight: 1, arbitrary: filler }), {
    minLength: 1,
    maxLength: 12,
  }),
  reason: fc.constantFrom('stop', 'length', 'tool_calls', 'content_filter'),
  hasUsage: fc.boolean(),
  lineEnd: fc.constantFrom('\n', '\r\n'),
  space: fc.constantFrom(' ', ''),
  cuts: fc.array(fc.nat(4_000), { maxLength: 16 }),
  isKept: fc.boolean(),
  attachesAt: fc.nat(20),
})

type Good = typeof stream extends fc.Arbitrary<infer T> ? T : never

function bytesOf({ preamble, parts, reason, hasUsage, lineEnd, space }: Good): Buffer {
  const usage = { choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } }
  const values = [role(), ...preamble, ...parts, finish(reason), ...(hasUsage ? [usage] : []), '[DONE]']
  const lines = values.map((value) => {
    if (typeof value !== 'string') return `data:${space}${JSON.stringify(value)}`
    return value.startsWith(':') ? value : `data:${space}${value}`
  })
  return Buffer.from(lines.map((line) => `${line}${lineEnd}${lineEnd}`).join(''))
}

describe('a whole stream', () => {
  it('is never taken for a broken one, however it is written and cut: 10,000 streams (R8)', () => {
    fc.assert(
      fc.property(stream, (good) => {
        const bytes = bytesOf(good)
        const failures: ProviderError[] = []
        const ends: StreamEnd[] = []
        const passed: Buffer[] = []
        const point = new CommitPoint(new StreamReader(good.isKept, 200), 200, {
          onCommit: () => undefined,
          onFailure: (error) => failures.push(error),
          onBroken: () => undefined,
        })
        const places = [0, ...good.cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
        const attach = () =>
          point.attach({ onBytes: (part) => passed.push(Buffer.from(part)) > 0, onEnd: (end) => ends.push(end) })
        for (let index = 1; index < places.length; index += 1) {
          if (index === good.attachesAt) attach()
          point.push(bytes.subarray(places[index - 1], places[index]))
        }
        if (good.attachesAt === 0 || good.attachesAt >= places.length) attach()
        point.close()
        expect(failures).toEqual([])
        expect(ends.map(({ error }) => error)).toEqual([null])
        expect(ends[0]?.facts.finishReason).toBe(good.reason)
        expect(Buffer.concat(passed).equals(bytes)).toBe(true)
      }),
      { numRuns: 10_000 },
    )
  })
})

describe('a field given twice', () => {
  it('is seen at the top and nowhere else', () => {
    const repeats = (text: string) => repeatsField(Buffer.from(text), 'choices')
    expect(repeats('{"choices":[],"choices" : [1]}')).toBe(true)
    expect(repeats('{"choices":[{"choices":1}]}')).toBe(false)
    expect(repeats('{"a":"\\"choices\\":","choices":["\\\\"],"b":"choices"}')).toBe(false)
  })

  it('is never seen in what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('choices', 'a', '"choices"'), fc.jsonValue()), (value) => {
        expect(repeatsField(Buffer.from(JSON.stringify({ ...value, choices: value })), 'choices')).toBe(false)
      }),
    )
  })
})
