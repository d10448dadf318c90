import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { InterlockError } from '#domain/errors.ts'
import { parseJson } from '#http/body.ts'
import { findJsonFault } from '#http/json-fault.ts'

const parses = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('the first fault of a JSON text', () => {
  test('there is none in what JSON.stringify writes, unless a key is __proto__ or it is too deep', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 12 }), fc.constantFrom(undefined, 2), (value, indent) => {
        const fault = findJsonFault(JSON.stringify(value, null, indent))
        if (fault !== null) expect(fault.kind).toBe('forbidden_key')
      }),
      { seed: 11, numRuns: 500 },
    )
  })

  test('a text broken at any one place is refused exactly when JSON.parse refuses it', () => {
    const edit = fc.tuple(
      fc.nat(),
      fc.constantFrom('', '{', '}', '[', ']', '"', ',', ':', '\\', '0', '-', 'e', 'n', '\n', '\u0001', ' '),
    )
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), edit, (value, [place, piece]) => {
        const text = JSON.stringify(value)
        const at = place % (text.length + 1)
        const broken = `${text.slice(0, at)}${piece}${text.slice(at + 1)}`
        const fault = findJsonFault(broken)
        if (fault === null || fault.kind === 'syntax') expect(fault === null).toBe(parses(broken))
        else expect(parses(broken)).toBe(true)
      }),
      { seed: 12, numRuns: 3_000 },
    )
  })

  test.each([
    ['{"a": 1,}', 1, 9],
    ['{"a": 1\n "b": 2}', 2, 2],
    ['[1, 2', 1, 6],
    ['{"a": nul}', 1, 7],
    ["{'a': 1}", 1, 2],
    ['{"a": "x\ny"}', 1, 9],
    ['{} {}', 1, 4],
    ['{"a": 01}', 1, 8],
    ['"\\u12"', 1, 2],
  ])('%j is refused at line %i, column %i', (text, line, column) => {
    expect(findJsonFault(text)).toMatchObject({ kind: 'syntax', line, column })
  })

  test('64 levels are read, 65 and a million are refused without harm', () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
    expect(findJsonFault(nested(64))).toBeNull()
    expect(findJsonFault(nested(65))).toMatchObject({ kind: 'depth', offset: 64 })
    expect(findJsonFault(nested(1_000_000))?.kind).toBe('depth')
  })

  test('a key given twice is found through escapes too, and __proto__ however it is spelled', () => {
    expect(findJsonFault('{"a": 1, "\\u0061": 2}')).toMatchObject({ kind: 'duplicate_key', path: '/a' })
    expect(findJsonFault('{"x": [{"__pro\\u0074o__": {}}]}')).toMatchObject({
      kind: 'forbidden_key',
      path: '/x/0/__proto__',
    })
    expect(findJsonFault('{"a": {"b": 1}, "c": {"b": 1}}')).toBeNull()
  })
})

describe('reading a body', () => {
  const refusal = (text: string) => {
    try {
      parseJson(Buffer.from(text))
      return null
    } catch (error) {
      return error instanceof InterlockError ? error : null
    }
  }

  test('no refusal quotes the body: it may hold a secret', () => {
    fc.assert(
      fc.property(fc.nat({ max: 30 }), (cut) => {
        const text = '{"key": "sk-thisisverysecret", "other": [1, 2, {"deep": true}]}'
        const error = refusal(text.slice(0, text.length - 1 - cut))
        expect(error?.code).toBe('MALFORMED_JSON')
        expect(JSON.stringify([error?.message, error?.problems])).not.toContain('verysecret')
      }),
      { seed: 13 },
    )
  })

  test('NUL and half surrogates are refused with their place: no database stores them', () => {
    expect(refusal('{"a": ["x", "y\\u0000"]}')?.problems).toMatchObject([{ path: '/a/1' }])
    expect(refusal('{"a": {"b/c": "\\ud800"}}')?.problems).toMatchObject([{ path: '/a/b~1c' }])
    expect(refusal('{"a": "\\ud83d\\ude00"}')).toBeNull()
  })

  test('an empty body, a body of white space and a body that is not UTF-8 say what they are', () => {
    expect(refusal('')?.message).toContain('empty')
    expect(refusal(' \n')?.message).toContain('empty')
    expect(() => parseJson(new Uint8Array([0x22, 0xff, 0x22]))).toThrow('UTF-8')
  })

  test('Object.prototype is never touched', () => {
    refusal('{"__proto__": {"polluted": true}}')
    refusal('{"constructor": {"prototype": {"polluted": true}}}')
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})
