import { readFileSync } from 'node:fs'
import { type Claim, extractClaims } from './claims.ts'
import { type GroundingContext, indexContext } from './grounding-context.ts'
import { compareClaim, type Features } from './grounding-features.ts'
import { splitSentences } from './sentences.ts'

/** An answer that people judged against its context. */
export interface JudgedAnswer {
  readonly set: string
  /** Document, question or conversation: units of one group are never split between training and testing. */
  readonly group: string
  /** null: people did not agree clearly enough to learn from or test on it. */
  readonly isSupported: boolean | null
  /** `isSupported` null: this claim alone has no label. */
  readonly claims: readonly { readonly features: Features; readonly isSupported: boolean | null }[]
}

export const madeUpSet = 'mismatched-contexts'

/** An answer with the context it was judged against. `labelOf` tells claims of one answer apart where the set does. */
interface Source {
  readonly set: string
  readonly group: string
  readonly answer: string
  readonly context: GroundingContext
  readonly isSupported: boolean | null
  readonly labelOf?: (claim: Claim) => boolean
}

/**
 * The three sets, read from their folders below `dir`, and a fourth made of them: every third supported answer once with its
 * own context and once with that of another group, which does not support it. Without it nothing teaches what an answer out
 * of the blue looks like.
 *
 * @throws when a folder is missing
 */
export async function readJudgedSets(dir: string): Promise<JudgedAnswer[]> {
  const read = (name: string) => readJsonLines(`${dir}/${name}`)
  const sources = [
    ...summaries(await read('summary-consistency/documents.jsonl'), await read('summary-consistency/summaries.jsonl')),
    ...expertClaims(await read('grounded-claims-expert-labelled/answers.jsonl.gz')),
    ...conversations(
      await read('rag-conversations-human-scored/tasks.jsonl'),
      await read('rag-conversations-human-scored/answers.jsonl'),
    ),
  ]
  return [...sources, ...mismatched(sources)].map(toJudged)
}

function mismatched(sources: readonly Source[]): Source[] {
  const supported = sources.filter(({ isSupported }, index) => isSupported === true && index % 3 === 0)
  return supported.flatMap((source, index) => {
    const order = [...supported.slice(index + 1), ...supported.slice(0, index)]
    const other = order.find(({ set, group }) => set === source.set && group !== source.group)
    const own = { ...source, set: madeUpSet }
    return other ? [own, { ...own, context: other.context, isSupported: false, labelOf: () => false }] : []
  })
}

function toJudged({ set, group, answer, context, isSupported, labelOf }: Source): JudgedAnswer {
  const claims = extractClaims(answer).claims.map((claim) => ({
    features: compareClaim(claim.text, context).features,
    isSupported: labelOf ? labelOf(claim) : isSupported,
  }))
  return { set, group, isSupported, claims }
}

type Row = Readonly<Record<string, unknown>>

async function readJsonLines(path: string): Promise<Row[]> {
  const bytes = readFileSync(path)
  const stream = new Blob([new Uint8Array(bytes)]).stream()
  const plain = path.endsWith('.gz') ? stream.pipeThrough(new DecompressionStream('gzip')) : stream
  const text = await new Response(plain).text()
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row)
}

/**
 * Faithful summaries and minimal edits of them. Of an inconsistent one only the sentences that differ from the faithful
 * original are wrong.
 */
function summaries(documents: readonly Row[], rows: readonly Row[]): Source[] {
  const contexts = new Map(documents.map((row) => [row['document_id'], indexContext([String(row['text'])])]))
  return rows.map((row) => {
    const summary = String(row['summary'])
    const original = new Set(splitSentences(String(row['original_summary'])).map(({ text }) => text))
    const isSupported = row['consistent'] === true
    const context = contexts.get(row['document_id']) ?? indexContext([])
    return {
      set: 'summary-consistency',
      group: String(row['document_id']),
      answer: summary,
      context,
      isSupported,
      labelOf: ({ start, end }: Claim) => isSupported || original.has(summary.slice(start, end)),
    }
  })
}

/** Claims with the passages cited for them; complete support against incomplete. Partial support is left out. */
function expertClaims(rows: readonly Row[]): Source[] {
  return rows.flatMap((row) =>
    (row['claims'] as readonly Row[]).flatMap((claim) => {
      const passages = (claim['evidence'] as readonly Row[])
        .map(({ text }) => text)
        .filter((text) => typeof text === 'string')
      const support = String(claim['support'])
      if (passages.join('') === '' || !['Complete', 'Incomplete'].includes(support)) return []
      const isSupported = support === 'Complete'
      const context = indexContext(passages)
      const answer = String(claim['claim'])
      return [{ set: 'grounded-claims-expert-labelled', group: String(row['id']), answer, context, isSupported }]
    }),
  )
}

/** Answers over retrieved passages; mean faithfulness of three people: 3.5 and above (of 4) against below 3. */
function conversations(tasks: readonly Row[], answers: readonly Row[]): Source[] {
  const byId = new Map(tasks.map((task) => [task['id'], task]))
  return answers.flatMap((row) => {
    const task = byId.get(row['id'])
    const passages = ((task?.['contexts'] ?? []) as readonly Row[]).map(({ text }) => String(text))
    if (passages.length === 0) return []
    const scores = (row['human_scores'] as Record<string, number[]>)['faithfulness'] ?? []
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
    const isSupported = mean >= 3.5 ? true : mean < 3 ? false : null
    const group = String(task?.['conversation'])
    const answer = String(row['answer'])
    return [{ set: 'rag-conversations-human-scored', group, answer, context: indexContext(passages), isSupported }]
  })
}
