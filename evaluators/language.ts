import { scoreOfUnreadableAnswer } from './answer.ts'
import type { EvalCase, Score } from './evaluator.ts'
import { expectationReader } from './expectation.ts'
import { contentText } from './judge-fence.ts'
import type { EvaluatorKind } from './kind.ts'
import { type DetectedLanguage, detectLanguage, knownLanguages } from './language-detect.ts'
import { requestedLanguage } from './language-request.ts'
import { confusable } from './language-words.ts'

const code = { enum: knownLanguages }

/**
 * The answer is in the language it should be in: the item's `expect.language`, the configured `expected`, the one the request asks
 * for by name, or the request's own. The value is 1 when at least `minShare` of the recognised text is in it, else that share.
 */
export const language: EvaluatorKind = {
  name: 'language',
  codeVersion: 1,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: { expected: code, minShare: { type: 'number', exclusiveMinimum: 0, maximum: 1 } },
  },
  configure(config) {
    const expected = typeof config['expected'] === 'string' ? config['expected'] : null
    const minShare = Number(config['minShare'] ?? 0.8)
    return { config: { expected, minShare }, score: (evalCase) => scoreLanguage(evalCase, expected, minShare) }
  },
}

const ownExpectation = expectationReader<string>('language', code, (value) => value)

function scoreLanguage(evalCase: EvalCase, configured: string | null, minShare: number): Score {
  const own = ownExpectation(evalCase)
  if (own && 'fault' in own) return own.fault
  const wanted = own ? { language: own.value, by: 'the case' } : expectedOf(evalCase, configured)
  if ('reason' in wanted) return { status: 'not_applicable', reason: wanted.reason }
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  const parts = partsOf(evalCase.output).map((text) => ({ text, ...detectLanguage(text) }))
  const decided = parts.filter((part) => part.language !== null && !isConfusable(part, wanted.language))
  const letters = decided.reduce((sum, part) => sum + part.letters, 0)
  const inWanted = decided.filter((part) => part.language === wanted.language)
  const found = [...new Set(decided.map((part) => part.language))]
  if (letters === 0) return { status: 'not_applicable', reason: 'the language of the answer cannot be told' }
  const share = inWanted.reduce((sum, part) => sum + part.letters, 0) / letters
  const details = { expected: wanted.language, by: wanted.by, found, share: Math.round(share * 10_000) / 10_000 }
  const reason = `${Math.round(share * 100)}% in ${wanted.language} (expected by ${wanted.by}); found: ${found.join(', ')}`
  return { status: 'scored', value: share >= minShare ? 1 : share, reason, details }
}

type Expected = { readonly language: string; readonly by: string } | { readonly reason: string }

function expectedOf({ messages = [] }: EvalCase, configured: string | null): Expected {
  if (configured !== null) return { language: configured, by: 'the configuration' }
  const last = messages.findLast(({ role }) => role === 'user')
  if (!last) return { reason: 'no language is configured and the case has no request' }
  const text = contentText(last.content)
  const named = requestedLanguage(text)
  if (named.kind === 'one') return { language: named.language, by: 'the request by name' }
  if (named.kind === 'unclear')
    return { reason: `the request names ${named.names.join(', ')}: which is meant is unclear` }
  const { language } = detectLanguage(text)
  if (language === null) return { reason: 'the language of the request cannot be told' }
  return { language, by: 'the request’s own language' }
}

/** Another language of the family that cannot be kept apart is no evidence either way. */
function isConfusable({ language: found }: DetectedLanguage, wanted: string): boolean {
  return found !== wanted && confusable.some((group) => group.includes(found ?? '') && group.includes(wanted))
}

const maxParts = 40

/** Paragraphs, short ones joined with the next: a change of language within the answer shows. */
function partsOf(answer: string): string[] {
  const parts: string[] = []
  let open = ''
  for (const paragraph of answer.slice(0, 200_000).split(/\n[ \t]*\n/)) {
    open = open === '' ? paragraph : `${open}\n${paragraph}`
    if (open.length < 120) continue
    parts.push(open)
    open = ''
    if (parts.length >= maxParts) return parts
  }
  if (open.trim() !== '') {
    const last = parts.pop()
    parts.push(last === undefined || open.length >= 60 ? open : `${last}\n${open}`)
    if (last !== undefined && open.length >= 60) parts.splice(-1, 0, last)
  }
  return parts
}
