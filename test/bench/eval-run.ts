import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { adminKey, startServerChild } from '#test/support/server-child.ts'
import { benchCases, benchModels, caseSchema, needle } from './eval-cases.ts'

/**
 * An eval run against `promptfoo eval` and against a bare loop (`floor`): the same cases x 2 models, an upstream that takes
 * 50 ms, JSON with a schema and `contains`: `node test/bench/eval-run.ts [--items 1000] [--concurrency 4,32,128] [--promptfoo DIR | --no-promptfoo]`.
 *
 * Interlock runs as a server in a process of its own with the embedded database, driven over its API; the wall time goes from
 * the request that starts the run to the answer that says it is completed, all scores stored. Memory is the peak of the server
 * process (VmHWM, which is reset before the run), above what it held idle with the dataset uploaded. promptfoo is measured from the
 * start of its process to its end with HTML output, as in its own documentation; `--promptfoo DIR` names a folder where it is
 * installed, otherwise it is installed into a temporary one, and left out with the reason where that fails.
 */
const { values: options } = parseArgs({
  options: {
    items: { type: 'string', default: '1000' },
    concurrency: { type: 'string', default: '4,32,128' },
    promptfoo: { type: 'string' },
    'no-promptfoo': { type: 'boolean', default: false },
  },
})
const itemCount = Number(options.items)
const widths = options.concurrency.split(',').map(Number)
const delayMs = 50
const promptfooVersion = '0.123.1'

interface Measured {
  readonly wallMs: number
  readonly cpuMs: number
  readonly peakMb: number
  readonly idleMb: number | null
  readonly htmlBytes: number
  readonly passed: number
  readonly failed: number
}

const upstream = spawn(process.execPath, [join(import.meta.dirname, 'eval-cases.ts'), String(delayMs)], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
const port = await new Promise<number>((resolve) => {
  upstream.stdout?.once('data', (chunk: Buffer) => resolve(Number(/port (\d+)/.exec(chunk.toString())?.[1])))
})
const folder = mkdtempSync(join(tmpdir(), 'eval-bench-'))
try {
  const installed = options['no-promptfoo'] ? 'left out: --no-promptfoo' : await promptfooIn(folder)
  console.log(`${itemCount} cases x 2 models, ${delayMs} ms upstream, node ${process.version}`)
  console.log(
    '| at once | ideal | program | wall | to ideal | CPU | peak memory | above idle | HTML | passed, failed |',
  )
  console.log('| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |')
  for (const width of widths) {
    line(width, 'floor', await measureFloor(width))
    line(width, 'interlock', await measureInterlock(width))
    if (typeof installed !== 'string')
      line(width, `promptfoo ${promptfooVersion}`, await measurePromptfoo(installed, width))
  }
  if (typeof installed === 'string') console.log(`promptfoo ${installed}`)
} finally {
  upstream.kill()
  rmSync(folder, { recursive: true, force: true })
}

function line(width: number, program: string, measured: Measured): void {
  const idealMs = (2 * itemCount * delayMs) / width
  const { wallMs, cpuMs, peakMb, idleMb, htmlBytes, passed, failed } = measured
  const cells = [
    width,
    seconds(idealMs),
    program,
    seconds(wallMs),
    (wallMs / idealMs).toFixed(2),
    seconds(cpuMs),
    `${Math.round(peakMb)} MB`,
    idleMb === null ? '' : `${Math.round(peakMb - idleMb)} MB`,
    `${Math.round(htmlBytes / 1024)} KB`,
    `${passed}, ${failed}`,
  ]
  console.log(`| ${cells.join(' | ')} |`)
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}

/** Nothing but the same requests and checks in one bare process: what the machine can do in this minute. */
async function measureFloor(width: number): Promise<Measured> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'eval-floor.ts'), String(port), String(itemCount), String(width)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const seen = watch(child)
  await once(child, 'close')
  const { wallMs, passed, failed } = JSON.parse(seen.text()) as Pick<Measured, 'wallMs' | 'passed' | 'failed'>
  return { wallMs, ...seen.usage(), idleMb: null, htmlBytes: 0, passed, failed }
}

