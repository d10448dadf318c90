import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CommandSyntax, parseArgs } from '#cli/args.ts'
import { CommandFailure, exitCodes, printable } from '#cli/io.ts'

const syntax: CommandSyntax = {
  name: 'propose',
  summary: 'Submits.',
  words: ['FILE', '[NOTE]'],
  flags: { wait: { summary: 'wait' }, timeout: { value: '10m', summary: 'give up' } },
  examples: [],
}

function refusal(args: readonly string[]): string {
  try {
    parseArgs(syntax, args)
  } catch (error) {
    expect(error).toBeInstanceOf(CommandFailure)
    expect((error as CommandFailure).exitCode).toBe(exitCodes.usage)
    return (error as CommandFailure).message
  }
  throw new Error(`accepted: ${args.join(' ')}`)
}

describe('the command line', () => {
  test('takes flags before and after words, with a space or an equals sign', () => {
    const parsed = parseArgs(syntax, ['--timeout=10m', 'a.json', '--wait', '--json'])
    expect(parsed).toEqual({
      words: ['a.json'],
      flags: new Map([
        ['timeout', '10m'],
        ['wait', ''],
        ['json', ''],
      ]),
    })
    expect(parseArgs(syntax, ['a.json', '--timeout', '5s'])).toMatchObject({ flags: new Map([['timeout', '5s']]) })
  })

  test('names the known flags when one is unknown', () => {
    expect(refusal(['a.json', '--wiat'])).toContain(
      'no flag "--wiat"; known: --wait, --timeout, --json, --key-file, --help',
    )
    expect(refusal(['a.json', '-w'])).toContain('no flag "-w"')
  })

  test('has no flag that takes a key: command lines are visible to other users', () => {
    expect(refusal(['a.json', '--key', 'secret'])).toContain('no flag "--key"')
    expect(refusal(['a.json', '--key=secret'])).not.toContain('secret')
  })

  test.each([
    [[], 'FILE is missing'],
    [['a', 'b', 'c'], '"c" is one word too many'],
    [['a', '--timeout'], '--timeout needs a value'],
    [['a', '--timeout', '--wait'], '--timeout needs a value'],
    [['a', '--timeout='], '--timeout needs a value'],
    [['a', '--wait=yes'], '--wait takes no value'],
    [['a', '--wait', '--wait'], '--wait is given twice'],
    [['a', '--__proto__'], 'no flag "--__proto__"'],
    [['a', '--constructor', 'x'], 'no flag "--constructor"'],
  ])('refuses %j', (args, message) => {
    expect(refusal(args)).toContain(message)
  })

  test('asks for help wherever it stands, but not behind --', () => {
    expect(parseArgs(syntax, ['--nonsense', '--help'])).toBe('help')
    expect(parseArgs(syntax, ['-h'])).toBe('help')
    expect(parseArgs(syntax, ['--', '--help'])).toMatchObject({ words: ['--help'] })
  })

  test('never throws anything but a usage failure, and keeps every word in order (property)', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (args) => {
        try {
          const parsed = parseArgs(syntax, args)
          if (parsed === 'help') return
          const from = args.filter((arg) => parsed.words.includes(arg))
          expect(from.length).toBeGreaterThanOrEqual(parsed.words.length)
        } catch (error) {
          expect(error).toBeInstanceOf(CommandFailure)
        }
      }),
      { seed: 20_26, numRuns: 500 },
    )
  })
})

describe('text from a server on a terminal', () => {
  test('shows escape sequences and turned text as what they are', () => {
    expect(printable('\u001b[2Jhello\nworld')).toBe('\\u{1b}[2Jhello\\u{a}world')
    expect(printable('safe \u202e txt.exe')).toBe('safe \\u{202e} txt.exe')
  })

  test('leaves no control character whatever the input (property)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(/\p{Cc}/u.test(printable(text))).toBe(false)
      }),
      { seed: 20_26 },
    )
  })
})
