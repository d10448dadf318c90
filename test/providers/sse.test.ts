import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dataOf, EventSplitter } from '#providers/sse.ts'

/** All events of a text, fed in pieces that end at the given places. */
function split(text: Buffer, cuts: readonly number[]): { events: string[]; pending: number } {
  const splitter = new EventSplitter(1_000_000)
  const events: string[] = []
  const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length]
  for (let index = 1; index < places.length; index += 1) {
    const piece = text.subarray(places[index - 1], places[index])
    events.push(...(splitter.push(piece) ?? []).map((event) => event.toString('utf8')))
  }
  return { events, pending: splitter.pendingBytes }
}

const event = fc.oneof(
  fc.string({ unit: 'grapheme' }).map((text) => `data: ${JSON.stringify({ text })}\n\n`),
  fc.constantFrom(
    'data: [DONE]\n\n',
    ': keep-alive\n\n',
    'event: ping\r\ndata: {}\r\n\r\n',
    'data: a\ndata: b\n\n',
    '\n',
  ),
)

describe('server-sent events', () => {
  it('come out whole and unchanged wherever the bytes were cut', () => {
    fc.assert(
      fc.property(fc.array(event), fc.array(fc.nat(2_000)), (events, cuts) => {
        const text = Buffer.from(events.join(''))
        expect(split(text, cuts)).toEqual({ events, pending: 0 })
      }),
    )
  })

  it('are found when every byte comes alone', () => {
    const events = ['data: {"a":"é\\n"}\r\n\r\n', ': x\n\n', 'data: [DONE]\n\n']
    const text = Buffer.from(events.join(''))
    expect(
      split(
        text,
        Array.from({ length: text.length }, (_, i) => i),
      ).events,
    ).toEqual(events)
  })

  it('leave what has begun and not ended pending', () => {
    expect(split(Buffer.from('data: 1\n\ndata: {"half'), [3, 12])).toEqual({ events: ['data: 1\n\n'], pending: 12 })
  })

  it('are refused when one grows without end', () => {
    const splitter = new EventSplitter(100)
    expect(splitter.push(Buffer.from(`data: ${'x'.repeat(90)}`))).toEqual([])
    expect(splitter.push(Buffer.from('xxxxxxxxxx'))).toBeNull()
  })

  it.each<[string, string | null]>([
    ['data: {"a":1}\n\n', '{"a":1}'],
    ['data:{"a":1}\r\n\r\n', '{"a":1}'],
    ['event: x\ndata: 1\n\n', '1'],
    ['data: a\ndata: b\n\n', 'a\nb'],
    [': comment\n\n', null],
    ['id: 4\n\n', null],
    ['data: [DONE]\n\n', '[DONE]'],
    ['data:\n\n', ''],
    ['\n', null],
  ])('carry data: %j has %j', (text, expected) => {
    expect(dataOf(text)).toBe(expected)
  })
})