async function measureInterlock(width: number): Promise<Measured> {
  const directory = join(folder, `interlock-${width}`)
  const server = await startServerChild({ INTERLOCK_DATA_DIR: directory, INTERLOCK_TICK_MS: '1000' })
  const api = async <T>(method: string, path: string, body?: unknown, type = 'application/json'): Promise<T> => {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${adminKey}`, ...(text !== undefined && { 'content-type': type }) },
      ...(text !== undefined && { body: text }),
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    const answer = await response.text()
    return (response.headers.get('content-type')?.includes('json') ? JSON.parse(answer) : answer) as T
  }
  try {
    const baseUrl = `http://127.0.0.1:${port}/v1`
    await api('PUT', '/api/providers/bench', { kind: 'openai', baseUrl, limits: { concurrency: width } })
    for (const model of benchModels) await api('PUT', `/api/models/bench/${model}`, { price: { input: 1, output: 2 } })
    const lines = benchCases(itemCount).map(({ id, prompt, language }) =>
      JSON.stringify({ id, messages: [{ role: 'user', content: prompt }], slice: { language } }),
    )
    await api('POST', '/api/datasets/letters/versions', lines.join('\n'), 'application/x-ndjson')
    const pid = server.process.pid ?? 0
    await quiet(pid)
    const idleMb = memoryOf(pid, 'VmRSS')
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
    const cpuBefore = cpuOf(pid)
    const startedMs = performance.now()
    const { id } = await api<{ id: string }>('POST', '/api/eval-runs', {
      dataset: 'letters@1',
      targets: benchModels.map((model) => ({ model: `bench/${model}` })),
      evaluators: [
        { name: 'json_validity', config: { schema: caseSchema } },
        { name: 'contains', config: { all: [needle] } },
      ],
    })
    const run = await completed(api, id)
    const wallMs = performance.now() - startedMs
    const cpuMs = cpuOf(pid) - cpuBefore
    const peakMb = memoryOf(pid, 'VmHWM')
    const html = await api<string>('GET', `/eval-runs/${id}`)
    const rows = run.summary?.byEvaluator.filter((row) => row.evaluator === 'json_validity') ?? []
    const passed = Math.round(rows.reduce((sum, row) => sum + row.scored * (row.mean ?? 0), 0))
    const failed = rows.reduce((sum, row) => sum + row.scored, 0) - passed
    return { wallMs, cpuMs, peakMb, idleMb, htmlBytes: Buffer.byteLength(html), passed, failed }
  } finally {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

interface RunState {
  readonly status: string
  readonly error: string | null
  readonly summary: {
    readonly byEvaluator: readonly { evaluator: string; scored: number; mean: number | null }[]
  } | null
}

async function completed(api: <T>(method: string, path: string) => Promise<T>, id: string): Promise<RunState> {
  for (;;) {
    const run = await api<RunState>('GET', `/api/eval-runs/${id}`)
    if (run.status === 'completed') return run
    if (run.status !== 'running') throw new Error(`the run is ${run.status}: ${run.error}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Waits until the process has done next to nothing for a second. */
async function quiet(pid: number): Promise<void> {
  for (let before = cpuOf(pid); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    const now = cpuOf(pid)
    if (now - before < 100) return
    before = now
  }
}

/** @returns MB */
function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(text)?.[1] ?? 0) / 1024
}

/** User and system time of a process with its threads, ms. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

interface Installed {
  readonly directory: string
}

async function promptfooIn(parent: string): Promise<Installed | string> {
  if (options.promptfoo !== undefined) return { directory: options.promptfoo }
  writeFileSync(join(parent, 'package.json'), '{"private":true}')
  const npm = spawn('npm', ['install', `promptfoo@${promptfooVersion}`, '--no-audit', '--no-fund'], {
    cwd: parent,
    stdio: 'ignore',
  })
  const [code] = (await Promise.race([once(npm, 'exit'), once(npm, 'error').then(() => ['npm is not there'])])) as [
    number | string,
  ]
  return code === 0 ? { directory: parent } : `was left out: it could not be installed (${code})`
}

async function measurePromptfoo({ directory }: Installed, width: number): Promise<Measured> {
  const home = join(folder, `promptfoo-${width}`)
  const html = join(folder, `promptfoo-${width}.html`)
  const configFile = join(folder, `promptfoo-${width}.json`)
  writeFileSync(configFile, JSON.stringify(promptfooConfig(), null, 1))
  const startedMs = performance.now()
  const command = join(directory, 'node_modules', '.bin', 'promptfoo')
  const args = [
    'eval',
    '-c',
    configFile,
    '-j',
    String(width),
    '--no-cache',
    '--no-table',
    '--no-progress-bar',
    '-o',
    html,
  ]
  const child = spawn(process.execPath, [command, ...args], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      OPENAI_API_KEY: 'none',
      PROMPTFOO_CONFIG_DIR: home,
      PROMPTFOO_DISABLE_TELEMETRY: '1',
      PROMPTFOO_DISABLE_UPDATE: '1',
      PROMPTFOO_DISABLE_REMOTE_GENERATION: 'true',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const seen = watch(child)
  await once(child, 'close')
  const counts = seen.counts()
  return {
    wallMs: performance.now() - startedMs,
    ...seen.usage(),
    idleMb: null,
    htmlBytes: statSync(html).size,
    ...counts,
  }
}

function promptfooConfig(): object {
  return {
    prompts: ['{{letter}}'],
    providers: benchModels.map((model) => ({
      id: `openai:chat:${model}`,
      config: { apiBaseUrl: `http://127.0.0.1:${port}/v1` },
    })),
    tests: benchCases(itemCount).map(({ prompt }) => ({
      vars: { letter: prompt },
      assert: [
        { type: 'is-json', value: caseSchema },
        { type: 'contains', value: needle },
      ],
    })),
  }
}

/** Peak memory and CPU of a process that is looked at while it runs, and the counts it prints. */
function watch(child: ChildProcess) {
  let text = ''
  let peakMb = 0
  let cpuMs = 0
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-20_000)
    })
  }
  const timer = setInterval(() => {
    try {
      peakMb = Math.max(peakMb, memoryOf(child.pid ?? 0, 'VmHWM'))
      cpuMs = cpuOf(child.pid ?? 0)
    } catch {
      clearInterval(timer)
    }
  }, 50)
  child.once('exit', () => clearInterval(timer))
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1]?.replaceAll(',', '') ?? Number.NaN)
  return {
    text: () => text,
    usage: () => ({ peakMb, cpuMs }),
    counts: () => ({ passed: number(/([\d,]+) passed/), failed: number(/([\d,]+) failed/) }),
  }
}
