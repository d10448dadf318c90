import { citationsOf } from '#evaluators/citation-markers.ts'
import { checkCitations } from '#evaluators/citation-support.ts'
import { findHandOver } from '#evaluators/escalation.ts'
import { factText, findFact, readFacts } from '#evaluators/facts.ts'
import { type Agreed, agreementOf, aurocOf, bootstrap, shareShown, shown } from './agreement.ts'
import type { Rows } from './labelled-rows.ts'

interface Cited {
  readonly id: string
  readonly claims: readonly {
    readonly claim: string
    readonly support: string
    readonly evidence: readonly { readonly marker: string; readonly text: string }[]
  }[]
}

/** Claims with their own citations, against the expert's word whether the cited page supports them completely. */
export async function measureCitations(rows: Rows): Promise<void> {
  const answers = rows('grounded-claims-expert-labelled/answers.jsonl.gz') as unknown as Cited[]
  const scored: { cluster: string; truth: boolean; score: number }[] = []
  let marks = 0
  let found = 0
  for (const { id, claims } of answers) {
    for (const { claim, support, evidence } of claims) {
      const numbers = evidence.map(({ marker }) => /^\[(\d{1,3})\]$/.exec(marker)?.[1]).filter((n) => n !== undefined)
      const written = numbers.filter((number) => claim.includes(`[${number}]`))
      const highest = Math.max(0, ...numbers.map(Number))
      const read = citationsOf(
        claim,
        Array.from({ length: highest }, () => 'x'),
      )
      marks += written.length
      found += written.filter((number) => read.some(({ source }) => source === number)).length
      const passages = evidence.map(({ text }) => text).filter((text) => text.trim().length > 40)
      if (passages.length === 0 || !['Complete', 'Partial', 'Incomplete'].includes(support)) continue
      const plain = claim.replace(/\[\d+\]/g, '').trim()
      const text = `${plain} ${passages.map((_, index) => `[${index + 1}]`).join('')}`
      const [statement] = await checkCitations(text, { passages, marks: citationsOf(text, passages), minSupport: 0.5 })
      if (statement) scored.push({ cluster: id, truth: support === 'Complete', score: statement.support })
    }
  }
  const [low, high] = bootstrap(scored, aurocOf).map((value) => value.toFixed(3))
  console.log(`  marks found: ${shareShown(found, marks)}`)
  console.log(
    `  support of the cited passages against experts: n ${scored.length}, AUROC ${aurocOf(scored).toFixed(3)} [${low}, ${high}]`,
  )
  const verdicts: Agreed[] = scored.map(({ cluster, truth, score }) => ({ cluster, truth, got: score >= 0.5 }))
  console.log(`  at 0.5: ${shown(agreementOf(verdicts))}`)
}

/** A number as the only key fact, in answers that also hold their own working; the recorded verdict is of the final number. */
export function measureFacts(rows: Rows): void {
  const prompts = new Map(rows('json-answers-many-models/prompts.jsonl.gz').map((row) => [row['id'], row]))
  const whole: Agreed[] = []
  const final: Agreed[] = []
  for (const row of rows('json-answers-many-models/answers.jsonl.gz')) {
    const reference = Number(String(prompts.get(row['id'])?.['reference']).replaceAll(',', ''))
    if (!String(row['id']).startsWith('zeroeval-gsm') || !Number.isFinite(reference)) continue
    const [fact] = readFacts([{ number: reference }])
    if (!fact) continue
    const base = { cluster: String(row['id']), truth: row['correct'] === true }
    whole.push({ ...base, got: findFact(factText(String(row['answer'])), fact).isSaid })
    final.push({ ...base, got: findFact(factText(String(row['answer_value'] ?? '')), fact).isSaid })
  }
  console.log(`  the number anywhere in the answer: ${shown(agreementOf(whole, 100))}`)
  console.log(`  the number in the final answer alone: ${shown(agreementOf(final, 100))}`)
}

interface Trajectory {
  readonly id: string
  readonly messages: readonly {
    readonly role: string
    readonly content?: string | null
    readonly tool_calls?: readonly { readonly function: { readonly name: string } }[] | null
  }[]
}

/** Every turn of the agent: is its hand-over to a person seen, and only that? */
export function measureEscalation(rows: Rows): void {
  const seen: Agreed[] = []
  let words = 0
  let turns = 0
  const examples: string[] = []
  for (const { id, messages } of rows('airline-agent-trajectories/trajectories.jsonl.gz') as unknown as Trajectory[]) {
    for (const { role, content, tool_calls: calls } of messages) {
      if (role !== 'assistant') continue
      const truth = (calls ?? []).some(({ function: { name } }) => name === 'transfer_to_human_agents')
      const evalCase = { id, output: content ?? '', toolCalls: calls ?? [] }
      const settings = { tools: null, field: null, phrases: true }
      const found = findHandOver(evalCase, settings)
      seen.push({ cluster: id, truth, got: found !== null })
      if ((calls ?? []).length > 0) continue
      turns++
      if (found?.by === 'words') {
        words++
        examples.push(found.text)
      }
    }
  }
  console.log(`  hand-overs by tool or words, against the tool: ${shown(agreementOf(seen))}`)
  console.log(`  turns in words alone called a hand-over: ${shareShown(words, turns)}`)
  for (const text of [...new Set(examples)].slice(0, 8)) console.log(`    ${text.slice(0, 120)}`)
}
