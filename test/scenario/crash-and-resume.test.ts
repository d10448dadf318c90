import { rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { mathJsonDir } from '#datasets/builtin-data.ts'
import { type ReplayUpstream, startReplayUpstream } from '#datasets/replay-upstream.ts'
import { type ControlClient, controlClient } from '#runners/demo/control-client.ts'
import { type DemoKeys, seed } from '#runners/demo/seed.ts'
import { startTraffic } from '#runners/demo/traffic.ts'
import { embeddedDirectory, engines, postgresDatabase } from '#test/support/database.ts'
import { adminKey, type ServerChild, startServerChild } from '#test/support/server-child.ts'

interface Proposal {
  readonly status: string
  readonly timeline: readonly { readonly to: string }[]
  readonly share: number
}

const evalItems = 400

describe.each(engines())('kill -9 on %s (E7)', (engine) => {
  let upstream: ReplayUpstream
  let server: ServerChild
  let env: Record<string, string>
  let dropDatabase: () => Promise<void>

  beforeEach(async () => {
    upstream = await startReplayUpstream({ dir: mathJsonDir(), latencyScale: 0.1 })
    if (engine === 'postgres') {
      const { url, drop } = await postgresDatabase()
      env = { DATABASE_URL: url }
      dropDatabase = drop
    } else {
      const directory = embeddedDirectory()
      env = { INTERLOCK_DATA_DIR: directory }
      dropDatabase = async () => rmSync(directory, { recursive: true, force: true })
    }
    server = await startServerChild(env)
  })
  afterEach(async () => {
    await server.stop()
    await upstream.close()
    await dropDatabase()
  })

  const admin = () => controlClient(server.url, adminKey)
  async function propose(author: ControlClient, plan: object): Promise<string> {
    const body = {
      route: 'math-tutor',
      title: 'cheaper',
      description: '',
      base: 1,
      spec: { models: ['replay/gpt-4o-mini-2024-07-18'] },
      plan,
    }
    return (await author.send<{ id: string }>('POST', '/api/proposals', body)).id
  }
  const answeredBy = (models: readonly string[]) => {
    const { byPrompt } = upstream.stats({ prompts: true })
    return models.flatMap((model) => Object.values(byPrompt?.[model] ?? {}))
  }
  const targets = ['gpt-4o-2024-05-13', 'gpt-4o-mini-2024-07-18']
  const plan = {
    offline: { datasets: ['maths@1'] },
    shadow: { sampleRate: 1, minSamples: 60 },
    canary: { steps: [20, 50], unit: 'request', minSamples: 60 },
    bake: { duration: '2s' },
  }

  test('in the middle of an eval run: the same evidence, and no stored answer is paid for twice', async () => {
    const { keys } = await seed(admin(), upstream.baseUrl)
    const id = await propose(controlClient(server.url, keys.author), plan)
    await expect.poll(() => answeredBy(targets).length, { timeout: 30_000, interval: 20 }).toBeGreaterThan(150)
    await server.kill()
    server = await startServerChild(env)
    const author = controlClient(server.url, keys.author)
    await expect
      .poll(async () => (await author.get<Proposal>(`/api/proposals/${id}`)).status, { timeout: 120_000 })
      .toBe('shadow')
    const counts = answeredBy(targets)
    expect(counts).toHaveLength(2 * evalItems)
    const paidAgain = counts.reduce((sum, count) => sum + count - 1, 0)
    // Only what was under way at the kill may be asked again: 32 answers at once.
    expect(paidAgain).toBeLessThanOrEqual(32)

    const run = await author.get<{ items: { id: string; proposal?: string }[] }>('/api/eval-runs?limit=5')
    const resumed = await author.get<{ summary: { digest: string } }>(`/api/eval-runs/${run.items[0]?.id}`)
    const again = await author.send<{ id: string }>('POST', '/api/eval-runs', {
      dataset: 'maths@1',
      targets: [
        { route: 'math-tutor', version: 1 },
        { route: 'math-tutor', version: 2 },
      ],
      evaluators: [
        { name: 'json_validity', config: { level: 1 } },
        { name: 'numeric', config: { tolerance: 0.001 } },
      ],
    })
    await expect
      .poll(async () => (await author.get<{ status: string }>(`/api/eval-runs/${again.id}`)).status, {
        timeout: 120_000,
      })
      .toBe('completed')
    const undisturbed = await author.get<{ summary: { digest: string } }>(`/api/eval-runs/${again.id}`)
    expect(resumed.summary.digest).toBe(undisturbed.summary.digest)
  }, 400_000)

  test('in the middle of a canary: the rollout goes on where it was and ends as it would have', async () => {
    const { keys, live } = await seed(admin(), upstream.baseUrl)
    const id = await propose(controlClient(server.url, keys.author), plan)
    const trafficTo = (keysOf: DemoKeys) =>
      startTraffic({ baseUrl: server.url, key: keysOf.gateway, route: 'math-tutor', items: live, perSecond: 60 })
    let traffic = trafficTo(keys)
    const read = () => controlClient(server.url, keys.author).get<Proposal>(`/api/proposals/${id}`)
    await expect.poll(async () => (await read()).status, { timeout: 200_000 }).toBe('canary')
    await server.kill()
    await traffic.stop()
    server = await startServerChild(env)
    const after = await read()
    expect(after.status).toBe('canary')
    traffic = trafficTo(keys)
    await expect.poll(async () => (await read()).status, { timeout: 300_000 }).toBe('promoted')
    await traffic.stop()
    const verify = await admin().get<{ ok?: boolean; broken?: unknown }>('/api/audit/verify')
    expect(verify.broken ?? null).toBeNull()
  }, 600_000)
})
