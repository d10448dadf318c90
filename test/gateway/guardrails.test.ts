import { existsSync, readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { GuardrailSettings, Guardrails } from '#domain/guardrails.ts'
import { answers, type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aProvider, aRollout, aRoute, aSnapshot, aVersion } from '#test/support/routing.ts'

let upstream: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(() => upstream.close())
beforeEach(() => {
  upstream.calls.length = 0
  upstream.otherwise = answers('fine')
})
afterEach(() => running.close())

const codename = { blocked: [{ name: 'codename', pattern: '(?i)project aurora' }] }
const secretNumber = { blocked: [{ name: 'number', pattern: '\\b4711\\b' }] }

async function start(everyone: GuardrailSettings, own?: Guardrails, candidate?: Guardrails | null): Promise<void> {
  const spec = (guardrails?: Guardrails | null) => ({ models: ['p/m'], ...(guardrails && { guardrails }) })
  const baseline = aVersion('r', 1, spec(own))
  const rollout =
    candidate === undefined
      ? null
      : aRollout(baseline, aVersion('r', 2, spec(candidate)), { unit: 'request', shareBp: 10_000 })
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('p', upstream.baseUrl)],
      models: ['p/m'],
      routes: [aRoute('r', baseline.spec, { stable: baseline, rollout })],
      guardrails: everyone,
    }),
  )
}

const say = (content: unknown, more: object = {}, headers: Record<string, string> = {}) =>
  running.post({ model: 'r', messages: [{ role: 'user', content }], ...more }, headers)
async function errorOf(response: Response): Promise<{ code: string; message: string; type: string }> {
  return ((await response.json()) as { error: { code: string; message: string; type: string } }).error
}

