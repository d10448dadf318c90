import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { userHash } from '#domain/payload.ts'
import { answers, type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aProvider, aRoute, aSnapshot } from '#test/support/routing.ts'

let upstream: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  upstream = await startUpstream()
})
afterAll(() => upstream.close())
beforeEach(() => {
  upstream.otherwise = answers('I wrote to bob@example.com')
})
afterEach(() => running.close())

async function start(sampleRate: number | null, spec: object = {}): Promise<void> {
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('p', upstream.baseUrl)],
      models: ['p/m'],
      routes: [aRoute('r', { models: ['p/m'], ...spec })],
      prompts: [{ name: 'q', version: 1, digest: 'd', messages: [{ role: 'system', content: 'Serve {{account}}.' }] }],
      ...(sampleRate !== null && { payloads: { r: { sampleRate, retentionMs: 3_600_000 } } }),
    }),
  )
}

const ask = (content: unknown, more: object = {}) =>
  running.post({ model: 'r', messages: [{ role: 'user', content }], ...more })
// biome-ignore lint/suspicious/noExplicitAny: payloads of every shape
const kept = async (): Promise<any[]> => {
  await running.settle()
  return running.written.payloads.map((row) => JSON.parse(row.payload))
}

describe('texts of requests (B6)', () => {
  it('are not kept unless the route says so', async () => {
    await start(null)
    await ask('hello')
    expect(await kept()).toEqual([])
    expect(JSON.stringify(running.written)).not.toContain('hello')
  })

  it('are kept redacted, with the prompt in place, the answer and what was masked', async () => {
    await start(1, { prompt: { name: 'q', version: 1 } })
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }
    await ask([{ type: 'text', text: 'mail ann@example.com, card 4111 1111 1111 1111' }, image], {
      metadata: { account: 'acme@example.org', user: 'ann' },
    })
    expect(await kept()).toEqual([
      {
        promptVersion: 'q@1',
        messages: [
          { role: 'system', content: 'Serve xxxx@xxxxxxx.xxx.' },
          {
            role: 'user',
            content: [{ type: 'text', text: 'mail xxx@xxxxxxx.xxx, card 1111 1111 1111 1111' }, { type: 'image_url' }],
          },
        ],
        answer: { output: 'I wrote to xxx@xxxxxxx.xxx', finishReason: 'stop', refusal: null, toolCalls: [] },
        errorClass: null,
        redacted: { email: 3, card: 1 },
        isCut: false,
      },
    ])
    const [row] = running.written.payloads
    expect(row).toMatchObject({ route: 'r', userHash: userHash('ann') })
    expect((row?.expiresAtMs ?? 0) - (row?.atMs ?? 0)).toBe(3_600_000)
    expect(JSON.stringify(running.written)).not.toMatch(/ann@|acme@|bob@|4111/)
  })

  it('hold what a dataset of them needs: context and reference redacted, the prompt’s variables, the schema as it is', async () => {
    await start(1, { prompt: { name: 'q', version: 1 } })
    const schema = { type: 'object', properties: { mail: { const: 'ann@example.com' } } }
    await ask('x', {
      interlock: {
        context: ['from bob@example.com'],
        reference: 'call ann@example.com',
        variables: { account: 'acme' },
      },
      response_format: { type: 'json_schema', json_schema: { name: 'n', schema } },
    })
    expect((await kept())[0]).toMatchObject({
      context: ['from xxx@xxxxxxx.xxx'],
      reference: 'call xxx@xxxxxxx.xxx',
      variables: { account: 'acme' },
      schema,
    })
  })

  it('of a stream are kept as a whole', async () => {
    upstream.otherwise = answers('a bob@example.com b')
    await start(1)
    await (await ask('x', { stream: true })).text()
    expect((await kept())[0].answer.output).toBe('a xxx@xxxxxxx.xxx b')
  })

  it('are drawn by request id, in the share asked for', async () => {
    await start(0.25)
    for (let count = 0; count < 200; count += 1) await ask('x')
    const share = (await kept()).length / 200
    expect(share).toBeGreaterThan(0.15)
    expect(share).toBeLessThan(0.35)
  })

  it('are cut at a length, and the cut shows nothing that redaction would have found', async () => {
    await start(1)
    await ask(`${'x'.repeat(32_760)} ann@example.com ${'y'.repeat(50_000)}`)
    const [payload] = await kept()
    expect(payload.isCut).toBe(true)
    const { content } = payload.messages[0]
    expect(content).toHaveLength(32_768)
    expect(content.slice(-8)).toBe(' xxx@xxx')
  })

  it('of a model that was addressed directly are never kept', async () => {
    await start(1)
    await running.post({ model: 'p/m', messages: [{ role: 'user', content: 'x' }] })
    expect(await kept()).toEqual([])
  })
})
