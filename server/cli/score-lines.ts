import type { Arm, MissingReason, Outcome } from '#domain/evidence.ts'
import { readingOf } from '#domain/gates.ts'
import { isObject } from '#domain/json-value.ts'
import { CommandFailure, exitCodes, printable } from './io.ts'

/** One recorded answer: what `simulate` feeds to the engine. */
export interface ScoreLine {
  readonly arm: Arm
  readonly unit: string | null
  readonly outcome: Outcome
}

const fields = ['arm', 'unit', 'metrics', 'missing'] as const
const arms: readonly string[] = ['baseline', 'candidate']
const missingReasons: readonly string[] = ['infrastructure', 'not_applicable', 'not_sampled']

/**
 * Reads lines `{"arm", "unit"?, "metrics": {name: number or null}, "missing"?: {name: reason}}`; empty lines are skipped. A
 * metric of null is missing (infrastructure). Names such as `latency_p95_ms` carry the raw `latency_ms` of the answer.
 *
 * @throws CommandFailure (usage) with file and line
 */
export function readScoreLines(text: string, file: string): ScoreLine[] {
  const lines: ScoreLine[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    const fail = (message: string): CommandFailure =>
      new CommandFailure(exitCodes.usage, `${printable(file)}:${index + 1}: ${printable(message)}`)
    lines.push(readLine(line, fail))
  }
  return lines
}

type Fail = (message: string) => CommandFailure

function readLine(line: string, fail: Fail): ScoreLine {
  const row = parseObject(line, fail)
  const unknown = Object.keys(row).find((field) => !(fields as readonly string[]).includes(field))
  if (unknown !== undefined) throw fail(`unknown field "${unknown}"; known: ${fields.join(', ')}`)
  const { arm, unit } = row
  if (typeof arm !== 'string' || !arms.includes(arm)) {
    throw fail(`/arm must be "baseline" or "candidate", got ${JSON.stringify(arm) ?? 'nothing'}`)
  }
  if (unit !== undefined && unit !== null && typeof unit !== 'string') throw fail('/unit must be a string')
  return { arm: arm as Arm, unit: unit ?? null, outcome: readOutcome(row, fail) }
}

function parseObject(line: string, fail: Fail): Record<string, unknown> {
  let row: unknown
  try {
    row = JSON.parse(line)
  } catch (error) {
    throw fail(`not JSON: ${error instanceof Error ? error.message : ''}`)
  }
  if (!isObject(row)) throw fail('must be an object {arm, unit, metrics}')
  return row
}

function readOutcome(row: Record<string, unknown>, fail: Fail): Outcome {
  const { metrics, missing = {} } = row
  if (!isObject(metrics)) throw fail('/metrics must be an object of numbers')
  if (!isObject(missing)) throw fail('/missing must be an object of reasons')
  const values = new Map<string, number>()
  const reasons = new Map<string, MissingReason>()
  for (const [name, value] of Object.entries(metrics)) {
    const { raw } = readingOf(name)
    if (value === null) reasons.set(raw, 'infrastructure')
    else if (typeof value !== 'number') throw fail(`/metrics/${name} must be a number or null`)
    else if ((values.get(raw) ?? value) !== value) throw fail(`/metrics gives two values of ${raw}`)
    else values.set(raw, value)
  }
  for (const [name, reason] of Object.entries(missing)) {
    if (typeof reason !== 'string' || !missingReasons.includes(reason)) {
      throw fail(`/missing/${name} must be one of ${missingReasons.join(', ')}`)
    }
    reasons.set(readingOf(name).raw, reason as MissingReason)
  }
  return { values: Object.fromEntries(values), missing: Object.fromEntries(reasons) }
}
