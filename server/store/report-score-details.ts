import { objectOrNull, objectsOf, textOrEmpty } from '#domain/json-value.ts'
import type { ScoreDetail } from '#reports/view-parts.ts'

const maxLines = 8
const maxChars = 320

/**
 * What an evaluator recorded, as lines for people. Knows the shapes of json_validity (level, errors), json_fields (fields), grounding
 * (claims), llm_judge (criteria, or two orders of them) and contains (missing, forbidden); of anything else it shows nothing: the reason
 * says it.
 */
export function scoreDetails(details: unknown): ScoreDetail[] {
  const found = objectOrNull(details)
  if (found === null) return []
  const lines = [
    ...errorLines(found),
    ...fieldLines(found),
    ...claimLines(found),
    ...criteriaLines(objectsOf(found['criteria'])),
    ...orderLines(objectsOf(found['orders'])),
    ...panelLines(found),
    ...termLines(found),
  ]
  const shown = lines.slice(0, maxLines)
  const hidden = lines.length - shown.length
  return hidden > 0 ? [...shown, { isGood: null, label: `${hidden} more`, text: '' }] : shown
}

/** How much had to be peeled off before the JSON appeared; nothing to say at level 0. */
const levelWords: Readonly<Record<number, string>> = {
  1: 'inside a code fence',
  2: 'inside prose',
  3: 'only once mended',
  4: 'none found',
}

function errorLines(details: Record<string, unknown>): ScoreDetail[] {
  const errors = objectsOf(details['errors']).map((error) => ({
    isGood: false,
    label: textOrEmpty(error['path']) === '' ? 'whole answer' : textOrEmpty(error['path']),
    text: cut(textOrEmpty(error['message'])),
  }))
  const level = typeof details['level'] === 'number' ? levelWords[details['level']] : undefined
  return level === undefined ? errors : [...errors, { isGood: null, label: 'JSON', text: level }]
}

/** Fields of json_fields that are not right, with what was wanted. */
function fieldLines(details: Record<string, unknown>): ScoreDetail[] {
  const off = objectsOf(details['fields']).filter(({ outcome }) => outcome !== 'match')
  return off.map((field) => {
    const [got, want] = [textOrEmpty(field['got']), textOrEmpty(field['want'])]
    const both = want === '' ? got : got === '' ? `wanted ${want}` : `${got}, wanted ${want}`
    const critical = field['isCritical'] === true ? 'critical, ' : ''
    return {
      isGood: false,
      label: `${textOrEmpty(field['path']) || 'whole answer'}: ${critical}${textOrEmpty(field['outcome'])}`,
      text: cut(both),
    }
  })
}

/** Claims of an answer with the span of context each rests on; those that do not hold come first. */
function claimLines(details: Record<string, unknown>): ScoreDetail[] {
  const lines = objectsOf(details['claims']).map((claim) => {
    const { label, isGood } = verdictOf(claim)
    return { isGood, label, text: cut(`${textOrEmpty(claim['claim'])}${evidenceWords(claim)}`) }
  })
  return [...lines.filter(({ isGood }) => isGood === false), ...lines.filter(({ isGood }) => isGood !== false)]
}

/** Of a judge its word; of the lexical scorer a probability, whose threshold moves: below one half it only looks unsupported. */
function verdictOf(claim: Record<string, unknown>): { readonly label: string; readonly isGood: boolean | null } {
  const verdict = textOrEmpty(claim['verdict'])
  if (verdict !== '') {
    const isGood = verdict === 'supported' ? true : verdict === 'cannot_tell' ? null : false
    return { label: verdict.replaceAll('_', ' '), isGood }
  }
  const probability = typeof claim['supported'] === 'number' ? claim['supported'] : null
  if (probability === null) return { label: 'claim', isGood: null }
  const label = `${probability >= 0.5 ? 'looks supported' : 'looks unsupported'}, ${probability.toFixed(2)}`
  return { label, isGood: probability >= 0.5 }
}

