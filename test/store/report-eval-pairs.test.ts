import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readEvalRunView } from '#store/report-view-eval-run.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'
import { seedRequests, times } from '#test/support/traffic.ts'
import { type SeededItem, seedEvalRun, seedMs } from './report-seed.ts'

/** `right` of `count` items are as good as before, the others lost. */
function items(count: number, lost: number, slice: string): SeededItem[] {
  return Array.from({ length: count }, (_, index) => ({ baseline: 1, candidate: index < lost ? 0 : 1, slice }))
}

describe('the comparison of an eval report (C8)', () => {
  let database: TestDatabase
  let runs = 0
  beforeAll(async () => {
    database = await testDatabase()
  })
  afterAll(() => database.close())

  /** @param patch what every item gains, by its position */
  async function report(seeded: readonly SeededItem[], patch: ReturnType<typeof sql> | null = null) {
    runs += 1
    const id = `pairs-${runs}`
    await seedEvalRun(database.db, { id, proposalId: null, items: seeded })
    if (patch !== null) {
      await sql`update dataset_items set item = item || ${patch} where sha256 = ${`sha-${id}`}`.execute(database.db)
    }
    const view = await readEvalRunView(database.db, id)
    if (view === null) throw new Error('the run is not there')
    return view
  }

  it('is less sure where items hang together', async () => {
    const seeded = [...items(30, 30, 'a'), ...items(270, 0, 'b')]
    const alone = (await report(seeded)).comparisons[0]
    // All that was lost was lost in two of twenty documents.
    const document = sql`jsonb_build_object('slice', item -> 'slice' || jsonb_build_object('cluster', (position / 15)::text))`
    const together = (await report(seeded, document)).comparisons[0]
    expect(alone).toMatchObject({ pairs: 300, clusters: null })
    expect(together).toMatchObject({ pairs: 300, clusters: 20 })
    expect(together?.difference).toBeCloseTo(alone?.difference ?? Number.NaN, 10)
    expect(together?.detectable).toBeGreaterThan(2 * (alone?.detectable ?? Number.NaN))
    expect(alone?.interval?.[1]).toBeLessThan(0)
    expect(together?.interval?.[1]).toBeGreaterThan(0)
    // The item's own field says the same; a cluster named like another item's position is not that item.
    const own = sql`case when position < 150 then jsonb_build_object('cluster', (150 + position / 15)::text) else '{}' end`
    expect((await report(seeded, own)).comparisons[0]).toMatchObject({ pairs: 300, clusters: 160 })
  })

  it('corrects the slices for how many were looked at', async () => {
    // 6 lost of 60 has p 0.013 alone; beside nineteen other slices that is nothing.
    const lost = items(60, 6, 'hurt')
    const [few, many] = [
      await report([...lost, ...items(60, 0, 'fine')]),
      await report([...lost, ...Array.from({ length: 19 }, (_, i) => items(60, i % 2, `slice ${i}`)).flat()]),
    ]
    const of = (view: typeof few) => view.slices[0]?.rows.find((row) => row.slice === 'hurt')?.pAdjusted ?? Number.NaN
    expect(of(few)).toBeLessThan(0.05)
    expect(of(many)).toBeGreaterThan(0.05)
  })

  it('counts an item once in a slice, whatever the slice is called', async () => {
    const names = sql`jsonb_build_object('tags', jsonb_build_array('code'), 'slice', jsonb_build_object('tag', 'code', '#task', 'code'))`
    const view = await report(items(20, 10, 'a'), names)
    expect(view.slices.map(({ dimension }) => dimension).sort()).toEqual(['slice #task', 'slice tag', 'tag'])
    for (const { rows } of view.slices) expect(rows).toMatchObject([{ slice: 'code', pairs: 20 }])
  })

  it('weights the tasks as the route is used, and names what no item covers', async () => {
    const { db } = database
    const atMs = seedMs - 3_600_000
    await seedRequests(db, [
      ...times(80, { requestId: 'chat', task: 'generation', atMs }),
      ...times(10, { requestId: 'code', task: 'code', atMs }),
      ...times(10, { requestId: 'sum', task: 'summarization', atMs }),
      ...times(500, { requestId: 'old', task: 'code', atMs: seedMs - 30 * 86_400_000 }),
    ])
    const task = sql`jsonb_build_object('tags', jsonb_build_array(case when position < 50 then 'code' else 'task:generation' end))`
    // The suite is half code, where everything is lost; the traffic is not.
    const view = await report([...items(50, 50, 'a'), ...items(50, 0, 'b')], task)
    const [row] = view.comparisons
    expect(row?.difference).toBeCloseTo(-0.5)
    expect(row?.weighted?.mean).toBeCloseTo(-10 / 90)
    expect(row?.weighted?.covered).toBeCloseTo(0.9)
    expect(row?.weighted?.uncovered).toEqual([{ name: 'summarization', part: expect.closeTo(0.1) }])
  })
})
