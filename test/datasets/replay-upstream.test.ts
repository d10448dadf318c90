import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { gzipSync } from 'node:zlib'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Message } from '#datasets/item.ts'
import { loadCorpus } from '#datasets/replay-corpus.ts'
import { fallbackSentence } from '#datasets/replay-reply.ts'
import { type ReplayOptions, type ReplayUpstream, startReplayUpstream } from '#datasets/replay-upstream.ts'

const root = mkdtempSync(`${tmpdir()}/replay-`)
const user = (content: string): Message[] => [{ role: 'user', content }]
const longJson = JSON.stringify({ reasoning: 'Six times seven is 42, as 😀 knows. '.repeat(8), answer: '42' })

const prompts = [
  { id: 'p1', messages: user('six times seven?'), reference: '42', input_tokens_estimated: 11 },
  { id: 'p2', messages: [{ role: 'system', content: 'be terse' }, ...user('two and two?')], reference: '4' },
  { id: 'p3', question: 'forty plus two?', reference: '42' },
  { id: 'p4', prompt: 'takes?' },
]
const answers = [
  { id: 'p1', model: 'large', answer: longJson, output_tokens_estimated: 77 },
  { id: 'p1', model: 'small', answer: '{"answer": "41"}', output_tokens_reported: 5, output_tokens_estimated: 9 },
  { id: 'p2', model: 'large', answer: '{"answer": "4"}' },
  { id: 'p2', model: 'small', answer: null },
  { id: 'p3', variant: 'large', answer: '{"answer": "42"}' },
  ...['a', 'b', 'c'].map((answer) => ({ id: 'p4', model: 'large', answer })),
  { id: 'lost', model: 'large', answer: 'a prompt nobody knows' },
]

const open: ReplayUpstream[] = []
let dir: string

beforeAll(() => {
  dir = folder('main', { 'prompts.jsonl': prompts, 'answers.jsonl.gz': answers })
})

afterEach(async () => {
  await Promise.all(open.splice(0).map((upstream) => upstream.close()))
})

afterAll(() => rmSync(root, { recursive: true }))

function folder(name: string, files: Record<string, unknown[]>): string {
  const path = `${root}/${name}`
  mkdirSync(path, { recursive: true })
  for (const [file, rows] of Object.entries(files)) {
    const text = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n')
    writeFileSync(`${path}/${file}`, file.endsWith('.gz') ? gzipSync(text) : text)
  }
  return path
}

async function start(options: Partial<ReplayOptions> = {}): Promise<ReplayUpstream> {
  const upstream = await startReplayUpstream({ dir, latencyScale: 0, ...options })
  open.push(upstream)
  return upstream
}

