import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CommitPoint } from '#providers/commit-point.ts'
import type { ProviderError, StreamEnd } from '#providers/provider.ts'
import { StreamReader } from '#providers/stream-reader.ts'
import { chunk, finish, role, words } from '#test/support/fake-upstream.ts'

const event = (value: unknown) => Buffer.from(`data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`)

function aStream(isKept = true) {
  const seen = { committed: 0, failure: null as ProviderError | null, broken: 0, bytes: '', ends: [] as StreamEnd[] }
  const point = new CommitPoint(new StreamReader(isKept, 200), 200, {
    onCommit: () => {
      seen.committed += 1
    },
    onFailure: (error) => {
      seen.failure = error
    },
    onBroken: () => {
      seen.broken += 1
    },
  })
  const attach = () =>
    point.attach({
      onBytes: (bytes) => {
        seen.bytes += bytes.toString('utf8')
        return true
      },
      onEnd: (end) => seen.ends.push(end),
    })
  const push = (...values: unknown[]) => {
    for (const value of values) point.push(event(value))
  }
  return { point, seen, attach, push }
}

describe('the commit point of a stream (A12)', () => {
  it.each<[string, unknown]>([
    ['text', chunk({ content: 'Hi' })],
    [
      'a tool call’s argument',
      chunk({ tool_calls: [{ index: 0, id: 'c1', function: { name: 'f', arguments: '{' } }] }),
    ],
    ['reasoning', chunk({ reasoning_content: 'hm' })],
    ['a refusal', chunk({ refusal: 'No.' })],
    ['a finish', finish('stop')],
  ])('is the first event with %s', (_name, content) => {
    const { push, seen } = aStream()
    push(role(), chunk({ content: '' }), chunk({ content: null }), chunk({}))
    expect(seen.committed).toBe(0)
    push(content)
    expect(seen.committed).toBe(1)
  })

  it('is not reached by roles, empty deltas, comments or the name of a tool', () => {
    const { push, point, seen } = aStream()
    point.push(Buffer.from(': ping\n\n'))
    push(
      role(),
      chunk({ content: '' }),
      chunk({ tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '' } }] }),
    )
    expect(seen.committed).toBe(0)
  })

  it('gives out everything it held back, once and in order', () => {
    const { push, attach, seen } = aStream()
    const events = [role(), chunk({ content: '' }), ...words('one two'), finish(), '[DONE]']
    push(...events)
    attach()
    expect(seen.bytes).toBe(events.map((value) => event(value).toString()).join(''))
    expect(seen.ends).toHaveLength(1)
    expect(seen.ends[0]?.error).toBeNull()
    expect(seen.ends[0]?.facts).toMatchObject({ output: 'one two', finishReason: 'stop', outputCharacters: 7 })
  })

  it('lets the upstream close by itself after a good end, so that its connection lives', () => {
    const { push, point, seen } = aStream()
    push(...words('a'), finish(), '[DONE]')
    point.close()
    expect(seen.broken).toBe(0)
  })

  it('is passed after 64 events even without content', () => {
    const { push, seen } = aStream()
    push(...Array.from({ length: 63 }, () => role()))
    expect(seen.committed).toBe(0)
    push(role())
    expect(seen.committed).toBe(1)
  })

  it('is passed after 256 KiB even without content', () => {
    const { push, seen } = aStream()
    push(chunk({ role: 'assistant', padding: 'x'.repeat(200_000) }))
    expect(seen.committed).toBe(0)
    push(chunk({ role: 'assistant', padding: 'x'.repeat(70_000) }))
    expect(seen.committed).toBe(1)
  })

  it('turns an error inside the stream into a failure before it and an end after it', () => {
    const error = { error: { message: 'overloaded', type: 'server_error', code: 529 } }
    const before = aStream()
    before.push(role(), error)
    expect(before.seen).toMatchObject({ committed: 0, broken: 1, failure: { errorClass: 'server_error' } })
    const after = aStream()
    after.push(...words('a b'))
    after.attach()
    after.push(error)
    expect(after.seen.failure).toBeNull()
    expect(after.seen.ends[0]?.error).toMatchObject({ errorClass: 'server_error', upstream: { message: 'overloaded' } })
    expect(after.seen.bytes).not.toContain('overloaded')
  })
})

