import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { aProposalBody, seedThroughApi } from '#test/support/control-seed.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'

let database: TestDatabase
let rig: ControlRig
beforeAll(async () => {
  database = await testDatabase()
  rig = await controlRig(database.db)
  await seedThroughApi(rig)
})
afterAll(async () => {
  await rig.close()
  await database.close()
})

interface Event {
  readonly id: string | null
  readonly data: Record<string, unknown>
}

/** Reads events until `isLast`, or the end of the stream. */
async function read(id: string, headers: Record<string, string>, isLast: (event: Event) => boolean): Promise<Event[]> {
  const stop = new AbortController()
  const response = await fetch(`${rig.url}/api/proposals/${id}/events`, {
    headers: { authorization: `Bearer ${rig.keys.viewer}`, ...headers },
    signal: stop.signal,
  })
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  const events: Event[] = []
  let text = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data !== undefined) events.push({ id: /^id: (.*)$/m.exec(block)?.[1] ?? null, data: JSON.parse(data) })
    }
    if (events.some(isLast)) break
  }
  stop.abort()
  return events
}
const act = (id: string, name: string) => rig.call('POST', `/api/proposals/${id}/${name}`, { body: { reason: name } })
const submit = async () =>
  (await rig.call('POST', '/api/proposals', { body: aProposalBody(), key: rig.keys.author })).body.id

test('the stream tells the timeline so far, each change as it comes, the evidence, and ends with the proposal (E1)', async () => {
  const id = await submit()
  const reading = read(id, {}, () => false)
  await act(id, 'pause')
  await database.db.updateTable('proposals').set({ revision: 90 }).where('id', '=', id).execute()
  const probe = await read(id, {}, (event) => event.data['to'] === 'queued' && event.data['reason'] === 'pause')
  expect(probe.map((event) => event.data['reason'])).toEqual(['submitted', 'pause'])
  await act(id, 'abort')
  const events = await reading
  const told = events.filter((event) => event.data['type'] === 'timeline')
  expect(told.map((event) => event.data['reason'])).toEqual(['submitted', 'pause', 'abort'])
  expect(told.map((event) => Number(event.id))).toEqual(told.map((event) => Number(event.id)).toSorted((a, b) => a - b))
  expect(told.at(-1)?.data).toMatchObject({ to: 'aborted', share: 0 })
})

test('a reader that comes back gets what it missed and nothing twice; then 204 stops it', async () => {
  const id = await submit()
  const [first] = await read(id, {}, () => true)
  await act(id, 'pause')
  await act(id, 'abort')
  const missed = await read(id, { 'last-event-id': first?.id ?? '' }, () => false)
  expect(missed.map((event) => event.data['reason'])).toEqual(['pause', 'abort'])
  const over = await rig.call('GET', `/api/proposals/${id}/events`, {
    headers: { 'last-event-id': missed.at(-1)?.id ?? '' },
  })
  expect([over.status, over.text]).toEqual([204, ''])
})

test('new evidence is announced without an id, so that resuming stays exact', async () => {
  const id = await submit()
  const reading = read(id, {}, (event) => event.data['type'] === 'progress')
  await read(id, {}, () => true)
  const bump = setInterval(() => {
    void database.db
      .updateTable('proposals')
      .set((eb) => ({ revision: eb('revision', '+', 1) }))
      .where('id', '=', id)
      .execute()
  }, 100)
  const events = await reading
  clearInterval(bump)
  expect(events.at(-1)).toEqual({ id: null, data: { type: 'progress', status: 'queued', share: 0 } })
  await act(id, 'abort')
})

test('an event id that is none is refused, and an unknown proposal is not found', async () => {
  const id = await submit()
  const answer = await rig.call('GET', `/api/proposals/${id}/events`, { headers: { 'last-event-id': 'abc' } })
  expect([answer.status, answer.body.errors[0].path]).toEqual([422, 'last-event-id'])
  expect((await rig.call('GET', '/api/proposals/prop_nope/events')).status).toBe(404)
  await act(id, 'abort')
})