function post(upstream: ReplayUpstream, body: unknown, path = '/v1/chat/completions'): Promise<Response> {
  return fetch(`${upstream.url}${path}`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

async function ask(upstream: ReplayUpstream, model: string, messages: Message[], extra: object = {}) {
  const response = await post(upstream, { model, messages, ...extra })
  const body = (await response.json()) as {
    choices: { message: { content: string }; finish_reason: string }[]
    usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number }
    error?: { code: string | null; param: string | null; message: string }
  }
  const choice = body.choices?.[0]
  return {
    status: response.status,
    replay: response.headers.get('x-replay'),
    text: choice?.message.content,
    finish: choice?.finish_reason,
    usage: body.usage,
    error: body.error,
  }
}

describe('recorded answers', () => {
  it('answers a known prompt with the words and tokens recorded for that model', async () => {
    const upstream = await start()
    expect(await ask(upstream, 'large', user('six times seven?'))).toMatchObject({
      status: 200,
      replay: 'recorded',
      text: longJson,
      finish: 'stop',
      usage: { prompt_tokens: 11, completion_tokens: 77, total_tokens: 88 },
    })
    expect(await ask(upstream, 'small', user('six times seven?'))).toMatchObject({
      text: '{"answer": "41"}',
      usage: { completion_tokens: 5 },
    })
  })

  it('knows a prompt by its text: content parts, white space around it, another system prompt, extra fields', async () => {
    const upstream = await start()
    const known: Message[][] = [
      [{ role: 'user', content: [{ type: 'text', text: 'six times seven?' }] }],
      user('\n six times seven?\n'),
      [
        { role: 'system', content: 'answer in JSON' },
        { role: 'user', content: 'six times seven?', name: 'ada' },
      ],
      [{ role: 'user', content: 'hi' }, { role: 'assistant', content: 'hello' }, ...user('six times seven?')],
    ]
    for (const messages of known)
      expect(await ask(upstream, 'large', messages)).toMatchObject({ replay: 'recorded', text: longJson })
    expect(await ask(upstream, 'large', user('two and two?'))).toMatchObject({
      replay: 'recorded',
      text: '{"answer": "4"}',
    })
    expect(await ask(upstream, 'large', user('forty plus two?'))).toMatchObject({ text: '{"answer": "42"}' })
  })

  it('estimates tokens at four characters where the recording has none', async () => {
    const reply = await ask(await start(), 'large', user('two and two?'))
    expect(reply.usage).toEqual({ prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 })
  })

  it('turns through several recorded takes before it repeats one', async () => {
    const upstream = await start()
    const seen = []
    for (let round = 0; round < 6; round += 1) seen.push((await ask(upstream, 'large', user('takes?'))).text)
    expect(new Set(seen.slice(0, 3))).toEqual(new Set(['a', 'b', 'c']))
    expect(seen.slice(3)).toEqual(seen.slice(0, 3))
  })

  it('does not let the last user message stand for a prompt when two prompts end in it', () => {
    const twins = ['red', 'blue'].map((colour, index) => ({
      id: `t${index}`,
      messages: [{ role: 'user', content: colour }, { role: 'assistant', content: 'ok' }, ...user('go on')],
    }))
    const path = folder('twins', { 'tasks.jsonl': twins, 'answers.jsonl': [{ id: 't0', model: 'm', answer: 'x' }] })
    const corpus = loadCorpus(path)
    expect(corpus.find(user('go on'))).toBeNull()
    expect(corpus.find(twins[1]!.messages)?.prompt.id).toBe('t1')
  })

  it('answers 404 model_not_found for a known prompt and an unknown model, and counts nothing', async () => {
    const upstream = await start()
    const reply = await ask(upstream, 'gpt-9', user('six times seven?'))
    expect(reply).toMatchObject({ status: 404, replay: null, error: { code: 'model_not_found', param: 'model' } })
    expect(upstream.stats().byModel).toEqual({})
  })

  it('marks any other answer as a fallback, the same one each time', async () => {
    const upstream = await start()
    const first = await ask(upstream, 'large', user('who are you?'))
    expect(first).toMatchObject({ status: 200, replay: 'fallback' })
    expect(answers.map(({ answer }) => answer)).toContain(first.text)
    expect((await ask(upstream, 'large', user('who are you?'))).text).toBe(first.text)
    expect(await ask(upstream, 'gpt-9', user('who are you?'))).toMatchObject({
      replay: 'fallback',
      text: fallbackSentence,
    })
    expect(await ask(upstream, 'small', user('two and two?'))).toMatchObject({ replay: 'fallback' })
  })

  it('cuts the answer at the token limit of the request and says so', async () => {
    const reply = await ask(await start(), 'large', user('six times seven?'), { max_completion_tokens: 20 })
    expect(reply).toMatchObject({ finish: 'length', usage: { completion_tokens: 20 } })
    expect(longJson.startsWith(reply.text ?? '-')).toBe(true)
    expect(reply.text?.length).toBeLessThan(longJson.length / 3)
  })

  it('lets a judge answer what matches nothing and asks for a schema, and only that', async () => {
    const upstream = await start({
      respondToJudge: (messages, model) => (model === 'judge' ? `seen ${messages.length}` : null),
    })
    const extra = { response_format: { type: 'json_schema', json_schema: { name: 'v', schema: {} } } }
    expect(await ask(upstream, 'judge', user('which is better?'), extra)).toMatchObject({
      replay: 'judge',
      text: 'seen 1',
    })
    expect(await ask(upstream, 'judge', user('which is better?'))).toMatchObject({ replay: 'fallback' })
    expect(await ask(upstream, 'large', user('which is better?'), extra)).toMatchObject({ replay: 'fallback' })
    expect(await ask(upstream, 'large', user('six times seven?'), extra)).toMatchObject({ replay: 'recorded' })
  })
})

describe('the official client, unchanged', () => {
  const client = (upstream: ReplayUpstream) => new OpenAI({ baseURL: upstream.baseUrl, apiKey: 'any', maxRetries: 0 })
  const params = { model: 'large', messages: [{ role: 'user' as const, content: 'six times seven?' }] }

  it('gets a JSON completion', async () => {
    const completion = await client(await start()).chat.completions.create(params)
    expect(completion.choices[0]?.message).toEqual({ role: 'assistant', content: longJson, refusal: null })
    expect(completion.usage?.total_tokens).toBe(88)
  })

  it.each([0, 0.002])(
    'gets a stream of role, several pieces, finish reason and usage at latency scale %d',
    async (latencyScale) => {
      const upstream = await start({ latencyScale })
      const stream = await client(upstream).chat.completions.create({
        ...params,
        stream: true,
        stream_options: { include_usage: true },
      })
      const chunks = []
      for await (const chunk of stream) chunks.push(chunk)
      const deltas = chunks.flatMap((chunk) => chunk.choices)
      const pieces = deltas.map(({ delta }) => delta.content ?? '').filter((piece) => piece !== '')
      expect(deltas[0]?.delta.role).toBe('assistant')
      expect(pieces.length).toBeGreaterThan(3)
      expect(pieces.every((piece) => piece.isWellFormed())).toBe(true)
      expect(pieces.join('')).toBe(longJson)
      expect(deltas.at(-1)?.finish_reason).toBe('stop')
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 11, completion_tokens: 77 } })
      expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
    },
  )

  it('gets no usage chunk unless it asks, and the stream ends with its marker', async () => {
    const text = await (await post(await start(), { ...params, stream: true })).text()
    expect(text).not.toContain('usage')
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true)
  })

  it('lists and retrieves models, and gets embeddings', async () => {
    const openai = client(await start())
    expect((await openai.models.list()).data.map(({ id }) => id)).toEqual(['large', 'small'])
    expect((await openai.models.retrieve('small')).id).toBe('small')
    await expect(openai.models.retrieve('gpt-9')).rejects.toMatchObject({ status: 404 })
    const input = ['the cat sat on the mat', 'a cat sat on a mat', 'quarterly revenue fell']
    const { data } = await openai.embeddings.create({ model: 'hashed', input, dimensions: 128 })
    const [cat, alike, other] = data.map(({ embedding }) => embedding)
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, index) => sum + value * b[index]!, 0)
    expect(cat).toHaveLength(128)
    expect(dot(cat!, cat!)).toBeCloseTo(1, 5)
    expect(dot(cat!, alike!)).toBeGreaterThan(dot(cat!, other!) + 0.2)
    const plain = await openai.embeddings.create({
      model: 'hashed',
      input: input[0]!,
      dimensions: 128,
      encoding_format: 'float',
    })
    expect(plain.data[0]?.embedding[7]).toBeCloseTo(cat![7]!, 6)
  })

  it('sees rate limits and server errors as its own error classes', async () => {
    const upstream = await start()
    upstream.setFault('large', { kind: 'rate_limit', rate: 1, retryAfterSeconds: 7 })
    const limited = await client(upstream)
      .chat.completions.create(params)
      .catch((error: unknown) => error)
    expect(limited).toBeInstanceOf(OpenAI.RateLimitError)
    expect((limited as InstanceType<typeof OpenAI.RateLimitError>).headers?.get('retry-after')).toBe('7')
    upstream.setFault('large', { kind: 'error_500', rate: 1 })
    await expect(client(upstream).chat.completions.create(params)).rejects.toBeInstanceOf(OpenAI.InternalServerError)
  })
})

