import type { Bar, EvaluatorRef, Gate, GateStage } from '#domain/bar.ts'
import { checkBar, gateStages } from '#domain/bar-check.ts'
import { readingOf } from '#domain/gates.ts'
import { isObject } from '#domain/json-value.ts'
import { CommandFailure, exitCodes, printable } from './io.ts'

const barFields = ['evaluators', 'gates', 'alpha', 'maxMissing', 'required'] as const
const limitFields = ['min', 'max', 'maxDrop', 'maxIncrease'] as const
const gateFields: readonly string[] = ['metric', ...limitFields, 'stages']

/**
 * The quality bar in a JSON file: a bar, or a route definition with one in its field `bar`. Where it lists no evaluators at
 * all, the metrics of its gates stand for them: recorded scores need nobody to score.
 *
 * @throws CommandFailure (usage) with file and JSON pointer of every problem
 */
export function readBar(text: string, file: string): Bar {
  const fail = (path: string, message: string) =>
    new CommandFailure(exitCodes.usage, `${printable(file)}${path === '' ? '' : ` ${path}`}: ${printable(message)}`)
  const document = parse(text, fail)
  const content = isObject(document['bar']) ? document['bar'] : document
  const unknown = Object.keys(content).find((field) => !(barFields as readonly string[]).includes(field))
  if (unknown !== undefined) throw fail(`/${unknown}`, `unknown field; known: ${barFields.join(', ')}`)
  const gates = readGates(content['gates'], fail)
  const evaluators = readEvaluators(content['evaluators'], gates, fail)
  const bar: Bar = {
    evaluators,
    gates,
    ...numberAt(content, 'alpha', fail),
    ...numberAt(content, 'maxMissing', fail),
  }
  const problems = checkBar(
    bar,
    evaluators.map(({ name }) => ({ name, needsReference: false })),
  )
  if (problems.length === 0) return bar
  const lines = problems.map((problem) => printable(`${file} ${problem.path}: ${problem.message}`))
  throw new CommandFailure(exitCodes.usage, ...lines)
}

type Fail = (path: string, message: string) => CommandFailure

function parse(text: string, fail: Fail): Record<string, unknown> {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    throw fail('', `not JSON: ${error instanceof Error ? error.message : ''}`)
  }
  if (!isObject(document)) throw fail('', 'must hold an object {evaluators, gates}')
  return document
}

function numberAt(content: Record<string, unknown>, field: 'alpha' | 'maxMissing', fail: Fail): Partial<Bar> {
  const value = content[field]
  if (value === undefined) return {}
  if (typeof value !== 'number') throw fail(`/${field}`, 'must be a number')
  return { [field]: value }
}

function readGates(value: unknown, fail: Fail): Gate[] {
  if (!Array.isArray(value)) throw fail('/gates', 'must be a list of gates {metric, min|max|maxDrop|maxIncrease}')
  return value.map((gate: unknown, index) => readGate(gate, `/gates/${index}`, fail))
}

function readGate(gate: unknown, path: string, fail: Fail): Gate {
  if (!isObject(gate) || typeof gate['metric'] !== 'string') throw fail(path, 'must be an object with a metric')
  const unknown = Object.keys(gate).find((field) => !gateFields.includes(field))
  if (unknown !== undefined) throw fail(`${path}/${unknown}`, `unknown field; known: ${gateFields.join(', ')}`)
  for (const limit of limitFields) {
    if (gate[limit] !== undefined && typeof gate[limit] !== 'number') throw fail(`${path}/${limit}`, 'must be a number')
  }
  const { stages } = gate
  const known: readonly unknown[] = gateStages
  if (stages !== undefined && !(Array.isArray(stages) && stages.every((stage) => known.includes(stage)))) {
    throw fail(`${path}/stages`, `must be a list of ${gateStages.join(', ')}`)
  }
  return { ...gate, metric: gate['metric'], ...(stages !== undefined && { stages: stages as GateStage[] }) }
}

function readEvaluators(value: unknown, gates: readonly Gate[], fail: Fail): EvaluatorRef[] {
  if (value === undefined) {
    const names = gates.map((gate) => gate.metric).filter((metric) => readingOf(metric).family === 'score')
    return [...new Set(names)].map((name) => ({ name }))
  }
  if (!Array.isArray(value)) throw fail('/evaluators', 'must be a list of {name, config?}')
  return value.map((evaluator: unknown, index) => {
    if (isObject(evaluator) && typeof evaluator['name'] === 'string') return { name: evaluator['name'] }
    throw fail(`/evaluators/${index}`, 'must be an object with a name')
  })
}
