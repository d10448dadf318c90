import { excerpt, finishNote, normaliseText, scoreOfUnreadableAnswer } from './answer.ts'
import type { EvalCase, Score } from './evaluator.ts'
import type { EvaluatorKind } from './kind.ts'

const strings = {
  type: 'array',
  minItems: 1,
  maxItems: 100,
  items: { type: 'string', pattern: '\\S', maxLength: 10_000 },
}

/**
 * The answer contains `all` of the strings, `any` of them, `none` of them: 1 when every list given holds, else 0.
 * Compared after Unicode NFC and with white space collapsed; case counts. An empty answer scores 0, `none` or not.
 */
export const contains: EvaluatorKind = {
  name: 'contains',
  codeVersion: 1,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: { all: strings, any: strings, none: strings },
    minProperties: 1,
  },
  configure(config) {
    const lists = config as { readonly [K in 'all' | 'any' | 'none']?: readonly string[] }
    const wanted = { all: normalised(lists.all), any: normalised(lists.any), none: normalised(lists.none) }
    return { config: wanted, score: (evalCase) => scoreContains(evalCase, wanted) }
  },
}

interface Wanted {
  readonly all: readonly string[]
  readonly any: readonly string[]
  readonly none: readonly string[]
}

function normalised(list: readonly string[] | undefined): readonly string[] {
  return (list ?? []).map(normaliseText)
}

function scoreContains(evalCase: EvalCase, wanted: Wanted): Score {
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  const answer = normaliseText(evalCase.output)
  const missing = wanted.all.filter((text) => !answer.includes(text))
  const forbidden = wanted.none.filter((text) => answer.includes(text))
  const lacksAny = wanted.any.length > 0 && !wanted.any.some((text) => answer.includes(text))
  const faults = [
    ...(missing.length > 0 ? [`lacks ${listed(missing)}`] : []),
    ...(lacksAny ? [`holds none of ${listed(wanted.any)}`] : []),
    ...(forbidden.length > 0 ? [`holds ${listed(forbidden)}, which it must not`] : []),
  ]
  const details = { missing, forbidden, lacksAny }
  if (faults.length === 0) return { status: 'scored', value: 1, reason: 'every condition holds', details }
  return { status: 'scored', value: 0, reason: `the answer ${faults.join('; ')}${finishNote(evalCase)}`, details }
}

function listed(texts: readonly string[]): string {
  const shown = texts.slice(0, 3).map((text) => JSON.stringify(excerpt(text, 40)))
  return texts.length > 3 ? `${shown.join(', ')} and ${texts.length - 3} more` : shown.join(', ')
}
