import { CommandFailure, type ExitCode, exitCodes, printable } from './io.ts'

/** What the commands read of a proposal as the API answers it; `raw` is the whole answer, for `--json`. */
export interface ProposalReport {
  readonly id: string
  readonly route: string
  readonly version: number | null
  readonly title: string
  readonly status: string
  /** Percent of live traffic on the candidate. */
  readonly share: number
  readonly waitingFor: string | null
  readonly isPaused: boolean
  readonly endReason: string | null
  readonly endedInconclusive: boolean
  readonly gates: readonly Record<string, unknown>[]
  readonly link: string | null
  readonly raw: unknown
}

const endStatuses = ['promoted', 'rejected', 'failed', 'rolled_back', 'aborted']

/** @throws CommandFailure when the answer is no proposal: another program listens there, or another version */
export function readProposal(body: unknown): ProposalReport {
  const view = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>
  const { id, route, status } = view
  if (typeof id !== 'string' || typeof route !== 'string' || typeof status !== 'string') {
    throw new CommandFailure(exitCodes.unreachable, 'the server answered something that is not a proposal')
  }
  const links = view['links'] as { report?: unknown } | undefined
  return {
    id,
    route,
    status,
    version: typeof view['version'] === 'number' ? view['version'] : null,
    title: textOf(view['title']) ?? '',
    share: typeof view['share'] === 'number' ? view['share'] : 0,
    waitingFor: textOf(view['waitingFor']),
    isPaused: view['isPaused'] === true,
    endReason: textOf(view['endReason']),
    endedInconclusive: view['endedInconclusive'] === true,
    gates: Array.isArray(view['gates']) ? (view['gates'] as Record<string, unknown>[]) : [],
    link: textOf(links?.report),
    raw: body,
  }
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

export function isEnded(proposal: ProposalReport): boolean {
  return endStatuses.includes(proposal.status)
}

/** The code that tells a script how a proposal ended; 0 while it is open. Unknown statuses never read as success. */
export function outcomeCode(proposal: ProposalReport): ExitCode {
  if (proposal.status === 'rolled_back') return exitCodes.rolledBack
  if (proposal.status === 'failed') return proposal.endedInconclusive ? exitCodes.inconclusive : exitCodes.failed
  const isFine = ['promoted', 'queued', 'offline', 'shadow', 'awaiting_approval', 'canary', 'bake']
  return isFine.includes(proposal.status) ? exitCodes.ok : exitCodes.failed
}

/** Where a proposal stands, in one line. */
export function statusLine(proposal: ProposalReport): string {
  const paused = proposal.isPaused ? ', paused' : ''
  return printable(`${proposal.id}: ${words(proposal)}${paused}`)
}

function words(proposal: ProposalReport): string {
  switch (proposal.status) {
    case 'canary':
    case 'bake':
      return `${proposal.status}, ${proposal.share} % of live traffic on version ${proposal.version}`
    case 'shadow':
      return 'shadow, a copy of live requests is answered by the candidate; users see the stable version'
    case 'awaiting_approval':
      return `waits for an approval before ${proposal.waitingFor}: interlock approve ${proposal.id} --reason "..."`
    case 'promoted':
      return `promoted, version ${proposal.version} of ${proposal.route} is stable`
    case 'failed':
    case 'rejected':
    case 'rolled_back':
    case 'aborted': {
      const inconclusive = proposal.endedInconclusive ? ' (inconclusive)' : ''
      return `${proposal.status.replace('_', ' ')}${inconclusive}${proposal.endReason ? `: ${proposal.endReason}` : ''}`
    }
    default:
      return proposal.status
  }
}

/** A proposal with its gates, line by line. */
export function reportLines(proposal: ProposalReport, serverUrl: URL): string[] {
  const link = proposal.link === null ? null : URL.parse(proposal.link, serverUrl)
  return [
    statusLine(proposal),
    printable(`  route ${proposal.route}, version ${proposal.version}: ${proposal.title}`),
    ...proposal.gates.map((gate) => `  ${gateLine(gate)}`),
    ...(link === null ? [] : [`  report: ${printable(link.href)}`]),
  ]
}

function gateLine(gate: Record<string, unknown>): string {
  const step = typeof gate['step'] === 'number' && gate['stage'] === 'canary' ? ` ${gate['step']} %` : ''
  const threshold = Object.entries((gate['threshold'] ?? {}) as Record<string, unknown>)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
  const numbers = `baseline ${figure(gate['baseline'])}, candidate ${figure(gate['candidate'])}`
  const samples = `${gate['samples'] ?? 0} samples, ${gate['missing'] ?? 0} missing`
  return printable(
    `${gate['verdict']}  ${gate['stage']}${step} ${gate['metric']} (${threshold}): ${numbers}, ${samples}`,
  )
}

/** Up to four significant digits; a dash where there is no number. */
function figure(value: unknown): string {
  return typeof value === 'number' && Number.isFinite(value) ? String(Number(value.toPrecision(4))) : '-'
}
