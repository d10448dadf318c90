import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lexicalModelDocument } from '#datasets/task-prompts.ts'
import { type LexicalDocument, readLexicalModel } from '#domain/lexical.ts'
import { FeatureReader, featureBuckets } from '#domain/lexical-features.ts'

const document = lexicalModelDocument() as LexicalDocument
const model = readLexicalModel(document)

describe('the lexical classifier (A2)', () => {
  it.each([
    ['Summarize the following report in three sentences.\n\nSales rose in May.', 'summarization'],
    ['Write a Python function that parses a date.', 'code'],
    ['Classify the sentiment of this review as positive or negative: I loved it.', 'classification'],
    ['Translate into German: where is the station?', 'rewriting'],
    ['Extract all dates and names from this letter and return JSON.', 'extraction'],
    ['A shop sells 12 pens for 3 dollars. How much do 20 pens cost?', 'reasoning'],
    [
      'Answer the question from the context.\n\nContext: The bridge opened in 1931.\n\nQuestion: When did it open?',
      'retrieval',
    ],
    ['Write a short poem about the moon.', 'generation'],
  ])('knows the task of %j', (text, task) => {
    expect(model.guess(text).task).toBe(task)
  })

  it('gives a label it knows, and a probability, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2_000 }), (text) => {
        const { task, confidence } = model.guess(text)
        expect(model.labels).toContain(task)
        expect(confidence).toBeGreaterThanOrEqual(1 / model.labels.length - 1e-12)
        expect(confidence).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('gives equal texts equal guesses, whatever was read in between', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), (text, between) => {
        const first = model.guess(text)
        model.guess(between)
        expect(model.guess(text)).toEqual(first)
      }),
    )
  })

  it('does not tell composed from decomposed letters, nor capitals', () => {
    expect(model.guess('Résumé de l’été')).toEqual(model.guess('Résumé de l’été'.normalize('NFD')))
    expect(model.guess('WRITE A POEM')).toEqual(model.guess('write a poem'))
  })

  it('reads the beginning and the end of a text of a megabyte and nothing between', () => {
    const [start, end] = ['Write a function. '.repeat(50), 'Return JSON. '.repeat(40)]
    const [one, two] = [`${start}${'a'.repeat(1_000_000)}${end}`, `${start}${'b c\n'.repeat(250_000)}${end}`]
    expect(model.guess(one)).toEqual(model.guess(two))
  })

  it('counts each feature once per hit, and forgets the text before', () => {
    const reader = new FeatureReader()
    reader.read('some other text, '.repeat(30))
    const { places, size, counts } = reader.read('go go')
    const listed = [...places.slice(0, size)]
    expect(new Set(listed).size).toBe(size)
    expect(listed.every((place) => place >= 0 && place < featureBuckets)).toBe(true)
    const elsewhere = counts.reduce((sum, count, place) => sum + (listed.includes(place) ? 0 : count), 0)
    expect(elsewhere).toBe(0)
    // Two words, one pair, one first word, five runs of three, one shape.
    expect(listed.reduce((sum, place) => sum + (counts[place] ?? 0), 0)).toBe(10)
  })

  it.each<[string, Partial<LexicalDocument>, RegExp]>([
    ['of another schema', { schemaVersion: 2 as 1 }, /are of schema 2/],
    ['with other buckets', { buckets: 16 }, /have 16 buckets/],
    ['cut short', { weights: document.weights.slice(0, 400) }, /do not fit/],
    ['with a label too many', { labels: [...document.labels, 'x'] }, /do not fit/],
    ['that is no base64', { weights: `!${document.weights.slice(1)}` }, /are not base64/],
    ['without a temperature', { temperature: 0 }, /no temperature/],
  ])('refuses coefficients %s', (_name, broken, message) => {
    expect(() => readLexicalModel({ ...document, ...broken })).toThrow(message)
  })
})
