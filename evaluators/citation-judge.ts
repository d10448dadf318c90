import type { CitationMark } from './citation-markers.ts'
import { type CitedStatement, marksByClaim, maxCitations, maxStatements } from './citation-support.ts'
import { type Claim, extractClaims } from './claims.ts'
import type { EvalCase, JudgeSpend, Tools } from './evaluator.ts'
import { type CriterionVerdict, checkReply, replySchema } from './judge-criteria.ts'
import { conversationText, fence, isQuoteOf, newNonce } from './judge-fence.ts'
import { fill, loadPrompt } from './judge-prompt.ts'
import { askJudge, type JudgeAnswer, type JudgeQuestion } from './judge-protocol.ts'
import { addSpend, noSpend } from './judge-spend.ts'
import { type CompiledSchema, compileSchema } from './schema-compile.ts'

export const citationPrompt = loadPrompt('grounding')

type Support = 'supported' | 'contradicted' | 'not_in_context' | 'cannot_tell'
const choices: readonly Support[] = ['supported', 'contradicted', 'not_in_context', 'cannot_tell']

/** Statements in one call: more, and judges begin to skip some. */
const statementsPerCall = 10

interface ReplyShape {
  readonly criteria: readonly { readonly id: string; readonly text: string }[]
  readonly schema: Record<string, unknown>
  readonly compiled: CompiledSchema
}

/** Shapes of replies by number of statements, compiled at first use. */
const shapes = new Map<number, ReplyShape>()

function shapeFor(count: number): ReplyShape {
  const known = shapes.get(count)
  if (known) return known
  const criteria = Array.from({ length: count }, (_, index) => ({ id: `s${index + 1}`, text: '' }))
  const schema = replySchema(criteria, ['context'], choices)
  const shape = { criteria, schema, compiled: compileSchema(schema, true) }
  shapes.set(count, shape)
  return shape
}

export interface JudgedCitations {
  readonly statements: readonly CitedStatement[]
  /** Statements the judge could not tell; they are not among `statements`. */
  readonly undecided: number
  readonly spend: JudgeSpend
}

/** A judge that could not be reached, or gave no usable verdict. */
export interface NoVerdict {
  readonly failed: Exclude<JudgeAnswer<unknown>, { kind: 'verdict' }>
  readonly spend: JudgeSpend
}

interface Material {
  readonly evalCase: EvalCase
  readonly passages: readonly string[]
  readonly marks: readonly CitationMark[]
  readonly judge: string
  readonly tools: Tools
}

/**
 * Asks a judge, with all passages before it, which words support each statement, and finds by code in which passages these words
 * stand: a statement is supported by its citations when one of them holds such words, and a citation is needed when it does. The
 * judge never sees which passage is cited.
 */
export async function judgeCitations(material: Material): Promise<JudgedCitations | NoVerdict> {
  const { evalCase, marks } = material
  const claims = extractClaims(evalCase.output).claims.slice(0, maxStatements)
  const own = marksByClaim(evalCase.output, claims, marks)
  const statements: CitedStatement[] = []
  let undecided = 0
  let spend: JudgeSpend = noSpend
  for (let from = 0; from < claims.length; from += statementsPerCall) {
    const part = claims.slice(from, from + statementsPerCall)
    const answer = await askJudge(questionAbout(part, material), material.tools)
    spend = addSpend(spend, answer.spend)
    if (answer.kind !== 'verdict') return { failed: answer, spend }
    for (const [index, claim] of part.entries()) {
      const verdict = answer.verdict.find(({ id }) => id === `s${index + 1}`)
      if (!verdict || verdict.verdict === 'cannot_tell') undecided++
      else statements.push(toStatement(claim, own[from + index] ?? [], { verdict, passages: material.passages }))
    }
  }
  return { statements, undecided, spend }
}

function questionAbout(
  claims: readonly Claim[],
  { evalCase, passages, judge, tools }: Material,
): JudgeQuestion<readonly CriterionVerdict<Support>[]> {
  const { criteria, schema, compiled } = shapeFor(claims.length)
  const nonce = newNonce(tools.random)
  const context = passages.join('\n\n')
  const statements = claims.map(({ text }, index) => `s${index + 1}: ${text.replace(/\s+/g, ' ')}`).join('\n')
  const request = evalCase.messages?.length ? [fence('request', conversationText(evalCase.messages), nonce)] : []
  const blocks = [...request, fence('context', context, nonce), fence('statements', statements, nonce)]
  const values = { nonce, material: blocks.join('\n\n'), ids: criteria.map(({ id }) => id).join(', ') }
  return {
    model: judge,
    system: fill(citationPrompt.system, values),
    user: fill(citationPrompt.user, values),
    nonce,
    replyName: 'citations',
    replySchema: schema,
    compiledReply: compiled,
    check: (reply) => {
      const checked = checkReply<Support>(reply, criteria, new Map([['context', context]]))
      if ('problem' in checked) return checked
      const bare = checked.verdict.find(({ verdict, evidence }) => verdict === 'supported' && evidence.length === 0)
      return bare ? { problem: `"${bare.id}" is called supported without a quote from the context` } : checked
    },
  }
}

function toStatement(
  claim: Claim,
  marks: readonly CitationMark[],
  { verdict, passages }: { verdict: CriterionVerdict<Support>; passages: readonly string[] },
): CitedStatement {
  const own = marks.slice(0, maxCitations)
  const quotes = verdict.verdict === 'supported' ? verdict.evidence : []
  const holds = (passage: number) => quotes.some(({ quote }) => isQuoteOf(quote, passages[passage] ?? ''))
  const cited = new Set(own.flatMap(({ passage }) => passage ?? []))
  const isSupported = [...cited].some(holds)
  const other = passages.findIndex((_, passage) => !cited.has(passage) && holds(passage))
  return {
    text: claim.text.slice(0, 300).toWellFormed(),
    start: claim.start,
    support: isSupported ? 1 : 0,
    isSupported,
    citations: own.map(({ source, passage }) => ({
      source: source.slice(0, 100),
      passage,
      isNeeded: passage !== null && holds(passage),
    })),
    alternative: own.length === 0 || other < 0 ? null : { passage: other, support: 1 },
  }
}
