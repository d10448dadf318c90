import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DatasetItem } from '#datasets/item.ts'
import { itemFields, itemLimits } from '#datasets/item-schema.ts'
import { maxProblems, type Problem, parseItems } from '#datasets/load.ts'

const good = { id: 'a', messages: [{ role: 'user', content: 'hello' }] }

function jsonl(...lines: unknown[]): string {
  return lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')
}

function itemsOf(body: Uint8Array | string, type: 'application/x-ndjson' | 'text/csv' = 'application/x-ndjson') {
  const parsed = parseItems(body, type)
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems))
  return parsed.items
}

function problemsOf(body: Uint8Array | string, type: 'application/x-ndjson' | 'text/csv' = 'application/x-ndjson') {
  const parsed = parseItems(body, type)
  return 'problems' in parsed ? parsed.problems : []
}

function firstProblem(body: Uint8Array | string, type?: 'application/x-ndjson' | 'text/csv'): Problem {
  const [problem] = problemsOf(body, type)
  if (problem === undefined) throw new Error('accepted')
  return problem
}

describe('JSONL upload (C1)', () => {
  it('keeps every field of an item and the extra fields of its messages', () => {
    const item: DatasetItem = {
      id: 'full',
      messages: [
        { role: 'system', content: 'be short' },
        { role: 'user', content: [{ type: 'text', text: 'hi' }] },
        { role: 'assistant', content: null, tool_calls: [{ id: '1', type: 'function' }] },
        { role: 'tool', content: 'found', tool_call_id: '1' },
      ],
      reference: 'r',
      context: ['one', 'two'],
      schema: { type: 'object' },
      tools: [{ type: 'function', function: { name: 'look_up' } }],
      expectedToolCalls: [{ name: 'look_up', arguments: {} }],
      expect: { refusal: 'answer', format: { words: 3 } },
      tags: ['edge', 'high-value'],
      cluster: 'manual.pdf',
      slice: { language: 'en' },
    }
    expect(itemsOf(jsonl(item))).toEqual([item])
  })

  it('reads CRLF, empty lines, a byte order mark and a missing last line break', () => {
    const text = `\ufeff${JSON.stringify(good)}\r\n\r\n  \n${JSON.stringify({ ...good, id: 'b' })}`
    expect(itemsOf(text).map(({ id }) => id)).toEqual(['a', 'b'])
    expect(itemsOf(new TextEncoder().encode(text)).map(({ id }) => id)).toEqual(['a', 'b'])
  })

  it.each<[string, unknown, string, RegExp]>([
    [
      'unknown field',
      { ...good, refrence: 'x' },
      '/1/refrence',
      /unknown field "refrence"; known: id, messages, reference/,
    ],
    [
      'expectation of no evaluator',
      { ...good, expect: { refusals: 'answer' } },
      '/1/expect/refusals',
      /unknown field "refusals"; known: citations, escalation/,
    ],
    ['no id', { messages: good.messages }, '/1/id', /missing/],
    ['id of wrong type', { ...good, id: 7 }, '/1/id', /must be string/],
    ['empty id', { ...good, id: '' }, '/1/id', /fewer than 1/],
    ['long id', { ...good, id: 'x'.repeat(201) }, '/1/id', /more than 200/],
    ['id with line break', { ...good, id: 'a\nb' }, '/1/id', /control/],
    ['no messages', { id: 'a' }, '/1/messages', /missing/],
    ['empty messages', { id: 'a', messages: [] }, '/1/messages', /fewer than 1/],
    [
      'unknown role',
      { id: 'a', messages: [{ role: 'bot', content: 'x' }] },
      '/1/messages/0/role',
      /one of system, developer/,
    ],
    ['role of wrong type', { id: 'a', messages: [{ role: 1, content: 'x' }] }, '/1/messages/0/role', /must be string/],
    ['no content', { id: 'a', messages: [{ role: 'user' }] }, '/1/messages/0/content', /missing/],
    [
      'null user content',
      { id: 'a', messages: [{ role: 'user', content: null }] },
      '/1/messages/0/content',
      /string or array/,
    ],
    [
      'part without type',
      { id: 'a', messages: [{ role: 'user', content: [{}] }] },
      '/1/messages/0/content/0/type',
      /missing/,
    ],
    ['message no object', { id: 'a', messages: ['hi'] }, '/1/messages/0', /must be object/],
    ['context as text', { ...good, context: 'x' }, '/1/context', /must be array/],
    ['context of numbers', { ...good, context: [1] }, '/1/context/0', /must be string/],
    ['schema as text', { ...good, schema: '{}' }, '/1/schema', /must be object/],
    ['cluster of wrong type', { ...good, cluster: 7 }, '/1/cluster', /must be string/],
    ['empty cluster', { ...good, cluster: '' }, '/1/cluster', /fewer than 1/],
    ['tag twice', { ...good, tags: ['a', 'a'] }, '/1/tags', /duplicate/],
    ['slice of numbers', { ...good, slice: { n: 1 } }, '/1/slice/n', /must be string/],
    ['number line', '7', '/1', /must be object/],
    ['null line', 'null', '/1', /must be object/],
    ['array file', '[{"id": "a"}]', '/1', /one JSON object per line/],
    ['broken JSON', '{"id": "a", ', '/1', /not JSON/],
    ['NaN', '{"id": NaN}', '/1', /not JSON/],
    [
      'overflowing number',
      '{"id":"a","messages":[{"role":"user","content":"x","n":1e999}]}',
      '/1/messages/0/n',
      /out of range/,
    ],
  ])('refuses %s and says where', (_, line, path, message) => {
    const problem = firstProblem(jsonl(line as never))
    expect(problem).toEqual({ path, line: 1, message: expect.stringMatching(message) })
  })

  it('gives the line of each fault and goes on after it', () => {
    const problems = problemsOf(
      jsonl(good, '{', '', { ...good, id: 'b', x: 1 }, { id: 'c', messages: [{ role: 'robot', content: '' }] }),
    )
    expect(problems.map(({ path, line }) => [path, line])).toEqual([
      ['/2', 2],
      ['/4/x', 4],
      ['/5/messages/0/role', 5],
    ])
  })

  it('stops at 50 problems', () => {
    const lines = Array.from({ length: 200 }, (_, n) => ({ ...good, id: `i${n}`, wrong: true }))
    const problems = problemsOf(jsonl(...lines))
    expect(problems).toHaveLength(maxProblems)
    expect(problems.at(-1)?.line).toBe(50)
  })

  it('refuses a second item of the same id and names the first', () => {
    expect(firstProblem(jsonl(good, { ...good, id: 'b' }, good))).toEqual({
      path: '/3/id',
      line: 3,
      message: expect.stringContaining('row 1'),
    })
  })

  it.each(['', '\n\n', '\ufeff', ' \r\n '])('refuses a file without items: %j', (text) => {
    expect(firstProblem(text)).toEqual({ path: '', line: 0, message: 'the file holds no items' })
  })

  it('refuses what PostgreSQL cannot store as jsonb, raw or escaped, in values and in names', () => {
    const escaped = (content: string) => `{"id":"a","messages":[{"role":"user","content":"${content}"}]}`
    expect(firstProblem(escaped('\\u0000')).path).toBe('/1/messages/0/content')
    expect(firstProblem(escaped('\\ud83d')).message).toMatch(/surrogate/)
    expect(firstProblem('{"id":"a","messages":[{"role":"user","content":"x","k\\u0000":1}]}').message).toMatch(
      /field name .*NUL/,
    )
    expect(firstProblem(`\n${escaped('\ud83d')}`)).toMatchObject({ path: '', line: 2 })
    expect(firstProblem(`${escaped('\u0000')}`).message).toMatch(/NUL/)
    expect(itemsOf(escaped('\\ud83d\\ude00'))).toHaveLength(1)
  })

  it('refuses bytes that are not UTF-8 and names the line', () => {
    const bytes = Buffer.concat([
      Buffer.from(`${JSON.stringify(good)}\n{"id":"`),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}\n'),
    ])
    expect(firstProblem(bytes)).toEqual({ path: '/2', line: 2, message: expect.stringContaining('UTF-8') })
    expect(firstProblem(Buffer.from('{"id":1}', 'utf16le')).message).toMatch(/NUL|UTF-8/)
  })

  it('refuses oversized, very deep and very many-valued items without falling over', () => {
    expect(firstProblem(jsonl({ ...good, reference: 'x'.repeat(itemLimits.itemChars) })).message).toMatch(/1048576/)
    expect(firstProblem(`{"id":"a","schema":${'['.repeat(100_000)}${']'.repeat(100_000)}}`).message).toMatch(/deeper/)
    expect(firstProblem(jsonl({ ...good, context: Array(30_000).fill(1) })).message).toMatch(/20000 values/)
  })

  it('quotes no upload text in its messages beyond the name of a field', () => {
    const text = jsonl('{"id": "a", secret-4111}', { ...good, reference: { card: 'secret-4111' } }, 'secret-4111')
    expect(JSON.stringify(problemsOf(text))).not.toContain('secret-4111')
  })

  it('keeps a hostile field name short and on one JSON pointer segment', () => {
    const problem = firstProblem(jsonl({ ...good, [`a/b~${'x'.repeat(10_000)}`]: 1 }))
    expect(problem.path).toMatch(/^\/1\/a~1b~0x+…$/)
    expect(problem.message.length).toBeLessThan(400)
  })

  it('treats __proto__ as an unknown field like any other', () => {
    expect(firstProblem('{"id":"a","messages":[{"role":"user","content":"x"}],"__proto__":{"x":1}}').path).toBe(
      '/1/__proto__',
    )
  })
})

