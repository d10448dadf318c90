import { readFileSync } from 'node:fs'
import type { DatasetItem, Message } from './item.ts'
import { parseItems } from './load.ts'

/** Price and limits of one model of math-json; USD per million tokens, null: no price of its own. */
export interface BuiltinPrice {
  readonly model: string
  /** Whose price it is, e.g. `openai`. */
  readonly provider: string
  readonly input: number
  readonly cachedInput: number | null
  readonly output: number
  readonly contextWindow: number
  readonly maxOutputTokens: number
  /** In the words of the catalogue API: streaming, tools, json_schema, vision. */
  readonly capabilities: readonly string[]
}

/** Folder of the recorded prompts and answers, as `startReplayUpstream` reads it (origin and licence: its card.md). */
export function mathJsonDir(): string {
  return `${import.meta.dirname}/builtin/math-json`
}

/**
 * Items of math-json in their drawn order, 600 in all; any range is a random sample, and ranges that do not overlap share no
 * prompt. `reference` is the number as plain digits, `slice.length` the third of the prompt's length.
 * @param count default: all from the offset on
 */
export function mathJsonItems(count = Number.POSITIVE_INFINITY, offset = 0): DatasetItem[] {
  const lines = readFileSync(`${mathJsonDir()}/prompts.jsonl`, 'utf8').trimEnd().split('\n')
  return lines.slice(offset, offset + count).map((line) => toItem(JSON.parse(line) as MathPrompt))
}

/** Prices of the nine models of math-json. */
export function mathJsonPrices(): readonly BuiltinPrice[] {
  const table = JSON.parse(readFileSync(`${mathJsonDir()}/prices.json`, 'utf8')) as { models: BuiltinPrice[] }
  return table.models
}

/** The ten hand-made items of smoke.jsonl. */
export function smokeItems(): DatasetItem[] {
  const parsed = parseItems(readFileSync(`${import.meta.dirname}/builtin/smoke.jsonl`), 'application/x-ndjson')
  if ('problems' in parsed) throw new Error(`smoke.jsonl is broken: ${JSON.stringify(parsed.problems[0])}`)
  return parsed.items
}

interface MathPrompt {
  readonly id: string
  readonly messages: readonly Message[]
  readonly json_schema: Readonly<Record<string, unknown>>
  readonly reference: string
  readonly input_tokens_estimated: number
}

function toItem(prompt: MathPrompt): DatasetItem {
  return {
    id: prompt.id,
    messages: prompt.messages,
    // the source writes some numbers as 1,600
    reference: prompt.reference.replaceAll(',', ''),
    schema: prompt.json_schema,
    tags: ['normal'],
    slice: { length: lengthThird(prompt.input_tokens_estimated) },
  }
}

/** Edges are the thirds of the 600 prompts. */
function lengthThird(inputTokens: number): string {
  if (inputTokens < 122) return 'short'
  return inputTokens < 141 ? 'medium' : 'long'
}
