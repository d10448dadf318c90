import { blockIn, type Guardrails } from '#domain/guardrails.ts'
import { type PromptTemplate, renderPrompt } from '#domain/prompt.ts'
import { redactText } from '#domain/redaction.ts'
import { textsOf } from '#gateway/request-texts.ts'

/** What guardrails, prompts and redaction cost one request: `node test/bench/request-checks.ts`. Microseconds, median of 41 runs. */
const sentence = 'The quick brown fox asks for a refund of order 4711 and writes to the project team on Monday. '

function median(work: () => unknown, times = 50): string {
  const runs = Array.from({ length: 41 }, () => {
    const startedAt = performance.now()
    for (let count = 0; count < times; count += 1) work()
    return ((performance.now() - startedAt) / times) * 1_000
  })
  return (runs.sort((a, b) => a - b)[20] ?? 0).toFixed(1)
}

function guardrails(patterns: number): Guardrails {
  const words = ['aurora', 'nightfall', 'zeppelin', 'bluebird', 'mercury']
  const pattern = (index: number) =>
    index % 2 === 0 ? `(?i)\\bproject ${words[index % 5]}${index}\\b` : `\\bEMP-${index}\\d{6}\\b`
  return { blocked: Array.from({ length: patterns }, (_, index) => ({ name: `r${index}`, pattern: pattern(index) })) }
}

const lines: string[] = []
for (const kilobytes of [0.5, 4, 32]) {
  const content = sentence.repeat(Math.ceil((kilobytes * 1_024) / sentence.length)).slice(0, kilobytes * 1_024)
  const request = { fields: { model: 'r', messages: [{ role: 'user', content }] }, variables: null }
  for (const patterns of [1, 10, 50]) {
    const rules = guardrails(patterns)
    const took = median(() => blockIn(rules, textsOf(request, {})), kilobytes > 4 ? 5 : 50)
    lines.push(`guardrails: ${patterns} patterns, ${kilobytes} KB of ASCII: ${took} us`)
  }
  const accented = `${content}é`
  const rules = guardrails(10)
  lines.push(
    `guardrails: 10 patterns, ${kilobytes} KB with one accent: ${median(() => blockIn(rules, [accented]), 5)} us`,
  )
  lines.push(`redaction: ${kilobytes} KB: ${median(() => redactText(content), kilobytes > 4 ? 5 : 50)} us`)
}
const prompt = (content: string): PromptTemplate => ({
  name: 'p',
  version: 1,
  digest: 'd',
  messages: [{ role: 'system', content }],
})
const [constant, filled] = [
  prompt(sentence.repeat(20)),
  prompt(`${sentence.repeat(20)}{{account}}{{#tone}} {{tone}}{{/tone}}`),
]
lines.push(`prompt: 2 KB without variables: ${median(() => renderPrompt(constant, () => 'x'), 1_000)} us`)
lines.push(`prompt: 2 KB with two variables: ${median(() => renderPrompt(filled, () => 'x'), 1_000)} us`)
process.stdout.write(`${lines.join('\n')}\n`)
