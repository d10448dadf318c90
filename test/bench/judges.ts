import { readFileSync, writeFileSync } from 'node:fs'
import { lengthControl } from '#domain/judge-statistics-length.ts'
import { coverageOf, type Judged, lengthLine, percent, swapLine, withInterval } from './judge-figures.ts'
import {
  goldPairs,
  hardPairs,
  isThere,
  judgeOf,
  modelOf,
  type RecordedPair,
  readLines,
  replay,
} from './judge-replay.ts'

/**
 * Measures what a judge's verdict is worth and writes the tables of docs/judges.md: `node test/bench/judges.ts DIR [--write]`,
 * DIR holding the folders `judge-pairs-with-gold` (origin: GitHub princeton-nlp/LLMBar, MIT), `judge-pairs-hard-reasoning`
 * (ScalerLab/JudgeBench) and `mt-bench-judged` (lm-sys/RouteLLM, Apache-2.0). Recorded words of real judges go through the real
 * evaluator: its questions, parser, checks, swap and panels. A folder that is absent is left out, with a word.
 */
const [dir = '', flag] = process.argv.slice(2)
const sections: string[] = []
const folders = {
  gold: `${dir}/judge-pairs-with-gold`,
  hard: `${dir}/judge-pairs-hard-reasoning`,
  bench: `${dir}/mt-bench-judged`,
}
for (const folder of Object.values(folders)) {
  if (!isThere(folder)) process.stdout.write(`skipped: ${folder} is not there\n`)
}
if (isThere(folders.gold)) sections.push(...(await goldSections(folders.gold)))
if (isThere(folders.hard)) sections.push(...(await hardSections(folders.hard)))
if (isThere(folders.bench)) sections.push(...benchSections(folders.bench))
const text = sections.join('\n')
process.stdout.write(`${text}\n`)
if (flag === '--write' && sections.length > 0) writeTables(text)

async function judgeAll(
  pairs: readonly RecordedPair[],
  config: Record<string, unknown>,
  isRaw = false,
): Promise<Judged[]> {
  const evaluator = judgeOf(config)
  const judged: Judged[] = []
  for (const pair of pairs) judged.push({ pair, score: await replay(evaluator, pair, isRaw) })
  return judged
}

async function goldSections(folder: string): Promise<string[]> {
  const judges = ['GPT-4', 'ChatGPT', 'LLaMA2', 'PaLM2']
  const all = goldPairs(folder, 'Metrics_Reference')
  const isAdversarial = ({ group }: RecordedPair) => group.startsWith('adversarial')
  const swap: string[] = []
  for (const prompt of ['Vanilla', 'CoT', 'Metrics_Reference']) {
    const pairs = goldPairs(folder, prompt)
    for (const judge of judges) {
      for (const [name, part] of [
        ['adversarial', pairs.filter(isAdversarial)],
        ['natural and preference', pairs.filter((pair) => !isAdversarial(pair))],
      ] as const) {
        swap.push(swapRow(`${judge}, ${prompt}, ${name}`, await judgeAll(part, { judge: modelOf(judge) })))
      }
    }
  }
  return [
    '### Pairs with a gold verdict (LLMBar, 2023)',
    '',
    ...swapTable(swap),
    '',
    await rawWords(all, judges),
    '',
    '#### Panels (Metrics_Reference)',
    '',
    ...(await panelTable(all)),
    '',
    '#### Length',
    '',
    ...(await lengthTable(all, judges)),
    '',
    '#### Corrected rates',
    '',
    ...(await coverageTable(all, judges)),
    '',
  ]
}

async function hardSections(folder: string): Promise<string[]> {
  const pairs = hardPairs(folder)
  const judges = [...new Set(pairs.flatMap((pair) => [...pair.said.keys()]))].sort()
  const rows: string[] = []
  for (const judge of judges) {
    const own = pairs.filter((pair) => pair.said.has(judge))
    const judged = await judgeAll(own, { judge: modelOf(judge) })
    rows.push(swapRow(`${judge}, all`, judged))
    for (const [group, part] of Map.groupBy(judged, ({ pair }) => pair.group)) {
      if (part.length >= 15) rows.push(swapRow(`${judge}, ${group}`, part))
    }
  }
  return ['### Hard reasoning (JudgeBench, 2024)', '', ...swapTable(rows), '', await rawWords(pairs, judges), '']
}

