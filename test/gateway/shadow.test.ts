import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { LiveRollout } from '#domain/snapshot.ts'
import { answers, completion, type FakeUpstream, fails, sends, startUpstream } from '#test/support/fake-upstream.ts'
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

const filtered = sends(
  200,
  'application/json',
  JSON.stringify({
    ...completion(''),
    choices: [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'content_filter' }],
  }),
)

describe('shadow (D5)', () => {
  beforeEach(() => running.setSnapshot(snapshotWith({ stage: 'shadow', step: -1, shareBp: 0, mirrorRate: 1 })))

  it('answers the user from the baseline and scores both answers of the same request', async () => {
    const response = await ask()
    expect(response.headers.get('x-interlock-arm')).toBe('baseline')
    expect(
      ((await response.json()) as { choices: { message: { content: string } }[] }).choices[0]?.message.content,
    ).toBe('old answer')
    await running.settle()
    expect(running.written.assignments).toEqual([
      expect.objectContaining({ stage: 'shadow', step: -1, arm: 'pair', shareBp: 0 }),
    ])
    const [completion] = running.written.completions
    expect(completion).toMatchObject({
      isScored: false,
      baseline: { values: { error_rate: 0 } },
      candidate: { values: { error_rate: 0 } },
    })
    const payload = JSON.parse(running.written.samples[0]?.payload ?? '')
    expect(payload).toMatchObject({
      pair: true,
      baseline: { output: 'old answer' },
      candidate: { output: 'fresh answer' },
    })
    expect(running.written.shadowCalls).toEqual([
      expect.objectContaining({
        model: 'fresh/m',
        status: 200,
        errorClass: null,
        inputTokens: 10,
        outputTokens: 5,
        costMicroUsd: 20,
      }),
    ])
    // The mirror is in its own ledger only.
    expect(running.written.decisions).toHaveLength(1)
    expect(running.written.decisions[0]).toMatchObject({ model: 'old/m', arm: 'baseline' })
  })

  it('sends the candidate the same request, after the user was answered', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    fresh.otherwise = async (call, res) => {
      await held
      return answers('late')(call, res)
    }
    const response = await ask({ temperature: 0.1, interlock: { context: ['c'] } })
    expect(response.status).toBe(200)
    await response.text()
    expect(running.written.completions).toHaveLength(0)
    release()
    await running.settle()
    expect(fresh.calls[0]?.body).toEqual({ model: 'm', messages, metadata: { session: 's1' }, temperature: 0.1 })
    expect(old.calls[0]?.body).toEqual(fresh.calls[0]?.body)
  })

  it('mirrors streams as streams', async () => {
    await (await ask({ stream: true })).text()
    await running.settle()
    expect(fresh.calls[0]?.body.stream).toBe(true)
    expect(running.written.completions[0]?.candidate?.values['ttft_ms']).toBeGreaterThanOrEqual(0)
    expect(JSON.parse(running.written.samples[0]?.payload ?? '').candidate.output).toBe('fresh answer')
  })

  it('settles the arm that failed as worst and scores the other alone', async () => {
    fresh.otherwise = fails(500)
    backup.otherwise = fails(500)
    await ask()
    await running.settle()
    expect(running.written.completions[0]).toMatchObject({
      isScored: false,
      candidate: { values: { error_rate: 1 } },
      candidateScores: { failed: true },
      baselineScores: null,
    })
    expect(running.written.samples[0]).toMatchObject({ arm: 'baseline' })
    expect(JSON.parse(running.written.samples[0]?.payload ?? '')).toMatchObject({ output: 'old answer' })
    expect(running.written.shadowCalls[0]).toMatchObject({ errorClass: 'server_error', status: 500 })
  })

  it('counts what the candidate’s own guardrails stop against it, and sends it to nobody (B6)', async () => {
    const guardrails = { blocked: [{ name: 'mail', pattern: 'ann@' }] }
    running.setSnapshot(snapshotWith({ stage: 'shadow', step: -1, shareBp: 0, mirrorRate: 1 }, { guardrails }))
    expect((await ask()).status).toBe(200)
    await running.settle()
    expect(fresh.calls).toHaveLength(0)
    expect(running.written.completions[0]).toMatchObject({
      baseline: { values: { error_rate: 0 } },
      candidate: { values: { error_rate: 1 } },
    })
  })

  it('charges the candidate for an answer that its fallback had to better', async () => {
    const fallbacks = [{ model: 'backup/m', on: ['content_filter'] }]
    running.setSnapshot(snapshotWith({ stage: 'shadow', step: -1, shareBp: 0, mirrorRate: 1 }, { fallbacks }))
    fresh.otherwise = filtered
    await ask()
    await running.settle()
    expect(running.written.shadowCalls[0]).toMatchObject({ model: 'backup/m', costMicroUsd: 40 })
    expect(running.written.completions[0]?.candidate?.values).toMatchObject({ error_rate: 1, cost_usd: 0.00004 })
  })

  it('settles both when both failed', async () => {
    for (const upstream of [old, fresh, backup]) upstream.otherwise = fails(500)
    await ask()
    await running.settle()
    expect(running.written.completions[0]).toMatchObject({
      isScored: true,
      baselineScores: { failed: true },
      candidateScores: { failed: true },
    })
  })

  it('keeps its failures out of the circuits that users depend on', async () => {
    // The candidate shares a target with the baseline of another route.
    fresh.otherwise = fails(500)
    for (let index = 0; index < 8; index += 1) await ask()
    await running.settle()
    const shared = aRoute('s', { models: ['fresh/m'], retry, timeouts })
    running.setSnapshot(
      aSnapshot({ providers: [aProvider('fresh', fresh.baseUrl)], models: ['fresh/m'], routes: [shared] }),
    )
    fresh.otherwise = answers('well again')
    expect((await running.post({ model: 's', messages })).status).toBe(200)
  })

  it('starts no more pairs than its queue holds, and writes no evidence for the others', async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let most = 0
    let now = 0
    fresh.otherwise = async (call, res) => {
      now += 1
      most = Math.max(most, now)
      await held
      now -= 1
      return answers('late')(call, res)
    }
    running.setSnapshot(snapshotWith({ stage: 'shadow', shareBp: 0, mirrorRate: 1 }, { timeouts: { totalMs: 30_000 } }))
    for (let index = 0; index < 100; index += 1) expect((await ask()).status).toBe(200)
    await until(() => now === 16)
    expect(running.gateway.readings().shadowRefused).toBe(20)
    release()
    await running.settle()
    expect(most).toBe(16)
    expect(running.written.assignments).toHaveLength(80)
    expect(running.written.completions).toHaveLength(80)
    expect(running.written.shadowCalls).toHaveLength(80)
    expect(running.written.decisions).toHaveLength(100)
  })
})
