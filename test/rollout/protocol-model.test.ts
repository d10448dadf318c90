import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyAudit } from '#store/audit.ts'
import { engines, type TestDatabase, testDatabase } from '#test/support/database.ts'
import { rolloutDeps } from '#test/support/factories.ts'
import { acts, type Evidence, type Person, ProtocolWorld, people } from '#test/support/protocol-world.ts'

/** Sequences per engine: 250 in a test run, PROTOCOL_SEQUENCES=10000 npm run test:protocol for a long one. */
const sequences = Number(process.env['PROTOCOL_SEQUENCES'] ?? 250)

type Step = { readonly does: string; readonly run: (world: ProtocolWorld) => void | Promise<void> }

const person = fc.constantFrom(...(Object.keys(people) as Person[]))
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(person, fc.boolean())
      .map(([who, isStrict]): Step => ({ does: `${who} submits`, run: (world) => world.submit(who, isStrict) })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(person, fc.constantFrom(...acts))
      .map(([who, what]): Step => ({ does: `${who} ${what}s`, run: (world) => world.person(who, what) })),
  },
  {
    weight: 3,
    arbitrary: person.map((who): Step => ({ does: `${who} approves`, run: (world) => world.person(who, 'approve') })),
  },
  { weight: 6, arbitrary: fc.constant<Step>({ does: 'good evidence', run: (world) => world.evidence('good') }) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom<Evidence[]>('bad', 'none', 'missing', 'nonsense', 'lopsided', 'open')
      .map((kind): Step => ({ does: `${kind} evidence`, run: (world) => world.evidence(kind) })),
  },
  {
    weight: 10,
    arbitrary: fc
      .integer({ min: 1, max: 3 })
      .map((times): Step => ({ does: `${times} ticks at once`, run: (world) => world.tick(times) })),
  },
  {
    weight: 2,
    arbitrary: fc
      .integer({ min: 1, max: 9 })
      .map((at): Step => ({ does: `the worker dies at look ${at}`, run: (world) => world.crashingTick(at) })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom('grace' as const, 'olga' as const),
        fc.constantFrom('nothing' as const, 'tick' as const, 'approve' as const),
      )
      .map(
        ([who, beside]): Step => ({
          does: `${who} rolls back beside ${beside}`,
          run: (world) => world.rollback(who, beside),
        }),
      ),
  },
  { weight: 1, arbitrary: person.map((who): Step => ({ does: `${who} retries`, run: (world) => world.retry(who) })) },
  { weight: 1, arbitrary: fc.constant<Step>({ does: 'a freeze', run: (world) => world.freeze() }) },
  {
    weight: 10,
    arbitrary: fc.constant<Step>({ does: 'all goes well for a while', run: (world) => world.goWell() }),
  },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(1_000, 65_000, 700_000)
      .map((ms): Step => ({ does: `${ms} ms pass`, run: (world) => world.pass(ms) })),
  },
)

/** How far a proposal has come when its history begins: 0 is none at all, 5 or 6 bakes. */
const start = fc.integer({ min: 0, max: 6 })

describe.each(engines())('the rollout protocol on %s', (engine) => {
  let database: TestDatabase
  let rig: ReturnType<typeof rolloutDeps>
  let worlds = 0
  const seen: Record<string, number> = {}
  beforeAll(async () => {
    database = await testDatabase(engine)
    rig = rolloutDeps(database.db)
  })
  afterAll(() => database.close())

  test(`keeps its invariants through ${sequences} histories of people, ticks, evidence, crashes and races`, async () => {
    await fc.assert(
      fc.asyncProperty(start, fc.array(step, { minLength: 2, maxLength: 12 }), async (reached, steps) => {
        worlds += 1
        const world = await ProtocolWorld.open(database.db, rig, `route-${worlds}`)
        if (reached > 0) await world.submit('ada', reached % 2 === 0)
        for (let stage = 0; stage < reached; stage += 1) await world.goWell()
        for (const one of steps) {
          await one.run(world)
          await world.check()
        }
      }),
      { numRuns: sequences, endOnFailure: true },
    )
    expect((await verifyAudit(database.db)).broken, 'the audit chain holds').toBeNull()
    const { rows } = await database.pool.query('select status, count(*)::int as count from proposals group by status')
    for (const row of rows as { status: string; count: number }[]) seen[row.status] = row.count
    // The histories are worth nothing unless they lead everywhere.
    for (const status of ['promoted', 'rolled_back', 'failed', 'rejected', 'aborted']) {
      expect(seen[status] ?? 0, `some history ends ${status}`).toBeGreaterThan(0)
    }
  }, 1_200_000)
})
