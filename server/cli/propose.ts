import { readFile } from 'node:fs/promises'
import { durationMs } from '#domain/plan.ts'
import { ApiFailure } from './api-client.ts'
import { type CommandSyntax, usage } from './args.ts'
import { follow } from './follow.ts'
import { type CliIo, CommandFailure, exitCodes, printable } from './io.ts'
import { outcomeCode, readProposal, reportLines, statusLine } from './proposal-report.ts'
import { type Invocation, runCommand, show, showChange } from './run-command.ts'

export const proposeSyntax: CommandSyntax = {
  name: 'propose',
  summary: 'Submits a route change: {route, title, description, base, spec, plan} in a JSON file.',
  words: ['FILE'],
  flags: {
    wait: { summary: 'wait for the end; the exit code tells it' },
    timeout: { value: '10m', summary: 'with --wait: give up waiting after 30s, 10m, 2h, 7d (default: never)' },
  },
  examples: [
    'npx interlock propose cheaper.json',
    'npx interlock propose cheaper.json --wait --timeout 30m || echo "not promoted"',
  ],
}

/** `interlock propose FILE [--wait] [--timeout 10m]`. @param pacing for tests: how often a wait looks */
export function propose(args: readonly string[], io: CliIo, pacing = { pollMs: 1_000 }): Promise<number> {
  return runCommand(proposeSyntax, args, io, async (invocation) => {
    const timeoutMs = readTimeout(invocation)
    const file = invocation.args.words[0] ?? ''
    const body = await readJsonFile(file)
    const api = await invocation.connect()
    const answer = await api.call({ method: 'POST', path: '/api/proposals', body }).catch((error: unknown) => {
      throw error instanceof ApiFailure ? inFile(error, file) : error
    })
    const created = readProposal(answer)
    show(invocation, created.raw, reportLines(created, api.url))
    if (!invocation.args.flags.has('wait')) return exitCodes.ok
    const end = await follow(api, io, created.id, {
      timeoutMs,
      pollMs: pacing.pollMs,
      seen: statusLine(created),
      onChange: (proposal) => showChange(invocation, proposal, statusLine(proposal)),
    })
    if (!invocation.isJson) show(invocation, end.raw, reportLines(end, api.url))
    return outcomeCode(end)
  })
}

/** Milliseconds of `--timeout`; null without one. Timers can't run longer than 24 days. */
export function readTimeout({ syntax, args }: Invocation, needs = 'wait'): number | null {
  const text = args.flags.get('timeout')
  if (text === undefined) return null
  if (!args.flags.has(needs)) throw usage(syntax, `--timeout needs --${needs}`)
  const timeoutMs = durationMs(text)
  if (timeoutMs === null || timeoutMs === 0 || timeoutMs > 24 * 86_400_000) {
    throw usage(syntax, `--timeout "${printable(text)}" is no duration such as 30s, 10m, 2h or 7d (at most 24d)`)
  }
  return timeoutMs
}

async function readJsonFile(path: string): Promise<Record<string, unknown>> {
  const name = printable(path)
  const text = await readFile(path, 'utf8').catch((error: { code?: string }) => {
    throw new CommandFailure(exitCodes.usage, `the file "${name}" can't be read (${error.code ?? 'unknown error'})`)
  })
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (error) {
    const why = error instanceof Error ? printable(error.message) : ''
    throw new CommandFailure(exitCodes.usage, `the file "${name}" is not JSON: ${why}`)
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new CommandFailure(
      exitCodes.usage,
      `the file "${name}" must hold an object {route, title, description, base, spec, plan}`,
    )
  }
  return body as Record<string, unknown>
}

/** The paths of the server's problems are places in the file: the first line names it. */
function inFile(failure: ApiFailure, file: string): CommandFailure {
  const [first = '', ...places] = failure.lines
  return new CommandFailure(failure.exitCode, places.length === 0 ? first : `${printable(file)}: ${first}`, ...places)
}