describe('counts', () => {
  it('shows every answer per prompt, so that a prompt paid twice is seen', async () => {
    const upstream = await start()
    await ask(upstream, 'large', user('six times seven?'))
    await ask(upstream, 'large', user('six times seven?'))
    await ask(upstream, 'large', user('two and two?'))
    await ask(upstream, 'large', user('unheard of'))
    upstream.setFault('large', { kind: 'error_500', rate: 1 })
    await ask(upstream, 'large', user('two and two?'))
    const response = await fetch(`${upstream.url}/_replay/stats?prompts=1`)
    expect(await response.json()).toEqual({
      byModel: { large: { requests: 5, answered: 4, faults: 1, aborted: 0, recorded: 3, fallback: 1, judge: 0 } },
      byPrompt: { large: { p1: 2, p2: 1 } },
      faults: { large: { kind: 'error_500', rate: 1 } },
    })
    expect(upstream.stats()).not.toHaveProperty('byPrompt')
    await fetch(`${upstream.url}/_replay/stats`, { method: 'DELETE' })
    expect(upstream.stats({ prompts: true })).toEqual({ byModel: {}, byPrompt: {} })
  })
})

describe('bad requests', () => {
  it.each<[string, unknown, number, string | null]>([
    ['no JSON', '{', 400, null],
    ['a list', [], 400, null],
    ['no model', { messages: user('x') }, 400, 'model'],
    ['no messages', { model: 'large' }, 400, 'messages'],
    ['empty messages', { model: 'large', messages: [] }, 400, 'messages'],
    ['a message that is none', { model: 'large', messages: [null] }, 400, 'messages'],
    ['two choices', { model: 'large', messages: user('x'), n: 2 }, 400, 'n'],
    ['no tokens', { model: 'large', messages: user('x'), max_tokens: 0 }, 400, 'max_tokens'],
    ['17 MB', ' '.repeat(17 * 1_048_576), 413, null],
  ])('answers %s with an OpenAI error', async (_, body, status, param) => {
    const response = await post(await start(), body)
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({ error: expect.objectContaining({ type: 'invalid_request_error', param }) })
  })

  it('answers odd contents with a fallback instead of falling over', async () => {
    const upstream = await start()
    for (const content of [null, 7, [], [null], [{ type: 'image_url' }], { a: 1 }, '']) {
      expect((await post(upstream, { model: 'large', messages: [{ role: 'user', content }] })).status).toBe(200)
    }
    expect((await post(upstream, { model: '__proto__', messages: user('x') })).status).toBe(200)
  })

  it('answers unknown paths and embeddings without input in the same shape', async () => {
    const upstream = await start()
    expect((await post(upstream, {}, '/v1/completions')).status).toBe(404)
    expect((await fetch(`${upstream.url}/_replay/nothing`)).status).toBe(404)
    for (const body of [{}, { input: [] }, { input: [1] }, { input: 'x', dimensions: 0 }, null]) {
      expect((await post(upstream, body, '/v1/embeddings')).status).toBe(400)
    }
  })
})

