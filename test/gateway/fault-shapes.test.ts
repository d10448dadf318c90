import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { answers, type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'
import { faultShapes, soundShapes } from '#test/support/fault-shapes.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aProvider, aRoute, aSnapshot } from '#test/support/routing.ts'

let first: FakeUpstream
let second: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  first = await startUpstream()
  second = await startUpstream()
})
afterAll(async () => {
  await first.close()
  await second.close()
})
beforeEach(async () => {
  for (const upstream of [first, second]) {
    upstream.script.length = 0
    upstream.calls.length = 0
  }
  second.otherwise = answers('from the second')
  const timeouts = { connectMs: 400, firstTokenMs: 200, idleMs: 200, totalMs: 1_000 }
  const route = { models: ['one/a'], fallbacks: ['two/b'], timeouts, retry: { attempts: 1 } }
  running = await startGateway(
    aSnapshot({
      providers: [aProvider('one', first.baseUrl), aProvider('two', second.baseUrl)],
      models: ['one/a', 'two/b'],
      routes: [aRoute('backed', route), aRoute('json', { ...route, timeouts: { ...timeouts, totalMs: 2_000 } })],
    }),
  )
})
afterEach(() => running.close())

const messages = [{ role: 'user' as const, content: 'Hi' }]

/** What an application with the official client gets to see. */
async function readAsClient(): Promise<{ text: string; error: unknown }> {
  let text = ''
  try {
    const stream = await running.client.chat.completions.create({ model: 'backed', messages, stream: true })
    for await (const part of stream) text += part.choices[0]?.delta?.content ?? ''
    return { text, error: null }
  } catch (error) {
    return { text, error }
  }
}

async function attemptsMade() {
  await running.settle()
  return running.written.decisions.at(-1)?.attempts ?? []
}

const streamed = faultShapes.filter(({ asked }) => asked === 'stream')

describe('a fault in an answer is classified by its shape (F31 to F35, R8)', () => {
  it.each(streamed.filter(({ when }) => when === 'before'))(
    'streamed, before content: $name is $errorClass, and another target answers',
    async ({ behaviour, errorClass }) => {
      first.script.push(behaviour)
      expect(await readAsClient()).toEqual({ text: 'from the second', error: null })
      expect((await attemptsMade()).map((attempt) => attempt.errorClass)).toEqual([errorClass, null])
    },
  )

  it.each(streamed.filter(({ when }) => when === 'after'))(
    'streamed, after content: $name is $errorClass, and the client is told',
    async ({ behaviour, errorClass }) => {
      first.script.push(behaviour, behaviour)
      const client = await readAsClient()
      expect(client.text).toBe('one two three ')
      expect(client.error).toBeInstanceOf(Error)
      const bytes = await (await running.post({ model: 'backed', messages, stream: true })).text()
      expect(bytes).not.toContain('[DONE]')
      expect(bytes.trimEnd().split('\n\n').at(-1)).toMatch(/^data: \{"error":/)
      expect((await attemptsMade()).map((attempt) => attempt.errorClass)).toEqual([errorClass])
      expect(second.calls).toHaveLength(0)
    },
  )

  it.each(faultShapes.filter(({ asked }) => asked === 'json'))(
    'in one piece: $name is $errorClass, and another target answers',
    async ({ behaviour, errorClass }) => {
      first.script.push(behaviour)
      // A deadline short enough for silence would be too short for the largest answer.
      const model = errorClass === 'timeout' ? 'backed' : 'json'
      const response = await running.post({ model, messages })
      const attempts = await attemptsMade()
      expect(attempts[0]).toMatchObject({ errorClass, model: 'one/a' })
      if (errorClass === 'timeout') expect(response.status).toBe(504)
      else expect(response.headers.get('x-interlock-model')).toBe('two/b')
    },
  )

  it.each(soundShapes)('$name is no fault', async ({ asked, behaviour }) => {
    first.script.push(behaviour)
    const response = await running.post({ model: 'backed', messages, ...(asked === 'stream' && { stream: true }) })
    const text = await response.text()
    expect(response.headers.get('x-interlock-model')).toBe('one/a')
    expect(text).not.toContain('"error"')
    expect((await attemptsMade()).map((attempt) => attempt.errorClass)).toEqual([null])
  })

  it('covers at least twenty shapes of truncation and malformation', () => {
    expect(new Set(faultShapes.map(({ name, asked }) => `${asked} ${name}`)).size).toBe(faultShapes.length)
    expect(faultShapes.length).toBeGreaterThanOrEqual(20)
  })
})
