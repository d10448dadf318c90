import { type ApiClient, connect } from './api-client.ts'
import { type CommandSyntax, helpLines, type ParsedArgs, parseArgs } from './args.ts'
import { type CliIo, CommandFailure } from './io.ts'
import type { ProposalReport } from './proposal-report.ts'

/** What a client command works with once its line is read. */
export interface Invocation {
  readonly syntax: CommandSyntax
  readonly args: ParsedArgs
  readonly io: CliIo
  readonly isJson: boolean
  /** Connects on first use, so that a faulty file is told before a missing key. */
  connect(): Promise<ApiClient>
}

/**
 * The frame of every client command: reads the line, answers `--help`, turns a failure into its lines and exit code.
 * With `--json` only JSON goes to stdout; what people read goes to stderr either way.
 */
export async function runCommand(
  syntax: CommandSyntax,
  args: readonly string[],
  io: CliIo,
  work: (invocation: Invocation) => Promise<number>,
): Promise<number> {
  try {
    const parsed = parseArgs(syntax, args)
    if (parsed === 'help') {
      for (const line of helpLines(syntax)) io.stdout(line)
      return 0
    }
    const open = () => connect(io, parsed.flags.get('key-file'))
    return await work({ syntax, args: parsed, io, isJson: parsed.flags.has('json'), connect: open })
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    for (const line of error.lines) io.stderr(line)
    return error.exitCode
  }
}

/** The answer as one JSON line, or the lines people read. */
export function show({ isJson, io }: Invocation, answer: unknown, lines: readonly string[]): void {
  if (isJson) io.stdout(JSON.stringify(answer))
  else for (const line of lines) io.stdout(line)
}

/** A change seen while waiting: people read it on stderr, programs on stdout. */
export function showChange({ isJson, io }: Invocation, proposal: ProposalReport, line: string): void {
  io.stderr(line)
  if (isJson) io.stdout(JSON.stringify(proposal.raw))
}
