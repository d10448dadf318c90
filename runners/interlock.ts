#!/usr/bin/env node
import { commands, overview } from './commands.ts'

/**
 * The `interlock` program: one command a run. Ctrl-C and SIGTERM ask the command to end; a second one ends the process.
 */
const [name = 'help', ...args] = process.argv.slice(2)
const ending = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (ending.signal.aborted) process.exit(130)
    ending.abort()
  })
}
// A reader that has gone (`interlock status | head`) ends the program quietly.
process.stdout.on('error', () => process.exit(0))

const io = {
  stdout: (line: string) => void process.stdout.write(`${line}\n`),
  stderr: (line: string) => void process.stderr.write(`${line}\n`),
  env: process.env,
  signal: ending.signal,
}

const command = Object.hasOwn(commands, name) ? commands[name] : undefined
if (command !== undefined) process.exitCode = await command.run(args, io)
else if (['help', '--help', '-h'].includes(name)) for (const line of overview()) io.stdout(line)
else {
  io.stderr(`interlock: there is no command "${name}"; known: ${Object.keys(commands).join(', ')}`)
  process.exitCode = 2
}
