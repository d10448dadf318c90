import type { CliIo } from '#cli/io.ts'
import { ConfigError, readConfig } from '#infra/config.ts'
import { EmbeddedDatabaseLockedError } from '#store/embedded-lock.ts'
import { NewerSchemaError } from '#store/migrate.ts'
import { startServer } from './server-process.ts'

/**
 * `interlock serve`: runs until it is asked to end.
 *
 * @returns 0 after a clean end, 2 when the environment is not usable or the arguments are wrong
 */
export async function serve(args: readonly string[], io: CliIo): Promise<number> {
  if (args.length > 0) {
    io.stderr(
      'usage: interlock serve (settings come from the environment: PORT, HOST, DATABASE_URL, ...; see the README)',
    )
    return args.includes('--help') || args.includes('-h') ? 0 : 2
  }
  try {
    const server = await startServer(readConfig(io.env))
    io.stdout(`interlock is ready on ${server.url}`)
    if (server.deps.firstKey !== null) {
      io.stdout(`admin key, shown this once: ${server.deps.firstKey}`)
    }
    if (!io.signal.aborted) await new Promise((resolve) => io.signal.addEventListener('abort', resolve, { once: true }))
    io.stderr('ending: requests under way may finish')
    await server.close()
    return 0
  } catch (error) {
    if (!isExpected(error)) throw error
    io.stderr(`interlock: ${error.message}`)
    return 2
  }
}

/** Faults of the environment are said in one line; anything else is a defect and keeps its stack. */
function isExpected(error: unknown): error is Error {
  if (
    error instanceof ConfigError ||
    error instanceof EmbeddedDatabaseLockedError ||
    error instanceof NewerSchemaError
  ) {
    return true
  }
  const code = (error as { code?: unknown }).code
  return code === 'EADDRINUSE' || code === 'EACCES' || code === 'ECONNREFUSED'
}
