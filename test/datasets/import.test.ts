import { describe, expect, it, vi } from 'vitest'
import { datasetDigest } from '#datasets/digest.ts'
import { importItems } from '#datasets/import.ts'
import { prepareUpload, toRows } from '#datasets/upload.ts'
import { readUpload } from '#datasets/upload-thread.ts'

type Format = Parameters<typeof importItems>[1]
const read = (text: string, format: Format, isYaml = false) => {
  const result = importItems(text, format, isYaml)
  if ('problems' in result) throw new Error(JSON.stringify(result.problems))
  return result
}
const problems = (text: string, format: Format, isYaml = false) => {
  const result = importItems(text, format, isYaml)
  return 'problems' in result ? result.problems : []
}

const config = `# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json
description: support answers
prompts:
  - |
    Answer as support.

    {{ question }} ({{ tone }})
providers: [openai:gpt-4o]
defaultTest:
  vars: &shared
    tone: calm
  assert:
    - type: llm-rubric
      value: is polite
tests:
  - description: refunds
    vars:
      <<: *shared
      question: How do I get a refund?
      context: Refunds take 5 days.
    assert:
      - type: equals
        value: Within 5 days.
      - type: latency
        threshold: 2000
    metadata: {language: en, area: billing}
  - vars: {question: "Give me JSON"}
    assert:
      - type: is-json
        value: {type: object, required: [answer]}
`

