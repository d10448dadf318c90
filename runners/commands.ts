import { clientCommands, type ListedCommand } from '#cli/client-commands.ts'
import { judgePort } from '#cli/judge-port.ts'
import { replayUpstream } from '#cli/replay-upstream.ts'
import { score } from '#cli/score.ts'
import { simulate, simulateSyntax } from '#cli/simulate.ts'
import { demo } from './demo/demo.ts'
import { serve } from './serve.ts'

/** Every command of the program, in the order of the overview. */
export const commands: Readonly<Record<string, ListedCommand>> = {
  serve: {
    summary: 'Runs the server: gateway, control plane, pages and workers (INTERLOCK_ROLE narrows it).',
    run: serve,
  },
  demo: { summary: 'Runs a server with recorded models and tells how three route changes end.', run: demo },
  ...clientCommands,
  score: {
    summary: 'Scores the answers of a file with one evaluator.',
    run: (args, io) => score(args, io, () => judgePort(io.env)),
  },
  simulate: { summary: simulateSyntax.summary, run: simulate },
  'replay-upstream': {
    summary: 'Serves recorded answers of real models as an OpenAI-compatible provider.',
    run: (args, io) => replayUpstream(args, { out: io.stdout, err: io.stderr, signal: io.signal }),
  },
}

export function overview(): string[] {
  const width = Math.max(...Object.keys(commands).map((name) => name.length))
  return [
    'interlock: an LLM model router whose routes can only be changed safely',
    '',
    'Usage: npx interlock COMMAND [...]; every command explains itself with --help',
    '',
    ...Object.entries(commands).map(([name, command]) => `  ${name.padEnd(width)}  ${command.summary}`),
  ]
}
