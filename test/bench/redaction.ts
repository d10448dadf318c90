import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { findPersonal, redactText } from '#domain/redaction.ts'

/**
 * Measures redaction on texts with marked personal data and writes the tables of docs/redaction.md:
 * `node test/bench/redaction.ts DIR [--write]`, DIR holding `texts.jsonl` of the set `personal-data-spans` (origin: GitHub
 * microsoft/presidio-research, data/synth_dataset_v2.json, MIT). Without the folder it says so and ends with 0.
 *
 * Split by template, since texts of one template differ only in their values: patterns were written while looking at the
 * templates whose sha256 begins with an even byte (`tuned`); the figures to believe are those of the others (`held out`).
 */
interface Row {
  readonly text: string
  readonly spans: readonly { readonly type: string; readonly start: number; readonly end: number }[]
  readonly template: number
}

const [dir = '', flag] = process.argv.slice(2)
const file = `${dir}/texts.jsonl`
if (dir === '' || !existsSync(file)) {
  process.stdout.write(`skipped: ${file} is not there; give the folder of personal-data-spans\n`)
} else {
  const rows = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)
  const text = report(rows)
  process.stdout.write(text)
  if (flag === '--write') writeTables(text)
}

function isTuned(row: Row): boolean {
  return (createHash('sha256').update(String(row.template)).digest()[0] ?? 0) % 2 === 0
}

function report(rows: readonly Row[]): string {
  const [tuned, heldOut] = [rows.filter(isTuned), rows.filter((row) => !isTuned(row))]
  const [seen, unseen] = [recallOf(tuned), recallOf(heldOut)]
  const types = [...new Set([...seen.keys(), ...unseen.keys()])].sort()
  const lines = [
    `${rows.length} texts; tuned on ${tuned.length}, held out ${heldOut.length}.`,
    '',
    '| marked as | held out: masked whole | in part | missed | recall | tuned: recall |',
    '| --- | --- | --- | --- | --- | --- |',
    ...types.map((type) => {
      const { whole = 0, part = 0, missed = 0 } = unseen.get(type) ?? {}
      return `| ${type} | ${whole} | ${part} | ${missed} | ${share(unseen.get(type))} | ${share(seen.get(type))} |`
    }),
    '',
    '| found as | held out: right | wrong | precision | tuned: precision |',
    '| --- | --- | --- | --- | --- |',
    ...precisionLines(tuned, heldOut),
    '',
  ]
  return lines.join('\n')
}

interface Recall {
  whole: number
  part: number
  missed: number
}

function recallOf(rows: readonly Row[]): Map<string, Recall> {
  const byType = new Map<string, Recall>()
  for (const { text, spans } of rows) {
    const masked = redactText(text).text
    for (const { type, start, end } of spans) {
      const recall = byType.get(type) ?? { whole: 0, part: 0, missed: 0 }
      byType.set(type, recall)
      const [from, to] = unitsOf(text, start, end)
      const total = maskable(text, text, from, to)
      const done = total - maskable(text, masked, from, to)
      recall[done === 0 ? 'missed' : done === total ? 'whole' : 'part'] += 1
    }
  }
  return byType
}

/** Letters and digits of the span that can still be read. Those that look masked by nature (x, X, 1) do not count. */
function maskable(original: string, text: string, from: number, to: number): number {
  let count = 0
  for (let at = from; at < to; at += 1) {
    if (/[\p{L}\p{N}]/u.test(original[at] ?? '') && !/[xX1]/.test(original[at] ?? '') && text[at] === original[at])
      count += 1
  }
  return count
}

/** Code points to UTF-16 code units. */
function unitsOf(text: string, start: number, end: number): [number, number] {
  const points = [...text]
  const from = points.slice(0, start).join('').length
  return [from, from + points.slice(start, end).join('').length]
}

function precisionLines(tuned: readonly Row[], heldOut: readonly Row[]): string[] {
  const [seen, unseen] = [precisionOf(tuned), precisionOf(heldOut)]
  return [...new Set([...seen.keys(), ...unseen.keys()])].sort().map((kind) => {
    const { right = 0, wrong = 0 } = unseen.get(kind) ?? {}
    return `| ${kind} | ${right} | ${wrong} | ${ratio(right, right + wrong)} | ${ratioOf(seen.get(kind))} |`
  })
}

function precisionOf(rows: readonly Row[]): Map<string, { right: number; wrong: number }> {
  const byKind = new Map<string, { right: number; wrong: number }>()
  for (const { text, spans } of rows) {
    const marked = spans.map(({ start, end }) => unitsOf(text, start, end))
    for (const { kind, start, end } of findPersonal(text)) {
      const count = byKind.get(kind) ?? { right: 0, wrong: 0 }
      byKind.set(kind, count)
      const isRight = marked.some(([from, to]) => from < end && start < to)
      count[isRight ? 'right' : 'wrong'] += 1
      if (!isRight && process.env['SHOW'] !== undefined) process.stderr.write(`${kind}: ${text.slice(start, end)}\n`)
    }
  }
  return byKind
}

function share(recall: Recall | undefined): string {
  return recall === undefined ? '-' : ratio(recall.whole, recall.whole + recall.part + recall.missed)
}

function ratioOf(count: { right: number; wrong: number } | undefined): string {
  return count === undefined ? '-' : ratio(count.right, count.right + count.wrong)
}

function ratio(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(0)} % of ${whole}`
}

/** Replaces what stands between the markers of the page. */
function writeTables(text: string): void {
  const page = new URL('../../docs/redaction.md', import.meta.url)
  const old = readFileSync(page, 'utf8')
  const [before = '', rest = ''] = old.split('<!-- measured -->\n')
  const after = rest.split('<!-- end -->')[1] ?? ''
  writeFileSync(page, `${before}<!-- measured -->\n${text}<!-- end -->${after}`)
}