function swapTable(rows: readonly string[]): string[] {
  return [
    '| judge, prompt, pairs | pairs | right in one order | same verdict in both orders, decided | right when decided | decided or half: right | for the first place | κ with gold, ties counted |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
  ]
}

function swapRow(name: string, judged: readonly Judged[]): string {
  const line = swapLine(judged)
  const gap = line.unscored > 0 ? ` (${line.unscored} unscored)` : ''
  const cells = [
    `${line.pairs}${gap}`,
    percent(line.single),
    percent(line.decided),
    withInterval(line.rightWhenDecided),
    percent(line.withTies),
    withInterval(line.firstPlace),
    line.kappa,
  ]
  return `| ${name} | ${cells.join(' | ')} |`
}

/** The recorded words as they are: prose is no verdict to our parser, whatever it says. */
async function rawWords(pairs: readonly RecordedPair[], judges: readonly string[]): Promise<string> {
  let [replies, scored] = [0, 0]
  for (const judge of judges) {
    const own = pairs.filter((pair) => pair.said.has(judge))
    for (const { score } of await judgeAll(own, { judge: modelOf(judge) }, true)) {
      if (score.details?.['identical'] === true) continue
      replies += 1
      if (score.status === 'scored') scored += 1
    }
  }
  return `Given as they are, without the form of a reply, the words of ${replies} pairs make ${scored} scores: prose is no verdict, whatever it says.`
}

