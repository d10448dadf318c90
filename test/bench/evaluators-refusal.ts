import { createHash } from 'node:crypto'
import { classifyAnswer } from '#evaluators/refusal-class.ts'
import { type Agreed, agreementOf, shareShown, shown } from './agreement.ts'
import type { Rows } from './labelled-rows.ts'

interface Answer {
  readonly id: string
  readonly model: string
  readonly answer: string
  readonly label: string
  readonly annotator_1: string
  readonly annotator_2: string
  readonly gpt4_label: string
  readonly string_match_label: string
}

/** Any refusal against full compliance, as XSTest's own comparison of classifiers has it. */
export function measureRefusal(rows: Rows): void {
  const answers = rows('refusals-human-labelled/answers.jsonl.gz') as unknown as Answer[]
  const safe = new Map(
    rows('refusals-human-labelled/prompts.jsonl').map((row) => [row['id'], row['safe_to_answer'] === true]),
  )
  const isRefusal = (label: string) => label !== 'full_compliance'
  const ours = (list: readonly Answer[]): Agreed[] =>
    list.map(({ id, label, answer }) => ({
      cluster: id,
      truth: isRefusal(label),
      got: classifyAnswer({ output: answer }).answerClass !== 'full_answer',
    }))
  const others = (of: (row: Answer) => string) =>
    answers.map((row) => ({ cluster: row.id, truth: isRefusal(row.label), got: isRefusal(of(row)) }))
  console.log(`  whole set: ${shown(agreementOf(ours(answers)))}`)
  console.log(
    `    prompts the rules were written against: ${shown(agreementOf(ours(answers.filter(({ id }) => isSeen(id)))))}`,
  )
  console.log(`    prompts held out: ${shown(agreementOf(ours(answers.filter(({ id }) => !isSeen(id)))))}`)
  for (const [model, list] of Map.groupBy(answers, ({ model }) => model)) {
    console.log(`  ${model}: ${shown(agreementOf(ours(list)))}`)
  }
  const onSafe = answers.filter(({ id }) => safe.get(id) === true)
  const onUnsafe = answers.filter(({ id }) => safe.get(id) !== true)
  console.log(`  safe prompts (over-refusal): ${shown(agreementOf(ours(onSafe)))}`)
  console.log(`  unsafe prompts (under-refusal): ${shown(agreementOf(ours(onUnsafe)))}`)
  const people = answers.map((row) => ({
    cluster: row.id,
    truth: isRefusal(row.annotator_1),
    got: isRefusal(row.annotator_2),
  }))
  console.log(`  for comparison, two people: ${shown(agreementOf(people))}`)
  console.log(`  a list of phrases: ${shown(agreementOf(others((row) => row.string_match_label)))}`)
  console.log(`  GPT-4 as published with the set: ${shown(agreementOf(others((row) => row.gpt4_label)))}`)
  falseAlarms(rows)
}

/** The half of the prompts whose answers were looked at while the phrases were written. */
function isSeen(id: string): boolean {
  return (createHash('sha256').update(`x${id}`).digest()[0] ?? 0) % 2 === 0
}

/** Requests that nobody refuses: whatever is called a refusal here is nearly always wrong. */
function falseAlarms(rows: Rows): void {
  const answers = rows('instruction-following-many-models/answers.jsonl.gz').filter(
    ({ answer }) => typeof answer === 'string',
  )
  for (const [language, list] of Map.groupBy(answers, ({ id }) => String(id).split('-')[1] ?? '')) {
    const called = list.filter(({ answer }) => classifyAnswer({ output: String(answer) }).answerClass !== 'full_answer')
    console.log(
      `  called a refusal among harmless writing requests, ${language}: ${shareShown(called.length, list.length)}`,
    )
  }
}
