import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { LiveRollout } from '#domain/snapshot.ts'
import { answers, type FakeUpstream, fails, role, startUpstream, streams, words } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway, until } from '#test/support/gateway.ts'
import { aModel, aProvider, aRollout, aRoute, aSnapshot, aVersion } from '#test/support/routing.ts'

let old: FakeUpstream
let fresh: FakeUpstream
let backup: FakeUpstream
let running: RunningGateway

beforeAll(async () => {
  old = await startUpstream()
  fresh = await startUpstream()
  backup = await startUpstream()
})
afterAll(async () => {
  for (const upstream of [old, fresh, backup]) await upstream.close()
})

const timeouts = { firstTokenMs: 300, idleMs: 300, totalMs: 2_000 }
const retry = { attempts: 1 }

function snapshotWith(rollout: Partial<LiveRollout>, candidateSpec = {}) {
  const baseline = aVersion('r', 1, { models: ['old/m'], timeouts, retry })
  const candidate = aVersion('r', 2, {
    models: ['fresh/m'],
    fallbacks: ['backup/m'],
    timeouts,
    retry,
    ...candidateSpec,
  })
  return aSnapshot({
    providers: [aProvider('old', old.baseUrl), aProvider('fresh', fresh.baseUrl), aProvider('backup', backup.baseUrl)],
    models: ['old/m', 'fresh/m', 'backup/m', aModel('old/unpriced', { price: null })],
    routes: [aRoute('r', baseline.spec, { stable: baseline, rollout: aRollout(baseline, candidate, rollout) })],
  })
}

beforeEach(async () => {
  for (const upstream of [old, fresh, backup]) {
    upstream.script.length = 0
    upstream.calls.length = 0
  }
  old.otherwise = answers('old answer')
  fresh.otherwise = answers('fresh answer')
  backup.otherwise = answers('backup answer')
  running = await startGateway(snapshotWith({ shareBp: 10_000 }))
})
afterEach(() => running.close())

const messages = [{ role: 'user', content: 'write to ann@example.com' }]
const ask = (more: object = {}, headers: Record<string, string> = {}) =>
  running.post({ model: 'r', messages, metadata: { session: 's1' }, ...more }, headers)

describe('evidence of a canary', () => {
  it('is written at assignment and completed when answered', async () => {
    const response = await ask()
    expect(response.headers.get('x-interlock-arm')).toBe('candidate')
    expect(response.headers.get('x-interlock-version')).toBe('2')
    await running.settle()
    const [assignment] = running.written.assignments
    expect(assignment).toMatchObject({
      proposalId: 'prop_1',
      stage: 'canary',
      step: 0,
      shareBp: 10_000,
      arm: 'candidate',
      unit: expect.stringMatching(/^[0-9a-f]{16}$/),
      bootId: 'boot_1',
    })
    expect((assignment?.deadlineAtMs ?? 0) - (assignment?.assignedAtMs ?? 0)).toBe(62_000)
    expect(running.written.completions).toEqual([
      {
        proposalId: 'prop_1',
        requestId: assignment?.requestId,
        baseline: null,
        candidate: {
          values: { error_rate: 0, latency_ms: expect.any(Number), refusal_rate: 0, cost_usd: 0.00002 },
          missing: { ttft_ms: 'not_applicable' },
        },
        isScored: false,
        baselineScores: null,
        candidateScores: null,
      },
    ])
  })

  it('exists for a request that is never answered', async () => {
    fresh.otherwise = () => undefined
    const asked = ask()
    await until(() => running.written.assignments.length === 1)
    expect(running.written.completions).toHaveLength(0)
    await asked
  })

  it('charges the candidate for a failure that a fallback rescued, with all its time (intention to treat)', async () => {
    fresh.script.push(fails(500))
    const response = await ask()
    expect(response.status).toBe(200)
    expect(response.headers.get('x-interlock-arm')).toBe('candidate')
    expect(response.headers.get('x-interlock-model')).toBe('backup/m')
    await running.settle()
    const [completion] = running.written.completions
    expect(completion?.candidate?.values['error_rate']).toBe(1)
    // The answer itself was given and is scored as the candidate's.
    expect(completion?.isScored).toBe(false)
    expect(running.written.decisions[0]).toMatchObject({ arm: 'candidate', version: 2, isFallback: true, status: 200 })
  })

  it('still charges it while the circuit of its first choice is open', async () => {
    fresh.otherwise = fails(500)
    for (let index = 0; index < 7; index += 1) await ask()
    await running.settle()
    expect(fresh.calls).toHaveLength(5)
    expect(running.written.completions.map((row) => row.candidate?.values['error_rate'])).toEqual([1, 1, 1, 1, 1, 1, 1])
  })

  it('does not charge a retry that the first choice answered', async () => {
    running.setSnapshot(snapshotWith({ shareBp: 10_000 }, { retry: { attempts: 2 } }))
    fresh.script.push(fails(500))
    await ask()
    await running.settle()
    expect(running.written.completions[0]?.candidate?.values['error_rate']).toBe(0)
  })

  it.each<[string, () => void, object]>([
    [
      'every target fails',
      () => {
        fresh.otherwise = fails(500)
        backup.otherwise = fails(500)
      },
      {},
    ],
    [
      'its stream is cut short',
      () => fresh.script.push(streams([role(), ...words('half of')], 'reset')),
      { stream: true },
    ],
  ])('scores the arm worst when %s', async (_name, arrange, more) => {
    arrange()
    await (await ask(more)).text()
    await running.settle()
    const [completion] = running.written.completions
    expect(completion?.candidate?.values['error_rate']).toBe(1)
    expect(completion).toMatchObject({ isScored: true, candidateScores: { values: {}, missing: {}, failed: true } })
    expect(running.written.samples).toHaveLength(0)
  })

  it('counts a version that may serve nothing as failing, and tells the client 503', async () => {
    running.setSnapshot(snapshotWith({ shareBp: 10_000 }, { models: ['gone/m'], fallbacks: [] }))
    expect((await ask()).status).toBe(503)
    await running.settle()
    expect(running.written.completions[0]).toMatchObject({
      candidate: { values: { error_rate: 1 } },
      candidateScores: { failed: true },
    })
    expect(running.written.decisions[0]).toMatchObject({
      errorCode: 'no_eligible_target',
      arm: 'candidate',
      attempts: [],
    })
  })

  it.each<[string, object, Record<string, unknown>, number]>([
    ['a filter', { choices: [{ index: 0, message: { content: '' }, finish_reason: 'content_filter' }] }, {}, 1],
    [
      'a refusal field',
      { choices: [{ index: 0, message: { content: null, refusal: 'No.' }, finish_reason: 'stop' }] },
      {},
      1,
    ],
    [
      'an opening phrase',
      {
        choices: [{ index: 0, message: { content: "I'm sorry, but I can't help with that." }, finish_reason: 'stop' }],
      },
      {},
      1,
    ],
    [
      'an apology in an answer',
      {
        choices: [
          {
            index: 0,
            message: { content: 'I am sorry to hear that. Your order is on its way.' },
            finish_reason: 'stop',
          },
        ],
      },
      {},
      0,
    ],
  ])('sees a refusal by %s', async (_name, more, _extra, expected) => {
    fresh.script.push(answers('', more as Record<string, unknown>))
    await ask()
    await running.settle()
    expect(running.written.completions[0]?.candidate?.values['refusal_rate']).toBe(expected)
  })

  it('measures the first token of streams', async () => {
    await (await ask({ stream: true })).text()
    await running.settle()
    expect(running.written.completions[0]?.candidate?.values['ttft_ms']).toBeGreaterThanOrEqual(0)
  })

  it('does not know the cost of an unpriced model', async () => {
    running.setSnapshot(snapshotWith({ shareBp: 10_000 }, { models: ['old/unpriced'] }))
    await ask()
    await running.settle()
    expect(running.written.completions[0]?.candidate?.missing['cost_usd']).toBe('infrastructure')
    expect(running.written.decisions[0]?.costMicroUsd).toBeNull()
  })

  it('is not made of requests that the lease keeps on the baseline (D13)', async () => {
    running.setLease(false)
    const response = await ask()
    expect(response.headers.get('x-interlock-arm')).toBe('baseline')
    await running.settle()
    expect(running.written.assignments).toHaveLength(0)
    expect(running.written.decisions[0]?.reason).toContain('exposure lease expired')
  })

  it('is none on a route without a rollout', async () => {
    running.setSnapshot(
      aSnapshot({
        providers: [aProvider('old', old.baseUrl)],
        models: ['old/m'],
        routes: [aRoute('r', { models: ['old/m'] })],
      }),
    )
    await ask()
    await running.settle()
    expect(running.written.assignments).toHaveLength(0)
    expect(running.written.decisions[0]).toMatchObject({ proposal: null, bucket: null, arm: 'baseline' })
  })
})