async function panelTable(pairs: readonly RecordedPair[]): Promise<string[]> {
  const [strong, ...weak] = ['GPT-4', 'ChatGPT', 'LLaMA2', 'PaLM2'].map(modelOf)
  const configs: readonly (readonly [string, Record<string, unknown>])[] = [
    ['GPT-4', { judge: strong }],
    ['PaLM2', { judge: weak[2] }],
    ['ChatGPT', { judge: weak[0] }],
    ['three weak: majority', { judges: weak }],
    ['three weak: mean', { judges: weak, aggregate: 'mean' }],
    ['all four: majority', { judges: [strong, ...weak] }],
    ['PaLM2, escalated to GPT-4', { judge: weak[2], escalate: strong }],
    ['ChatGPT, escalated to GPT-4', { judge: weak[0], escalate: strong }],
    ['three weak, escalated to GPT-4', { judges: weak, escalate: strong }],
  ]
  const rows: string[] = []
  for (const [name, config] of configs) {
    const judged = await judgeAll(pairs, config)
    const line = swapLine(judged)
    const calls = judged.map(({ score }) => (score.details?.['spend'] as { calls: number } | undefined)?.calls ?? 0)
    const strongShare = judged.filter(({ score }) => asked(score.details, 'GPT-4')).length / judged.length
    const perPair = (calls.reduce((sum, count) => sum + count, 0) / judged.length).toFixed(1)
    const cells = [
      percent(line.decided),
      withInterval(line.rightWhenDecided),
      percent(line.withTies),
      perPair,
      percent(strongShare),
    ]
    rows.push(`| ${name} | ${cells.join(' | ')} |`)
  }
  return [
    '| judges | decided | right when decided | decided or half: right | calls per pair | pairs that ask GPT-4 |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ]
}

function asked(details: unknown, judge: string): boolean {
  return JSON.stringify(details ?? {}).includes(`"judge":"recorded/${judge}"`)
}

async function lengthTable(pairs: readonly RecordedPair[], judges: readonly string[]): Promise<string[]> {
  const rows: string[] = []
  for (const judge of judges) {
    const line = lengthLine(await judgeAll(pairs, { judge: modelOf(judge) }))
    rows.push(`| ${judge} | ${line.judge} | ${line.truth} | ${withInterval(line.longerWins)} |`)
  }
  const truth = pairs.filter((pair) => pair.first.length !== pair.second.length)
  const longer = truth.filter((pair) => (pair.gold === 'second') === pair.second.length > pair.first.length).length
  return [
    '| judge | slope of its verdicts | slope of the gold verdicts | its decisions for the longer answer |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    `The longer answer is the better one in ${percent(longer / truth.length)} of these pairs.`,
  ]
}

async function coverageTable(pairs: readonly RecordedPair[], judges: readonly string[]): Promise<string[]> {
  const rows: string[] = []
  for (const judge of judges) {
    const judged = await judgeAll(pairs, { judge: modelOf(judge) })
    for (const labels of [50, 100]) {
      const found = coverageOf(judged, { labels, splits: 400, rate: 0.75 })
      if (found === null) continue
      const each = (name: 'raw' | 'corrected' | 'powered') =>
        Number.isNaN(found[name]) ? 'not correctable' : `${percent(found[name])}, ${found.widths[name].toFixed(2)}`
      const bias = `${found.bias > 0 ? '+' : '−'}${Math.abs(100 * found.bias).toFixed(1)}`
      rows.push(`| ${judge} | ${labels} | ${bias} | ${each('raw')} | ${each('corrected')} | ${each('powered')} |`)
    }
  }
  return [
    '| judge | labels | raw rate off by, points | raw: coverage, width | corrected: coverage, width | with labels (PPI): coverage, width |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ]
}

/** Scores of two models by one judge, turn by turn: what length does to them. There is no gold here. */
function benchSections(folder: string): string[] {
  interface Row {
    id: string
    model: string
    turn: number
    answer: string
    judge_score: number
    judge_text: string
  }
  const rows = readLines<Row>(`${folder}/answers.jsonl`)
  const read = rows.filter(
    (row) => Number(/\[\[(\d+(?:\.\d+)?)\]\]/.exec(row.judge_text)?.[1] ?? -1) === row.judge_score,
  )
  const models = [...new Set(rows.map(({ model }) => model))].sort()
  const baseline = models.find((model) => model.includes('Mixtral')) ?? models[0]
  const lines = models.flatMap((model) => {
    if (model === baseline) return []
    const pairs = rows.flatMap((row) => {
      const other = rows.find((each) => each.model === baseline && each.id === row.id && each.turn === row.turn)
      if (row.model !== model || other === undefined || row.judge_score < 0 || other.judge_score < 0) return []
      const difference = Math.sign(row.judge_score - other.judge_score)
      return [{ value: (1 + difference) / 2, lengthDifference: row.answer.length - other.answer.length }]
    })
    const fit = lengthControl(pairs)
    if (fit === null) return []
    const [low, high] = fit.controlledInterval.map((end) => (100 * end).toFixed(1))
    const slope = `${fit.slope.toFixed(2)} [${fit.slopeInterval.map((end) => end.toFixed(2)).join(', ')}]`
    return [
      `| ${model} | ${fit.pairs} | ${percent(fit.rate)} | ${percent(fit.controlled)} [${low}, ${high}] | ${slope} |`,
    ]
  })
  return [
    '### MT-bench, scores by GPT-4',
    '',
    `In ${read.length} of ${rows.length} texts the score that the judge wrote is the recorded one.`,
    '',
    `| against ${baseline} | turns | preferred (ties half) | at equal length | length slope |`,
    '| --- | --- | --- | --- | --- |',
    ...lines,
    '',
  ]
}

/** Between the marks of docs/judges.md. */
function writeTables(tables: string): void {
  const path = 'docs/judges.md'
  const page = readFileSync(path, 'utf8')
  const [before, after] = [page.indexOf('<!-- figures -->'), page.indexOf('<!-- end of figures -->')]
  if (before < 0 || after < 0) throw new Error(`${path} has no marks for the figures`)
  writeFileSync(path, `${page.slice(0, before)}<!-- figures -->\n\n${tables}\n${page.slice(after)}`)
}
