import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { score } from '#cli/score.ts'
import { evaluatorNames } from '#evaluators/registry.ts'

const dir = mkdtempSync(join(tmpdir(), 'interlock-score-every-'))
afterAll(() => rmSync(dir, { recursive: true }))

/** A case that gives every evaluator something to say. */
const item = {
  id: 'a',
  output: '{"answer": 4} Ray uses 4 GB of memory by default [1].',
  messages: [{ role: 'user', content: 'How much memory does Ray use by default on one machine?' }],
  context: ['Ray uses 4 GB of memory by default.'],
  reference: '{"answer": 4}',
  tools: [{ type: 'function', function: { name: 'look_up', parameters: { type: 'object' } } }],
  toolCalls: [{ function: { name: 'look_up', arguments: '{}' } }],
  expectedToolCalls: [{ name: 'look_up' }],
  finishReason: 'stop',
  expect: {
    escalation: 'must_not',
    factual: { facts: ['4 GB'] },
    format: { words: { max: 20 } },
    language: 'en',
    length: { max: 20 },
    refusal: 'answer',
  },
}
const configs: Readonly<Record<string, unknown>> = {
  contains: { all: ['Ray'] },
  json_fields: { level: 2 },
  json_validity: { level: 2 },
  llm_judge: { judge: 'x/judge', mode: 'rubric', criteria: ['Says how much.'] },
  regex: { pattern: '4 GB' },
}
const verdict = { criteria: [{ id: 'c1', evidence: [], reasoning: 'r', verdict: 'met' }] }

describe('interlock score with every evaluator', () => {
  it.each(evaluatorNames)('scores an item with %s', async (name) => {
    const items = join(dir, `${name}.jsonl`)
    const config = join(dir, `${name}.json`)
    writeFileSync(items, `${JSON.stringify(item)}\n`)
    writeFileSync(config, JSON.stringify(configs[name] ?? {}))
    const out: string[] = []
    const err: string[] = []
    const io = { stdout: (line: string) => out.push(line), stderr: (line: string) => err.push(line) }
    const reply = { text: JSON.stringify(verdict), finishReason: 'stop', costMicroUsd: 1 }
    const args = ['--evaluator', name, '--items', items, '--config', config]
    const code = await score(args, io, () => ({ complete: async () => reply }))
    expect(code, err.join('\n')).toBe(0)
    expect(JSON.parse(out[0] ?? '')).toMatchObject({ id: 'a', status: 'scored', value: expect.any(Number) })
    // the reference is JSON and the answer more than that: only `exact` may say no
    if (name !== 'exact' && name !== 'numeric') expect(JSON.parse(out[0] ?? '').value).toBeGreaterThan(0.5)
  })

  it('names an unknown expectation of an item with its line', async () => {
    const items = join(dir, 'unknown.jsonl')
    writeFileSync(items, `${JSON.stringify({ ...item, expect: { refusals: 'answer' } })}\n`)
    const err: string[] = []
    const io = { stdout: () => {}, stderr: (line: string) => err.push(line) }
    expect(await score(['--evaluator', 'refusal', '--items', items], io)).toBe(2)
    expect(err.join('\n')).toContain('line 1')
  })
})
