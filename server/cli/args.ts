import { CommandFailure, exitCodes } from './io.ts'

/** One flag. `value` names what follows it in the help; absent: the flag stands alone. */
export interface FlagSyntax {
  readonly value?: string
  readonly summary: string
}

export interface CommandSyntax {
  readonly name: string
  readonly summary: string
  /** Names of the words after the command; one in square brackets may be left out. */
  readonly words: readonly string[]
  readonly flags: Readonly<Record<string, FlagSyntax>>
  /** Command lines to copy. */
  readonly examples: readonly string[]
}

export interface ParsedArgs {
  readonly words: readonly string[]
  /** Values by flag name without dashes; a flag that stands alone has ''. */
  readonly flags: ReadonlyMap<string, string>
}

const commonFlags: Readonly<Record<string, FlagSyntax>> = {
  json: { summary: 'one JSON object per line on stdout and nothing else' },
  'key-file': { value: 'PATH', summary: 'file that holds the API key; else INTERLOCK_KEY' },
  help: { summary: 'this text' },
}

/**
 * Reads `WORD --flag VALUE --flag=VALUE`; `--` ends the flags.
 *
 * @returns 'help' where it was asked for, whatever else is wrong with the line
 * @throws CommandFailure (usage) that names the known flags or the word that is missing
 */
export function parseArgs(syntax: CommandSyntax, args: readonly string[]): ParsedArgs | 'help' {
  const flagged = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  if (flagged.includes('--help') || flagged.includes('-h')) return 'help'
  const words: string[] = []
  const flags = new Map<string, string>()
  const rest = [...args]
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--') words.push(...rest.splice(0))
    else if (arg.startsWith('-') && arg !== '-') readFlag(syntax, arg, rest, flags)
    else words.push(arg)
  }
  checkWords(syntax, words)
  return { words, flags }
}

function readFlag(syntax: CommandSyntax, arg: string, rest: string[], flags: Map<string, string>): void {
  const [, name = '', inline] = /^--([^=]+)(?:=(.*))?$/s.exec(arg) ?? []
  const flag = flagOf(syntax, name)
  if (flag === undefined) {
    const known = Object.keys({ ...syntax.flags, ...commonFlags }).map((known) => `--${known}`)
    throw usage(syntax, `there is no flag "${arg.split('=')[0]}"; known: ${known.join(', ')}`)
  }
  if (flags.has(name)) throw usage(syntax, `--${name} is given twice`)
  if (flag.value === undefined) {
    if (inline !== undefined) throw usage(syntax, `--${name} takes no value`)
    flags.set(name, '')
    return
  }
  const value = inline ?? rest.shift()
  if (value === undefined || value === '' || (inline === undefined && value.startsWith('--'))) {
    throw usage(syntax, `--${name} needs a value: --${name} ${flag.value}`)
  }
  flags.set(name, value)
}

function flagOf(syntax: CommandSyntax, name: string): FlagSyntax | undefined {
  if (Object.hasOwn(syntax.flags, name)) return syntax.flags[name]
  return Object.hasOwn(commonFlags, name) ? commonFlags[name] : undefined
}

function checkWords(syntax: CommandSyntax, words: readonly string[]): void {
  const missing = syntax.words.slice(words.length).find((word) => !word.startsWith('['))
  if (missing !== undefined) throw usage(syntax, `${missing} is missing`)
  const extra = words[syntax.words.length]
  if (extra !== undefined) throw usage(syntax, `"${extra}" is one word too many`)
}

/** A command line that can't be carried out, with where to read how it is written. */
export function usage(syntax: CommandSyntax, message: string): CommandFailure {
  return new CommandFailure(
    exitCodes.usage,
    `${syntax.name}: ${message}`,
    `usage: ${usageLine(syntax)}`,
    `"interlock ${syntax.name} --help" tells more`,
  )
}

function usageLine(syntax: CommandSyntax): string {
  const flags = Object.entries(syntax.flags).map(([name, { value }]) => `[--${name}${value ? ` ${value}` : ''}]`)
  return ['interlock', syntax.name, ...syntax.words, ...flags].join(' ')
}

/** The help page of a command, line by line. */
export function helpLines(syntax: CommandSyntax): string[] {
  const flags = Object.entries({ ...syntax.flags, ...commonFlags }).map(([name, { value, summary }]) => {
    return `  ${`--${name}${value ? ` ${value}` : ''}`.padEnd(20)} ${summary}`
  })
  return [
    syntax.summary,
    '',
    `usage: ${usageLine(syntax)}`,
    '',
    'flags:',
    ...flags,
    '',
    'environment:',
    '  INTERLOCK_URL        the server, default http://127.0.0.1:8080',
    '  INTERLOCK_KEY        the API key',
    '',
    'examples:',
    ...syntax.examples.map((example) => `  ${example}`),
    '',
    'exit codes: 0 promoted or done, 1 failed, rejected or aborted, 2 wrong usage or content, 3 inconclusive,',
    '            4 not allowed, 5 server not reached or time-out, 6 rolled back',
  ]
}
