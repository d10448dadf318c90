import { readFile as readFileFromDisk } from 'node:fs/promises'
import type { Bar } from '#domain/bar.ts'
import type { Observation } from '#domain/evidence.ts'
import { type Decision, decideOnly, EvidenceFold, type GatePolicy, policyOf, startEngine } from '#domain/promotion.ts'
import { type CommandSyntax, helpLines, type ParsedArgs, parseArgs, usage } from './args.ts'
import { readBar } from './bar-file.ts'
import { CommandFailure, exitCodes, printable } from './io.ts'
import { readScoreLines, type ScoreLine } from './score-lines.ts'

export const simulateSyntax: CommandSyntax = {
  name: 'simulate',
  summary:
    'Feeds recorded scores, in order, to the promotion engine; one line {samples, action, reasons} whenever the action changes.',
  words: [],
  flags: {
    bar: {
      value: 'FILE',
      summary: 'quality bar: {evaluators, gates, alpha?, maxMissing?}, or a route definition with one',
    },
    scores: { value: 'FILE.jsonl', summary: '{"arm": "baseline"|"candidate", "unit"?, "metrics": {...}} per line' },
    'min-samples': { value: 'N', summary: 'scored candidate answers needed before it may advance (default 200)' },
  },
  examples: ['npx interlock simulate --bar bar.json --scores scores.jsonl'],
}

/** Where the command writes, one line per call, and how it reads a file as text. */
export interface SimulateIo {
  stdout(line: string): void
  stderr(line: string): void
  readFile?(path: string): Promise<string>
}

/**
 * `interlock simulate --bar FILE --scores FILE.jsonl [--min-samples N] [--json]`: judges after every line as one canary step
 * with the bar's own margins (no ladder). The share is the candidate's part of the file. Units count once where none meets
 * both arms and some come back; time plays no part.
 *
 * @returns exit code: 0 the file was judged, whatever the action; 2 usage, or a file that can't be read as it should be
 */
export async function simulate(args: readonly string[], io: SimulateIo): Promise<number> {
  try {
    const parsed = parseArgs(simulateSyntax, args)
    if (parsed === 'help') {
      for (const line of helpLines(simulateSyntax)) io.stdout(line)
      return exitCodes.ok
    }
    const [barFile, scoresFile] = [needed(parsed, 'bar'), needed(parsed, 'scores')]
    const minSamples = readMinSamples(parsed)
    const bar = readBar(await readText(io, barFile), barFile)
    const lines = readScoreLines(await readText(io, scoresFile), scoresFile)
    warnOfUnread(bar, lines, io)
    judgeLines(bar, lines, minSamples, io)
    return exitCodes.ok
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    for (const line of error.lines) io.stderr(line)
    return error.exitCode
  }
}

function needed({ flags }: ParsedArgs, name: 'bar' | 'scores'): string {
  const value = flags.get(name)
  if (value === undefined) throw usage(simulateSyntax, `--${name} ${simulateSyntax.flags[name]?.value} is missing`)
  return value
}

function readMinSamples({ flags }: ParsedArgs): number {
  const text = flags.get('min-samples') ?? '200'
  const value = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (value > 0) return value
  throw usage(simulateSyntax, `--min-samples must be a whole number of 1 or more, got "${printable(text)}"`)
}

async function readText(io: SimulateIo, path: string): Promise<string> {
  const read = io.readFile ?? ((file: string) => readFileFromDisk(file, 'utf8'))
  return read(path).catch((error: { code?: string }) => {
    const message = `the file "${printable(path)}" can't be read (${error.code ?? 'unknown error'})`
    throw new CommandFailure(exitCodes.usage, message)
  })
}

/** A metric no gate reads may be a typing error: told, not refused, since one record serves many bars. */
function warnOfUnread(bar: Bar, lines: readonly ScoreLine[], io: SimulateIo): void {
  const policy = policyOf(bar, {}, 'canary')
  const known = new Set([...policy.evaluatorMetrics, 'error_rate', 'refusal_rate', 'latency_ms', 'ttft_ms', 'cost_usd'])
  const unread = new Set(lines.flatMap(({ outcome }) => Object.keys(outcome.values)).filter((name) => !known.has(name)))
  if (unread.size > 0) io.stderr(printable(`simulate: metrics that the bar does not know: ${[...unread].join(', ')}`))
}

function judgeLines(bar: Bar, lines: readonly ScoreLine[], minSamples: number, io: SimulateIo): void {
  const plan = { canary: { steps: [50], ladder: [1] } }
  const policy: GatePolicy = { ...policyOf(bar, plan, 'canary'), minSamples, isStickyUnit: isSticky(lines) }
  const fold = new EvidenceFold(startEngine(), policy)
  const situation = { step: 0, elapsedInStageMs: 0, elapsedInStepMs: 0 }
  const write = (samples: number, { action, reasons }: Decision) => {
    const { baseline, candidate } = fold.current
    io.stdout(JSON.stringify({ samples, action, reasons, baseline, candidate }))
  }
  let decision = decideOnly(fold.current, policy, situation)
  let written: string | null = null
  for (const [index, observation] of observationsOf(lines).entries()) {
    fold.take(observation)
    decision = decideOnly(fold.current, policy, situation)
    if (decision.action === written && index < lines.length - 1) continue
    written = decision.action
    write(index + 1, decision)
  }
  if (lines.length === 0) write(0, decision)
}

function observationsOf(lines: readonly ScoreLine[]): Observation[] {
  const candidates = lines.filter((line) => line.arm === 'candidate').length
  const shareBp = lines.length === 0 ? 0 : Math.round((10_000 * candidates) / lines.length)
  return lines.map(({ arm, unit, outcome }, seq) => ({
    seq,
    unit: unit ?? `line ${seq}`,
    shareBp,
    step: 0,
    baseline: arm === 'baseline' ? outcome : null,
    candidate: arm === 'candidate' ? outcome : null,
  }))
}

/** Units are what was split where some come back and none meets both arms. */
function isSticky(lines: readonly ScoreLine[]): boolean {
  const armOf = new Map<string, string>()
  let isRepeated = false
  for (const { arm, unit } of lines) {
    if (unit === null) continue
    const before = armOf.get(unit)
    if (before !== undefined && before !== arm) return false
    if (before !== undefined) isRepeated = true
    armOf.set(unit, arm)
  }
  return isRepeated
}
