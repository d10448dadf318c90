import { type Logger, pino } from 'pino'

export type Log = Logger

/**
 * The structured logger. Messages are constant, variables are fields; prompts, answers and secrets never are.
 *
 * error = someone must act now; warn = it healed; info = a state changed; debug = a decision explained.
 */
export function createLog(level: string, destination?: { write(line: string): void }): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: ['authorization', '*.authorization', 'key', '*.key', 'cookie', '*.cookie'], censor: '[redacted]' },
  }
  return destination === undefined
    ? pino(options, pino.destination({ fd: 2, sync: false }))
    : pino(options, destination)
}
