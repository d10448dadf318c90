import { isQuoteOf } from './judge-fence.ts'
import type { ConfigProblem } from './kind.ts'

/** One binary question to a judge. */
export interface Criterion {
  readonly id: string
  readonly text: string
}

/** Used where a bar gives none. Binary, each about one kind of failure. */
export const defaultRubric: readonly Criterion[] = [
  { id: 'addresses', text: 'The answer does what the request asks, all of it, and not something else.' },
  { id: 'correct', text: 'Nothing in the answer is wrong or contradicts the request, the context or the reference.' },
  { id: 'constraints', text: 'The answer keeps every stated constraint: format, length, language, what to leave out.' },
]

export const defaultComparison: readonly Criterion[] = [
  { id: 'better', text: 'Does precisely what the request asks, keeps its constraints, and is right.' },
]

const criterionText = { type: 'string', pattern: '\\S', maxLength: 2_000 }

/** Configuration field `criteria`: one text, or 1 to 7 texts or `{id, text}`. */
export const criteriaSchema = {
  anyOf: [
    criterionText,
    {
      type: 'array',
      minItems: 1,
      maxItems: 7,
      items: {
        anyOf: [
          criterionText,
          {
            type: 'object',
            additionalProperties: false,
            required: ['text'],
            properties: { id: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_-]{0,39}$' }, text: criterionText },
          },
        ],
      },
    },
  ],
}

/** @param configured  valid against `criteriaSchema`, or undefined */
export function readCriteria(
  configured: unknown,
): { criteria: readonly Criterion[] | null } | { problem: ConfigProblem } {
  if (configured === undefined) return { criteria: null }
  const entries = (Array.isArray(configured) ? configured : [configured]) as (string | { id?: string; text: string })[]
  const criteria = entries.map((entry, index) => {
    const text = typeof entry === 'string' ? entry : entry.text
    const id = typeof entry === 'string' ? undefined : entry.id
    return { id: id ?? `c${index + 1}`, text: text.trim() }
  })
  const repeated = criteria.findIndex(({ id }, index) => criteria.findIndex((other) => other.id === id) < index)
  if (repeated < 0) return { criteria }
  const problem = { path: `/criteria/${repeated}/id`, message: `"${criteria[repeated]?.id}" is used twice` }
  return { problem }
}

/** One criterion's entry in a judge's reply. `Choice`: the words it may decide with. */
export interface CriterionVerdict<Choice extends string> {
  readonly id: string
  readonly evidence: readonly { readonly quote: string; readonly source: string }[]
  readonly reasoning: string
  readonly verdict: Choice
}

/** JSON Schema of a reply: evidence and reasoning come before the verdict, so that it rests on them. Closed everywhere. */
export function replySchema(
  criteria: readonly Criterion[],
  sources: readonly string[],
  choices: readonly string[],
): Record<string, unknown> {
  const closed = (properties: Record<string, unknown>) => ({
    type: 'object',
    additionalProperties: false,
    required: Object.keys(properties),
    properties,
  })
  const evidence = closed({ quote: { type: 'string' }, source: { type: 'string', enum: sources } })
  const entry = closed({
    id: { type: 'string', enum: criteria.map(({ id }) => id) },
    evidence: { type: 'array', items: evidence },
    reasoning: { type: 'string' },
    verdict: { type: 'string', enum: choices },
  })
  return closed({ criteria: { type: 'array', items: entry } })
}

/** What the schema cannot check: every id exactly once, every quote in the source it names. */
export function checkReply<Choice extends string>(
  reply: unknown,
  criteria: readonly Criterion[],
  material: ReadonlyMap<string, string>,
): { verdict: readonly CriterionVerdict<Choice>[] } | { problem: string } {
  const entries = (reply as { criteria: readonly CriterionVerdict<Choice>[] }).criteria
  for (const { id } of criteria) {
    const count = entries.filter((entry) => entry.id === id).length
    if (count !== 1) return { problem: `criterion "${id}" appears ${count} times, it must appear once` }
  }
  for (const { id, evidence } of entries) {
    const wrong = evidence.find(({ quote, source }) => !isQuoteOf(quote, material.get(source) ?? ''))
    if (wrong) return { problem: `a quote given for "${id}" does not stand in the ${wrong.source}` }
  }
  return { verdict: entries }
}
