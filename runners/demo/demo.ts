import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { CliIo } from '#cli/io.ts'
import { mathJsonDir } from '#datasets/builtin-data.ts'
import { type ReplayUpstream, startReplayUpstream } from '#datasets/replay-upstream.ts'
import { type Config, readConfig } from '#infra/config.ts'
import { type RunningServer, startServer } from '#runners/server-process.ts'
import { controlClient } from './control-client.ts'
import { seed, stableModel } from './seed.ts'
import { type Chapter, type Teller, tell } from './story.ts'
import { startTraffic } from './traffic.ts'

const usage =
  'usage: interlock demo [--exit] [--port N]\n  --exit  end when the story has; exit code 0 only if it went as told'

/** Recorded answers arrive this much faster than hosted models gave them, so that the story fits in a minute. */
const latencyScale = 0.05
const requestsPerSecond = 60
const scriptPerSecond = 5
const workflows = {
  'math-tutor': { workflow: 'tutor-app', task: 'reasoning' },
  'homework-check': { workflow: 'homework-portal', task: 'reasoning' },
} as const
const chapterLimitMs = 150_000

/**
 * `interlock demo`: a server with embedded storage, an upstream that replays recorded answers of real models, live traffic,
 * and three route changes judged by the real engine. Nothing is staged but the fault of the third.
 *
 * @returns 0 as told (or ended by the user after that), 1 not as told, 2 usage
 */
export async function demo(args: readonly string[], io: CliIo): Promise<number> {
  const options = readOptions(args)
  if (options === null) {
    io.stderr(usage)
    return 2
  }
  const directory = mkdtempSync(join(tmpdir(), 'interlock-demo-'))
  const teller = storyTeller(io)
  const upstream = await startReplayUpstream({ dir: mathJsonDir(), latencyScale })
  const adminKey = `demo-${randomBytes(24).toString('base64url')}`
  const config: Config = {
    ...readConfig({}),
    port: options.port ?? Number(io.env['PORT'] ?? 8080),
    dataDirectory: directory,
    adminKey,
    upstreamAllow: ['127.0.0.0/8'],
    logLevel: 'error',
    tickMs: 400,
  }
  let server: RunningServer | undefined
  try {
    server = await startServer(config)
    teller.say(`open ${server.url}/ and log in with the key ${adminKey}`)
    const isAsTold = await story(server.url, adminKey, upstream, teller, io.signal)
    teller.say(isAsTold ? 'The story went as told.' : 'The story did NOT go as told.')
    if (!options.exits && !io.signal.aborted) {
      teller.say(`The server keeps running at ${server.url}/ (Ctrl-C ends it).`)
      await new Promise((resolve) => io.signal.addEventListener('abort', resolve, { once: true }))
    }
    return isAsTold ? 0 : 1
  } finally {
    await server?.close()
    await upstream.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

function readOptions(args: readonly string[]): { exits: boolean; port: number | undefined } | null {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { exit: { type: 'boolean', default: false }, port: { type: 'string' } },
    })
    const port = values.port === undefined ? undefined : Number(values.port)
    if (port !== undefined && !(Number.isInteger(port) && port >= 0 && port < 65_536)) return null
    return { exits: values.exit, port }
  } catch {
    return null
  }
}

function storyTeller(io: CliIo): Teller {
  const startedMs = performance.now()
  return {
    say: (line) => io.stdout(`${((performance.now() - startedMs) / 1000).toFixed(1).padStart(5)} s  ${line}`),
  }
}

async function story(
  baseUrl: string,
  adminKey: string,
  upstream: ReplayUpstream,
  teller: Teller,
  signal: AbortSignal,
): Promise<boolean> {
  const { keys, live } = await seed(controlClient(baseUrl, adminKey), upstream.baseUrl)
  teller.say(`two routes answer live traffic with ${stableModel}; every change below must prove itself`)
  const each = { baseUrl, items: live }
  const traffic = [
    ...(['math-tutor', 'homework-check'] as const).map((route) =>
      startTraffic({ ...each, key: keys.gateway, route, perSecond: requestsPerSecond, metadata: workflows[route] }),
    ),
    // What an inventory is for: someone calls the dear model past every route.
    startTraffic({ ...each, key: keys.script, route: `replay/${stableModel}`, perSecond: scriptPerSecond }),
  ]
  const author = controlClient(baseUrl, keys.author)
  const options = { baseUrl, teller, limitMs: chapterLimitMs, signal }
  try {
    const [isPromoted, isStoppedAndRolledBack] = await Promise.all([
      tell(goodChange, author, options),
      tell(badChange, author, options).then(async (isStopped) => {
        const isRolledBack = await tell(degradingChange(upstream, teller), author, options)
        return isStopped && isRolledBack
      }),
    ])
    return isPromoted && isStoppedAndRolledBack
  } finally {
    await Promise.all(traffic.map((each) => each.stop()))
  }
}

const goodChange: Chapter = {
  title: 'Answer with a model that costs a 26th',
  route: 'math-tutor',
  description: 'gpt-4o-mini answered the recorded problems as well, always in valid JSON.',
  model: 'gpt-4o-mini-2024-07-18',
  bakeSeconds: 5,
  expected: 'promoted',
}

const badChange: Chapter = {
  title: 'Try a cheap model that is mostly right',
  route: 'homework-check',
  description: 'claude-3-haiku gets 9 of 10 right. Its answers break the JSON the application reads.',
  model: 'claude-3-haiku-20240307',
  bakeSeconds: 5,
  expected: 'failed',
}

function degradingChange(upstream: ReplayUpstream, teller: Teller): Chapter {
  const model = 'deepseek-v2.5-0908'
  return {
    title: 'Try another cheap model that keeps to JSON',
    route: 'homework-check',
    description: 'deepseek-v2.5 passes offline. Then its provider has a bad day.',
    model,
    bakeSeconds: 5,
    expected: 'rolled_back',
    onCanary: async () => {
      upstream.setFault(model, { kind: 'truncate_json', rate: 0.8 })
      teller.say(`homework-check: (the replay upstream now cuts 8 of 10 answers of ${model} short)`)
    },
  }
}
