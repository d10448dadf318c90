import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { approve, pause } from '#cli/act.ts'
import { clientCommands } from '#cli/client-commands.ts'
import { propose } from '#cli/propose.ts'
import { rollback } from '#cli/rollback.ts'
import { status } from '#cli/status.ts'
import { aProposal, type ScriptedAnswer, scriptedApi, terminal } from '#test/cli/scripted-api.ts'

const pacing = { pollMs: 1 }
const submit = 'POST /api/proposals'
const look = 'GET /api/proposals/prop_1'
const change = {
  route: 'support-reply',
  title: 'cheaper',
  description: '',
  base: 1,
  spec: { models: ['a/b'] },
  plan: {},
}

let directory = ''
let file = ''
let api: Awaited<ReturnType<typeof scriptedApi>> | undefined

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'interlock-cli-'))
  file = join(directory, 'change.json')
  writeFileSync(file, JSON.stringify(change))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))
afterEach(async () => {
  expect(api?.unplanned ?? []).toEqual([])
  await api?.close()
  api = undefined
})

async function serve(script: Readonly<Record<string, readonly ScriptedAnswer[]>>) {
  api = await scriptedApi(script)
  return { api, ...terminal({ INTERLOCK_URL: api.url }) }
}

const created: ScriptedAnswer = { status: 201, body: aProposal() }
const ended = (over: Record<string, unknown>): ScriptedAnswer => ({ body: aProposal(over) })

