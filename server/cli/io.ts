/** Where a command writes (one line per call, without its line break), what it may read, and how it is told to end. */
export interface CliIo {
  stdout(line: string): void
  stderr(line: string): void
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal
}

/** A command of the `interlock` program. @returns the exit code */
export type CliCommand = (args: readonly string[], io: CliIo) => Promise<number>

/** What an exit code means, the same for every command that talks to a server. Scripts rely on the numbers. */
export const exitCodes = {
  /** Promoted, or the command did what it was asked. */
  ok: 0,
  /** The proposal failed, was rejected or aborted; or its state does not allow what was asked. */
  failed: 1,
  /** The command line, the file or the request's content is wrong. */
  usage: 2,
  /** Ended before live traffic moved because the evidence was inconclusive. */
  inconclusive: 3,
  /** No key, an unknown key, or a key without the right. */
  notAllowed: 4,
  /** The server was not reached, could not answer, or the time given for waiting is over. */
  unreachable: 5,
  rolledBack: 6,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Ends a command: the lines go to stderr, the code to the shell. */
export class CommandFailure extends Error {
  readonly exitCode: ExitCode
  readonly lines: readonly string[]
  constructor(exitCode: ExitCode, ...lines: readonly string[]) {
    super(lines.join('\n'))
    this.name = 'CommandFailure'
    this.exitCode = exitCode
    this.lines = lines
  }
}

/**
 * Text from a server, fit for a terminal: control characters and the marks that turn text around are written as `\u{..}`,
 * so that a title or a reason can't move the cursor, recolour or disguise what follows.
 */
export function printable(text: string): string {
  return text.replace(
    // C0, DEL and C1 controls; soft hyphen; zero-width and bidirectional marks; line separators; byte order mark.
    /[\p{Cc}\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu,
    (character) => `\\u{${character.charCodeAt(0).toString(16)}}`,
  )
}