describe('samples for live scoring', () => {
  it('hold what scoring needs, redacted, for an hour', async () => {
    const schema = { type: 'object', properties: { mail: { const: 'x@y.org' } } }
    fresh.script.push(answers('{"mail":"bob@example.org","n":4111111111111111}'))
    await ask({
      interlock: { context: ['call +49 30 1234567'], reference: 'bob@example.org' },
      response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
    })
    await running.settle()
    const [sample] = running.written.samples
    expect(sample).toMatchObject({ proposalId: 'prop_1', arm: 'candidate' })
    expect((sample?.expiresAtMs ?? 0) - (sample?.createdAtMs ?? 0)).toBe(3_600_000)
    expect(JSON.parse(sample?.payload ?? '')).toEqual({
      messages: [{ role: 'user', content: 'write to xxx@xxxxxxx.xxx' }],
      output: '{"mail":"xxx@xxxxxxx.xxx","n":1111111111111111}',
      finishReason: 'stop',
      context: ['call +11 11 1111111'],
      reference: 'xxx@xxxxxxx.xxx',
      schema,
      policy: { constraints: [] },
    })
  })

  it('are whole for streams too, tool calls included', async () => {
    await (await ask({ stream: true })).text()
    await running.settle()
    expect(JSON.parse(running.written.samples[0]?.payload ?? '')).toMatchObject({
      output: 'fresh answer',
      finishReason: 'stop',
    })
  })

  it('are not taken from requests that were not drawn, nor without evaluators', async () => {
    for (const more of [{ scoreRate: 0 }, { hasEvaluators: false }]) {
      running.setSnapshot(snapshotWith({ shareBp: 10_000, ...more }))
      await ask()
    }
    await running.settle()
    expect(running.written.samples).toHaveLength(0)
    expect(running.written.completions.map((row) => [row.isScored, row.candidateScores])).toEqual([
      [true, null],
      [true, null],
    ])
  })

  it('keep no inlined image', async () => {
    const content = [
      { type: 'text', text: 'what is this' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
    ]
    await ask({ messages: [{ role: 'user', content }] })
    await running.settle()
    expect(JSON.parse(running.written.samples[0]?.payload ?? '').messages[0].content).toEqual([
      content[0],
      { type: 'image_url' },
    ])
  })
})
