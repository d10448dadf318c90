import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { aProposal, scriptedApi } from '#test/cli/scripted-api.ts'

const program = join(import.meta.dirname, '..', '..', 'runners', 'interlock.ts')
let api: Awaited<ReturnType<typeof scriptedApi>> | undefined

afterEach(async () => {
  await api?.close()
  api = undefined
})

/** Runs the program as a shell would; `started` gives the process once it is there. */
function run(args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [program, ...args], { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk) => (output.stdout += chunk))
  child.stderr.on('data', (chunk) => (output.stderr += chunk))
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.on('close', (code) => resolve({ code, ...output })),
  )
  return { child, output, ended }
}

describe('the interlock program', () => {
  test('lists its commands, and names them when one is unknown', async () => {
    const help = await run([], {}).ended
    expect(help.stdout).toMatch(/propose .*\n[\s\S]*status /)
    const { code, stderr } = await run(['promote'], {}).ended
    expect(code).toBe(2)
    expect(stderr).toMatch(/no command "promote"; known: .*propose/)
  })

  test('hands the exit code of a rolled back proposal to the shell', async () => {
    api = await scriptedApi({ 'GET /api/proposals/prop_1': [{ body: aProposal({ status: 'rolled_back' }) }] })
    const env = { INTERLOCK_URL: api.url, INTERLOCK_KEY: 'a-key' }
    const { code, stdout } = await run(['status', 'prop_1', '--json'], env).ended
    expect(code).toBe(6)
    expect(JSON.parse(stdout)).toMatchObject({ id: 'prop_1', status: 'rolled_back' })
  })

  test('tells on Ctrl-C how to wait on, and ends', async () => {
    const waiting = Promise.withResolvers<void>()
    const look = { body: aProposal({ status: 'offline' }) }
    api = await scriptedApi({ 'GET /api/proposals/prop_1': [look, { ...look, before: waiting.resolve }] })
    const started = run(['status', 'prop_1', '--watch'], { INTERLOCK_URL: api.url, INTERLOCK_KEY: 'a-key' })
    await waiting.promise
    started.child.kill('SIGINT')
    const { code, stderr } = await started.ended
    expect(code).toBe(5)
    expect(stderr).toContain('prop_1: offline')
    expect(stderr).toContain('to wait on:   interlock status prop_1 --watch')
  })
})