describe('promptfoo files (C1)', () => {
  it('become items: the prompt filled in, references, schemas, context and slices, in YAML and in JSON', () => {
    const { items, notes } = read(config, 'promptfoo', true)
    expect(items).toEqual([
      {
        id: '1 refunds',
        messages: [{ role: 'user', content: 'Answer as support.\n\nHow do I get a refund? (calm)\n' }],
        context: ['Refunds take 5 days.'],
        reference: 'Within 5 days.',
        slice: { language: 'en', area: 'billing' },
      },
      {
        id: '2',
        messages: [{ role: 'user', content: 'Answer as support.\n\nGive me JSON (calm)\n' }],
        schema: { type: 'object', required: ['answer'] },
      },
    ])
    // what is not carried over is said, with the evaluator that does it here
    expect(notes).toEqual([
      '2 × assertion "llm-rubric": here llm_judge in the bar',
      '1 × assertion "latency": here a limit on latency_p95_ms in the bar',
    ])
    const asJson = JSON.stringify([{ vars: { question: 'Hi?' }, assert: [{ type: 'equals', value: { a: 1 } }] }])
    expect(read(asJson, 'promptfoo').items).toEqual([
      { id: '1', messages: [{ role: 'user', content: 'Hi?' }], reference: '{"a":1}' },
    ])
  })

  it('may have prompts of chat messages', () => {
    const file = {
      prompts: ['[{"role": "system", "content": "Be {{tone}}."}, {"role": "user", "content": "{{q}}"}]'],
      tests: [{ vars: { tone: '"calm"', q: 'Hi' } }],
    }
    expect(read(JSON.stringify(file), 'promptfoo').items).toMatchObject([
      {
        messages: [
          { role: 'system', content: 'Be "calm".' },
          { role: 'user', content: 'Hi' },
        ],
      },
    ])
  })

  it.each([
    ['a variable that is missing', 'prompts: ["{{q}}"]\ntests: [{vars: {}}]', '/tests/0/vars/q', 'is missing'],
    [
      'template logic',
      'prompts: ["{% if q %}x{% endif %}"]\ntests: [{vars: {q: x}}]',
      '/tests/0/prompts/0',
      'template logic',
    ],
    [
      'a prompt in another file',
      'prompts: [file://p.txt]\ntests: [{vars: {q: x}}]',
      '/tests/0/prompts/0',
      'another file',
    ],
    ['tests in another file', 'tests: tests.csv', '/tests', 'another file'],
    ['no tests', 'prompts: [x]', '/tests', 'is missing'],
    ['vars that name no input', 'tests: [{vars: {a: x, b: y}}]', '/tests/0/vars', 'must hold the input'],
    ['a test that is a text', 'tests: [x]', '/tests/0', 'object with vars'],
    ['a word', 'hello', '', 'list of tests'],
  ])('with %s are refused at that place', (_title, text, path, message) => {
    expect(problems(text, 'promptfoo', true)[0]).toMatchObject({ path, message: expect.stringContaining(message) })
  })

  it('that are not YAML are refused with the line, without the words of the file', () => {
    const [problem] = problems('tests:\n  - vars: {q: "secret words\n  - x: [', 'promptfoo', true)
    expect(problem?.line).toBeGreaterThan(0)
    expect(problem?.message).toMatch(/^not YAML/)
    expect(problem?.message).not.toContain('secret')
  })

  it('cannot unfold a few lines of aliases into gigabytes', async () => {
    const levels = Array.from(
      { length: 12 },
      (_, i) =>
        `a${i}: &a${i} [${
          i === 0
            ? 'x'
            : Array(10)
                .fill(`*a${i - 1}`)
                .join(', ')
        }]`,
    )
    const bomb = new TextEncoder().encode(`${levels.join('\n')}\ntests: [{vars: {q: *a11}}]`)
    const result = await readUpload(bomb, { format: 'promptfoo', mediaType: 'application/yaml' })
    expect(result).toHaveProperty('problems')
  })

  it.each([
    ['a tag of another program', 'tests: [{vars: {q: !!js/function "secret"}}]', /^not YAML/],
    ['a tag of its own', 'tests: [{vars: !mine {q: secret}}]', /^not YAML/],
    ['types of YAML 1.1', '%YAML 1.1\n---\ntests: [{vars: {q: !!binary c2VjcmV0}}]', /YAML 1\.2/],
    ['a key that is no text', 'tests: [{vars: {? {secret: 1} : x}}]', /^not YAML/],
    ['a test that holds itself', 'tests: [&a {vars: {q: x, b: *a}}]', /nested deeper/],
    ['defaults that hold themselves', 'defaultTest: &a {vars: {q: *a}}\ntests: [{vars: {x: y}}]', /nested deeper/],
    ['prompts that hold themselves', 'prompts: &a [*a]\ntests: [{vars: {x: y}}]', /nested deeper/],
  ])('with %s are refused, and nothing of them is written to the log', (_title, text, message) => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const found = problems(text, 'promptfoo', true)
    expect(found[0]?.message).toMatch(message)
    expect(JSON.stringify(found)).not.toContain('secret')
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })

  it('cannot reach a prototype', () => {
    problems('tests: [{vars: {__proto__: {polluted: 1}, q: x}, metadata: {__proto__: 1}}]', 'promptfoo', true)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('files of OpenAI evals (C1)', () => {
  it('become items with the first ideal answer as reference', () => {
    const lines = [
      '{"input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}], "ideal": "4"}',
      '{"input": "Name a colour", "ideal": ["red", "blue"]}',
      '{"item": {"id": "q7", "question": "Why?", "ground_truth": "Because.", "metadata": {"area": "why", "deep": {"x": 1}}}}',
    ]
    const { items, notes } = read(lines.join('\n'), 'openai-evals')
    expect(items).toEqual([
      {
        id: '1',
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: '2+2?' },
        ],
        reference: '4',
      },
      { id: '2', messages: [{ role: 'user', content: 'Name a colour' }], reference: 'red' },
      { id: 'q7', messages: [{ role: 'user', content: 'Why?' }], reference: 'Because.', slice: { area: 'why' } },
    ])
    expect(notes).toEqual([
      '1 × further ideal answers: an item has one reference',
      '1 × metadata "deep" has no place in a slice',
    ])
  })

  it('are refused with row and place', () => {
    const found = problems(
      '{"input": "x"}\n{"ideal": "x"}\nnot json\n[1]\n{"input": [{"role": "robot", "content": "x"}]}',
      'openai-evals',
    )
    expect(found.map(({ path, line }) => [path, line])).toEqual([
      ['/2/input', 2],
      ['/3', 3],
      ['/4', 4],
      ['/5/messages/0/role', 5],
    ])
  })
})

describe('datasets of Langfuse (C1)', () => {
  const rows = [
    {
      id: 'a',
      input: { question: 'Why?', context: ['p1'] },
      expectedOutput: { role: 'assistant', content: 'So.' },
      metadata: { lang: 'en' },
    },
    { id: 'b', input: [{ role: 'user', content: 'Hi' }], expected_output: '{"x":1}', status: 'ACTIVE' },
    { id: 'c', input: 'old', status: 'ARCHIVED' },
    { id: 'd', input: '{"messages": [{"role": "user", "content": "from a table"}]}', metadata: '{"lang": "de"}' },
  ]
  const wanted = [
    {
      id: 'a',
      messages: [{ role: 'user', content: 'Why?' }],
      reference: 'So.',
      context: ['p1'],
      slice: { lang: 'en' },
    },
    { id: 'b', messages: [{ role: 'user', content: 'Hi' }], reference: '{"x":1}' },
    { id: 'd', messages: [{ role: 'user', content: 'from a table' }], slice: { lang: 'de' } },
  ]

  it.each([
    ['JSONL', rows.map((row) => JSON.stringify(row)).join('\n')],
    ['a JSON list', JSON.stringify(rows, null, 2)],
    ['an answer of its API', JSON.stringify({ data: rows, meta: { page: 1 } })],
  ])('are read from %s, archived ones left out and counted', (_title, text) => {
    const { items, notes } = read(text, 'langfuse')
    expect(items).toEqual(wanted)
    expect(notes).toEqual(['1 × record left out: archived'])
  })

  it('are refused where there is no input, and where an id comes twice', () => {
    expect(
      problems('{"id": "a", "input": {"x": 1}}\n{"id": "b", "input": "x"}\n{"id": "b", "input": "y"}', 'langfuse'),
    ).toMatchObject([
      { path: '/1/input', line: 1 },
      { path: '/3/id', line: 3 },
    ])
  })
})

describe('uploads', () => {
  const lines = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      JSON.stringify({ id: `i${i}`, messages: [{ role: 'user', content: `question ${i} ${'x'.repeat(200)}` }] }),
    ).join('\n')
  const kind = { format: 'items', mediaType: 'application/x-ndjson' } as const

  it('give the digest of their items, and their rows in order', () => {
    const prepared = prepareUpload(new TextEncoder().encode(lines(3)), kind)
    if ('problems' in prepared) throw new Error('not read')
    const items = prepared.rows.map(({ json }) => JSON.parse(json))
    expect(prepared.sha256).toBe(datasetDigest(items))
    expect(toRows(items)).toEqual({ sha256: prepared.sha256, rows: prepared.rows })
    expect(prepared.rows.map(({ id }) => id)).toEqual(['i0', 'i1', 'i2'])
  })

  it('that are large are read in a thread to the same result, several at once', async () => {
    const body = new TextEncoder().encode(lines(2_000))
    const here = prepareUpload(body, kind)
    const results = await Promise.all([readUpload(body.slice(), kind), readUpload(body.slice(), kind)])
    expect(results).toEqual([here, here])
  })

  it('that are large and faulty give the same problems from the thread', async () => {
    const body = new TextEncoder().encode(`${lines(2_000)}\nnot json`)
    expect(await readUpload(body.slice(), kind)).toEqual(prepareUpload(body, kind))
    const csv = new TextEncoder().encode(`id,prompt\n${'x,"'.padEnd(300_000, 'y')}`)
    expect(await readUpload(csv, { format: 'items', mediaType: 'text/csv' })).toMatchObject({
      problems: [{ path: '/2/prompt', line: 2 }],
    })
  })

  it('that share their memory with other buffers leave it alone', async () => {
    const shared = Buffer.from('tests: [{vars: {q: hi}}]')
    const neighbour = Buffer.from('other bytes')
    const result = await readUpload(shared, { format: 'promptfoo', mediaType: 'application/yaml' })
    expect(result).toMatchObject({ rows: [{ id: '1' }] })
    expect(neighbour.toString()).toBe('other bytes')
  })
})
