import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DecisionRecord } from '#domain/decision.ts'
import { createLiveLog, type LiveBatch } from '#store/live-log.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'

const empty: LiveBatch = { assignments: [], completions: [], samples: [], decisions: [], shadowCalls: [], payloads: [] }

function assignment(
  requestId: string,
  more: Partial<LiveBatch['assignments'][number]> = {},
): LiveBatch['assignments'][number] {
  return {
    proposalId: 'p',
    requestId,
    stage: 'canary',
    step: 1,
    shareBp: 500,
    arm: 'candidate',
    unit: 'abcd',
    bootId: 'boot',
    assignedAtMs: Date.parse('2026-03-01T12:00:00.123Z'),
    deadlineAtMs: Date.parse('2026-03-01T12:02:00Z'),
    ...more,
  }
}

function completion(
  requestId: string,
  more: Partial<LiveBatch['completions'][number]> = {},
): LiveBatch['completions'][number] {
  return {
    proposalId: 'p',
    requestId,
    baseline: null,
    candidate: { values: { error_rate: 0 }, missing: {} },
    isScored: false,
    baselineScores: null,
    candidateScores: null,
    ...more,
  }
}

function sample(requestId: string): LiveBatch['samples'][number] {
  const now = Date.parse('2026-03-01T12:00:01Z')
  const payload = JSON.stringify({ output: `"é" ${requestId}\n` })
  return { proposalId: 'p', requestId, arm: 'candidate', payload, createdAtMs: now, expiresAtMs: now + 3_600_000 }
}

function decision(requestId: string): DecisionRecord {
  return {
    requestId,
    at: Date.parse('2026-03-01T12:00:00Z'),
    route: 'r',
    version: 2,
    versionDigest: 'd',
    promptVersion: null,
    proposal: 'p',
    arm: 'candidate',
    bucket: 17,
    rule: null,
    task: 'generation',
    reason: 'priority: first of 1 eligible',
    random: 0.25,
    snapshotEpoch: 9,
    model: 'a/b',
    provider: 'a',
    eligible: ['a/b'],
    excluded: [{ model: 'c/d', by: 'region', detail: 'needs eu' }],
    attempts: [
      {
        model: 'a/b',
        provider: 'a',
        startMs: 0,
        endMs: 5,
        firstTokenMs: 3,
        status: 200,
        errorClass: null,
        isFallback: false,
      },
    ],
    isFallback: false,
    status: 200,
    errorCode: null,
    isStream: true,
    usage: { inputTokens: 3, cachedInputTokens: 1, outputTokens: 2, reasoningTokens: 0, isEstimated: false },
    costMicroUsd: 12,
    ttftMs: 3.4,
    totalMs: 5.6,
    keyId: 'key',
    metadata: { team: 'x', ['__proto__']: 'y' },
    endpoint: 'chat',
    classification: null,
    live: { openCircuits: [], targets: {}, budgetLeftMicroUsd: null, limitedProviders: {} },
    warnings: [],
    priceVersion: 3,
    facts: {
      inputTokens: 3,
      maxOutputTokens: null,
      hasTools: false,
      hasImages: false,
      wantsJson: false,
      capabilities: ['streaming'],
      patterns: { 'a.b': true },
    },
  }
}