describe('CSV upload (C1)', () => {
  const csv = (text: string) => itemsOf(text, 'text/csv')
  const csvProblem = (text: string) => firstProblem(text, 'text/csv')

  it('reads prompts, quoted cells with commas, quotes and line breaks, and drops empty cells', () => {
    const text = 'id,system,prompt,reference,tags\r\n1,,"say ""hi"",\nplease",hi,"edge, long"\r\n2,be brief,plain,,\r\n'
    expect(csv(text)).toEqual([
      { id: '1', messages: [{ role: 'user', content: 'say "hi",\nplease' }], reference: 'hi', tags: ['edge', 'long'] },
      {
        id: '2',
        messages: [
          { role: 'system', content: 'be brief' },
          { role: 'user', content: 'plain' },
        ],
      },
    ])
  })

  it('reads JSON cells and slice columns', () => {
    const cell = (value: unknown) => `"${JSON.stringify(value).replaceAll('"', '""')}"`
    const text = `id,messages,context,schema,slice.language\nx,${cell(good.messages)},${cell(['p', 'q'])},${cell({ type: 'object' })},de\n`
    expect(csv(text)).toEqual([
      { id: 'x', messages: good.messages, context: ['p', 'q'], schema: { type: 'object' }, slice: { language: 'de' } },
    ])
  })

  it('reads a cluster as it is written, a number too', () => {
    expect(csv('id,prompt,cluster\nx,hi,7\ny,ho,\n').map(({ cluster }) => cluster)).toEqual(['7', undefined])
  })

  it('takes a passage that begins with a bracket as text', () => {
    expect(csv('id,prompt,context\n1,q,[1] see below\n')[0]?.context).toEqual(['[1] see below'])
  })

  it.each<[string, string, string, number, RegExp]>([
    ['unknown column', 'id,prompt,answer\n1,q,a\n', '/1/answer', 1, /unknown column "answer"; known: id, prompt/],
    [
      'a thousand columns',
      `id,prompt,${Array.from({ length: 1_000 }, (_, n) => `slice.${n}`)}\n`,
      '/1',
      1,
      /1002 columns/,
    ],
    ['semicolons', 'id;prompt\n1;q\n', '/1/id;prompt', 1, /unknown column/],
    ['column twice', 'id,prompt,prompt\n', '/1/prompt', 1, /twice/],
    ['no id column', 'prompt\nq\n', '/1/id', 1, /missing/],
    ['no prompt column', 'id\n1\n', '/1/prompt', 1, /prompt .* or messages/],
    ['short row', 'id,prompt\n1,q\n2\n', '/3', 3, /1 cells, but the header has 2/],
    ['long row', 'id,prompt\n1,q,r\n', '/2', 2, /3 cells/],
    ['open quote', 'id,prompt\n1,"q\n', '/2/prompt', 2, /never closed/],
    ['text after quote', 'id,prompt\n1,"q"x\n', '/2/prompt', 2, /after the closing quote/],
    ['quote in bare cell', 'id,prompt\n1,a"b\n', '/2/prompt', 2, /inside an unquoted cell/],
    ['both prompt and messages', 'id,prompt,messages\n1,q,[]\n', '/2/messages', 2, /not both/],
    ['empty prompt', 'id,prompt\n1,\n', '/2/prompt', 2, /missing/],
    ['bad JSON cell', 'id,prompt,schema\n1,q,{\n', '/2/schema', 2, /not JSON/],
    ['bad messages', 'id,messages\n1,"[{""role"":""x"",""content"":""y""}]"\n', '/2/messages/0/role', 2, /one of/],
    ['wrong type', 'id,prompt,schema\n1,q,7\n', '/2/schema', 2, /must be object/],
    [
      'many items',
      `id,prompt\n${Array.from({ length: itemLimits.items + 2 }, (_, n) => `${n},q\n`).join('')}`,
      '/100002',
      100_002,
      /more than 100000/,
    ],
    ['header only', 'id,prompt\n', '', 0, /no items/],
    ['same id', 'id,prompt\n1,q\n1,r\n', '/3/id', 3, /row 2/],
  ])('refuses %s with row and column', (_, text, path, line, message) => {
    expect(csvProblem(text)).toEqual({ path, line, message: expect.stringMatching(message) })
  })

  it('gives row and physical line apart when cells span lines', () => {
    expect(csvProblem('id,prompt\n1,"a\nb\nc"\n1,q\n')).toMatchObject({ path: '/3/id', line: 5 })
  })

  it('reads back any table of cells it is given', () => {
    const cell = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\u0000') && text !== '')
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 20 }),
        fc.constantFrom('\n', '\r\n'),
        (rows, eol) => {
          const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
          const lines = rows.map(([prompt, reference], index) =>
            [`r${index}`, quoted(prompt), quoted(reference)].join(','),
          )
          const items = csv(['id,prompt,reference', ...lines].join(eol))
          expect(items.map((item) => [item.messages[0]?.content, item.reference])).toEqual(rows)
        },
      ),
    )
  })
})

