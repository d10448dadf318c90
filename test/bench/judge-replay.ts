import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { ChatPort, EvalCase, Evaluator, Score, Tools } from '#evaluators/evaluator.ts'
import { neutralise } from '#evaluators/judge-fence.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'

/** A pair with a known better answer and what recorded judges said of it, by judge, in either order. */
export interface RecordedPair {
  readonly id: string
  readonly group: string
  readonly question: string
  readonly first: string
  readonly second: string
  /** Which answer is better: the truth. */
  readonly gold: 'first' | 'second'
  readonly said: ReadonlyMap<string, { readonly firstShown: Said | null; readonly secondShown: Said | null }>
}

/** A judge's words and what they say; null: they could not be read. */
export interface Said {
  readonly words: string
  readonly winner: 'first' | 'second' | 'tie' | null
}

export function readLines<T>(path: string): T[] {
  const bytes = readFileSync(path)
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)
}

/** Pairs of `judge-pairs-with-gold` under one judge prompt. */
export function goldPairs(dir: string, prompt: string): RecordedPair[] {
  interface Row {
    id: string
    subset: string
    instruction: string
    output_1: string
    output_2: string
    better: 1 | 2
  }
  interface Verdict {
    id: string
    judge: string
    judge_prompt: string
    order: string
    text: string
    winner: 1 | 2 | null
  }
  const verdicts = readLines<Verdict>(`${dir}/verdicts.jsonl.gz`).filter((row) => row.judge_prompt === prompt)
  const side = (winner: 1 | 2 | null) => (winner === 1 ? 'first' : winner === 2 ? 'second' : null)
  const byPair = Map.groupBy(verdicts, ({ id }) => id)
  return readLines<Row>(`${dir}/pairs.jsonl`)
    .filter(({ id }) => byPair.has(id))
    .map((row) => ({
      id: row.id,
      group: row.subset,
      question: row.instruction,
      first: row.output_1,
      second: row.output_2,
      gold: row.better === 1 ? 'first' : 'second',
      said: saidBy(
        byPair.get(row.id) ?? [],
        ({ order }) => order === '1,2',
        ({ winner }) => side(winner),
      ),
    }))
}

/** Pairs of `judge-pairs-hard-reasoning`. */
export function hardPairs(dir: string): RecordedPair[] {
  interface Row {
    id: string
    source: string
    question: string
    response_A: string
    response_B: string
    better: 'A' | 'B'
  }
  interface Verdict {
    id: string
    judge: string
    order: string
    text: string
    winner: 'A' | 'B' | 'tie' | null
  }
  const sides = { A: 'first', B: 'second', tie: 'tie' } as const
  const byPair = Map.groupBy(readLines<Verdict>(`${dir}/verdicts.jsonl.gz`), ({ id }) => id)
  return readLines<Row>(`${dir}/pairs.jsonl.gz`)
    .filter(({ id }) => byPair.has(id))
    .map((row) => ({
      id: row.id,
      group: row.source.split('-')[0] ?? row.source,
      question: row.question,
      first: row.response_A,
      second: row.response_B,
      gold: row.better === 'A' ? 'first' : 'second',
      said: saidBy(
        byPair.get(row.id) ?? [],
        ({ order }) => order === 'A,B',
        ({ winner }) => (winner === null ? null : sides[winner]),
      ),
    }))
}

function saidBy<V extends { judge: string; text: string }>(
  verdicts: readonly V[],
  isFirstShown: (verdict: V) => boolean,
  winnerOf: (verdict: V) => Said['winner'],
): RecordedPair['said'] {
  return new Map(
    [...Map.groupBy(verdicts, ({ judge }) => judge)].map(([judge, rows]) => {
      const said = (row: V | undefined) => (row === undefined ? null : { words: row.text, winner: winnerOf(row) })
      return [
        judge,
        { firstShown: said(rows.find(isFirstShown)), secondShown: said(rows.find((row) => !isFirstShown(row))) },
      ]
    }),
  )
}

/** Judges as `recorded/NAME`: a model reference has a provider. */
export function modelOf(judge: string): string {
  return `recorded/${judge}`
}

/** The real evaluator over recorded judges. */
export function judgeOf(config: Record<string, unknown>): Evaluator {
  const resolved = resolveEvaluators([{ name: 'llm_judge', config: { mode: 'pairwise', ...config } }])
  if ('problems' in resolved) throw new Error(JSON.stringify(resolved.problems))
  const [evaluator] = resolved.evaluators
  if (evaluator === undefined) throw new Error('no evaluator')
  return evaluator
}

/** Compares the pair with the real evaluator: second answer as candidate. @param isRaw  give the words as they are, not as JSON */
export function replay(evaluator: Evaluator, pair: RecordedPair, isRaw = false): Promise<Score> {
  const side = (output: string): EvalCase => ({
    id: pair.id,
    output,
    messages: [{ role: 'user', content: pair.question }],
  })
  const { scorePair } = evaluator
  if (scorePair === undefined) throw new Error('not a pairwise evaluator')
  return scorePair(side(pair.first), side(pair.second), replayTools(pair, isRaw))
}

/**
 * A port that answers with what was recorded for the order it is asked in. The recorded words become the reasoning of a reply
 * in the form our judges give, so that question, parser, checks and combination are the real ones.
 */
function replayTools(pair: RecordedPair, isRaw: boolean): Tools {
  let state = 1
  const complete: ChatPort['complete'] = async ({ model, messages }) => {
    const said = pair.said.get(model.replace(/^recorded\//, ''))
    const shown = /<<<response_1 [0-9a-f]{16}>>>\n([\s\S]*?)\n<<<end of response_1 /.exec(String(messages[1]?.content))
    const isFirstShown = shown?.[1] === neutralise(pair.first)
    const reply = isFirstShown ? said?.firstShown : said?.secondShown
    if (reply === null || reply === undefined) throw new Error('not recorded')
    const isFirst = (reply.winner === 'first') === isFirstShown
    const verdict = reply.winner === 'tie' ? 'tie' : isFirst ? 'response_1' : 'response_2'
    const entry = { id: 'better', evidence: [], reasoning: reply.words, verdict }
    const isReadable = !isRaw && reply.winner !== null
    const text = isReadable ? JSON.stringify({ criteria: [entry] }) : reply.words
    return { text, finishReason: 'stop', costMicroUsd: 0 }
  }
  return {
    chat: { complete },
    random: () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return state / 2 ** 32
    },
  }
}

export function isThere(dir: string): boolean {
  return existsSync(dir)
}
