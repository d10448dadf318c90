import { type Doubt, type JudgedUnit, type UnitKind, wordsOf } from './judge-units.ts'

/** One verdict as a person sees it: no arm, no model, and the two answers of a pair in an order of their own. */
export interface LabelTask {
  readonly id: string
  readonly runId: string
  readonly evaluator: string
  readonly version: string
  readonly dataset: string
  readonly kind: UnitKind
  /** What is judged: the criterion's text, the claim, or what "better" means. */
  readonly question: readonly string[]
  readonly request: readonly { readonly role: string; readonly text: string }[]
  readonly context: readonly string[]
  readonly reference: string | null
  /** The answer, or both as "response 1" and "response 2". */
  readonly responses: readonly string[]
  /** The judge's, in the words a person chooses from. */
  readonly verdict: string
  /** What it could have been instead. */
  readonly others: readonly string[]
  readonly says: readonly JudgedUnit['says'][number][]
  readonly doubt: Doubt | null
}

/**
 * What a person says of a verdict. `instead` is needed where more than one other word exists. `says`: the person decided without
 * the judge's verdict, `instead` is the person's own.
 */
export interface Mark {
  readonly mark: 'right' | 'wrong' | 'says' | 'cannot_tell'
  readonly instead?: string
}

/** Names a verdict without telling whose it is. */
export function taskId(runId: string, draw: string, unit: string): string {
  return `${runId}.${draw}.${unit}`
}

export function parseTaskId(
  id: string,
): { readonly runId: string; readonly draw: string; readonly unit: string } | null {
  const parts = /^(?<runId>[\w-]{1,80})\.(?<draw>[0-9a-f]{16})\.(?<unit>[\w-]{1,60})$/.exec(id)?.groups
  if (!parts) return null
  return { runId: parts['runId'] ?? '', draw: parts['draw'] ?? '', unit: parts['unit'] ?? '' }
}

/** True when the candidate is shown as response 1: decided by the draw, so that it is half of the time and stays the same. */
export function isCandidateFirst(draw: string): boolean {
  return Number.parseInt(draw.slice(8, 10), 16) % 2 === 1
}

const shown = { candidate: ['response_1', 'response_2'], baseline: ['response_2', 'response_1'] } as const

/** The judge's word as it is shown. */
export function shownWord(kind: UnitKind, word: string, draw: string): string {
  if (kind !== 'pair' || (word !== 'candidate' && word !== 'baseline')) return word
  return shown[word][isCandidateFirst(draw) ? 0 : 1]
}

/** The word behind the shown one; null: no word of this kind. */
export function wordBehind(kind: UnitKind, given: string, draw: string): string | null {
  return wordsOf(kind).find((word) => shownWord(kind, word, draw) === given) ?? null
}

/** Words a person may put in the place of the judge's, as shown. */
export function otherWords(unit: Pick<JudgedUnit, 'kind' | 'verdict'>, draw: string): string[] {
  return wordsOf(unit.kind)
    .filter((word) => word !== unit.verdict)
    .map((word) => shownWord(unit.kind, word, draw))
    .sort()
}

/**
 * The person's verdict in the judge's words.
 *
 * @returns `problem` when a wrong verdict leaves open what would have been right
 */
export function humanWord(
  unit: Pick<JudgedUnit, 'kind' | 'verdict'>,
  draw: string,
  { mark, instead }: Mark,
): { readonly word: string } | { readonly problem: string } {
  if (mark === 'cannot_tell') return { word: 'cannot_tell' }
  if (mark === 'right') return { word: unit.verdict }
  if (mark === 'says') {
    const own = wordBehind(unit.kind, instead ?? '', draw)
    const words = wordsOf(unit.kind).map((word) => shownWord(unit.kind, word, draw))
    return own === null ? { problem: `says your verdict: ${words.sort().join(' or ')}` } : { word: own }
  }
  const others = otherWords(unit, draw)
  const only = others.length === 1 ? others[0] : undefined
  const given = instead ?? only
  if (given === undefined || !others.includes(given)) {
    return { problem: `says what is right instead: ${others.join(' or ')}` }
  }
  return { word: wordBehind(unit.kind, given, draw) ?? unit.verdict }
}

/** A judge's words on a pair speak of response 1 and 2: only those of the order that is shown can be read beside it. */
export function sayingsShown(unit: JudgedUnit, draw: string): JudgedUnit['says'] {
  const first = isCandidateFirst(draw) ? 'candidate' : 'baseline'
  return unit.kind === 'pair' ? unit.says.filter((saying) => saying.first === first) : unit.says
}