describe.each(engines())('the live log on %s', (engine) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase(engine)
  })
  afterAll(() => database.close())
  const log = () => createLiveLog(database.db)

  it('writes every kind of row, and writing them again changes nothing', async () => {
    const batch: LiveBatch = {
      assignments: [assignment('r1'), assignment('r2', { unit: null, arm: 'pair' })],
      completions: [completion('r1')],
      samples: [sample('r1')],
      decisions: [decision('r1')],
      shadowCalls: [
        {
          requestId: 'r2',
          proposalId: 'p',
          atMs: 1,
          model: 'm',
          status: 200,
          errorClass: null,
          inputTokens: 1,
          outputTokens: 2,
          costMicroUsd: null,
          latencyMs: 4.4,
        },
      ],
      payloads: [{ requestId: 'r1', route: 'r', atMs: 5, expiresAtMs: 9, userHash: null, payload: '{"messages":[]}' }],
    }
    await log().write(batch)
    await log().write(batch)
    expect(await database.db.selectFrom('payloads').selectAll().execute()).toEqual([
      {
        request_id: 'r1',
        route: 'r',
        at: new Date(5),
        expires_at: new Date(9),
        user_hash: null,
        payload: { messages: [] },
      },
    ])
    const observations = await database.db.selectFrom('observations').selectAll().orderBy('seq').execute()
    expect(observations).toMatchObject([
      {
        request_id: 'r1',
        arm: 'candidate',
        step: 1,
        share_bp: 500,
        unit: 'abcd',
        is_answered: true,
        is_scored: false,
        candidate: { values: { error_rate: 0 }, missing: {} },
        baseline: null,
      },
      { request_id: 'r2', arm: 'pair', unit: null, is_answered: false, candidate: null },
    ])
    expect(observations[0]?.assigned_at.toISOString()).toBe('2026-03-01T12:00:00.123Z')
    const samples = await database.db.selectFrom('live_samples').selectAll().execute()
    expect(samples).toMatchObject([{ request_id: 'r1', payload: { output: '"é" r1\n' }, attempts: 0 }])
    const decisions = await database.db.selectFrom('decisions').selectAll().execute()
    expect(decisions).toMatchObject([
      {
        request_id: 'r1',
        version: 2,
        bucket: 17,
        random: 0.25,
        snapshot_epoch: '9',
        excluded: [{ by: 'region' }],
        attempts: [{ model: 'a/b', firstTokenMs: 3 }],
        cached_input_tokens: 1,
        cost_micro_usd: '12',
        ttft_ms: 3,
        total_ms: 6,
        is_usage_estimated: false,
        facts: { patterns: { 'a.b': true } },
      },
    ])
    expect(Object.entries(decisions[0]?.metadata ?? {})).toEqual(
      expect.arrayContaining([
        ['team', 'x'],
        ['__proto__', 'y'],
      ]),
    )
    expect(await database.db.selectFrom('shadow_calls').selectAll().execute()).toMatchObject([
      { request_id: 'r2', latency_ms: 4, cost_micro_usd: null },
    ])
  })

  it('keeps assignment order within a batch', async () => {
    const ids = Array.from({ length: 300 }, (_, index) => `o${index}`)
    await log().write({ ...empty, assignments: ids.map((id) => assignment(id, { proposalId: 'ordered' })) })
    const rows = await database.db
      .selectFrom('observations')
      .select('request_id')
      .where('proposal_id', '=', 'ordered')
      .orderBy('seq')
      .execute()
    expect(rows.map((row) => row.request_id)).toEqual(ids)
  })

  it('completes a request once: what came first stays', async () => {
    await log().write({ ...empty, assignments: [assignment('once')] })
    await log().write({ ...empty, completions: [completion('once', { isScored: true })] })
    await log().write({
      ...empty,
      completions: [completion('once', { candidate: { values: { error_rate: 1 }, missing: {} } })],
    })
    const row = await database.db
      .selectFrom('observations')
      .selectAll()
      .where('request_id', '=', 'once')
      .executeTakeFirstOrThrow()
    expect(row).toMatchObject({ is_scored: true, candidate: { values: { error_rate: 0 } } })
  })

  it('keeps no sample for an observation that is scored or was never written', async () => {
    await log().write({
      ...empty,
      assignments: [assignment('done')],
      completions: [completion('done', { isScored: true })],
      samples: [sample('done'), sample('unknown')],
    })
    const rows = await database.db
      .selectFrom('live_samples')
      .select('request_id')
      .where('request_id', 'in', ['done', 'unknown'])
      .execute()
    expect(rows).toEqual([])
  })
})
