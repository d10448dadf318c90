import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { importDataset } from '#cli/import-dataset.ts'
import { type ScriptedAnswer, scriptedApi, terminal } from '#test/cli/scripted-api.ts'

let directory = ''
let api: Awaited<ReturnType<typeof scriptedApi>> | undefined
const file = (name: string, text: string) => {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}
const item = '{"id": "a", "messages": [{"role": "user", "content": "hi"}]}\n'

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'interlock-import-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))
afterEach(async () => {
  expect(api?.unplanned ?? []).toEqual([])
  await api?.close()
  api = undefined
})

async function serve(script: Readonly<Record<string, readonly ScriptedAnswer[]>>) {
  api = await scriptedApi(script)
  return { api, ...terminal({ INTERLOCK_URL: api.url }) }
}

const stored = (notes: readonly string[] = []): ScriptedAnswer => ({
  status: 201,
  body: { name: 'faq', version: 2, items: 1, sha256: 'x', origin: { kind: 'upload', format: 'items', notes } },
})

describe('interlock import (C1, E5)', () => {
  test('sends the file as it is, with the content type of its ending', async () => {
    const { api, io, out } = await serve({ 'POST /api/datasets/faq/versions': [stored()] })
    expect(await importDataset([file('a.jsonl', item), '--dataset', 'faq'], io)).toBe(0)
    expect(api.seen[0]).toMatchObject({ headers: { 'content-type': 'application/x-ndjson' } })
    expect(out).toEqual(['faq@2: 1 items'])
  })

  test('names the format, and tells what was not carried over', async () => {
    const note = '2 × assertion "llm-rubric": here llm_judge in the bar'
    const { io, out } = await serve({ 'POST /api/datasets/faq/versions?format=promptfoo': [stored([note])] })
    const path = file('tests.yaml', 'tests: [{vars: {q: hi}}]')
    expect(await importDataset([path, '--dataset', 'faq', '--format', 'promptfoo'], io)).toBe(0)
    expect(out).toEqual(['faq@2: 1 items', 'not carried over:', `  ${note}`])
  })

  test('--check reads the file without a server or a key, and ends with 2 where it is faulty', async () => {
    const { io, out, err } = terminal({})
    expect(await importDataset([file('a.jsonl', item), '--check', '--json'], io)).toBe(0)
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ items: 1, notes: [] })
    expect(await importDataset([file('b.csv', 'id,prompt\n1'), '--check'], io)).toBe(2)
    expect(err.join('\n')).toContain('/2: line 2: 1 cells, but the header has 2')
  })

  test.each([
    ['without a dataset', ['a.jsonl'], '--dataset NAME is missing'],
    ['with an unknown format', ['a.jsonl', '--dataset', 'x', '--format', 'excel'], 'known: items, promptfoo'],
    ['with an ending its format has not', ['a.xlsx', '--dataset', 'x'], 'ends in .jsonl, .ndjson, .csv'],
    ['of a file that is not there', ['no.jsonl', '--dataset', 'x'], 'ENOENT'],
  ])('%s is refused as wrong usage', async (_title, [path = '', ...rest], message) => {
    file('a.jsonl', item)
    const { io, err } = terminal({})
    expect(await importDataset([join(directory, path), ...rest], io)).toBe(2)
    expect(err.join('\n')).toContain(message)
  })

  test('tells the places at fault that the server names', async () => {
    const body = { detail: 'the dataset is not valid', errors: [{ path: '/2/id', message: 'is missing' }] }
    const { io, err } = await serve({ 'POST /api/datasets/faq/versions': [{ status: 422, body }] })
    expect(await importDataset([file('a.jsonl', item), '--dataset', 'faq'], io)).toBe(2)
    expect(err.join('\n')).toContain('/2/id: is missing')
  })
})
