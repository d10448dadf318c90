import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DecisionRecord } from '#domain/decision.ts'
import { liveOfRecord } from '#domain/live.ts'
import { bookOf } from '#domain/quality.ts'
import { factsOfRecord } from '#domain/request-facts.ts'
import type { RouteSpec, Select } from '#domain/route.ts'
import { decideTargets, decisionOf, splitRoute } from '#domain/routing.ts'
import type { Snapshot } from '#domain/snapshot.ts'
import { DecisionBuffer } from '#gateway/decision-buffer.ts'
import { LiveStats } from '#gateway/live-stats.ts'
import { listDecisions } from '#store/decisions.ts'
import { createLiveLog } from '#store/live-log.ts'
import { seededRandom } from '#test/domain/seeded-random.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { answers, type FakeUpstream, fails, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, silentLog, startGateway } from '#test/support/gateway.ts'
import { aModel, aProvider, aRollout, aRoute, aSnapshot, aVersion } from '#test/support/routing.ts'

const models = ['eu/large', 'eu/small', 'us/large', 'us/small', 'us/broken', 'own/free']
const selects: Record<string, Select> = {
  priority: { strategy: 'priority' },
  weighted: { strategy: 'weighted' },
  'least-busy': { strategy: 'least-busy' },
  cost: { strategy: 'cost', acceptAnyQuality: true },
  'latency-default': { strategy: 'latency' },
  'latency-ttft': { strategy: 'latency', metric: 'ttft', quantile: 'p50' },
  quality: { strategy: 'quality' },
  'hybrid-order': {
    strategy: 'hybrid',
    order: [{ by: 'quality', within: 0.1 }, { by: 'latency', within: 0.5, max: 5_000 }, { by: 'cost' }],
  },
  'hybrid-weights': { strategy: 'hybrid', weights: { quality: 2, cost: 1, latency: 1 } },
}

/** A route for every strategy, with rules, constraints and fallbacks that ask live state, and one under canary. */
function snapshotOf(upstream: FakeUpstream, epoch: number): Snapshot {
  const spec = (select: Select): RouteSpec => ({
    models: models.map((model, index) => ({ model, weight: index })),
    select,
    task: { default: 'generation' },
    rules: [
      {
        name: 'eu',
        when: { 'metadata.region': 'eu' },
        constraints: { regions: ['eu'], maxLatencyMs: { p95: 500, p50: 400 } },
      },
      { name: 'good', when: { task: 'code' }, constraints: { minQuality: { metric: 'exact', score: 0.6 } } },
      { name: 'long', when: { promptMatches: 'long' }, constraints: { maxCostUsd: 0.0009 } },
    ],
    fallbacks: ['own/free', 'us/small'],
    retry: { attempts: 1 },
  })
  const routes = Object.entries(selects).map(([name, select]) => aRoute(name, spec(select)))
  const [before, after] = [
    aVersion('canary', 1, spec(selects['weighted']!)),
    aVersion('canary', 2, spec(selects['cost']!)),
  ]
  const provider = (name: string, region: string, more = {}) => aProvider(name, upstream.baseUrl, { region, ...more })
  return {
    ...aSnapshot({
      providers: [
        provider('eu', 'eu'),
        provider('us', 'us'),
        provider('own', 'eu', { dataPolicies: ['no-retention'] }),
      ],
      models: models.map((name, index) =>
        aModel(name, {
          price:
            name === 'own/free'
              ? null
              : { input: 1_000_000 * (index + epoch), cachedInput: 100_000, output: 1_000_000 },
          contextWindow: name.endsWith('small') ? 1_000 : null,
        }),
      ),
      routes: [...routes, aRoute('canary', before.spec, { stable: before, rollout: aRollout(before, after) })],
    }),
    epoch,
  }
}

function liveStats(): LiveStats {
  const live = new LiveStats({ nowMs: () => Date.now() })
  const random = seededRandom(5).next
  for (const [index, model] of models.entries()) {
    for (let call = 0; call < index * 30; call++) {
      const totalMs = 100 + index * 60 + random() * 300
      const usage = { inputTokens: 100, cachedInputTokens: index * 20, isEstimated: false }
      live.began(model)
      live.ended(model, call % 2 === 0 ? 'eu' : undefined, { ttftMs: totalMs / 10, totalMs, errorClass: null, usage })
    }
  }
  const tally = (model: string, task: string | null, sum: number) => ({
    model,
    metric: 'exact',
    task,
    samples: 50,
    sum,
  })
  live.setQuality(
    bookOf([
      tally('eu/large', 'code', 45),
      tally('us/large', 'code', 48),
      tally('us/small', null, 30),
      tally('eu/small', 'code', 10),
    ]),
  )
  return live
}