/** The quote or sentence of context with its passage, and what is nowhere in the context. */
function evidenceWords(claim: Record<string, unknown>): string {
  const quoted = objectsOf(claim['evidence'])[0]
  const nearest = objectOrNull(claim['evidence'])
  const words = quoted ? textOrEmpty(quoted['quote']) : textOrEmpty(nearest?.['text'])
  const place = quoted ? objectOrNull(quoted['place']) : nearest
  const passage = typeof place?.['passage'] === 'number' ? `[${place['passage'] + 1}] ` : ''
  const absent = Array.isArray(claim['unsupported'])
    ? claim['unsupported'].filter((one) => typeof one === 'string')
    : []
  return [
    ...(words === '' ? [] : [` ← ${passage}“${words}”`]),
    ...(absent.length === 0 ? [] : [` (not in the context: ${absent.slice(0, 5).join(', ')})`]),
  ].join('')
}

function criteriaLines(criteria: readonly Record<string, unknown>[]): ScoreDetail[] {
  return criteria.map((criterion) => {
    const verdict = textOrEmpty(criterion['verdict'])
    const quote = textOrEmpty(objectsOf(criterion['evidence'])[0]?.['quote'])
    return {
      isGood: verdict === 'met' ? true : verdict === 'not_met' ? false : null,
      label: `${textOrEmpty(criterion['id'])}: ${verdict.replaceAll('_', ' ')}`,
      text: cut(
        quote === '' ? textOrEmpty(criterion['reasoning']) : `“${quote}” ${textOrEmpty(criterion['reasoning'])}`,
      ),
    }
  })
}

function orderLines(orders: readonly Record<string, unknown>[]): ScoreDetail[] {
  return orders.map((order) => {
    const winner = textOrEmpty(order['winner'])
    const reasons = objectsOf(order['criteria'])
      .map((criterion) => textOrEmpty(criterion['reasoning']))
      .filter((reason) => reason !== '')
    return {
      isGood: winner === 'candidate' ? true : winner === 'baseline' ? false : null,
      label: `${textOrEmpty(order['first'])} first: ${winner === 'tie' ? 'tie' : `${winner} wins`}`,
      text: cut(reasons[0] ?? ''),
    }
  })
}

/** What each judge of a panel said, and the one asked last; the panel's own verdict is the score. */
function panelLines(details: Record<string, unknown>): ScoreDetail[] {
  const last = objectOrNull(details['escalation'])
  const judges = [...objectsOf(details['panel']), ...(last === null ? [] : [last])]
  return judges.map((judge) => {
    const label = `${textOrEmpty(judge['judge'])}${judge === last ? ' (asked last)' : ''}`
    const winner = textOrEmpty(judge['winner'])
    if (winner !== '') {
      const words =
        judge['orderDisagreement'] === true
          ? 'the two orders disagree'
          : `${winner === 'tie' ? 'tie' : `${winner} wins`}`
      return { isGood: winner === 'candidate' ? true : winner === 'baseline' ? false : null, label, text: words }
    }
    const criteria = objectsOf(judge['criteria']).map(
      (entry) => `${textOrEmpty(entry['id'])}: ${textOrEmpty(entry['verdict']).replaceAll('_', ' ')}`,
    )
    return { isGood: null, label, text: cut(textOrEmpty(judge['problem']) || criteria.join(', ')) }
  })
}

function termLines(details: Record<string, unknown>): ScoreDetail[] {
  const terms = (key: string) =>
    Array.isArray(details[key]) ? details[key].filter((term) => typeof term === 'string') : []
  return [
    ...terms('missing').map((term) => ({ isGood: false, label: 'missing', text: cut(term) })),
    ...terms('forbidden').map((term) => ({ isGood: false, label: 'forbidden', text: cut(term) })),
  ]
}

function cut(value: string): string {
  return value.length > maxChars ? `${value.slice(0, maxChars)}…` : value
}
