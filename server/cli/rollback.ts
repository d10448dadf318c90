import { type CommandSyntax, usage } from './args.ts'
import { type CliIo, exitCodes, printable } from './io.ts'
import { runCommand, show } from './run-command.ts'

export const rollbackSyntax: CommandSyntax = {
  name: 'rollback',
  summary: 'Sends all traffic of a route back, now: ends a rollout under way, else returns to the previous version.',
  words: ['ROUTE'],
  flags: {
    reason: { value: 'TEXT', summary: 'why, kept in the audit log' },
    'to-version': { value: 'N', summary: 'the version to return to, instead of the previous one' },
  },
  examples: [
    'npx interlock rollback support-reply --reason "tickets about wrong refunds"',
    'npx interlock rollback support-reply --to-version 3',
  ],
}

/** `interlock rollback ROUTE [--reason TEXT] [--to-version N]`: 0 when the route was sent back, whatever replicas have confirmed. */
export function rollback(args: readonly string[], io: CliIo): Promise<number> {
  return runCommand(rollbackSyntax, args, io, async (invocation) => {
    const { flags, words } = invocation.args
    const version = flags.get('to-version')
    if (version !== undefined && !/^[1-9]\d{0,8}$/.test(version)) {
      throw usage(rollbackSyntax, `--to-version "${printable(version)}" is no version number (1, 2, 3 ...)`)
    }
    const route = words[0] ?? ''
    const api = await invocation.connect()
    const answer = (await api.call({
      method: 'POST',
      path: `/api/routes/${encodeURIComponent(route)}/rollback`,
      body: {
        reason: flags.get('reason') ?? 'rolled back from the command line',
        ...(version === undefined ? {} : { toVersion: Number(version) }),
      },
    })) as { from?: unknown; to?: unknown; confirmed?: unknown; replicas?: { id: string; ms: number | null }[] }
    show(invocation, answer, [outcomeLine(route, answer), ...replicaLines(answer.replicas ?? [])].map(printable))
    if (answer.confirmed === false) {
      io.stderr('not every gateway has confirmed; one that stays silent drops the candidate when its lease ends')
    }
    return exitCodes.ok
  })
}

function outcomeLine(route: string, { from, to }: { from?: unknown; to?: unknown }): string {
  if (from === to) return `${route}: nothing to roll back, version ${to} serves all traffic`
  return `${route}: rolled back from version ${from} to version ${to}`
}

function replicaLines(replicas: readonly { id: string; ms: number | null }[]): string[] {
  return replicas.map(({ id, ms }) => `  gateway ${id}: ${ms === null ? 'not confirmed' : `confirmed after ${ms} ms`}`)
}
