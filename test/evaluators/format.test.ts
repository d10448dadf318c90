import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fingerprintDistance, fingerprintOf, formatDrift } from '#evaluators/fingerprint.ts'
import { structureOf } from '#evaluators/markdown-structure.ts'
import { problemsOf, scoredValue, scoreOf } from './support.ts'

const holds = (constraints: Record<string, unknown>, output: string) =>
  scoredValue('format', { constraints }, { output })

describe('format (C5)', () => {
  it.each<[string, Record<string, unknown>, string, string]>([
    ['words', { words: { max: 3 } }, 'one two three', 'one two three four'],
    ['words of a script without spaces', { words: { min: 3 } }, '东京是日本的首都', '东京'],
    ['a word with an apostrophe once', { words: 2 }, 'don’t go', 'do not go'],
    ['sentences', { sentences: 2 }, 'Dr. Ray came. He left.', 'He came and left.'],
    ['paragraphs', { paragraphs: 2 }, 'a\n\n\nb', 'a\nb'],
    ['bullets', { bullets: 2 }, '- a\n* b', '- a\n- b\n- c'],
    ['bullets, not those in code', { bullets: 0 }, '```\n- a\n```', '- a'],
    ['numbered items', { numbered: { min: 2 } }, '1. a\n2) b', '1. a'],
    ['headings', { headings: 1 }, '# One\ntext', '#One\ntext'],
    ['headings in order', { headingsInOrder: ['A', 'B'] }, '# a\n## x\n# B', '# B\n# A'],
    ['tables', { tables: 1 }, '| a | b |\n|---|---|\n| 1 | 2 |', '| a | b |\n| 1 | 2 |'],
    ['code blocks', { codeBlocks: 1 }, '```js\nx\n```', '`x`'],
    ['highlights', { highlights: { min: 2 } }, '**a** and *b*', '**a** and b'],
    ['placeholders', { placeholders: 1 }, 'Dear [name]', 'Dear you'],
    ['words in capitals', { capitalWords: { max: 1 } }, 'a STOP sign', 'STOP AND GO'],
    ['phrases to include', { include: ['New York'] }, 'in new  york', 'in York'],
    ['words to exclude, whole ones', { exclude: ['cat'] }, 'concatenate', 'a Cat'],
    ['words to exclude in Chinese', { exclude: ['雨'] }, '今天晴', '今天下雨了'],
    ['how often a word occurs', { mentions: { go: { min: 2 } } }, 'Go, go!', 'go'],
    ['characters to exclude', { excludeCharacters: ',，' }, 'a b', 'a，b'],
    ['the beginning', { startsWith: 'Dear' }, '"dear all', 'Hi, Dear'],
    ['the end, without quotes and full stop', { endsWith: 'Un saludo' }, 'Hola. Un saludo.', 'Un saludo a todos'],
    ['upper case', { letterCase: 'upper' }, 'ÀÉ 1!', 'Àé'],
    ['lower case', { letterCase: 'lower' }, 'straße 1', 'Straße'],
    ['one of several answers', { oneOf: ['Yes.', 'No.'] }, 'My answer is yes.', 'Perhaps.'],
    ['quotation marks around', { quoted: true }, '“so”', 'so'],
    ['a title', { title: true }, '<<One>>\ntext', '<< >>'],
    ['JSON', { json: true }, '{"a":1}', 'a'],
    ['JSON keys in order', { jsonKeys: ['a', 'b'] }, '{"a":1,"x":0,"b":2}', '{"b":2,"a":1}'],
    ['plain text', { plainText: true }, 'a - b', '**a**'],
    ['whole Markdown', { validMarkdown: true }, '```\nx\n```', '```\nx'],
    ['a table with equal rows', { validMarkdown: true }, '| a |\n|---|\n| b |', '| a |\n|---|\n| b | c |'],
    ['ISO dates', { isoDates: true }, 'on 2024-05-01', 'on 5/1/2024'],
    ['a pattern', { pattern: '(?m)^P\\.S\\.' }, 'a\nP.S. b', 'a P.S.'],
    ['a pattern it must not match', { notPattern: '\\d' }, 'none', '1'],
    [
      'a language',
      { language: 'fr' },
      'Je ne sais pas où est la gare, mais nous la trouverons.',
      'I do not know where the station is.',
    ],
    ['parts', { parts: { separator: '***', count: 2 } }, 'a\n***\nb', 'a'],
  ])('keeps or breaks: %s', async (_title, constraints, kept, broken) => {
    expect(await holds(constraints, kept)).toBe(1)
    expect(await holds(constraints, broken)).toBe(0)
  })

  it('gives the share of constraints that hold, and with `all` nothing for less than all', async () => {
    const constraints = { words: { max: 2 }, bullets: 3 }
    expect(await holds(constraints, 'one two')).toBe(0.5)
    expect(await scoredValue('format', { constraints, all: true }, { output: 'one two' })).toBe(0)
  })

  it('lets an item’s own constraint win over the configured one of that name', async () => {
    const fields = { output: 'a b c d', expect: { format: { words: 4 } } }
    expect(await scoredValue('format', { constraints: { words: 1 } }, fields)).toBe(1)
  })

  it('calls an item’s own broken constraints an error of the item', async () => {
    const score = (format: unknown) => scoreOf('format', {}, { expect: { format } })
    expect(await score({ wrods: 1 })).toMatchObject({ status: 'errored', reason: expect.stringContaining('wrods') })
    expect(await score({ pattern: '(a)\\1' })).toMatchObject({
      status: 'errored',
      reason: expect.stringContaining('linear'),
    })
  })

  it('overlooks an introduction and emphasis only when it is loose', async () => {
    const output = 'Sure, here it is:\n*HELLO WORLD*'
    const constraints = { letterCase: 'upper' }
    expect(await scoredValue('format', { constraints }, { output })).toBe(0)
    expect(await scoredValue('format', { constraints, loose: true }, { output })).toBe(1)
  })

  it.each([
    [{ constraints: { wrods: 1 } }, '/config/constraints/wrods', 'unknown'],
    [{ constraints: { words: { min: 3, max: 2 } } }, '/config/constraints/words/max', 'below min'],
    [{ constraints: { words: {} } }, '/config/constraints/words', ''],
    [{ constraints: { pattern: '(?=a)' } }, '/config/constraints/pattern', 'linear'],
    [{ constraints: { language: 'xx' } }, '/config/constraints/language', 'one of'],
  ])('refuses %j at registration', (config, path, message) => {
    const problem = problemsOf('format', config).find((found) => found.path.endsWith(path))
    expect(problem?.message).toContain(message)
  })

  it('compares with the built of the reference where it is asked to', async () => {
    const reference = '# A\n\n- one\n- two\n- three'
    const config = { likeReference: 0.2 }
    expect(await scoredValue('format', config, { output: '# Z\n\n- 1\n- 2\n- 3', reference })).toBe(1)
    expect(await scoredValue('format', config, { output: 'Only prose.', reference })).toBe(0)
  })
})

