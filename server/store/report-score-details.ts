import type { ScoreDetail } from '#reports/view-parts.ts'

const maxLines = 8
const maxChars = 240

/**
 * What an evaluator recorded, as lines for people. Knows the shapes of json_validity (level, errors), grounding (claims),
 * llm_judge (criteria, or two orders of them) and contains (missing, forbidden); of anything else it shows nothing: the reason
 * says it.
 */
export function scoreDetails(details: unknown): ScoreDetail[] {
  const found = record(details)
  if (found === null) return []
  const lines = [
    ...errorLines(found),
    ...claimLines(found),
    ...criteriaLines(list(found['criteria'])),
    ...orderLines(list(found['orders'])),
    ...termLines(found),
  ]
  const shown = lines.slice(0, maxLines)
  const hidden = lines.length - shown.length
  return hidden > 0 ? [...shown, { isGood: null, label: `${hidden} more`, text: '' }] : shown
}

/** How much had to be peeled off before the JSON appeared; nothing to say at level 0. */
const levelWords: Readonly<Record<number, string>> = { 1: 'inside a code fence', 2: 'inside prose', 3: 'only once mended', 4: 'none found' }

function errorLines(details: Record<string, unknown>): ScoreDetail[] {
  const errors = list(details['errors']).map((error) => ({
    isGood: false,
    label: text(error['path']) === '' ? 'whole answer' : text(error['path']),
    text: cut(text(error['message'])),
  }))
  const level = typeof details['level'] === 'number' ? levelWords[details['level']] : undefined
  return level === undefined ? errors : [...errors, { isGood: null, label: 'JSON', text: level }]
}

function claimLines(details: Record<string, unknown>): ScoreDetail[] {
  return list(details['claims']).map((claim) => {
    const verdict =
      text(claim['verdict']) ||
      (claim['supported'] === true ? 'supported' : claim['supported'] === false ? 'unsupported' : 'claim')
    return {
      isGood: verdict === 'supported' ? true : verdict === 'claim' ? null : false,
      label: verdict.replaceAll('_', ' '),
      text: cut(text(claim['text']) || text(claim['claim'])),
    }
  })
}

function criteriaLines(criteria: readonly Record<string, unknown>[]): ScoreDetail[] {
  return criteria.map((criterion) => {
    const verdict = text(criterion['verdict'])
    const quote = text(list(criterion['evidence'])[0]?.['quote'])
    return {
      isGood: verdict === 'met' ? true : verdict === 'not_met' ? false : null,
      label: `${text(criterion['id'])}: ${verdict.replaceAll('_', ' ')}`,
      text: cut(quote === '' ? text(criterion['reasoning']) : `“${quote}” ${text(criterion['reasoning'])}`),
    }
  })
}

function orderLines(orders: readonly Record<string, unknown>[]): ScoreDetail[] {
  return orders.map((order) => {
    const winner = text(order['winner'])
    const reasons = list(order['criteria'])
      .map((criterion) => text(criterion['reasoning']))
      .filter((reason) => reason !== '')
    return {
      isGood: winner === 'candidate' ? true : winner === 'baseline' ? false : null,
      label: `${text(order['first'])} first: ${winner === 'tie' ? 'tie' : `${winner} wins`}`,
      text: cut(reasons[0] ?? ''),
    }
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

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null
}

function list(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(record).filter((entry) => entry !== null) : []
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function cut(value: string): string {
  return value.length > maxChars ? `${value.slice(0, maxChars)}…` : value
}