describe('recordings', () => {
  it('reads sub-folders apart: the same id in two of them is two prompts', async () => {
    const path = `${root}/sets`
    for (const name of ['one', 'two']) {
      folder(`sets/${name}`, {
        'questions.jsonl': [{ id: 'q', question: `from ${name}` }],
        'answers-by-model.jsonl': [{ id: 'q', model: 'm', answer: name }],
      })
    }
    const upstream = await start({ dir: path })
    expect((await ask(upstream, 'm', user('from one'))).text).toBe('one')
    expect((await ask(upstream, 'm', user('from two'))).text).toBe('two')
  })

  it('reads prompts that stand beside the answers, and scripted turns', async () => {
    const path = folder('beside', {
      'questions.jsonl': [{ id: 't', turns: ['first?', 'second?'] }],
      'answers.jsonl': [
        { id: 'b', prompt: 'tell me', model: 'm', answer: 'told' },
        { id: 't', model: 'm', turn: 1, answer: 'one' },
        { id: 't', model: 'm', turn: 2, answer: 'two' },
      ],
    })
    const upstream = await start({ dir: path })
    const second = [...user('first?'), { role: 'assistant', content: 'whatever' }, ...user('second?')]
    expect((await ask(upstream, 'm', user('tell me'))).text).toBe('told')
    expect((await ask(upstream, 'm', user('first?'))).text).toBe('one')
    expect((await ask(upstream, 'm', second)).text).toBe('two')
  })

  it.each<[string, Record<string, unknown[]>, RegExp]>([
    ['empty', {}, /no recorded answers in .*answers\*\.jsonl/],
    ['unmatched', { 'answers.jsonl': [{ id: 'x', model: 'm', answer: 'y' }] }, /no recorded answers/],
    [
      'broken',
      { 'answers.jsonl': [{ id: 'x', prompt: 'q', model: 'm', answer: 'y' }, '{"id"'] },
      /answers\.jsonl:2 is not JSON/,
    ],
    ['odd', { 'prompts.jsonl': ['7'] }, /prompts\.jsonl:1 is not a JSON object/],
  ])('refuses a folder that is %s and says why', async (name, files, message) => {
    const path = folder(`bad-${name}`, files)
    await expect(startReplayUpstream({ dir: path })).rejects.toThrow(message)
  })

  it('refuses a folder that is not there, and a port that is taken', async () => {
    await expect(startReplayUpstream({ dir: `${root}/nowhere` })).rejects.toThrow(/no folder/)
    const { port } = await start()
    await expect(startReplayUpstream({ dir, port })).rejects.toThrow(/EADDRINUSE/)
  })
})
