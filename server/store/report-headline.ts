import { isOpen, type ProposalState } from '#domain/proposal.ts'
import type { Headline } from '#reports/view-parts.ts'
import { sentence, shareWords } from './report-words.ts'

/** The last verdict of a proposal, as far as its headline needs it. */
export interface LastVerdict {
  readonly action: string
  readonly at: number
  readonly message: string | null
}

export interface HeadlineInput {
  readonly state: ProposalState
  readonly version: number
  readonly base: number
  readonly author: string
  readonly endReason: string | null
  readonly endedInconclusive: boolean
  /** Who wrote the last timeline entry, and its reason. */
  readonly lastEvent: { readonly by: string; readonly reason: string } | null
  readonly lastVerdict: LastVerdict | null
  /** Of the offline stage. */
  readonly answers: { readonly planned: number; readonly answered: number }
}

type Words = Omit<Headline, 'evidenceAt'>

/** A proposal in one sentence, with the single reason that drives it. Inconclusive and held are never told as good. */
export function proposalHeadline(input: HeadlineInput): Headline {
  const words = isOpen(input.state.status) ? openWords(input) : endWords(input)
  return { ...words, evidenceAt: input.lastVerdict?.at ?? null }
}

function openWords(input: HeadlineInput): Words {
  const { state, lastEvent, lastVerdict } = input
  if (state.isPaused) {
    const where = state.shareBp > 0 ? ` The candidate keeps ${shareWords(state.shareBp)}.` : ''
    return {
      verdict: 'blocked',
      sentence: `Paused by ${lastEvent?.by ?? 'someone'}: no step is taken until it is resumed.${where}`,
      reason: sentence(lastEvent?.reason ?? ''),
    }
  }
  switch (state.status) {
    case 'queued':
      return waiting('Queued: nothing has been judged yet.', 'The first stage starts with the next turn of the engine.')
    case 'offline': {
      const { answered, planned } = input.answers
      const sentenceText =
        planned === 0 ? 'Offline evals are about to start.' : `Offline evals run: ${answered} of ${planned} answers.`
      return waiting(sentenceText, 'Nothing is judged before the last answer is scored.')
    }
    case 'awaiting_approval':
      return approvalWords(input)
    default:
      return liveWords(state, lastVerdict)
  }
}

function waiting(text: string, reason: string): Words {
  return { verdict: 'waiting', sentence: text, reason }
}

const waitedFor = { shadow: 'the first live prompt', canary: 'the canary', promotion: 'the promotion' } as const

function approvalWords({ state, author, lastVerdict }: HeadlineInput): Words {
  const before = waitedFor[state.waitingFor ?? 'canary']
  const reason = `Someone other than ${author} must approve it before ${before}.`
  if (lastVerdict !== null && lastVerdict.action !== 'advance') {
    return { ...verdictWords(lastVerdict, placeOf(state)), reason: `${sentence(lastVerdict.message ?? '')} ${reason}` }
  }
  return {
    verdict: lastVerdict === null ? 'waiting' : 'pass',
    sentence: `Every gate so far is passed: a person decides about ${before}.`,
    reason,
  }
}

function placeOf(state: ProposalState): string {
  if (state.status === 'bake') return 'in the bake'
  return state.shareBp > 0 ? `at ${shareWords(state.shareBp)}` : 'in shadow'
}

function liveWords(state: ProposalState, verdict: LastVerdict | null): Words {
  const place = placeOf(state)
  if (verdict === null) return waiting(`Collecting evidence ${place}.`, 'No verdict has been given yet.')
  return verdictWords(verdict, place)
}

function verdictWords(verdict: LastVerdict, place: string): Words {
  const reason = sentence(verdict.message ?? 'No reason was recorded')
  switch (verdict.action) {
    case 'wait':
      return waiting(`Not proven yet: the candidate stays ${place}.`, reason)
    case 'hold':
      return { verdict: 'blocked', sentence: `On hold ${place}: the evidence cannot be trusted yet.`, reason }
    case 'inconclusive':
      return { verdict: 'inconclusive', sentence: `Inconclusive ${place}: time is over without an answer.`, reason }
    case 'rollback':
      return { verdict: 'fail', sentence: `The candidate is shown to be harmful ${place}.`, reason }
    default:
      return waiting(`The last step is passed; collecting evidence ${place}.`, reason)
  }
}

function endWords(input: HeadlineInput): Words {
  const { state, version, base, endReason, endedInconclusive, lastEvent } = input
  const by = lastEvent === null || lastEvent.by === 'engine' ? '' : ` by ${lastEvent.by}`
  const reason = sentence(endReason ?? 'No reason was recorded')
  if (endedInconclusive) {
    const how = state.status === 'rolled_back' ? 'Rolled back' : 'Stopped'
    return { verdict: 'inconclusive', sentence: `${how} without an answer: v${base} stays stable.`, reason }
  }
  switch (state.status) {
    case 'promoted':
      return { verdict: 'pass', sentence: `Promoted: v${version} is proven and final.`, reason }
    case 'rolled_back':
      return { verdict: 'fail', sentence: `Rolled back${by}: every request goes to v${base}.`, reason }
    case 'failed':
      return { verdict: 'fail', sentence: 'Stopped before any live request reached the candidate.', reason }
    case 'rejected':
      return { verdict: 'fail', sentence: `Rejected${by}.`, reason }
    default:
      return { verdict: 'blocked', sentence: `Withdrawn${by}.`, reason }
  }
}
