import { createReadStream } from 'node:fs'
import { expectationNames } from '#datasets/item-schema.ts'
import type { EvalCase } from '#evaluators/evaluator.ts'
import { compileSchema } from '#evaluators/schema-compile.ts'

/** Longest line read, in bytes (32 MiB): a longer one is reported and skipped without being held. */
const maxLineBytes = 32 * 1024 * 1024

/** One line of the items file: a case to score, or what is wrong with it. Lines count from 1. */
export type ScoreItem =
  | { readonly line: number; readonly evalCase: EvalCase; readonly unknownFields: readonly string[] }
  | { readonly line: number; readonly problem: string }

const texts = { type: 'array', items: { type: 'string' } }
const objects = { type: 'array', items: { type: 'object' } }
const expectations = {
  type: 'object',
  additionalProperties: false,
  properties: Object.fromEntries(expectationNames.map((name) => [name, {}])),
}
const message = {
  type: 'object',
  required: ['role'],
  properties: { role: { type: 'string' }, content: { type: ['string', 'array', 'null'] } },
}
const itemProperties: Readonly<Record<string, unknown>> = {
  id: { type: 'string', minLength: 1 },
  output: { type: ['string', 'null'] },
  messages: { type: 'array', items: message },
  context: texts,
  reference: { type: 'string' },
  schema: { type: 'object' },
  tools: objects,
  toolCalls: objects,
  expectedToolCalls: objects,
  expect: expectations,
  finishReason: { type: ['string', 'null'] },
  // an item of a dataset may be used as it is
  tags: {},
  slice: {},
}

export const itemFields = Object.keys(itemProperties)

const itemShape = compileSchema({ type: 'object', required: ['id', 'output'], properties: itemProperties }, true)

/**
 * Streams the items of a JSONL file. Holds one chunk and one line at a time; blank lines are skipped, a byte-order mark is
 * allowed.
 *
 * @throws the file system's error when the file cannot be read
 */
export async function* readScoreItems(path: string): AsyncGenerator<ScoreItem> {
  let line = 0
  for await (const bytes of readLines(path)) {
    line++
    if (bytes === null) yield { line, problem: `longer than ${maxLineBytes} bytes` }
    else {
      const item = toItem(bytes, line)
      if (item) yield item
    }
  }
}

/** Lines as bytes, without their end; null for one that is too long. Only line feeds end a line: U+2028 does not. */
async function* readLines(path: string): AsyncGenerator<Buffer | null> {
  let parts: Buffer[] = []
  let size = 0
  const take = (): Buffer | null => {
    const whole = size > maxLineBytes ? null : Buffer.concat(parts)
    parts = []
    size = 0
    return whole
  }
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      keep(chunk.subarray(from, end))
      yield take()
      from = end + 1
    }
    keep(chunk.subarray(from))
  }
  if (size > 0) yield take()

  function keep(part: Buffer): void {
    size += part.length
    if (size <= maxLineBytes) parts.push(part)
    else parts = []
  }
}

/** null: a blank line. */
function toItem(bytes: Buffer, line: number): ScoreItem | null {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return { line, problem: 'not UTF-8' }
  }
  if (text.trim() === '') return null
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { line, problem: 'not one JSON object' }
  }
  return checkItem(value, line)
}

function checkItem(value: unknown, line: number): ScoreItem {
  const [violation] = itemShape.violations(value, 0)
  if (violation) {
    const missing = violation.params['missingProperty']
    const where = typeof missing === 'string' ? `/${missing}` : violation.instancePath
    const what = typeof missing === 'string' ? 'is missing' : (violation.message ?? 'is wrong')
    return { line, problem: `${where === '' ? 'the item' : where} ${what}` }
  }
  const { output, tags: _tags, slice: _slice, ...fields } = value as Record<string, unknown>
  const known = Object.entries(fields).filter(([name]) => Object.hasOwn(itemProperties, name))
  const unknownFields = Object.keys(fields).filter((name) => !Object.hasOwn(itemProperties, name))
  const evalCase = { ...Object.fromEntries(known), output: output ?? '' } as unknown as EvalCase
  return { line, evalCase, unknownFields }
}
