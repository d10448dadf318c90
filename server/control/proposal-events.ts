import { setTimeout as wait } from 'node:timers/promises'
import type { Request, Response } from 'express'
import { InterlockError } from '#domain/errors.ts'
import { isOpen } from '#domain/proposal.ts'
import { noContent, type Reply } from '#http/operation.ts'
import { readTimeline } from '#store/proposal-timeline.ts'
import { readProposal, type StoredProposal } from '#store/proposals.ts'
import { percent } from './common-schemas.ts'
import type { ControlDeps } from './control-deps.ts'
import { timelineView } from './proposal-view.ts'

const pollMs = 500
const heartbeatMs = 15_000
/** Streams at once in one process; each costs a query per poll. */
const maxStreams = 200

let openStreams = 0

/**
 * Streams a proposal: `{"type": "timeline", ...}` with the entry's number as event id for each change of state, and without an
 * id `{"type": "progress", ...}` whenever the evidence changed. `Last-Event-ID` resumes. When the proposal has ended and all is
 * sent, the stream ends; a client that comes back then gets 204, which tells browsers to stop.
 *
 * @throws InterlockError VALIDATION_FAILED for a Last-Event-ID that is none, UNAVAILABLE with too many streams
 */
export async function streamProposal(
  deps: ControlDeps,
  proposal: StoredProposal,
  req: Request,
  res: Response,
): Promise<Reply | null> {
  const after = readLastEventId(req)
  if (!isOpen(proposal.state.status) && (await readTimeline(deps.db, proposal.id, after)).length === 0) {
    return noContent()
  }
  if (openStreams >= maxStreams) {
    throw new InterlockError('UNAVAILABLE', `${maxStreams} event streams are open already; poll the proposal instead`)
  }
  openStreams += 1
  const gone = new AbortController()
  res.on('close', () => gone.abort())
  res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
  res.write('retry: 2000\n\n')
  try {
    await follow(deps, proposal, after, { res, gone: gone.signal })
  } catch (error) {
    // The client reconnects and resumes; the headers are sent, so there is no other way to tell it.
    if (!gone.signal.aborted) deps.log.warn({ err: error, proposalId: proposal.id }, 'event stream broke off')
  } finally {
    openStreams -= 1
    res.end()
  }
  return null
}

async function follow(
  deps: ControlDeps,
  first: StoredProposal,
  after: string,
  to: { readonly res: Response; readonly gone: AbortSignal },
): Promise<void> {
  let seen = after
  let revision = first.revision
  for (let quietMs = 0; !to.gone.aborted; quietMs += pollMs) {
    // The state first: an entry that is written in between is found by the query after it.
    const proposal = (await readProposal(deps.db, first.id)) ?? first
    const entries = await readTimeline(deps.db, first.id, seen)
    for (const entry of entries) {
      to.res.write(`id: ${entry.seq}\ndata: ${JSON.stringify({ type: 'timeline', ...timelineView(entry) })}\n\n`)
      seen = entry.seq
    }
    if (entries.length === 0 && proposal.revision !== revision) {
      const { status, shareBp } = proposal.state
      to.res.write(`data: ${JSON.stringify({ type: 'progress', status, share: percent(shareBp) })}\n\n`)
    } else if (entries.length === 0 && quietMs >= heartbeatMs) to.res.write(': still here\n\n')
    if (entries.length > 0 || proposal.revision !== revision || quietMs >= heartbeatMs) quietMs = 0
    revision = proposal.revision
    if (!isOpen(proposal.state.status)) return
    await wait(pollMs, undefined, { signal: to.gone }).catch(() => undefined)
  }
}

function readLastEventId(req: Request): string {
  const id = req.get('last-event-id')
  if (id === undefined || id === '') return '0'
  if (/^\d{1,18}$/.test(id)) return id
  const message = 'must be the id of an event of this stream'
  throw new InterlockError('VALIDATION_FAILED', `the header last-event-id ${message}`, [
    { path: 'last-event-id', message },
  ])
}