describe.each(engines())('a recorded decision on %s', (engine) => {
  let database: TestDatabase
  let upstream: FakeUpstream
  beforeAll(async () => {
    database = await testDatabase(engine)
    upstream = await startUpstream((call, res) =>
      (call.body.model === 'broken' ? fails(500) : answers('hello'))(call, res),
    )
  })
  afterAll(async () => {
    await upstream.close()
    await database.close()
  })

  it('is made again, exactly, from what the log kept: every strategy, rule and live constraint (B7, D3)', async () => {
    const snapshots = [1, 2].map((epoch) => snapshotOf(upstream, epoch))
    const sink = new DecisionBuffer(createLiveLog(database.db), silentLog)
    const random = seededRandom(11).next
    const gateway = await startGateway(snapshots[0]!, { sink, random: seededRandom(3).next, live: liveStats() })
    await sendMany(gateway, { from: 0, to: 200, random })
    gateway.setSnapshot(snapshots[1]!)
    await sendMany(gateway, { from: 200, to: 400, random })
    await gateway.settle()
    await sink.close()
    await gateway.close()

    const records = await listDecisions(database.db, { limit: 1_000 })
    expect(records).toHaveLength(400)
    for (const record of records) expect(again(record, snapshots)).toEqual(decisionOfRecord(record))
    expectVariety(records)
  })

  it('keeps what was consulted and no more', async () => {
    const records = await listDecisions(database.db, { limit: 1_000 })
    const plain = records.filter(({ route, rule }) => route === 'priority' && rule === null)
    const quality = records.filter(({ route, rule }) => route === 'quality' && rule === null)
    const busy = records.filter(({ route, rule }) => route === 'least-busy' && rule === null)
    for (const { live } of plain) expect(live.targets).toEqual({})
    for (const { live } of quality) expect(Object.values(live.targets).flatMap(Object.keys)).not.toContain('totalMs')
    for (const { live } of busy)
      expect(new Set(Object.values(live.targets).flatMap(Object.keys))).toEqual(new Set(['inFlight']))
    expect([plain, quality, busy].map((list) => list.length > 0)).toEqual([true, true, true])
  })
})

async function sendMany(
  gateway: RunningGateway,
  { from, to, random }: { readonly from: number; readonly to: number; readonly random: () => number },
): Promise<void> {
  const routes = [...Object.keys(selects), 'canary']
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const requests = Array.from({ length: to - from }, (_, index) => ({
    model: routes[(from + index) % routes.length],
    messages: [{ role: 'user', content: pick(['hello', 'a long story '.repeat(200), 'x'.repeat(9_000)]) }],
    stream: random() < 0.3,
    ...(random() < 0.3 && { max_tokens: pick([5, 500]) }),
    ...(random() < 0.2 && { response_format: { type: 'json_object' } }),
    metadata: {
      session: `s${from + index}`,
      ...(random() < 0.4 && { region: pick(['eu', 'us']) }),
      ...(random() < 0.4 && { task: pick(['code', 'summarization']) }),
      ...(random() < 0.2 && { sensitivity: pick(['public', 'restricted']) }),
    },
  }))
  for (let at = 0; at < requests.length; at += 8) {
    await Promise.all(requests.slice(at, at + 8).map(async (body) => (await gateway.post(body)).arrayBuffer()))
  }
}

/** The decision as pure functions make it of the snapshot, the request, the live statistics and the random number. */
function again(record: DecisionRecord, snapshots: readonly Snapshot[]) {
  const catalogue = snapshots.find(({ epoch }) => epoch === record.snapshotEpoch)
  const entry = catalogue?.routes.get(record.route)
  const task = record.classification
  if (catalogue === undefined || entry === undefined || task === null) throw new Error('the record is not whole')
  const request = factsOfRecord(record)
  const split = splitRoute({ catalogue, entry, request, isLeaseValid: true })
  const live = liveOfRecord(record.live)
  const decision = decisionOf(
    split,
    decideTargets({ catalogue, version: split.version, request, task, random: record.random, live }),
  )
  const { arm, bucket, rule, reason, eligible, excluded, version } = decision
  const first = decision.targets[0]?.model ?? null
  return {
    arm,
    bucket,
    rule,
    reason,
    eligible,
    excluded,
    version: version.version,
    first,
    refusal: decision.refusal?.code ?? null,
  }
}

function decisionOfRecord(record: DecisionRecord) {
  const { arm, bucket, rule, reason, eligible, excluded, version } = record
  const first = record.attempts[0]?.model ?? null
  return {
    arm,
    bucket,
    rule,
    reason,
    eligible,
    excluded,
    version,
    first,
    refusal: first === null ? record.errorCode : null,
  }
}

/** A replay of decisions that are all alike would prove little. */
function expectVariety(records: readonly DecisionRecord[]): void {
  const kinds = (of: (record: DecisionRecord) => readonly (string | null)[]) => new Set(records.flatMap(of))
  expect(kinds(({ route }) => [route]).size).toBe(10)
  expect(kinds(({ rule }) => [rule])).toEqual(new Set([null, 'eu', 'good', 'long']))
  expect(kinds(({ attempts }) => [attempts[0]?.model ?? null]).size).toBeGreaterThanOrEqual(6)
  for (const by of [
    'region',
    'max_latency',
    'min_quality',
    'max_cost',
    'unpriced',
    'sensitivity',
    'drained',
    'circuit_open',
  ]) {
    expect(kinds(({ excluded }) => excluded.map((exclusion) => exclusion.by))).toContain(by)
  }
  expect(records.filter(({ reason }) => reason.includes('exploring')).length).toBeGreaterThan(0)
  expect(records.filter(({ live }) => Object.keys(live.targets).length > 0).length).toBeGreaterThan(100)
}
