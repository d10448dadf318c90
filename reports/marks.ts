/** How a state is told: an icon's shape, a word and a tone, never by colour alone. `good` is only ever a proven pass. */
export interface Mark {
  readonly icon: IconName
  readonly word: string
  readonly tone: Tone
}

export type Tone = 'good' | 'bad' | 'warn' | 'info' | 'quiet'

/** Symbols of the sprite in templates/partials/icons.hbs. */
export const iconNames = [
  'check',
  'cross',
  'question',
  'slash',
  'clock',
  'dot',
  'ring',
  'pause',
  'person',
  'undo',
  'stop',
  'flag',
  'eye',
  'split',
  'flask',
  'oven',
  'skip',
  'arrow',
] as const
export type IconName = (typeof iconNames)[number]

const marks = {
  verdict: {
    pass: { icon: 'check', word: 'Pass', tone: 'good' },
    fail: { icon: 'cross', word: 'Fail', tone: 'bad' },
    inconclusive: { icon: 'question', word: 'Inconclusive', tone: 'warn' },
    blocked: { icon: 'slash', word: 'Blocked', tone: 'warn' },
    no_harm: { icon: 'eye', word: 'No harm shown', tone: 'info' },
    waiting: { icon: 'clock', word: 'Collecting', tone: 'info' },
  },
  proposal: {
    queued: { icon: 'ring', word: 'Queued', tone: 'quiet' },
    offline: { icon: 'flask', word: 'Offline evals', tone: 'info' },
    shadow: { icon: 'eye', word: 'Shadow', tone: 'info' },
    awaiting_approval: { icon: 'person', word: 'Awaiting approval', tone: 'warn' },
    canary: { icon: 'split', word: 'Canary', tone: 'info' },
    bake: { icon: 'oven', word: 'Bake', tone: 'info' },
    promoted: { icon: 'flag', word: 'Promoted', tone: 'good' },
    rejected: { icon: 'slash', word: 'Rejected', tone: 'bad' },
    failed: { icon: 'cross', word: 'Failed', tone: 'bad' },
    rolled_back: { icon: 'undo', word: 'Rolled back', tone: 'bad' },
    aborted: { icon: 'stop', word: 'Aborted', tone: 'quiet' },
    paused: { icon: 'pause', word: 'Paused', tone: 'warn' },
    inconclusive: { icon: 'question', word: 'Inconclusive', tone: 'warn' },
  },
  stage: {
    done: { icon: 'check', word: 'Passed', tone: 'good' },
    current: { icon: 'dot', word: 'Running', tone: 'info' },
    paused: { icon: 'pause', word: 'Paused', tone: 'warn' },
    waiting: { icon: 'person', word: 'Waits for a person', tone: 'warn' },
    todo: { icon: 'ring', word: 'To come', tone: 'quiet' },
    unreached: { icon: 'ring', word: 'Not reached', tone: 'quiet' },
    failed: { icon: 'cross', word: 'Stopped here', tone: 'bad' },
    skipped: { icon: 'skip', word: 'Not in plan', tone: 'quiet' },
  },
  action: {
    advance: { icon: 'check', word: 'Advance', tone: 'good' },
    promote: { icon: 'flag', word: 'Promote', tone: 'good' },
    wait: { icon: 'clock', word: 'Wait', tone: 'info' },
    hold: { icon: 'pause', word: 'Hold', tone: 'warn' },
    inconclusive: { icon: 'question', word: 'Inconclusive', tone: 'warn' },
    fail: { icon: 'cross', word: 'Fail', tone: 'bad' },
    rollback: { icon: 'undo', word: 'Roll back', tone: 'bad' },
  },
  score: {
    scored: { icon: 'check', word: 'Scored', tone: 'info' },
    not_applicable: { icon: 'skip', word: 'Not applicable', tone: 'quiet' },
    unscored: { icon: 'question', word: 'Unscored', tone: 'warn' },
    errored: { icon: 'slash', word: 'Errored', tone: 'warn' },
  },
  run: {
    running: { icon: 'dot', word: 'Running', tone: 'info' },
    completed: { icon: 'check', word: 'Completed', tone: 'info' },
    failed: { icon: 'cross', word: 'Failed', tone: 'bad' },
    cancelled: { icon: 'stop', word: 'Cancelled', tone: 'quiet' },
    capped: { icon: 'stop', word: 'Capped', tone: 'warn' },
  },
  candidate: {
    answered: { icon: 'check', word: 'Answered', tone: 'info' },
    tried: { icon: 'cross', word: 'Tried', tone: 'bad' },
    first: { icon: 'dot', word: 'Chosen', tone: 'info' },
    eligible: { icon: 'ring', word: 'Eligible', tone: 'quiet' },
    excluded: { icon: 'slash', word: 'Excluded', tone: 'warn' },
  },
  change: {
    fell: { icon: 'cross', word: 'Fell', tone: 'bad' },
    rose: { icon: 'check', word: 'Rose', tone: 'good' },
    not_shown: { icon: 'question', word: 'No change shown', tone: 'quiet' },
  },
  chain: {
    intact: { icon: 'check', word: 'Intact', tone: 'good' },
    broken: { icon: 'cross', word: 'Broken', tone: 'bad' },
    cut: { icon: 'cross', word: 'Cut or replaced', tone: 'bad' },
  },
  key: {
    active: { icon: 'check', word: 'Active', tone: 'info' },
    expired: { icon: 'clock', word: 'Expired', tone: 'quiet' },
    revoked: { icon: 'slash', word: 'Revoked', tone: 'quiet' },
  },
  replica: {
    current: { icon: 'check', word: 'Current', tone: 'good' },
    behind: { icon: 'clock', word: 'Behind', tone: 'warn' },
    lost: { icon: 'slash', word: 'Out of contact', tone: 'warn' },
  },
  version: {
    stable: { icon: 'check', word: 'Stable', tone: 'good' },
    previous: { icon: 'undo', word: 'Previous', tone: 'quiet' },
    candidate: { icon: 'split', word: 'Candidate', tone: 'info' },
    past: { icon: 'ring', word: 'Was stable', tone: 'quiet' },
    never_live: { icon: 'slash', word: 'Never stable', tone: 'quiet' },
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Mark>>>>

export type MarkKind = keyof typeof marks

export class UnknownMarkError extends Error {
  readonly code = 'UNKNOWN_MARK'
  constructor(kind: string, name: string, known: readonly string[]) {
    super(`no ${kind} "${name}"; known: ${known.join(', ')}`)
    this.name = 'UnknownMarkError'
  }
}

/**
 * The mark of a state.
 *
 * @throws UnknownMarkError for a name this page does not know: a state shown as something else would be a lie
 */
export function markOf(kind: MarkKind, name: string): Mark {
  const known: Readonly<Record<string, Mark>> = marks[kind]
  const mark = Object.hasOwn(known, name) ? known[name] : undefined
  if (mark === undefined) throw new UnknownMarkError(kind, name, Object.keys(known))
  return mark
}

/** Every kind with its names, for tests. */
export function knownMarks(): readonly { kind: MarkKind; names: readonly string[] }[] {
  return (Object.keys(marks) as MarkKind[]).map((kind) => ({ kind, names: Object.keys(marks[kind]) }))
}

/** The mark of a proposal as a whole: a pause or an inconclusive end outranks the status. */
export function proposalMark(proposal: { status: string; isPaused: boolean; isInconclusive?: boolean }): Mark {
  if (proposal.isPaused) {
    const paused = markOf('proposal', 'paused')
    return { ...paused, word: `${paused.word} in ${markOf('proposal', proposal.status).word.toLowerCase()}` }
  }
  const mark = markOf('proposal', proposal.status)
  if (proposal.isInconclusive !== true) return mark
  return { icon: 'question', word: `${mark.word}, inconclusive`, tone: 'warn' }
}