describe('structure of Markdown', () => {
  it('counts what stands outside of code', () => {
    const text =
      '# T\n\ntext [a](http://b.c) **x**\n\n- a\n- b\n\n1. c\n\n> q\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```js\n# no\n- no\n```\n'
    expect(structureOf(text)).toMatchObject({
      headings: [{ level: 1, text: 'T' }],
      bullets: 2,
      numbered: 1,
      lists: 1,
      tables: 1,
      brokenTableRows: 0,
      fences: [{ language: 'js', isClosed: true }],
      quotes: 1,
      links: 1,
      strong: 1,
    })
  })

  it('sees a fence left open whatever stands before it', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !/[`~]/.test(text)),
        (text) => structureOf(`${text}\n\`\`\`\nx`).fences.some(({ isClosed }) => !isClosed),
      ),
    )
  })
})

describe('drift of the format between arms', () => {
  const prose = (index: number) => `Answer ${'word '.repeat(5 + (index % 7))}.`
  const list = (index: number) => `# Title\n\n${'- item\n'.repeat(3 + (index % 3))}`
  const many = (make: (index: number) => string, count = 40) =>
    Array.from({ length: count }, (_, index) => fingerprintOf(make(index)))
  const random = () => {
    let state = 9
    return () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return state / 2 ** 32
    }
  }

  it('finds that one arm began to write lists, and in which features', () => {
    const drift = formatDrift(many(prose), many(list), { random: random(), rounds: 199 })
    expect(drift?.pValue).toBeLessThan(0.01)
    expect(drift?.features.slice(0, 6).map(({ name }) => name)).toEqual(expect.arrayContaining(['bullets', 'headings']))
  })

  it('finds nothing between an arm and itself', () => {
    expect(formatDrift(many(prose), many(prose), { random: random(), rounds: 199 })).toMatchObject({
      distance: 0,
      pValue: 1,
    })
  })

  it('says nothing without answers', () => {
    expect(formatDrift([], many(prose), { random: random() })).toBeNull()
  })

  it('is a distance: none to itself, the same both ways, at most 1', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        const [x, y] = [fingerprintOf(a), fingerprintOf(b)]
        expect(fingerprintDistance(x, x)).toBe(0)
        expect(fingerprintDistance(x, y)).toBe(fingerprintDistance(y, x))
        expect(fingerprintDistance(x, y)).toBeLessThanOrEqual(1)
      }),
    )
  })
})
