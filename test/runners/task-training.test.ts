import { describe, expect, it } from 'vitest'
import { lexicalDocsPage, lexicalModelDocument, taskPrompts } from '#datasets/task-prompts.ts'
import { readLexicalModel } from '#domain/lexical.ts'
import { accuracyOf, calibrationErrorOf, wilson } from '#runners/task-evaluation.ts'
import { cardOf, pageOf } from '#runners/task-report.ts'
import { digestOf, rowsOf, softmax } from '#runners/task-training.ts'
import { trainTaskClassifier } from '#runners/train-task-classifier.ts'

const prompts = taskPrompts()

describe('training the task classifier (A2)', () => {
  const trained = trainTaskClassifier()

  it('on the shipped prompts gives the shipped coefficients, byte for byte, and the page that describes them', () => {
    expect(trained.document).toEqual(lexicalModelDocument())
    const page = lexicalDocsPage.read()
    const modelDigest = digestOf(`${JSON.stringify(trained.document, null, 1)}\n`)
    expect(pageOf(trained, { page, modelDigest })).toBe(page)
  })

  it('is better than the largest task alone on prompts that people wrote and no training saw', () => {
    const byHand = trained.bySource.heldOut.filter(({ prompt }) => prompt.from === 'by hand')
    const largest = Math.max(
      ...trained.document.labels.map((task) => byHand.filter((one) => one.prompt.task === task).length),
    )
    const [low] = wilson(accuracyOf(byHand), byHand.length)
    expect(low).toBeGreaterThan(largest / byHand.length + 0.2)
  })

  it('never judges a prompt by a model that saw another of its source', () => {
    // A template's wording gives it away: unseen it must be harder than seen.
    const templates = (all: typeof trained.bySource.heldOut) => all.filter(({ prompt }) => prompt.from === 'template')
    expect(accuracyOf(templates(trained.bySource.heldOut))).toBeLessThan(
      accuracyOf(templates(trained.byPrompt.heldOut)),
    )
  })

  it('the rounded coefficients say the same of the prompts as before rounding, but for a few', () => {
    const model = readLexicalModel(trained.document)
    const right = prompts.filter(({ prompt, task }) => model.guess(prompt).task === task).length
    expect(right / prompts.length).toBeGreaterThan(0.97)
  })
})

describe('the shipped prompts', () => {
  it('are under licences that let us copy them, each with its origin, and described by their card', () => {
    const licences = new Set(prompts.map(({ licence }) => licence.replace(/ \(.*\)$/, '')))
    expect([...licences].sort()).toEqual(['Apache-2.0', 'CC-BY-4.0', 'MIT', "the project's own"])
    expect(prompts.every(({ origin, group, prompt }) => origin !== '' && group !== '' && prompt.length <= 1_210)).toBe(
      true,
    )
    expect(new Set(prompts.map(({ id }) => id)).size).toBe(prompts.length)
    expect(cardOf(prompts)).toContain(`${prompts.length} prompts`)
  })
})

describe('what training is made of', () => {
  it('rows have length 1 and a known label; rare tasks count more', () => {
    const labels = [...new Set(prompts.map(({ task }) => task))].sort()
    const rows = rowsOf(prompts, labels)
    for (const { values, label } of rows) {
      expect(Math.hypot(...values)).toBeCloseTo(1, 9)
      expect(label).toBeGreaterThanOrEqual(0)
    }
  })

  it('softmax and calibration error have their known values', () => {
    // Reference: exp(1)/(exp(1)+exp(2)) = 0.26894142137.
    expect([...softmax(Float64Array.of(1, 2), 1)]).toEqual([
      expect.closeTo(0.26894142137, 10),
      expect.closeTo(0.73105857863, 10),
    ])
    expect([...softmax(Float64Array.of(1_000, 0), 1)]).toEqual([1, 0])
    const [prompt] = prompts
    if (prompt === undefined) throw new Error('there are prompts')
    const at = (confidence: number, isRight: boolean) => ({
      prompt,
      guess: isRight ? prompt.task : 'other',
      confidence,
    })
    // Two bins: 0.8 with half right, 0.2 with none right: (2 * 0.3 + 1 * 0.2) / 3.
    expect(calibrationErrorOf([at(0.8, true), at(0.8, false), at(0.2, false)])).toBeCloseTo((2 * 0.3 + 0.2) / 3, 10)
    // Wilson 95 % for 8 of 10: 0.4902 to 0.9433 (statsmodels proportion_confint).
    expect(wilson(0.8, 10)).toEqual([expect.closeTo(0.4902, 3), expect.closeTo(0.9433, 3)])
  })
})
