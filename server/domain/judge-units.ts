import { objectOrNull, objectsOf, textOrEmpty } from './json-value.ts'
/**
 * What a judge's score is made of: single verdicts that a person can call right or wrong. Reads the details that evaluators
 * store with a score; of anything it does not know it makes nothing.
 */

export type UnitKind = 'criterion' | 'claim' | 'pair'
export type Doubt = 'disagreement' | 'uncertainty'

export interface JudgedUnit {
  /** Id of the criterion, place of the claim (`s1`), or `pair`. */
  readonly unit: string
  readonly kind: UnitKind
  /** A word of `verdictWords`. */
  readonly verdict: string
  /** Why this verdict is worth a look: judges or orders disagreed, or the judge could not tell elsewhere in its reply. */
  readonly doubt: Doubt | null
  /** What is judged, in words; null: the criterion's text is the evaluator's. */
  readonly statement: string | null
  readonly says: readonly Saying[]
}

/** A judge's words for its verdict. `first`: which answer stood first, of a pair. */
export interface Saying {
  readonly first: string | null
  readonly evidence: readonly { readonly quote: string; readonly source: string }[]
  readonly reasoning: string
}

/** Words per kind. `positive` and `negative` are what correction works with. */
export const verdictWords = {
  criterion: { positive: 'met', negative: 'not_met', others: [] },
  claim: { positive: 'supported', negative: 'unsupported', others: [] },
  pair: { positive: 'candidate', negative: 'baseline', others: ['tie'] },
} as const satisfies Readonly<
  Record<UnitKind, { readonly positive: string; readonly negative: string; readonly others: readonly string[] }>
>

export function wordsOf(kind: UnitKind): readonly string[] {
  const { positive, negative, others } = verdictWords[kind]
  return [positive, negative, ...others]
}

/**
 * The verdicts in a score, in order. Empty where no judge was asked (equal answers, an empty one) or nothing was decided.
 *
 * @param value  of the score; of a pair the candidate's
 */
export function judgedUnits(value: number, details: unknown): readonly JudgedUnit[] {
  const found = objectOrNull(details)
  if (found === null) return []
  if (found['mode'] === 'pairwise') return pairUnit(value, found)
  if (found['mode'] === 'rubric') return criterionUnits(found)
  return found['mode'] === 'llm' ? claimUnits(found) : []
}

/** The one verdict of a score that is offered for a label, so that labels are independent of each other. @param draw 16 hex digits */
export function unitFor(draw: string, units: readonly JudgedUnit[]): JudgedUnit | null {
  return units[Number.parseInt(draw.slice(0, 8), 16) % units.length] ?? null
}

function pairUnit(value: number, details: Record<string, unknown>): JudgedUnit[] {
  const opinions = [details, ...objectsOf(details['panel']), ...objectsOf([details['escalation']])]
  const orders = opinions.flatMap((opinion) => objectsOf(opinion['orders']))
  if (orders.length === 0) return []
  const says = orders.map((order) => {
    const entries = objectsOf(order['criteria'])
    return {
      first: textOrEmpty(order['first']),
      evidence: entries.flatMap(evidenceOf),
      reasoning: entries
        .map((entry) => textOrEmpty(entry['reasoning']))
        .filter(Boolean)
        .join(' '),
    }
  })
  const winners = new Set(opinions.filter((opinion) => 'winner' in opinion).map((opinion) => opinion['winner']))
  const isDoubtful = details['isUndecided'] === true || details['orderDisagreement'] === true || winners.size > 1
  const verdict = value > 0.5 ? 'candidate' : value < 0.5 ? 'baseline' : 'tie'
  return [{ unit: 'pair', kind: 'pair', verdict, doubt: isDoubtful ? 'disagreement' : null, statement: null, says }]
}

function criterionUnits(details: Record<string, unknown>): JudgedUnit[] {
  const criteria = objectsOf(details['criteria'])
  const panel = objectsOf(details['panel'])
  const isUncertain = criteria.some((entry) => entry['verdict'] === 'cannot_tell')
  return criteria
    .filter((entry) => entry['verdict'] === 'met' || entry['verdict'] === 'not_met')
    .map((entry) => {
      const votes = panel.flatMap((judge) =>
        objectsOf(judge['criteria']).filter(
          (other) => other['id'] === entry['id'] && other['verdict'] !== 'cannot_tell',
        ),
      )
      const isSplit = new Set(votes.map((vote) => vote['verdict'])).size > 1
      return {
        unit: textOrEmpty(entry['id']),
        kind: 'criterion' as const,
        verdict: textOrEmpty(entry['verdict']),
        doubt: isSplit ? 'disagreement' : isUncertain ? 'uncertainty' : null,
        statement: null,
        says: [{ first: null, evidence: evidenceOf(entry), reasoning: textOrEmpty(entry['reasoning']) }],
      }
    })
}

function claimUnits(details: Record<string, unknown>): JudgedUnit[] {
  const claims = objectsOf(details['claims'])
  const isUncertain = claims.some((claim) => claim['verdict'] === 'cannot_tell')
  return claims.flatMap((claim, index) => {
    if (typeof claim['verdict'] !== 'string' || claim['verdict'] === 'cannot_tell') return []
    return [
      {
        unit: `s${index + 1}`,
        kind: 'claim' as const,
        verdict: claim['verdict'] === 'supported' ? 'supported' : 'unsupported',
        doubt: isUncertain ? ('uncertainty' as const) : null,
        statement: textOrEmpty(claim['claim']),
        says: [{ first: null, evidence: evidenceOf(claim), reasoning: textOrEmpty(claim['reasoning']) }],
      },
    ]
  })
}

function evidenceOf(entry: Record<string, unknown>): { quote: string; source: string }[] {
  return objectsOf(entry['evidence']).map(({ quote, source }) => ({
    quote: textOrEmpty(quote),
    source: textOrEmpty(source),
  }))
}
