import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { mathJsonDir } from '#datasets/builtin-data.ts'
import { type ReplayUpstream, startReplayUpstream } from '#datasets/replay-upstream.ts'
import { readConfig } from '#infra/config.ts'
import { type RunningServer, startServer } from '#runners/server-process.ts'
import { embeddedDirectory } from '#test/support/database.ts'

const root = join(import.meta.dirname, '..', '..')
const adminKey = 'only-for-trying-0123456789-0123456789'

/** Bash and curl are what the README asks of its reader. */
const hasTools = ['bash', 'curl'].every((tool) => spawnSync(tool, ['--version']).status === 0)
if (!hasTools && process.env['REQUIRE_SERVICES'] === '1') throw new Error('the README is read with bash and curl')

/** The shell blocks of the README's first route, in order. */
function stepsOfReadme(): string {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const part = /<!-- readme-test: begin -->([\s\S]*)<!-- readme-test: end -->/.exec(readme)?.[1] ?? ''
  return [...part.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((block) => block[1]).join('\n')
}

describe.skipIf(!hasTools)('the README', () => {
  let upstream: ReplayUpstream
  let server: RunningServer
  let data = ''
  let directory = ''

  beforeAll(async () => {
    data = embeddedDirectory()
    directory = mkdtempSync(join(tmpdir(), 'interlock-readme-'))
    symlinkSync(join(root, 'datasets'), join(directory, 'datasets'))
    upstream = await startReplayUpstream({ dir: mathJsonDir(), latencyScale: 0 })
    server = await startServer({
      ...readConfig({ INTERLOCK_ADMIN_KEY: adminKey, INTERLOCK_UPSTREAM_ALLOW: '127.0.0.0/8', PORT: '0' }),
      dataDirectory: data,
      logLevel: 'silent',
      tickMs: 100,
    })
  })
  afterAll(async () => {
    await server?.close()
    await upstream?.close()
    for (const path of [data, directory]) rmSync(path, { recursive: true, force: true })
  })

  test('leads a reader who copies every step to a first route, a canary and back (B1, D4, D6, D8, D9)', async () => {
    const steps = stepsOfReadme()
      .replaceAll('http://127.0.0.1:8080', server.url)
      .replaceAll('127.0.0.1:9100', `127.0.0.1:${upstream.port}`)
    const npx = `npx() { shift; '${process.execPath}' '${join(root, 'runners/interlock.ts')}' "$@"; }`
    const { code, output } = await bash(`set -euo pipefail\n${npx}\n${steps}`, directory)
    expect(code, output).toBe(0)
    expect(output).toMatch(/x-interlock-route: math-tutor/)
    expect(output).toMatch(/waits for an approval before canary/)
    expect(output).toMatch(/math-tutor: rolled back from version 2 to version 1/)
    const answer = JSON.parse(readFileSync(join(directory, 'answer.json'), 'utf8'))
    expect(answer.choices[0].message.content).toContain('answer')
    const response = await fetch(`${server.url}/api/proposals`, { headers: { authorization: `Bearer ${adminKey}` } })
    const { items } = (await response.json()) as { items: { status: string; timeline: { to: string }[] }[] }
    expect(items.map(({ status }) => status)).toEqual(['rolled_back'])
    expect(items[0]?.timeline.map(({ to }) => to)).toEqual(expect.arrayContaining(['offline', 'canary', 'rolled_back']))
  })
})

function bash(script: string, cwd: string): Promise<{ code: number | null; output: string }> {
  const env = { PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH']}`, HOME: cwd }
  const child = spawn('bash', ['-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 55_000 })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })))
}
