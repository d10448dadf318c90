import { parseArgs } from 'node:util'
import { ReplayDataError } from '#datasets/replay-corpus.ts'
import { type ReplayUpstream, startReplayUpstream } from '#datasets/replay-upstream.ts'

/** Where the command writes (one line per call, without its line break), and how it is told to end. */
export interface ReplayCommandIo {
  readonly out: (line: string) => void
  readonly err: (line: string) => void
  /** Aborted on SIGINT and SIGTERM. */
  readonly signal: AbortSignal
}

const usage =
  'usage: interlock replay-upstream --data DIR --port N [--host HOST] [--latency-scale X] [--seed TEXT] [--json]\n' +
  '  --data           folder with prompts*.jsonl[.gz] and answers*.jsonl[.gz], or of such folders\n' +
  '  --port           0 to 65535; 0 takes any free port\n' +
  '  --host           address to listen on, default 127.0.0.1; there is no authentication\n' +
  '  --latency-scale  1: as slow as a hosted model (default), 0: at once'

/**
 * `interlock replay-upstream`: serves recorded answers until the signal is aborted.
 * @returns exit code: 0 ended by the signal, 1 could not listen, 2 usage (options, or a folder without recordings)
 */
export async function replayUpstream(args: readonly string[], io: ReplayCommandIo): Promise<number> {
  const read = readArgs(args)
  if ('error' in read) {
    io.err(read.error)
    if (read.showUsage) io.err(usage)
    return 2
  }
  if ('isHelp' in read) {
    io.out(usage)
    return 0
  }
  let upstream: ReplayUpstream
  try {
    upstream = await startReplayUpstream(read)
  } catch (error) {
    io.err(`replay-upstream: ${error instanceof Error ? error.message : String(error)}`)
    return error instanceof ReplayDataError ? 2 : 1
  }
  const { url, baseUrl, port, models } = upstream
  if (read.isJson) io.out(JSON.stringify({ event: 'listening', url, baseUrl, port, models }))
  else io.out(`replay upstream on ${baseUrl} (${models.length} models; faults and counts under ${url}/_replay/)`)
  await aborted(io.signal)
  await upstream.close()
  return 0
}

interface Settings {
  readonly dir: string
  readonly port: number
  readonly host: string
  readonly latencyScale: number
  readonly seed: string
  readonly isJson: boolean
}

type Usage = { readonly error: string; readonly showUsage: boolean }

function readArgs(args: readonly string[]): Settings | Usage | { readonly isHelp: true } {
  const parsed = parseOptions(args)
  if ('error' in parsed) return parsed
  const { data, port, host, seed, json, help, 'latency-scale': scale } = parsed.values
  if (help) return { isHelp: true }
  if (data === undefined || data === '') return wrong('--data DIR is missing')
  if (port === undefined) return wrong('--port N is missing')
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) return wrong(`--port "${port}" is not a port: 0 to 65535`)
  if (!/^\d{1,4}(\.\d{1,6})?$/.test(scale)) return wrong(`--latency-scale "${scale}" is not a number of 0 or more`)
  return { dir: data, port: Number(port), host, latencyScale: Number(scale), seed, isJson: json }
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        data: { type: 'string' },
        port: { type: 'string' },
        host: { type: 'string', default: '127.0.0.1' },
        'latency-scale': { type: 'string', default: '1' },
        seed: { type: 'string', default: 'replay' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
}

function wrong(message: string): Usage {
  return { error: `replay-upstream: ${message}`, showUsage: true }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
