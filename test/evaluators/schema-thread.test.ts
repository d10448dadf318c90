import { afterEach, describe, expect, it } from 'vitest'
import { canonicalJson, contentHash } from '#evaluators/content-hash.ts'
import { SchemaThread } from '#evaluators/schema-thread.ts'

const threads: SchemaThread[] = []
function aThread(limits?: { patienceMs: number; maxHeapMb: number }): SchemaThread {
  const thread = new SchemaThread(limits)
  threads.push(thread)
  return thread
}

afterEach(async () => {
  for (const thread of threads.splice(0)) await thread.close()
})

const handle = (schema: unknown) => ({ key: contentHash(schema), text: canonicalJson(schema) })
const judge = (thread: SchemaThread, schema: unknown, output: string) =>
  thread.judge({ output, permittedLevel: 0, schema: handle(schema) })

/** Two alternatives at each of 30 levels: validating visits 2^30 places. */
function doubling(): object {
  const $defs: Record<string, unknown> = { s30: { type: 'string' } }
  for (let i = 0; i < 30; i++) {
    $defs[`s${i}`] = { allOf: [{ $ref: `#/$defs/s${i + 1}` }, { $ref: `#/$defs/s${i + 1}` }] }
  }
  return { $defs, $ref: '#/$defs/s0' }
}

describe('the thread that validates (C2, F25)', () => {
  it('leaves the event loop to others while a hostile schema is at work', async () => {
    const thread = aThread()
    await judge(thread, { type: 'string' }, '"warm"')
    let turns = 0
    const ticking = setInterval(() => {
      turns += 1
    }, 5)
    const finding = await judge(thread, doubling(), '"a"')
    clearInterval(ticking)
    expect(finding).toMatchObject({ kind: 'failed', reason: expect.stringContaining('took more than') })
    // the work takes half a second; on the main thread there would have been no turn at all
    expect(turns).toBeGreaterThan(5)
  })

  it('answers everyone who waits, in order, each with its own finding', async () => {
    const thread = aThread()
    const findings = await Promise.all(
      Array.from({ length: 50 }, (_, index) => judge(thread, { const: index }, String(index % 2 === 0 ? index : -1))),
    )
    expect(findings.map((finding) => finding.kind === 'judged' && finding.errorCount)).toEqual(
      Array.from({ length: 50 }, (_, index) => index % 2),
    )
  })

  it('outlives a thread that runs out of memory, and does not try that schema again', async () => {
    const thread = aThread({ patienceMs: 60_000, maxHeapMb: 48 })
    const items = JSON.stringify(Array.from({ length: 700_000 }, (_, i) => ({ i })))
    const schema = { items: { type: 'object', required: ['x'] } }
    expect(await judge(thread, schema, items)).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/48 MB|ended/),
    })
    expect(await judge(thread, { type: 'integer' }, '1')).toMatchObject({ kind: 'judged', errorCount: 0 })
    expect(await judge(thread, schema, '[]')).toMatchObject({ kind: 'failed' })
  })

  it('ends a thread that is stuck where no watchdog reaches, and goes on with the next answer', async () => {
    const thread = aThread({ patienceMs: 1, maxHeapMb: 256 })
    const stuck = await judge(thread, { type: 'string' }, '"a"')
    expect(stuck).toMatchObject({ kind: 'failed', reason: expect.stringContaining('took more than 1 ms') })
  })

  it('blames the answer the thread was at: those handed over with it are judged by the next thread', async () => {
    const thread = aThread({ patienceMs: 60_000, maxHeapMb: 48 })
    const items = JSON.stringify(Array.from({ length: 700_000 }, (_, i) => ({ i })))
    const eater = { items: { type: 'object', required: ['x'] } }
    const findings = await Promise.all([
      judge(thread, { type: 'integer' }, '1'),
      judge(thread, eater, items),
      ...Array.from({ length: 40 }, (_, index) => judge(thread, { const: index }, String(index))),
    ])
    expect(findings.map(({ kind }) => kind)).toEqual([
      'judged',
      'failed',
      ...Array.from({ length: 40 }, () => 'judged'),
    ])
  })
})
