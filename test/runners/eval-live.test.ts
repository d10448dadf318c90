import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RouteSpec } from '#domain/route.ts'
import { decideTargets } from '#domain/routing.ts'
import { plainLabelOf } from '#domain/task.ts'
import { evalLive } from '#runners/eval-live.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'
import { someFacts } from '#test/support/request-facts.ts'
import { aModel, aProvider, aSnapshot, aVersion } from '#test/support/routing.ts'

const spec: RouteSpec = {
  models: ['p/weak', 'p/strong'],
  constraints: { minQuality: { metric: 'exact', score: 0.7 }, maxLatencyMs: { p95: 1 } },
  select: { strategy: 'cost' },
}
const catalogue = aSnapshot({
  providers: [aProvider('p', 'http://127.0.0.1:1/v1')],
  models: [aModel('p/weak', { price: { input: 1, cachedInput: null, output: 1 } }), aModel('p/strong')],
})

describe('the world as an eval run sees it (C7, C9)', () => {
  let database: TestDatabase
  let nowMs = 0
  beforeAll(async () => {
    database = await testDatabase()
  })
  afterAll(() => database.close())

  const score = async (revision: number, weak: number) => {
    const { db } = database
    await sql`delete from quality_scores`.execute(db)
    for (const [model, sum] of [
      ['p/weak', weak],
      ['p/strong', 90],
    ] as const) {
      await sql`insert into quality_scores values (${model}, 'exact', '', 'eval', 100, ${sum})`.execute(db)
    }
    await sql`insert into quality_state values (1, '', now(), ${revision})
      on conflict (id) do update set revision = excluded.revision`.execute(db)
  }

  it('knows scores, so that a floor works as it does live, and follows them; times and load it does not know', async () => {
    const live = evalLive(database.db, { monotonicMs: () => nowMs })
    const choose = async () => {
      const task = plainLabelOf(spec, {})
      const view = await live(spec, task.task)
      const version = aVersion('r', 1, spec)
      return decideTargets({ catalogue, version, request: someFacts(), task, random: 0.5, live: view }).firstChoice
    }
    expect(await choose()).toBeNull()
    await score(1, 50)
    expect(await choose()).toBeNull()
    nowMs += 2_000
    expect(await choose()).toBe('p/strong')
    await score(2, 80)
    nowMs += 2_000
    expect(await choose()).toBe('p/weak')
  })
})
