import { setTimeout as wait } from 'node:timers/promises'
import type { ApiClient } from './api-client.ts'
import { type CliIo, CommandFailure, exitCodes } from './io.ts'
import { isEnded, type ProposalReport, readProposal, statusLine } from './proposal-report.ts'

export interface FollowOptions {
  /** null: until it ends, however long. */
  readonly timeoutMs: number | null
  readonly pollMs: number
  /** Status line that was shown already; '' where none was. */
  readonly seen: string
  /** Called with every view whose status, share, approval or pause differs from what was seen last. */
  readonly onChange: (proposal: ProposalReport) => void
}

/** Polls without an answer before giving up: a restart of the server takes seconds, and nothing is lost by waiting. */
const patience = 60

/**
 * Waits for a proposal's end. Only looks: the rollout goes on whether or not anybody waits.
 *
 * @throws CommandFailure (unreachable) when the time is over, the wait is interrupted or the server stays away; the lines
 *   say how to wait on
 */
export async function follow(api: ApiClient, io: CliIo, id: string, options: FollowOptions): Promise<ProposalReport> {
  const timeout = options.timeoutMs === null ? null : AbortSignal.timeout(options.timeoutMs)
  const stop = timeout === null ? io.signal : AbortSignal.any([io.signal, timeout])
  let last = options.seen
  let silence = 0
  for (;;) {
    const proposal = await look(api, id, stop, (failure) => {
      silence += 1
      if (silence === 1 && !stop.aborted) io.stderr(`${failure.lines[0]}; trying on`)
      return stop.aborted || silence < patience
    })
    if (proposal !== null) {
      silence = 0
      const line = statusLine(proposal)
      if (line !== last) options.onChange(proposal)
      last = line
      if (isEnded(proposal)) return proposal
    }
    if (stop.aborted) throw stopped(id, io, options)
    await wait(options.pollMs, undefined, { signal: stop }).catch(() => undefined)
  }
}

/** One look. @returns null when the server was not reached and `mayTryOn` allows another look */
async function look(
  api: ApiClient,
  id: string,
  signal: AbortSignal,
  mayTryOn: (failure: CommandFailure) => boolean,
): Promise<ProposalReport | null> {
  try {
    return readProposal(await api.call({ method: 'GET', path: `/api/proposals/${encodeURIComponent(id)}`, signal }))
  } catch (error) {
    const isAway = error instanceof CommandFailure && error.exitCode === exitCodes.unreachable
    if (isAway && mayTryOn(error)) return null
    throw error
  }
}

function stopped(id: string, io: CliIo, options: FollowOptions): CommandFailure {
  const why = io.signal.aborted
    ? 'stopped waiting'
    : `still open after ${Math.round((options.timeoutMs ?? 0) / 1000)} s of waiting`
  return new CommandFailure(
    exitCodes.unreachable,
    `${why}; the rollout goes on without this command`,
    `to wait on:   interlock status ${id} --watch`,
    `to withdraw:  interlock abort ${id}`,
  )
}