describe('how a stream may end (P11, F32, F33)', () => {
  const content = words('a b c')
  it.each<[string, unknown[], string | null]>([
    ['done', [...content, finish(), '[DONE]'], null],
    ['done after a finish by length', [...content, finish('length'), '[DONE]'], null],
    ['done without a finish reason', [...content, '[DONE]'], 'stream_truncated'],
    ['a finish and an orderly close', [...content, finish()], 'stream_truncated'],
    ['a close after content', content, 'stream_truncated'],
    ['a close after a role', [role()], 'stream_truncated'],
    ['a close at once', [], 'invalid_response'],
    ['done without content', [role(), '[DONE]'], 'invalid_response'],
    ['bad JSON first', ['{"choices":'], 'invalid_response'],
    ['bad JSON after content', [...content, '{"choices":'], 'invalid_response'],
    ['a list for an event', [...content, '[1]'], 'invalid_response'],
    ['HTML for an event', ['<html></html>'], 'invalid_response'],
  ])('%s', (_name, events, errorClass) => {
    for (const isKept of [true, false]) {
      const { push, point, attach, seen } = aStream(isKept)
      push(...events)
      point.close()
      attach()
      const error = seen.failure ?? seen.ends[0]?.error ?? null
      expect(error?.errorClass ?? null).toBe(errorClass)
      expect(seen.ends.length + (seen.failure === null ? 0 : 1)).toBe(1)
    }
  })

  it('a cut inside an event is never passed on in part', () => {
    const { point, attach, seen } = aStream()
    point.push(event(chunk({ content: 'whole' })))
    attach()
    point.push(Buffer.from('data: {"choices":[{"delta":{"content":"ha'))
    point.close()
    expect(seen.bytes).toBe(event(chunk({ content: 'whole' })).toString())
    expect(seen.ends[0]?.error?.errorClass).toBe('stream_truncated')
  })

  it('a finish followed by half an event is cut short all the same', () => {
    const { push, point, attach, seen } = aStream()
    push(...content, finish())
    point.push(Buffer.from('data: {"usa'))
    attach()
    point.close()
    expect(seen.ends[0]?.error?.errorClass).toBe('stream_truncated')
  })

  it('never adds a terminal marker that the provider did not send', () => {
    const { push, point, attach, seen } = aStream()
    push(...content, finish())
    attach()
    point.close()
    expect(seen.bytes).not.toContain('[DONE]')
    expect(seen.ends[0]?.error?.message).toContain('terminal marker')
  })

  it('reads usage, tool calls and text of the first choice', () => {
    const { push, attach, seen } = aStream()
    push(
      chunk({ tool_calls: [{ index: 0, id: 'c1', function: { name: 'look', arguments: '{"a"' } }] }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] }),
      finish('tool_calls'),
      { choices: [], usage: { prompt_tokens: 7, completion_tokens: 3, prompt_tokens_details: { cached_tokens: 2 } } },
      '[DONE]',
    )
    attach()
    expect(seen.ends[0]?.facts).toMatchObject({
      finishReason: 'tool_calls',
      toolCalls: [{ id: 'c1', type: 'function', function: { name: 'look', arguments: '{"a":1}' } }],
      usage: { inputTokens: 7, outputTokens: 3, cachedInputTokens: 2, isEstimated: false },
    })
  })

  it('meters without keeping the text', () => {
    const { push, attach, seen } = aStream(false)
    push(...words('one two three'), finish(), '[DONE]')
    attach()
    expect(seen.ends[0]?.facts).toMatchObject({ output: '', outputCharacters: 13, finishReason: 'stop' })
  })
})

describe('a stream that is only metered', () => {
  it('passes the same bytes to the same end as one that is kept, wherever it was cut', () => {
    const part = fc.oneof(
      fc.string({ unit: 'grapheme' }).map((content) => chunk({ content })),
      fc.constantFrom(
        chunk({ content: 'say "error" and "usage": 1' }),
        chunk({ content: 'a\n\nb' }),
        { choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } },
        chunk({}, 'stop'),
        '[DONE]',
        { error: { message: 'overloaded' } },
        '{"half',
        Buffer.from(': ping\n\n'),
        Buffer.from('event: x\r\ndata: {"choices":[]}\r\n\r\n'),
      ),
    )
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(3_000), { maxLength: 8 }), (parts, cuts) => {
        const bytes = Buffer.concat([
          event(chunk({ content: 'first' })),
          ...parts.map((p) => (Buffer.isBuffer(p) ? p : event(p))),
        ])
        const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
        const [kept, metered] = [true, false].map((isKept) => {
          const { point, attach, seen } = aStream(isKept)
          for (let index = 1; index < places.length; index += 1) {
            point.push(bytes.subarray(places[index - 1], places[index]))
            if (index === 1) attach()
          }
          point.close()
          return seen
        })
        expect(metered?.bytes).toBe(kept?.bytes)
        expect(metered?.ends[0]?.error?.errorClass).toBe(kept?.ends[0]?.error?.errorClass)
        expect(metered?.ends[0]?.facts.finishReason).toBe(kept?.ends[0]?.facts.finishReason)
        expect(metered?.ends[0]?.facts.usage).toEqual(kept?.ends[0]?.facts.usage)
      }),
      { numRuns: 500 },
    )
  })
})
