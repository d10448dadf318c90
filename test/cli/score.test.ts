import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { score } from '#cli/score.ts'
import type { ChatPort } from '#evaluators/evaluator.ts'

const dir = mkdtempSync(join(tmpdir(), 'interlock-score-'))
afterAll(() => rmSync(dir, { recursive: true }))

function file(name: string, content: string | Uint8Array): string {
  const path = join(dir, name)
  writeFileSync(path, content)
  return path
}

const jsonl = (...items: unknown[]) => items.map((item) => JSON.stringify(item)).join('\n')

async function run(args: readonly string[], chat?: ChatPort['complete']) {
  const out: string[] = []
  const err: string[] = []
  const io = { stdout: (line: string) => out.push(line), stderr: (line: string) => err.push(line) }
  const code = await score(args, io, chat ? () => ({ complete: chat }) : undefined)
  return { code, err: err.join('\n'), scores: out.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

describe('interlock score', () => {
  it('prints one score per item, in their order, with status and reason', async () => {
    const items = file(
      'ok.jsonl',
      jsonl(
        { id: 'a', output: '{"x":1}' },
        { id: 'b', output: 'prose' },
        { id: 'c', output: '{"x":"1"}', schema: { properties: { x: { type: 'integer' } } } },
        { id: 'd', output: '1', schema: { type: 'nonsense' } },
      ),
    )
    const { code, scores } = await run(['--evaluator', 'json_validity', '--items', items, '--json'])
    expect(code).toBe(0)
    expect(scores.map(({ id, value, status }) => [id, value, status])).toEqual([
      ['a', 1, 'scored'],
      ['b', 0, 'scored'],
      ['c', 0, 'scored'],
      ['d', null, 'errored'],
    ])
    expect(Object.keys(scores[0]!)).toEqual(['id', 'value', 'status', 'reason'])
    expect(scores[2]?.['reason']).toContain('/x must be integer')
  })

  it('takes the configuration from a file', async () => {
    const items = file('near.jsonl', jsonl({ id: 'a', output: '41.5', reference: '42' }, { id: 'b', output: '42' }))
    const config = file('tolerance.json', '{"tolerance": 0.5}')
    const { scores } = await run(['--evaluator', 'numeric', '--items', items, '--config', config])
    expect(scores.map(({ value, status }) => [value, status])).toEqual([
      [1, 'scored'],
      [null, 'not_applicable'],
    ])
  })

  it('names bad lines by number, scores the others, and exits 2', async () => {
    const lines = ['{"id":"a","output":"1"}', 'not json', '', '{"output":"1"}', '{"id":"e","output":7}', '[1]']
    const items = file(
      'bad.jsonl',
      `${lines.join('\n')}\n{"id":"g","output":"1","context":"c"}\n{"id":"h","output":"2"}\r\n`,
    )
    const { code, scores, err } = await run(['--evaluator', 'json_validity', '--items', items])
    expect(code).toBe(2)
    expect(scores.map(({ id }) => id)).toEqual(['a', 'h'])
    expect(err).toContain('line 2: not one JSON object')
    expect(err).toContain('line 4: /id is missing')
    expect(err).toContain('line 5: /output must be string')
    expect(err).toContain('line 6: the item must be object')
    expect(err).toContain('line 7: /context must be array')
    expect(err).toContain('5 bad lines')
  })

  it('reports bytes that are no UTF-8 instead of scoring something else', async () => {
    const items = file('latin1.jsonl', Buffer.from('{"id":"a","output":"caf\xe9"}\n', 'latin1'))
    expect(await run(['--evaluator', 'json_validity', '--items', items])).toMatchObject({
      code: 2,
      scores: [],
      err: expect.stringContaining('line 1: not UTF-8'),
    })
  })

  it('ends lines at line feeds only: U+2028 inside an answer is text', async () => {
    const items = file('separator.jsonl', '\uFEFF{"id":"a","output":"\u2028x","reference":"x"}\n')
    const { code, scores } = await run(['--evaluator', 'exact', '--items', items])
    expect(code).toBe(0)
    expect(scores).toMatchObject([{ id: 'a', value: 1 }])
  })

  it.each([
    [['--items', 'x'], '--evaluator NAME is missing; known: citations, contains'],
    [['--evaluator', 'exact'], '--items FILE.jsonl is missing'],
    [['--evaluator', 'exakt', '--items', 'x'], 'no evaluator "exakt"; known: citations, contains'],
    [['--evaluator', 'regex', '--items', 'x'], '/pattern: is required'],
    [['--evaluator', 'exact', '--items', join(dir, 'none')], 'there is no such file'],
    [['--evaluator', 'exact', '--items', dir], 'is a folder'],
    [['--evaluator', 'exact', '--items', file('empty.jsonl', '\n\n')], 'holds no items'],
    [['--evaluator', 'exact', '--items', 'x', '--config', file('list.json', '[]')], 'one JSON object'],
    [['--evaluator', 'exact', '--items', 'x', '--config', file('broken.json', '{')], 'not JSON'],
    [['--evaluator', 'exact', '--items', 'x', '--config', join(dir, 'none')], 'there is no such file'],
    [['--evaluator', 'exact', '--items', 'x', '--verbose'], 'there is no flag "--verbose"'],
  ])('exits 2 and says what is wrong: %j', async (args, message) => {
    const { code, err, scores } = await run(args)
    expect({ code, scores }).toEqual({ code: 2, scores: [] })
    expect(err).toContain(message)
  })

  it('says that a judge needs a provider when none is set up', async () => {
    const config = file('judge.json', '{"judge":"a/b","mode":"rubric","criteria":["polite"]}')
    const items = file('one.jsonl', jsonl({ id: 'a', output: 'x' }))
    expect(await run(['--evaluator', 'llm_judge', '--items', items, '--config', config])).toMatchObject({
      code: 2,
      err: expect.stringContaining('no provider'),
    })
  })

  it('keeps the order of items although judges answer out of order, at most eight at once', async () => {
    const config = file('judge.json', '{"judge":"a/b","mode":"rubric","criteria":["polite"]}')
    const ids = Array.from({ length: 30 }, (_, i) => `item-${i}`)
    const items = file('many.jsonl', jsonl(...ids.map((id) => ({ id, output: `answer of ${id}` }))))
    const waiting: (() => void)[] = []
    let most = 0
    const chat: ChatPort['complete'] = async () => {
      const reply = { criteria: [{ id: 'c1', evidence: [], reasoning: 'r', verdict: 'met' }] }
      await new Promise<void>((resolve) => {
        waiting.push(resolve)
        most = Math.max(most, waiting.length)
        // last come, first served
        if (waiting.length >= 8) waiting.pop()?.()
        else setImmediate(() => waiting.pop()?.())
      })
      return { text: JSON.stringify(reply), finishReason: 'stop', costMicroUsd: 1 }
    }
    const { code, scores } = await run(['--evaluator', 'llm_judge', '--items', items, '--config', config], chat)
    expect(code).toBe(0)
    expect(scores.map(({ id }) => id)).toEqual(ids)
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(8)
  })

  it('mentions a field it does not know, once', async () => {
    const items = file(
      'typo.jsonl',
      jsonl({ id: 'a', output: '1', refrence: '1' }, { id: 'b', output: '1', refrence: '1' }),
    )
    const { code, err } = await run(['--evaluator', 'numeric', '--items', items])
    expect(code).toBe(0)
    expect(err.match(/field "refrence" is not used/g)).toHaveLength(1)
  })
})
