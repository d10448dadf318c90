import type { TaskPrompt } from '#datasets/task-prompts.ts'
import { accuracyOf, calibrationErrorOf, type HeldOut, type Trained, wilson } from './task-evaluation.ts'

const begin = '<!-- measured: written by npm run train:task-classifier -->'
const end = '<!-- end of measured -->'

/** The page with its measured part replaced. @throws RangeError when the page has lost its marks */
export function pageOf(
  trained: Trained,
  { page, modelDigest }: { readonly page: string; readonly modelDigest: string },
): string {
  const [before, rest] = page.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined) throw new RangeError(`docs/task-classifier.md has lost "${begin}"`)
  return `${before}${begin}\n\n${measuredOf(trained, modelDigest)}\n\n${end}${after}`
}

function measuredOf({ document, bySource, byPrompt }: Trained, modelDigest: string): string {
  const { heldOut } = bySource
  return [
    `Coefficients ${modelDigest}, trained on prompts ${document.trainedOn}, temperature ${document.temperature}.`,
    '',
    '| held-out prompts | count | source unseen | 95 % | prompt unseen | calibration error (source unseen) |',
    '|---|---|---|---|---|---|',
    ...(['by hand', 'own', 'template', 'benchmark'] as const).map((from) => {
      const of = (all: readonly HeldOut[]) => all.filter(({ prompt }) => prompt.from === from)
      const [mine, other] = [of(heldOut), of(byPrompt.heldOut)]
      const share = accuracyOf(mine)
      const [low, high] = wilson(share, mine.length)
      const cells = [names[from], mine.length, percent(share), `${percent(low)} to ${percent(high)}`]
      return `| ${[...cells, percent(accuracyOf(other)), calibrationErrorOf(mine).toFixed(3)].join(' | ')} |`
    }),
    '',
    'Confusion of the prompts labelled by hand, source unseen (rows: the label, columns: the guess):',
    '',
    ...confusionOf(
      heldOut.filter(({ prompt }) => prompt.from === 'by hand'),
      document.labels,
    ),
    '',
    'All held-out prompts, source unseen:',
    '',
    ...confusionOf(heldOut, document.labels),
    '',
    'What a floor on the confidence does to prompts labelled by hand, source unseen:',
    '',
    '| minConfidence | answered | right of those answered |',
    '|---|---|---|',
    ...[0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9].map((floor) => {
      const byHand = heldOut.filter(({ prompt }) => prompt.from === 'by hand')
      const sure = byHand.filter(({ confidence }) => confidence >= floor)
      const right = sure.length === 0 ? '-' : percent(accuracyOf(sure))
      return `| ${floor} | ${percent(sure.length / byHand.length)} | ${right} |`
    }),
  ].join('\n')
}

const names: Readonly<Record<TaskPrompt['from'], string>> = {
  'by hand': 'labelled by hand (people wrote them)',
  own: 'written for this project',
  template: 'templates',
  benchmark: 'benchmarks (all of one kind, the others unseen)',
}

function confusionOf(heldOut: readonly HeldOut[], labels: readonly string[]): string[] {
  const rows = labels.map((label) => {
    const mine = heldOut.filter(({ prompt }) => prompt.task === label)
    const cells = labels.map((guess) => mine.filter((one) => one.guess === guess).length || '')
    return `| ${[label, ...cells, mine.length === 0 ? '-' : percent(accuracyOf(mine))].join(' | ')} |`
  })
  return [`| | ${labels.join(' | ')} | right |`, `|${'---|'.repeat(labels.length + 2)}`, ...rows]
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

/** Origin and licence of the shipped prompts, counted. */
export function cardOf(prompts: readonly TaskPrompt[]): string {
  const count = (keyOf: (prompt: TaskPrompt) => string) => {
    const counts = new Map<string, number>()
    for (const prompt of prompts) counts.set(keyOf(prompt), (counts.get(keyOf(prompt)) ?? 0) + 1)
    return [...counts].sort(([left], [right]) => (left < right ? -1 : 1))
  }
  return `# task-prompts

${prompts.length} prompts labelled with the task they ask for, and the coefficients of the lexical task classifier trained on them
(\`model.json\`). Written by \`npm run train:task-classifier\`.

- Use: training and testing task identification (A2). Accuracy: docs/task-classifier.md.
- Not for: measuring how well models do these tasks. Templates repeat themselves; hand labels are one person's.
- Drawn: of each template at most 12 prompts, of each benchmark 30, all prompts labelled by hand, by hash of the id. Prompts under
  share-alike or unclear licences are left out. Prompts over 1,200 characters are shortened in the middle (\`[...]\`), where the
  classifier does not look.
- \`own\`: instructions written for this project, each filled with up to three texts that are shared by all tasks, so that the text
  tells nothing of the task.

Origins: self-instruct user-oriented instructions, labelled by hand (github.com/yizhongw/self-instruct, commit 0b26cca) and P3
templates over CommonGen, DuoRC, QASC, QuaRel, QuaRTz, Quoref and ROPES from the same repository; SummEdits documents with requests in
our own words (github.com/salesforce/factualNLG, commit 0da1dfa); HumanEval (github.com/openai/human-eval, commit 6d43fb9); GSM8K
questions (github.com/WildEval/ZeroEval, commit 8c1485e); MT-bench questions (github.com/lm-sys/RouteLLM, commit 0b64fda).
Attribution for the CC-BY-4.0 rows: QASC, QuaRTz, QuaRel, Quoref and ROPES are by the Allen Institute for AI; they are shortened as said
(https://creativecommons.org/licenses/by/4.0/). Texts of the other licences: \`LICENSE-APACHE-2.0.txt\`, \`LICENSE-MIT.txt\`.

| licence | prompts |
|---|---|
${count((prompt) => prompt.licence)
  .map(([licence, number]) => `| ${licence} | ${number} |`)
  .join('\n')}

| task | prompts |
|---|---|
${count((prompt) => prompt.task)
  .map(([task, number]) => `| ${task} | ${number} |`)
  .join('\n')}

| labelled by | prompts |
|---|---|
${count((prompt) => prompt.from)
  .map(([from, number]) => `| ${from} | ${number} |`)
  .join('\n')}
`
}
