import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { tmpdir } from 'node:os'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Message } from '#datasets/item.ts'
import { type Fault, faultKinds } from '#datasets/replay-faults.ts'
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

describe('faults', () => {
  const known = user('six times seven?')

  it.each<[Fault['kind'], (text: string) => boolean]>([
    ['truncate_json', (text) => longJson.startsWith(text) && text.length < longJson.length],
    ['fence', (text) => text.includes('```json\n') && text.startsWith('Sure!') && text.includes(longJson)],
    ['garble', (text) => !text.includes('"') && text.length === longJson.length],
    ['empty', (text) => text === ''],
    ['wrong_answer', (text) => ['{"answer": "4"}', 'a', 'b', 'c'].includes(text)],
  ])('%s spoils the text and nothing else', async (kind, isSpoilt) => {
    const upstream = await start()
    upstream.setFault('large', { kind, rate: 1 })
    const reply = await ask(upstream, 'large', known)
    expect(reply).toMatchObject({ status: 200, finish: kind === 'truncate_json' ? 'length' : 'stop' })
    expect(isSpoilt(reply.text ?? 'none')).toBe(true)
    expect((await ask(upstream, 'small', known)).text).toBe('{"answer": "41"}')
  })

  it('wrong_answer never gives the answer to a prompt of the same reference, whatever the seed', async () => {
    for (let seed = 0; seed < 24; seed += 1) {
      const upstream = await start({ seed: String(seed) })
      upstream.setFault('large', { kind: 'wrong_answer', rate: 1 })
      expect((await ask(upstream, 'large', known)).text).not.toBe('{"answer": "42"}')
    }
  })

  it.each([false, true])('cut_stream ends the connection half way through (stream: %s)', async (stream) => {
    const upstream = await start()
    upstream.setFault('large', { kind: 'cut_stream', rate: 1 })
    const response = await post(upstream, { model: 'large', messages: known, stream })
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toThrow()
    await until(() => upstream.stats().byModel['large']?.aborted === 1)
    expect(upstream.stats({ prompts: true })).toMatchObject({
      byModel: { large: { answered: 0, aborted: 1 } },
      byPrompt: {},
    })
  })

  it('stall sends no byte until the client gives up', async () => {
    const upstream = await start()
    upstream.setFault('large', { kind: 'stall', rate: 1 })
    const { port } = upstream
    const request = httpRequest({ port, method: 'POST', path: '/v1/chat/completions' })
    const outcomes: string[] = []
    request.on('response', () => outcomes.push('response')).on('error', () => outcomes.push('error'))
    request.end(JSON.stringify({ model: 'large', messages: known }))
    await until(() => upstream.stats().byModel['large']?.faults === 1)
    // a later request is answered while the first still waits
    await ask(upstream, 'small', known)
    expect(outcomes).toEqual([])
    request.destroy(new Error('gave up'))
    await until(() => upstream.stats().byModel['large']?.aborted === 1)
    expect(outcomes).toEqual(['error'])
  })

  it('slow answers well after its delay, and forgets a client that left', async () => {
    const upstream = await start()
    upstream.setFault('large', { kind: 'slow', rate: 1, delayMs: 30 })
    expect((await ask(upstream, 'large', known)).text).toBe(longJson)
    upstream.setFault('large', { kind: 'slow', rate: 1, delayMs: 3_600_000 })
    const leaving = new AbortController()
    const body = JSON.stringify({ model: 'large', messages: known })
    const gone = fetch(`${upstream.baseUrl}/chat/completions`, { method: 'POST', body, signal: leaving.signal })
    await until(() => upstream.stats().byModel['large']?.requests === 2)
    leaving.abort()
    await expect(gone).rejects.toThrow()
    await until(() => upstream.stats().byModel['large']?.aborted === 1)
  })

  it('strikes the share asked for, after the requests asked for, and the same ones for the same seed', async () => {
    const pattern = async (seed: string) => {
      const upstream = await start({ seed })
      upstream.setFault('large', { kind: 'empty', rate: 0.3, afterRequests: 50 })
      const struck: boolean[] = []
      for (let n = 0; n < 250; n += 1) struck.push((await ask(upstream, 'large', known)).text === '')
      expect(upstream.stats().byModel['large']).toMatchObject({ requests: 250, faults: struck.filter(Boolean).length })
      return struck
    }
    const first = await pattern('one')
    expect(first.slice(0, 50)).not.toContain(true)
    expect(first.filter(Boolean).length / 200).toBeCloseTo(0.3, 1)
    expect(await pattern('one')).toEqual(first)
    expect(await pattern('two')).not.toEqual(first)
  })

  it('is set and ended over HTTP; `*` strikes every model without a fault of its own', async () => {
    const upstream = await start()
    const put = (model: string, fault: unknown) =>
      fetch(`${upstream.url}/_replay/faults/${encodeURIComponent(model)}`, {
        method: 'PUT',
        body: JSON.stringify(fault),
      })
    expect((await put('*', { kind: 'error_500', rate: 1 })).status).toBe(200)
    expect((await put('small', { kind: 'empty', rate: 1 })).status).toBe(200)
    expect((await ask(upstream, 'large', known)).status).toBe(500)
    expect((await ask(upstream, 'small', known)).text).toBe('')
    await fetch(`${upstream.url}/_replay/faults/*`, { method: 'DELETE' })
    expect((await ask(upstream, 'large', known)).status).toBe(200)
  })

  it.each<[string, unknown, number, RegExp]>([
    ['large', { kind: 'explode', rate: 1 }, 400, new RegExp(faultKinds.join(', '))],
    ['large', { kind: 'empty' }, 400, /rate/],
    ['large', { kind: 'empty', rate: 1.1 }, 400, /from 0 to 1/],
    ['large', { kind: 'empty', rate: 1, after: 3 }, 400, /unknown field \\"after\\"; known: kind, rate, afterRequests/],
    ['large', { kind: 'empty', rate: 1, afterRequests: -1 }, 400, /afterRequests/],
    ['large', [], 400, /JSON object/],
    ['gpt-9', { kind: 'empty', rate: 1 }, 404, /known: large, small/],
    ['%', { kind: 'empty', rate: 1 }, 404, /no model/],
  ])('refuses %s %j', async (model, fault, status, message) => {
    const upstream = await start()
    const response = await fetch(`${upstream.url}/_replay/faults/${model}`, {
      method: 'PUT',
      body: JSON.stringify(fault),
    })
    expect(response.status).toBe(status)
    expect(await response.text()).toMatch(message)
  })
})

async function until(holds: () => boolean): Promise<void> {
  const giveUpMs = performance.now() + 20_000
  while (!holds()) {
    if (performance.now() > giveUpMs) throw new Error('never came true')
    await new Promise((resolve) => setImmediate(resolve))
  }
}