describe('any upload', () => {
  it('gives back, from JSONL, exactly the items that were written', () => {
    const text = fc.string({ unit: 'grapheme' }).map((value) => value.replaceAll('\u0000', ''))
    const item = fc.record(
      {
        messages: fc.array(fc.record({ role: fc.constantFrom('system', 'user', 'assistant'), content: text }), {
          minLength: 1,
        }),
        reference: text,
        context: fc.array(text),
        tags: fc.uniqueArray(fc.stringMatching(/^[a-z]{1,8}$/)),
      },
      { requiredKeys: ['messages'] },
    )
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 10 }), (bare) => {
        const items = bare.map((fields, index) => ({ id: `i${index}`, ...fields }))
        expect(itemsOf(Buffer.from(jsonl(...items)))).toEqual(items)
      }),
    )
  })

  it('never throws, and never gives items and problems at once', () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    const near = fc.json().map((line) => Buffer.from(`${line}\n{"id":"a","messages":[{"role":"user","content":"x"}]}`))
    fc.assert(
      fc.property(fc.oneof(bytes, near), fc.constantFrom('application/x-ndjson', 'text/csv'), (body, type) => {
        const parsed = parseItems(body, type as 'text/csv')
        if ('problems' in parsed) expect(parsed.problems.length).toBeGreaterThan(0)
        else
          expect(parsed.items.every((item) => Object.keys(item).every((field) => itemFields.includes(field)))).toBe(
            true,
          )
      }),
      { numRuns: 500 },
    )
  })
})
