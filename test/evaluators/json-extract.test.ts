import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { extractJson } from '#evaluators/json-extract.ts'
import { scanJson } from '#evaluators/json-scan.ts'
import { scoredValue, scoreOf } from './support.ts'

describe('extraction levels (C2)', () => {
  it.each([
    [0, '{"a":1}'],
    [0, ' \n[1, 2]\n'],
    [0, '"text"'],
    [0, '12'],
    [1, '\uFEFF{"a":1}'],
    [1, '```json\n{"a":1}\n```'],
    [1, '```\n{"a":1}```'],
    [1, '```json{"a":1}```'],
    [1, '~~~\n{"a":1}\n~~~'],
    [1, '```json\n{"a":"```python\\nx\\n```"}\n```'],
    [2, 'Here you are: {"a":1}. Anything else?'],
    [2, 'As [1] says:\n```json\n{"a":1}\n```\nDone.'],
    [2, 'Result: [{"a":1}]'],
    [2, 'A brace } and then {"a":"}"}'],
    [2, '{"a":1} {"a":2}'],
    [4, 'I cannot do that.'],
    [4, 'See [1] and [2].'],
    [4, 'An empty dictionary is {}.'],
    [3, '{"a": {"b": 1}, "c": '],
    [4, '{"a": {"b": 1} "c": 2}'],
    [4, "{'a': 1}"],
    [3, '{"a": "line\nbreak"}'],
    [3, '```json\n{"a":1,}\n```'],
    [4, '[NaN]'],
    [4, ''],
  ])('level %i: %j', (level, output) => {
    expect(extractJson(output).level).toBe(level)
  })

  it('gives the first object of several', () => {
    expect(extractJson('x {"a":1} y {"a":2}')).toMatchObject({ level: 2, value: { a: 1 } })
  })

  it('passes the levels up to the configured one and no deeper', async () => {
    const outputs = ['{"a":1}', '```json\n{"a":1}\n```', 'So: {"a":1}']
    const passes = async (level: number) =>
      Promise.all(outputs.map((output) => scoredValue('json_validity', { level }, { output })))
    expect(await passes(0)).toEqual([1, 0, 0])
    expect(await passes(1)).toEqual([1, 1, 0])
    expect(await passes(2)).toEqual([1, 1, 1])
  })

  it('finds every JSON value bare, fenced and (containers) in prose (property)', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('', 'So: ', 'Wait } what? '), (value, prose) => {
        const text = JSON.stringify(value)
        expect(extractJson(text)).toMatchObject({ level: 0 })
        expect(extractJson(`\`\`\`json\n${text}\n\`\`\``).level).toBe(1)
        fc.pre(prose !== '' && typeof value === 'object' && value !== null && Object.keys(value).length > 0)
        fc.pre(!Array.isArray(value))
        expect(extractJson(`${prose}${text} — that is all`)).toMatchObject({ level: 2, text })
      }),
      { seed: 11 },
    )
  })

  it('answers any text at all without throwing, and agrees with JSON.parse on level 0 (property)', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
        let parses = true
        try {
          JSON.parse(text)
        } catch {
          parses = false
        }
        expect(extractJson(text).level === 0).toBe(parses)
      }),
      { seed: 12, numRuns: 500 },
    )
  })
})

describe('what JSON.parse swallows', () => {
  it('reports keys given twice, numbers that lose digits and broken Unicode, with their paths', () => {
    const text = '{"a":{"x":1,"x":2},"b/c":[9007199254740993, 1e999],"d":"\\ud800","~":[{"n":-12345678901234567890}]}'
    expect(scanJson(text)).toMatchObject({
      duplicateKeys: ['/a/x'],
      unsafeNumbers: ['/b~1c/0', '/b~1c/1', '/~0/0/n'],
      loneSurrogates: ['/d'],
      depth: 3,
    })
  })

  it('leaves the value at 1 and says so in the reason', async () => {
    expect(await scoreOf('json_validity', {}, { output: '{"a":1,"a":2}' })).toMatchObject({
      value: 1,
      reason: 'valid JSON; but the key /a occurs twice',
      details: { duplicateKeys: ['/a'] },
    })
  })

  it('sees keys as equal when their escapes are', () => {
    expect(scanJson('{"a":1,"\\u0061":2}').duplicateKeys).toEqual(['/a'])
    expect(scanJson('{"a":{"a":1},"b":[{"a":1},{"a":2}]}').duplicateKeys).toEqual([])
  })

  it('finds nothing in what JSON.stringify wrote, and the true depth (property)', () => {
    const depth = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const scan = scanJson(JSON.stringify(value))
        expect(scan.duplicateKeys).toEqual([])
        expect(scan.depth).toBe(depth(value))
      }),
      { seed: 13 },
    )
  })
})
