import { readFileSync, statSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { mathJsonDir, mathJsonItems, mathJsonPrices, smokeItems } from '#datasets/builtin-data.ts'
import { parseItems } from '#datasets/load.ts'

interface Answer {
  readonly id: string
  readonly model: string
  readonly answer: string
  readonly json_status: string
  readonly correct: boolean
}

const answers = gunzipSync(readFileSync(`${mathJsonDir()}/answers.jsonl.gz`))
  .toString('utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Answer)

describe('math-json', () => {
  it('holds 600 prompts with a plain number as reference, accepted by the upload itself (C1)', () => {
    const items = mathJsonItems()
    expect(items).toHaveLength(600)
    expect(items.every((item) => /^-?\d+$/.test(item.reference ?? ''))).toBe(true)
    const body = items.map((item) => JSON.stringify(item)).join('\n')
    expect(parseItems(body, 'application/x-ndjson')).toEqual({ items })
  })

  it('gives ranges that do not overlap', () => {
    const evalIds = new Set(mathJsonItems(400).map(({ id }) => id))
    const live = mathJsonItems(200, 400)
    expect(evalIds.size).toBe(400)
    expect(live).toHaveLength(200)
    expect(live.some(({ id }) => evalIds.has(id))).toBe(false)
  })

  it('has slices of about a third each', () => {
    const counts = Map.groupBy(mathJsonItems(), (item) => item.slice?.['length'])
    expect([...counts.keys()].sort()).toEqual(['long', 'medium', 'short'])
    for (const members of counts.values()) expect(members.length).toBeGreaterThan(150)
  })

  it('has one answer of every model to every prompt, and a price of every model', () => {
    const models = mathJsonPrices().map(({ model }) => model)
    expect(models).toHaveLength(9)
    const pairs = new Set(answers.map(({ id, model }) => `${id} ${model}`))
    expect(pairs.size).toBe(5_400)
    expect(new Set(answers.map(({ model }) => model))).toEqual(new Set(models))
    expect(new Set(answers.map(({ id }) => id))).toEqual(new Set(mathJsonItems().map(({ id }) => id)))
  })

  it('shows the shares its card states', () => {
    const card = readFileSync(`${mathJsonDir()}/card.md`, 'utf8')
    const percent = (rows: Answer[], holds: (row: Answer) => boolean) =>
      `${((100 * rows.filter(holds).length) / rows.length).toFixed(1)}%`
    for (const [model, rows] of Map.groupBy(answers, (answer) => answer.model)) {
      const parses = (row: Answer) => row.json_status !== 'invalid'
      const columns = [
        percent(rows, (row) => row.correct),
        percent(rows, parses),
        percent(rows, (row) => row.json_status === 'bare'),
        percent(rows, (row) => row.correct && parses(row)),
      ]
      expect(card).toContain(`| ${model} | ${columns.join(' | ')} |`)
    }
  })

  it('stays below 1.2 MB', () => {
    const bytes = ['prompts.jsonl', 'answers.jsonl.gz', 'prices.json', 'card.md']
      .map((file) => statSync(`${mathJsonDir()}/${file}`).size)
      .reduce((sum, size) => sum + size, 0)
    expect(bytes).toBeLessThan(1_200_000)
  })
})

describe('smoke', () => {
  it('holds ten items that cover every optional field', () => {
    const items = smokeItems()
    expect(items).toHaveLength(10)
    const fields = new Set(items.flatMap((item) => Object.keys(item)))
    expect([...fields].sort()).toEqual([
      'context',
      'expectedToolCalls',
      'id',
      'messages',
      'reference',
      'schema',
      'slice',
      'tags',
      'tools',
    ])
  })
})
