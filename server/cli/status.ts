import { type ApiClient, ApiFailure } from './api-client.ts'
import { type CommandSyntax, usage } from './args.ts'
import { follow } from './follow.ts'
import { type CliIo, CommandFailure, exitCodes, printable } from './io.ts'
import { outcomeCode, type ProposalReport, readProposal, reportLines, statusLine } from './proposal-report.ts'
import { readTimeout } from './propose.ts'
import { type Invocation, runCommand, show, showChange } from './run-command.ts'

export const statusSyntax: CommandSyntax = {
  name: 'status',
  summary: 'Shows all routes, or one route, or one proposal with its gates.',
  words: ['[ID|ROUTE]'],
  flags: {
    watch: { summary: 'wait until the proposal (or the rollout of the route) has ended; the exit code tells how' },
    timeout: { value: '10m', summary: 'with --watch: give up after 30s, 10m, 2h, 7d (default: never)' },
  },
  examples: ['npx interlock status', 'npx interlock status support-reply', 'npx interlock status prop_01hx --watch'],
}

/**
 * `interlock status [ID|ROUTE] [--watch]`. A proposal that has ended gives the exit code of its end, watched or not; an
 * open one and a route give 0.
 *
 * @param pacing for tests: how often a watch looks
 */
export function status(args: readonly string[], io: CliIo, pacing = { pollMs: 1_000 }): Promise<number> {
  return runCommand(statusSyntax, args, io, async (invocation) => {
    const timeoutMs = readTimeout(invocation, 'watch')
    const name = invocation.args.words[0]
    if (name === undefined && invocation.args.flags.has('watch')) {
      throw usage(statusSyntax, '--watch needs the ID of a proposal or the name of a ROUTE')
    }
    const api = await invocation.connect()
    if (name === undefined) return showRoutes(invocation, api)
    const found = await find(api, name)
    if (found.kind === 'route') {
      const id = found.route.rollout?.proposal
      if (!invocation.args.flags.has('watch') || id === undefined) return showRoute(invocation, found.route)
      return watch(invocation, api, id, { timeoutMs, ...pacing })
    }
    if (invocation.args.flags.has('watch')) return watch(invocation, api, found.proposal.id, { timeoutMs, ...pacing })
    show(invocation, found.proposal.raw, reportLines(found.proposal, api.url))
    return outcomeCode(found.proposal)
  })
}

interface RouteReport {
  readonly name: string
  readonly stable?: { readonly version: number }
  readonly rollout?: { readonly proposal: string; readonly status: string; readonly share: number } | null
}

type Found =
  | { readonly kind: 'proposal'; readonly proposal: ProposalReport }
  | { readonly kind: 'route'; readonly route: RouteReport }

/** Ids of proposals begin with `prop_`; a route may be named so too, so each kind is tried in the likelier order. */
async function find(api: ApiClient, name: string): Promise<Found> {
  const proposal = async (): Promise<Found> => ({
    kind: 'proposal',
    proposal: readProposal(await api.call({ method: 'GET', path: `/api/proposals/${encodeURIComponent(name)}` })),
  })
  const route = async (): Promise<Found> => ({
    kind: 'route',
    route: (await api.call({ method: 'GET', path: `/api/routes/${encodeURIComponent(name)}` })) as RouteReport,
  })
  for (const attempt of name.startsWith('prop_') ? [proposal, route] : [route, proposal]) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof ApiFailure && error.status === 404)) throw error
    }
  }
  throw new CommandFailure(exitCodes.usage, `there is no proposal and no route "${printable(name)}"`)
}

async function watch(
  invocation: Invocation,
  api: ApiClient,
  id: string,
  pacing: { readonly timeoutMs: number | null; readonly pollMs: number },
): Promise<number> {
  const onChange = (proposal: ProposalReport) => showChange(invocation, proposal, statusLine(proposal))
  const end = await follow(api, invocation.io, id, { ...pacing, seen: '', onChange })
  if (!invocation.isJson) show(invocation, end.raw, reportLines(end, api.url))
  return outcomeCode(end)
}

async function showRoutes(invocation: Invocation, api: ApiClient): Promise<number> {
  const routes: RouteReport[] = []
  let cursor: string | null = null
  do {
    const path: string = `/api/routes${cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`}`
    const page = (await api.call({ method: 'GET', path })) as { items?: RouteReport[]; nextCursor?: string | null }
    routes.push(...(page.items ?? []))
    cursor = page.nextCursor ?? null
  } while (cursor !== null)
  if (invocation.isJson) for (const route of routes) invocation.io.stdout(JSON.stringify(route))
  else if (routes.length === 0) invocation.io.stdout('no routes yet')
  else for (const route of routes) invocation.io.stdout(routeLine(route))
  return exitCodes.ok
}

function showRoute(invocation: Invocation, route: RouteReport): number {
  show(invocation, route, [routeLine(route)])
  return exitCodes.ok
}

function routeLine({ name, stable, rollout }: RouteReport): string {
  const change = rollout ? `; ${rollout.proposal}: ${rollout.status}, ${rollout.share} %` : '; no rollout'
  return printable(`${name}: version ${stable?.version ?? '?'} is stable${change}`)
}
