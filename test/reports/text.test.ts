import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { answerText } from '#reports/helpers.ts'
import { knownMarks, markOf, proposalMark } from '#reports/marks.ts'
import { html } from '#reports/markup.ts'
import { visibleText, visibleView } from '#reports/visible.ts'
import { wordDiff } from '#reports/word-diff.ts'
import { aCase, anAnswer } from '#test/reports/eval-run-factories.ts'

describe('visibleText', () => {
  it.each([
    ['a\u202Eb', 'a‹U+202E›b'],
    ['\u001B[31m', '‹U+001B›[31m'],
    ['\uD800', '‹U+D800›'],
    ['a\u200Bb\uFEFF', 'a‹U+200B›b‹U+FEFF›'],
    ['\u{E0041}', '‹U+E0041›'],
    ['line\r\nnext\tcell', 'line\nnext\tcell'],
    ['a\rb', 'a‹U+000D›b'],
  ])('writes %j as %j', (text, shown) => {
    expect(visibleText(text)).toBe(shown)
  })

  it.each(['naïve café', '日本語', 'مرحبا بالعالم', '👩‍👩‍👧', 'می‌خواهم', '🏳️‍🌈', 'क्‍ष'])('leaves %s as it is', (text) => {
    expect(visibleText(text)).toBe(text)
  })

  it('leaves no invisible character in any view, and changes nothing on a second pass', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    fc.assert(
      fc.property(fc.record({ a: text, b: fc.array(fc.record({ c: text })) }), (view) => {
        const shown = visibleView(view)
        const hidden = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u202a-\u202e\u2066-\u2069]/u
        expect([shown.a, ...shown.b.map((part) => part.c)].filter((part) => hidden.test(part))).toEqual([])
        expect(visibleView(shown)).toEqual(shown)
      }),
    )
  })
})

describe('html', () => {
  it('escapes every value so that it can be read back and opens nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const made = String(html`<p title="${text}">${text}</p>`)
        expect(made.match(/[<>]/g)?.length).toBe(4)
        expect(made.match(/"/g)?.length).toBe(2)
      }),
    )
  })
})

describe('marks', () => {
  it('never tell two states of one kind by the same icon and word', () => {
    for (const { kind, names } of knownMarks()) {
      const shown = names.map((name) => `${markOf(kind, name).icon} ${markOf(kind, name).word}`)
      expect(new Set(shown).size).toBe(names.length)
    }
  })

  it('give the good tone to proven states only', () => {
    const good = knownMarks().flatMap(({ kind, names }) =>
      names.filter((name) => markOf(kind, name).tone === 'good').map((name) => `${kind} ${name}`),
    )
    expect(good).toEqual([
      'verdict pass',
      'proposal promoted',
      'stage done',
      'action advance',
      'action promote',
      'change rose',
      'chain intact',
      'replica current',
      'version stable',
    ])
  })

  it('refuse names from the prototype as unknown', () => {
    expect(() => markOf('verdict', 'constructor')).toThrow(/no verdict "constructor"; known: pass, fail/)
  })

  it('let a pause outrank the stage it happened in', () => {
    expect(proposalMark({ status: 'canary', isPaused: true }).word).toBe('Paused in canary')
    expect(proposalMark({ status: 'rolled_back', isPaused: false, isInconclusive: true }).tone).toBe('warn')
  })
})

describe('wordDiff', () => {
  const words = fc
    .array(fc.constantFrom('alpha', 'beta', 'gamma', '{', '}', ','), { maxLength: 30 })
    .map((list) => list.join(' '))

  it('gives both texts back, and what it leaves unmarked is the same on both sides', () => {
    fc.assert(
      fc.property(words, words, (before, after) => {
        const diff = wordDiff(before, after)
        if (diff === null) return
        expect(diff.before.map((part) => part.text).join('')).toBe(before)
        expect(diff.after.map((part) => part.text).join('')).toBe(after)
        const kept = (parts: typeof diff.before) =>
          parts
            .filter((part) => !part.isChanged)
            .map((part) => part.text)
            .join('')
        expect(kept(diff.before)).toBe(kept(diff.after))
      }),
    )
  })

  it('marks the one word that differs', () => {
    expect(wordDiff('{"priority": "high"}', '{"priority": "urgent"}')?.after.find((part) => part.isChanged)?.text).toBe(
      'urgent',
    )
  })

  it('marks nothing where everything differs or the texts are the same', () => {
    expect(wordDiff('one two three', 'four five six')).toBeNull()
    expect(wordDiff('same', 'same')).toBeNull()
  })
})

describe('answerText', () => {
  it('tells an answer that is missing from one that is empty', () => {
    const of = (text: string | null) =>
      String(answerText(aCase({ candidate: anAnswer(text, { errorClass: 'timeout', error: null }) }), 'candidate'))
    expect(of(null)).toContain('No answer: timeout')
    expect(of('')).toContain('Empty answer')
  })

  it('says how much of a long answer is not shown', () => {
    const output = { text: 'x'.repeat(10), isCut: true, totalChars: 5010 }
    expect(String(answerText(aCase({ candidate: anAnswer('', { output }) }), 'candidate'))).toContain(
      '5,000 more characters',
    )
  })
})