describe('interlock propose (E5)', () => {
  test('sends the file as it is, with the key and an idempotency key, and says where the report is', async () => {
    const { api, io, out, err } = await serve({ [submit]: [created] })
    expect(await propose([file], io)).toBe(0)
    expect(api.seen[0]).toMatchObject({ body: change, headers: { authorization: 'Bearer key-of-an-author' } })
    expect(api.seen[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/)
    expect(out.join('\n')).toContain(`report: ${api.url}/proposals/prop_1`)
    expect(err).toEqual([])
  })

  test.each([
    ['promoted', { status: 'promoted', share: 100 }, 0],
    ['failed', { status: 'failed', endReason: 'json_validity: 0.61 below 0.98' }, 1],
    ['rejected', { status: 'rejected' }, 1],
    ['aborted', { status: 'aborted' }, 1],
    ['failed for want of evidence', { status: 'failed', endedInconclusive: true }, 3],
    ['rolled back', { status: 'rolled_back' }, 6],
    ['a status of a later server', { status: 'superseded_by_moonlight' }, 5],
  ])('--wait ends with the code of a proposal that is %s', async (_name, over, code) => {
    const { io } = await serve({ [submit]: [created], [look]: [ended(over)] })
    expect(await propose([file, '--wait', '--timeout', '1s'], io, pacing)).toBe(code)
  })

  test('--wait tells each change once on stderr, and the end on stdout', async () => {
    const canary = (share: number) => ended({ status: 'canary', share })
    const gate = {
      stage: 'canary',
      step: 25,
      metric: 'json_validity',
      baseline: 0.98,
      candidate: 0.991234,
      samples: 412,
      missing: 3,
      threshold: { min: 0.98 },
      verdict: 'pass',
    }
    const { io, out, err } = await serve({
      [submit]: [created],
      [look]: [
        created,
        ended({ status: 'offline' }),
        ended({ status: 'offline' }),
        ended({ status: 'awaiting_approval', waitingFor: 'canary' }),
        canary(5),
        canary(5),
        canary(25),
        ended({ status: 'promoted', share: 100, gates: [gate] }),
      ],
    })
    expect(await propose([file, '--wait'], io, pacing)).toBe(0)
    expect(err).toEqual([
      'prop_1: offline',
      'prop_1: waits for an approval before canary: interlock approve prop_1 --reason "..."',
      'prop_1: canary, 5 % of live traffic on version 2',
      'prop_1: canary, 25 % of live traffic on version 2',
      'prop_1: promoted, version 2 of support-reply is stable',
    ])
    expect(out.join('\n')).toContain(
      'pass  canary 25 % json_validity (min 0.98): baseline 0.98, candidate 0.9912, 412 samples, 3 missing',
    )
  })

  test('--json puts one object per change on stdout and nothing else', async () => {
    const { io, out } = await serve({
      [submit]: [created],
      [look]: [created, ended({ status: 'canary', share: 5 }), ended({ status: 'rolled_back' })],
    })
    expect(await propose([file, '--wait', '--json'], io, pacing)).toBe(6)
    expect(out.map((line) => JSON.parse(line).status)).toEqual(['queued', 'canary', 'rolled_back'])
  })

  test('a time-out says that the rollout goes on and how to wait on', async () => {
    const { io, err } = await serve({ [submit]: [created], [look]: [ended({ status: 'offline' })] })
    expect(await propose([file, '--wait', '--timeout', '50ms'], io, pacing)).toBe(5)
    expect(err.join('\n')).toMatch(/the rollout goes on.*\n.*interlock status prop_1 --watch/)
  })

  test('Ctrl-C while waiting says how to wait on', async () => {
    const box = await serve({
      [submit]: [created],
      [look]: [{ body: aProposal({ status: 'offline' }) }, { isBroken: true, before: () => box.interrupt.abort() }],
    })
    expect(await propose([file, '--wait'], box.io, pacing)).toBe(5)
    expect(box.err.join('\n')).toContain('stopped waiting; the rollout goes on')
    expect(box.err.join('\n')).toContain('interlock status prop_1 --watch')
  })

  test('a server that restarts meanwhile is waited for (E7)', async () => {
    const down: ScriptedAnswer = { isBroken: true }
    const { io, err } = await serve({
      [submit]: [created],
      [look]: [ended({ status: 'offline' }), down, down, down, down, { status: 503 }, ended({ status: 'promoted' })],
    })
    expect(await propose([file, '--wait'], io, pacing)).toBe(0)
    expect(err.filter((line) => line.includes('trying on'))).toHaveLength(1)
  })

  test('a write whose connection breaks is sent once more under the same idempotency key', async () => {
    const { api, io } = await serve({ [submit]: [{ isBroken: true }, created] })
    expect(await propose([file], io)).toBe(0)
    expect(api.seen).toHaveLength(2)
    expect(api.seen[0]?.headers['idempotency-key']).toBe(api.seen[1]?.headers['idempotency-key'])
  })

  test('problems are printed with their places in the file', async () => {
    const problem = {
      title: 'Validation failed',
      detail: 'the proposal is not valid; nothing was stored',
      errors: [{ path: '/spec/models/0', message: 'there is no model "a/b"; known: openai/gpt-4o' }],
    }
    const { io, out, err } = await serve({ [submit]: [{ status: 422, body: problem }] })
    expect(await propose([file], io)).toBe(2)
    expect(err).toEqual([
      `${file}: the proposal is not valid; nothing was stored (422)`,
      '  /spec/models/0: there is no model "a/b"; known: openai/gpt-4o',
    ])
    expect(out).toEqual([])
  })

  test.each([
    [401, 4],
    [403, 4],
    [409, 1],
    [400, 2],
    [413, 2],
    [429, 5],
    [500, 5],
    [503, 5],
  ])('a %i from the server ends with %i', async (httpStatus, code) => {
    const { io, err } = await serve({ [submit]: [{ status: httpStatus, body: { title: 'No', detail: 'not so' } }] })
    expect(await propose([file], io)).toBe(code)
    expect(err[0]).toBe(`not so (${httpStatus})`)
  })

  test.each([
    ['missing', null, "can't be read (ENOENT)"],
    ['not JSON', '{"route": ', 'is not JSON'],
    ['not an object', '[1]', 'must hold an object {route, title, description, base, spec, plan}'],
  ])('a file that is %s is told before anything is sent', async (_name, content, message) => {
    const { api, io, err } = await serve({})
    const path = join(directory, 'bad.json')
    rmSync(path, { force: true })
    if (content !== null) writeFileSync(path, content)
    expect(await propose([path], io)).toBe(2)
    expect(err.join('\n')).toContain(message)
    expect(api.seen).toEqual([])
  })

  test.each(['10 minutes', '0s', '', '25d', '1e3s'])('--timeout "%s" is refused', async (timeout) => {
    const { io } = await serve({})
    expect(await propose([file, '--wait', '--timeout', timeout], io)).toBe(2)
  })

  test('--timeout without --wait is refused', async () => {
    const { io, err } = await serve({})
    expect(await propose([file, '--timeout', '5s'], io)).toBe(2)
    expect(err[0]).toBe('propose: --timeout needs --wait')
  })
})

describe('the server and the key', () => {
  test('a server that is not there gives 5 and its address', async () => {
    const { api, io, err } = await serve({})
    await api.close()
    expect(await status([], io)).toBe(5)
    expect(err[0]).toContain(`${api.url} was not reached (ECONNREFUSED)`)
  })

  test('another program at the address is recognised', async () => {
    const { io, err } = await serve({ 'GET /api/routes': [{ text: '<h1>nginx</h1>' }] })
    expect(await status([], io)).toBe(5)
    expect(err[0]).toContain('without JSON: is INTERLOCK_URL an Interlock server?')
  })

  test('JSON that is no proposal is not taken for one', async () => {
    const { io } = await serve({ [submit]: [{ status: 200, body: { ok: true } }] })
    expect(await propose([file], io)).toBe(5)
  })

  test('the key comes from a file, trimmed, and outranks the environment', async () => {
    const keyFile = join(directory, 'key')
    writeFileSync(keyFile, 'key-from-a-file\n')
    const { api, io } = await serve({ 'GET /api/routes': [{ body: { items: [], nextCursor: null } }] })
    expect(await status(['--key-file', keyFile], io)).toBe(0)
    expect(api.seen[0]?.headers.authorization).toBe('Bearer key-from-a-file')
  })

  test('without a key nothing is sent', async () => {
    const { api } = await serve({})
    const { io, err } = terminal({ INTERLOCK_URL: api.url, INTERLOCK_KEY: undefined })
    expect(await status([], io)).toBe(4)
    expect(err[0]).toContain('set INTERLOCK_KEY or give --key-file PATH')
    expect(api.seen).toEqual([])
  })

  test.each(['not a url', 'ftp://host', 'http://user:secret@host'])(
    'INTERLOCK_URL "%s" is refused unseen',
    async (url) => {
      const { io, err } = terminal({ INTERLOCK_URL: url })
      expect(await status([], io)).toBe(2)
      expect(err.join('\n')).not.toContain('secret')
    },
  )

  test('a path in front of the API is kept', async () => {
    const { api } = await serve({ 'GET /interlock/api/routes': [{ body: { items: [] } }] })
    const { io } = terminal({ INTERLOCK_URL: `${api.url}/interlock` })
    expect(await status([], io)).toBe(0)
  })

  test('a key or text with an escape sequence never reaches the terminal raw', async () => {
    const { io, out } = await serve({ [look]: [ended({ title: '\u001b]0;owned\u0007' })] })
    expect(await status(['prop_1'], io)).toBe(0)
    expect(out.join('')).not.toContain('\u001b')
    expect(await status(['prop_1', '--key-file', '\u001b[31m'], io)).toBe(2)
  })
})

describe('approve, reject, pause, resume, abort (D9)', () => {
  test.each(
    Object.entries(clientCommands).filter(([name]) => !['import', 'propose', 'status', 'rollback'].includes(name)),
  )('%s posts the reason to its proposal and shows where that now stands', async (name, command) => {
    const { api, io, out } = await serve({ [`POST /api/proposals/prop_1/${name}`]: [ended({ status: 'offline' })] })
    expect(await command.run(['prop_1', '--reason', 'read it'], io)).toBe(0)
    expect(api.seen[0]?.body).toEqual({ reason: 'read it' })
    expect(out).toEqual(['prop_1: offline'])
  })

  test('approving needs a reason; pausing does not', async () => {
    const { io, err } = await serve({ 'POST /api/proposals/prop_1/pause': [ended({ isPaused: true })] })
    expect(await approve(['prop_1'], io)).toBe(2)
    expect(err[0]).toBe('approve: --reason TEXT is missing')
    expect(await pause(['prop_1'], io)).toBe(0)
  })

  test("approving one's own proposal gives 4, an approval that is not due 1", async () => {
    const { io } = await serve({
      'POST /api/proposals/prop_1/approve': [{ status: 403, body: { detail: 'someone else must' } }, { status: 409 }],
    })
    expect(await approve(['prop_1', '--reason', 'mine'], io)).toBe(4)
    expect(await approve(['prop_1', '--reason', 'mine'], io)).toBe(1)
  })

  test('an id from a person cannot leave its place in the path', async () => {
    const { api, io } = await serve({ 'POST /api/proposals/..%2Fkeys/pause': [{ status: 404 }] })
    expect(await pause(['../keys'], io)).toBe(2)
    expect(api.seen[0]?.path).toBe('/api/proposals/..%2Fkeys/pause')
  })
})

describe('interlock rollback (D8)', () => {
  const answer = {
    from: 2,
    to: 1,
    at: '2026-01-01T00:00:00Z',
    confirmed: false,
    replicas: [
      { id: 'gw_a', ms: 12 },
      { id: 'gw_b', ms: null },
    ],
  }

  test('says from where to where, and which gateways confirmed', async () => {
    const { api, io, out, err } = await serve({ 'POST /api/routes/support-reply/rollback': [{ body: answer }] })
    expect(await rollback(['support-reply', '--reason', 'tickets', '--to-version', '1'], io)).toBe(0)
    expect(api.seen[0]?.body).toEqual({ reason: 'tickets', toVersion: 1 })
    expect(out).toEqual([
      'support-reply: rolled back from version 2 to version 1',
      '  gateway gw_a: confirmed after 12 ms',
      '  gateway gw_b: not confirmed',
    ])
    expect(err[0]).toContain('not every gateway has confirmed')
  })

  test.each(['0', '-1', '1.5', 'latest', '1e9'])('--to-version %s is refused', async (version) => {
    const { io } = await serve({})
    expect(await rollback(['support-reply', `--to-version=${version}`], io)).toBe(2)
  })
})

describe('interlock status', () => {
  test('lists every page of routes, with their rollouts', async () => {
    const rollout = { proposal: 'prop_1', version: 2, status: 'canary', share: 25 }
    const { io, out } = await serve({
      'GET /api/routes': [{ body: { items: [{ name: 'a', stable: { version: 3 }, rollout }], nextCursor: 'x/1' } }],
      'GET /api/routes?cursor=x%2F1': [
        { body: { items: [{ name: 'b', stable: { version: 1 }, rollout: null }], nextCursor: null } },
      ],
    })
    expect(await status([], io)).toBe(0)
    expect(out).toEqual(['a: version 3 is stable; prop_1: canary, 25 %', 'b: version 1 is stable; no rollout'])
  })

  test('an ended proposal gives the code of its end, an open one 0', async () => {
    const { io } = await serve({
      [look]: [ended({ status: 'rolled_back' }), ended({ status: 'failed', endedInconclusive: true }), created],
    })
    expect(await status(['prop_1'], io)).toBe(6)
    expect(await status(['prop_1'], io)).toBe(3)
    expect(await status(['prop_1'], io)).toBe(0)
  })

  test('--watch on a route follows its rollout to the end', async () => {
    const route = {
      name: 'support-reply',
      stable: { version: 1 },
      rollout: { proposal: 'prop_1', status: 'canary', share: 5 },
    }
    const { io, err } = await serve({
      'GET /api/routes/support-reply': [{ body: route }],
      [look]: [
        ended({ status: 'canary', share: 5 }),
        ended({ status: 'rolled_back', endReason: 'json_validity fell' }),
      ],
    })
    expect(await status(['support-reply', '--watch'], io, pacing)).toBe(6)
    expect(err).toEqual(['prop_1: canary, 5 % of live traffic on version 2', 'prop_1: rolled back: json_validity fell'])
  })

  test('a name that is neither is told so', async () => {
    const { io, err } = await serve({
      'GET /api/routes/x': [{ status: 404 }],
      'GET /api/proposals/x': [{ status: 404 }],
    })
    expect(await status(['x'], io)).toBe(2)
    expect(err).toEqual(['there is no proposal and no route "x"'])
  })

  test('every command answers --help with its exit codes and needs neither key nor server for it', async () => {
    for (const [name, command] of Object.entries(clientCommands)) {
      const { io, out, err } = terminal({ INTERLOCK_KEY: undefined, INTERLOCK_URL: 'nonsense' })
      expect(await command.run(['--help'], io)).toBe(0)
      expect(out.join('\n')).toContain(`usage: interlock ${name}`)
      expect(out.join('\n')).toContain('6 rolled back')
      expect(err).toEqual([])
    }
  })
})
