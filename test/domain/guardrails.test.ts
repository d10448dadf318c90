import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockIn, checkGuardrails, type Guardrails } from '#domain/guardrails.ts'
import { readingsOf } from '#domain/readings.ts'

const rules: Guardrails = {
  blocked: [
    { name: 'codename', pattern: '(?i)project[ -]?aurora' },
    { name: 'badge', pattern: '\\bEMP-\\d{6}\\b' },
  ],
}

describe('blocked patterns (B6)', () => {
  it.each([
    ['tell me about Project Aurora', 'codename'],
    ['badge EMP-123456.', 'badge'],
    ['pro\u200bject\u00ad aur\u2060ora', 'codename'],
    ['ｐｒｏｊｅｃｔ ａｕｒｏｒａ', 'codename'],
    ['𝐩𝐫𝐨𝐣𝐞𝐜𝐭 𝐚𝐮𝐫𝐨𝐫𝐚', 'codename'],
    ['prоjеct аurоrа', 'codename'],
    ['pröject áurora', 'codename'],
    ['\u202eproject aurora', 'codename'],
    ['EMP-１２３４５６', 'badge'],
  ])('stops %j by the rule it breaks', (text, rule) => {
    expect(blockIn(rules, ['harmless', text])).toEqual({ rule })
  })

  it.each(['the aurora over the project', 'EMP-12345', 'TEMP-123456', 'проект аврора', '', 'p r o j e c t aurora'])(
    'lets %j pass',
    (text) => {
      expect(blockIn(rules, [text])).toBeNull()
    },
  )

  it('does not depend on the order of texts or on other texts', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (before, after) => {
        const clean = [...before, ...after].filter((text) => blockIn(rules, [text]) === null)
        expect(blockIn(rules, clean)).toBeNull()
        expect(blockIn(rules, [...before, 'EMP-000001', ...after])).not.toBeNull()
      }),
    )
  })

  it('finds what the one-by-one search finds, however many patterns are joined', () => {
    const blocked = ['(?i)a|b$', 'x{2}', '^q', '(z)'].map((pattern, index) => ({ name: `r${index}`, pattern }))
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'abxqzAB \n') }), (text) => {
        const alone = blocked.find((rule) => blockIn({ blocked: [rule] }, [text]) !== null)
        expect(blockIn({ blocked }, [text])?.rule).toBe(alone?.name)
      }),
    )
  })

  it('finds the rule by its name among a hundred long ones', () => {
    const blocked = Array.from({ length: 100 }, (_, index) => ({
      name: `r${index}`,
      pattern: `${'(?:a|b)'.repeat(60)}x${index}y`,
    }))
    for (const index of [0, 7, 8, 50, 99]) {
      expect(blockIn({ blocked }, [`..${'ab'.repeat(30)}x${index}y..`])).toEqual({ rule: `r${index}` })
    }
    expect(blockIn({ blocked }, ['ab'.repeat(30)])).toBeNull()
  })

  it('names what is wrong with a pattern and where', () => {
    const blocked = [
      { name: 'a', pattern: '(' },
      { name: 'b', pattern: '(?=x)' },
      { name: 'c', pattern: 'x*' },
      { name: 'c', pattern: 'y' },
    ]
    expect(checkGuardrails({ blocked }, '/guardrails').map(({ path }) => path)).toEqual([
      '/guardrails/blocked/0/pattern',
      '/guardrails/blocked/1/pattern',
      '/guardrails/blocked/2/pattern',
      '/guardrails/blocked/3/name',
    ])
    expect(checkGuardrails(rules, '')).toEqual([])
  })

  it('takes time in proportion to hostile text', () => {
    const hostile: Guardrails = {
      blocked: [
        { name: 'r', pattern: '(a+)+b' },
        { name: 's', pattern: '(x|xx)+y' },
      ],
    }
    // A backtracking engine would not come back from forty characters of this.
    expect(blockIn(hostile, ['a'.repeat(1_000_000), 'x'.repeat(1_000_000)])).toBeNull()
  })

  it('reads ASCII text once and any text first as it stands', () => {
    expect(readingsOf('plain')).toEqual(['plain'])
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(readingsOf(text)[0]).toBe(text)
      }),
    )
  })
})