describe('guardrails (B6)', () => {
  it('stop a request before any provider sees it, name the rule and never repeat the text', async () => {
    await start(codename)
    const response = await say('what is Project Aurora about?')
    expect(response.status).toBe(403)
    const error = await errorOf(response)
    expect(error).toMatchObject({ code: 'content_blocked', type: 'invalid_request_error' })
    expect(error.message).toContain('rule "codename" of this gateway')
    expect(JSON.stringify([error, ...response.headers])).not.toMatch(/aurora/i)
    expect(upstream.calls).toHaveLength(0)
    await running.settle()
    const [decision] = running.written.decisions
    expect(decision).toMatchObject({ status: 403, errorCode: 'content_blocked', model: null, costMicroUsd: null })
    expect(JSON.stringify(decision)).not.toMatch(/aurora/i)
  })

  it('of a route hold for that route, beside those of everyone', async () => {
    await start(codename, secretNumber)
    expect((await errorOf(await say('4711'))).message).toContain('rule "number" of the route "r"')
    expect((await errorOf(await say('project aurora'))).message).toContain('rule "codename"')
    expect((await say('hello 47110')).status).toBe(200)
    const direct = await running.post({ model: 'p/m', messages: [{ role: 'user', content: 'project aurora' }] })
    expect(direct.status).not.toBe(200)
  })

  const aurora = 'project aurora'
  const escaped = '{"q":"project \\u0061urora"}'
  const tool = (parameters: object) => ({ type: 'function', function: { name: 'f', parameters } })
  const called = (text: string) => ({
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: text } }],
  })
  const image = (url: string) => ({ type: 'image_url', image_url: { url } })
  const file = (type: string, text: string) => ({
    type: 'file',
    file: { filename: 'a', file_data: `data:${type};base64,${Buffer.from(text).toString('base64')}` },
  })

  it.each<[string, object]>([
    ['text parts', { messages: [{ role: 'user', content: [{ type: 'text', text: aurora }] }] }],
    [
      'text cut into parts',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'project au' },
              { type: 'text', text: 'rora' },
            ],
          },
        ],
      },
    ],
    [
      'arguments of a tool call, in clear or escaped',
      {
        messages: [
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: escaped } }],
          },
          { role: 'tool', tool_call_id: 'c', content: 'ok' },
        ],
      },
    ],
    ['a result of a tool', { messages: [{ role: 'tool', tool_call_id: 'c', content: aurora }] }],
    ['what a tool is said to do', { tools: [{ type: 'function', function: { name: 'f', description: aurora } }] }],
    ['a system message', { messages: [{ role: 'system', content: aurora }] }],
    ['a field that is only passed on', { prediction: { type: 'content', content: aurora } }],
    ['names of fields', { tools: [tool({ type: 'object', properties: { 'Project Aurora': { type: 'string' } } })] }],
    ['a field of a tool that is called as one of bytes', { tools: [tool({ default: { file: { data: aurora } } })] }],
    ['escaped arguments of that name', { messages: [called('{"file":{"data":"project \\u0061urora"}}')] }],
    [
      'escapes far down in arguments',
      { messages: [called(`${'{"a":'.repeat(70)}"project \\u0061urora"${'}'.repeat(70)}`)] },
    ],
    ['an address of an image', { messages: [{ role: 'user', content: [image(`https://h/?q=${aurora}`)] }] }],
    ['a file of text', { messages: [{ role: 'user', content: [file('text/plain', aurora)] }] }],
    ['a file of marked text', { messages: [{ role: 'user', content: [file('Text/markdown;charset=utf-8', aurora)] }] }],
    ['an image that is none', { messages: [{ role: 'user', content: [image(`data:text/plain,${aurora}`)] }] }],
    ['a variable of the prompt', { interlock: { variables: { topic: aurora } } }],
    ['metadata', { metadata: { topic: aurora } }],
  ])('read %s', async (_where, body) => {
    await start(codename)
    const response = await running.post({ model: 'r', messages: [{ role: 'user', content: 'hi' }], ...body })
    expect(response.status).toBe(403)
    expect(upstream.calls).toHaveLength(0)
  })

  it('do not read the bytes of an image, nor what only scoring sees', async () => {
    await start({ blocked: [{ name: 'bytes', pattern: 'AAAA' }] })
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAAAAAA' } }
    expect((await say([image], { interlock: { reference: 'AAAA' } })).status).toBe(200)
  })

  it('take no body that gives a field twice anywhere: a provider may read the one that was not searched', async () => {
    await start(codename)
    const twice = '{"model":"r","messages":[{"role":"user","content":"project aurora","content":"hi"}]}'
    const response = await running.post(twice)
    expect([response.status, (await errorOf(response)).code]).toEqual([400, 'duplicate_field'])
    expect(upstream.calls).toHaveLength(0)
  })

  it('see through full-width, invisible and look-alike letters', async () => {
    await start(codename)
    for (const text of ['ｐｒｏｊｅｃｔ ａｕｒｏｒａ', 'pro\u200bject aurora', 'prоject аurora']) {
      expect((await say(text)).status).toBe(403)
    }
  })

  it('refuse a request that is longer than allowed', async () => {
    await start({ maxRequestBytes: 2_000 }, { maxRequestBytes: 1_000 })
    const own = await say('x'.repeat(1_200))
    expect(own.status).toBe(413)
    expect((await errorOf(own)).message).toContain('1000 bytes, the limit of the route "r"')
    expect((await errorOf(await say('x'.repeat(2_200)))).message).toContain('2000 bytes, the limit of this gateway')
    expect((await say('x')).status).toBe(200)
  })

  it('count against a candidate only where the baseline would have let the request pass', async () => {
    await start(codename, undefined, secretNumber)
    await say('4711')
    await running.settle()
    expect(running.written.assignments).toHaveLength(1)
    expect(running.written.completions[0]?.candidate?.values['error_rate']).toBe(1)
    await say('project aurora')
    await running.settle()
    expect(running.written.assignments).toHaveLength(1)
    await running.close()
    await start({}, secretNumber, secretNumber)
    await say('4711')
    await running.settle()
    expect(running.written.assignments).toHaveLength(0)
    expect(running.written.decisions).toHaveLength(1)
  })

  it('send a request of a sensitivity only to providers that state what everyone must', async () => {
    running = await startGateway(
      aSnapshot({
        providers: [
          aProvider('p', upstream.baseUrl, { dataPolicies: ['no-training', 'no-retention'] }),
          aProvider('q', upstream.baseUrl, { dataPolicies: ['no-training', 'no-retention', 'eu-only'] }),
        ],
        models: ['p/m', 'q/m'],
        routes: [aRoute('r', { models: ['p/m', 'q/m'] }), aRoute('only', { models: ['p/m'] })],
        guardrails: { sensitivity: { restricted: ['eu-only'] } },
      }),
    )
    const restricted = { metadata: { sensitivity: 'restricted' } }
    expect((await say('x', restricted)).headers.get('x-interlock-model')).toBe('q/m')
    expect((await say('x')).headers.get('x-interlock-model')).toBe('p/m')
    const refused = await say('x', { ...restricted, model: 'only' })
    expect(refused.status).not.toBe(200)
    await running.settle()
    const excluded = running.written.decisions.map((decision) => decision.excluded.map(({ model, by }) => [model, by]))
    expect(excluded).toEqual([[['p/m', 'sensitivity']], [], [['p/m', 'sensitivity']]])
  })

  it('let requests pass where nothing is blocked', async () => {
    await start({ sensitivity: { restricted: ['no-training'] } })
    const content = { type: 'text', text: 'hi' }
    expect((await say([content])).status).toBe(200)
  })
})

const dataDir = process.env['INTERLOCK_DATA'] ?? ''
const hasData = existsSync(`${dataDir}/refusals-human-labelled/prompts.jsonl`)

describe.skipIf(!hasData)('guardrails on public prompts (INTERLOCK_DATA names the folder)', () => {
  it('block attacks that use a listed phrase and no safe prompt that only sounds dangerous', async () => {
    await start({
      blocked: [
        {
          name: 'override',
          pattern:
            '(?i)\\b(ignore|disregard|forget) (all |any |the )*(previous|prior|above|preceding) (instructions|prompts?|rules|text)',
        },
        { name: 'persona', pattern: '(?i)\\b(do anything now|developer mode|jailbreak mode)\\b' },
      ],
    })
    const lines = (path: string) =>
      readFileSync(`${dataDir}/${path}`, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { text?: string; prompt?: string; type?: string; label?: string })
    const blocked = { safe: 0, attacks: 0 }
    const prompts = lines('refusals-human-labelled/prompts.jsonl')
    for (const { prompt, text } of prompts) if ((await say(prompt ?? text)).status === 403) blocked.safe += 1
    for (const { text } of lines('prompt-injections/attacks.jsonl')) {
      if ((await say(text)).status === 403) blocked.attacks += 1
    }
    expect(prompts.length).toBeGreaterThan(200)
    expect(blocked.safe).toBe(0)
    expect(blocked.attacks).toBeGreaterThan(30)
  })
})
