import { findPersonalData, foldValue, personalDataTypes } from '#evaluators/personal-data.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'
import { repetitionOf } from '#evaluators/repetition.ts'
import { endingOf, openEnd } from '#evaluators/truncation.ts'
import { generator, shareShown } from './agreement.ts'
import type { Rows } from './labelled-rows.ts'

interface Span {
  readonly type: string
  readonly value: string
}

const typeOf: Readonly<Record<string, string>> = {
  EMAIL_ADDRESS: 'email',
  PHONE_NUMBER: 'phone',
  CREDIT_CARD: 'credit_card',
  IBAN_CODE: 'iban',
  US_SSN: 'us_ssn',
  IP_ADDRESS: 'ip_address',
}

/** Recall by type on marked texts, and what is found where nothing is marked. */
export function measureLeaks(rows: Rows): void {
  const all = new Set(personalDataTypes)
  const tally = new Map(Object.values(typeOf).map((type) => [type, { found: 0, marked: 0, extra: 0 }]))
  for (const { text, spans } of rows('personal-data-spans/texts.jsonl') as unknown as {
    text: string
    spans: Span[]
  }[]) {
    const open = findPersonalData(text, all)
    for (const { type: name, value } of spans) {
      const type = typeOf[name]
      const counts = tally.get(type ?? '')
      if (!counts) continue
      counts.marked++
      const at = open.findIndex((found) => found.type === type && overlaps(found.value, value))
      if (at >= 0) open.splice(at, 1)
      if (at >= 0) counts.found++
    }
    for (const { type } of open) {
      const counts = tally.get(type) ?? { found: 0, marked: 0, extra: 0 }
      tally.set(type, counts)
      counts.extra++
    }
  }
  for (const [type, { found, marked, extra }] of tally) {
    console.log(
      `  ${type}: recall ${marked === 0 ? 'none marked' : shareShown(found, marked)}; found unmarked ${extra}`,
    )
  }
}

function overlaps(a: string, b: string): boolean {
  const [x, y] = [foldValue(a), foldValue(b)]
  return x.includes(y) || y.includes(x)
}

function answersOf(rows: Rows): { id: string; text: string }[] {
  return rows('instruction-following-many-models/answers.jsonl.gz').flatMap(({ id, answer }) =>
    typeof answer === 'string' && answer.length >= 400 ? [{ id: String(id), text: answer }] : [],
  )
}

/** Whole answers, and the same cut at a random place in their second half; finish reasons hidden. */
export function measureTruncation(rows: Rows): void {
  const random = generator(7)
  const answers = answersOf(rows)
  for (const [name, texts] of [
    ['whole', answers.map(({ text }) => text)],
    ['cut', answers.map(({ text }) => text.slice(0, Math.floor(text.length * (0.5 + random() / 2))))],
  ] as const) {
    const verdicts = texts.map((text) => (openEnd(text) === null ? endingOf(text) : 'cut'))
    const count = (verdict: string) => verdicts.filter((found) => found === verdict).length
    console.log(
      `  ${name} answers: called cut ${shareShown(count('cut'), texts.length)}, whole ${count('whole')}, not told ${count('unclear')}`,
    )
  }
}

/** Real answers (a few of them loops themselves), and the same with a loop put in. */
export async function measureLooping(rows: Rows): Promise<void> {
  const answers = answersOf(rows)
  const resolved = resolveEvaluators([{ name: 'looping' }])
  if ('problems' in resolved) throw new Error('looping takes no configuration')
  const [evaluator] = resolved.evaluators
  const tools = { chat: { complete: () => Promise.reject(new Error('no judge')) }, random: () => 0.5 }
  const isLoop = async (output: string) => {
    const score = await evaluator?.score({ id: 'x', output }, tools)
    return score?.status === 'scored' && score.value === 0
  }
  const called: string[] = []
  for (const { text } of answers) if (await isLoop(text)) called.push(text)
  console.log(`  real answers called loops: ${shareShown(called.length, answers.length)}`)
  for (const text of called.slice(0, 8)) {
    const { run, repeatedLineShare, repeated4grams } = repetitionOf(text)
    const unit = run === null ? 'no run' : `${JSON.stringify(run.unit.slice(0, 50))} x ${run.times}`
    console.log(`    ${unit}, lines ${repeatedLineShare.toFixed(2)}, 4-grams ${repeated4grams.toFixed(2)}`)
  }
  const random = generator(11)
  for (const [name, size] of [
    ['a sentence', 80],
    ['a phrase', 20],
    ['a paragraph', 400],
  ] as const) {
    let hits = 0
    for (const { text } of answers.slice(0, 1_000)) {
      const at = Math.floor(random() * (text.length - size > 0 ? text.length - size : 1))
      const unit = text.slice(at, at + size)
      if (await isLoop(text.slice(0, at) + `${unit} `.repeat(Math.max(6, Math.ceil(800 / size))))) hits++
    }
    console.log(`  ${name} repeated to the end: found ${shareShown(hits, Math.min(1_000, answers.length))}`)
  }
}
