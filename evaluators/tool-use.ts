import { excerpt } from './answer.ts'
import { canonicalJson, isWithinDepth } from './content-hash.ts'
import type { EvalCase, Score } from './evaluator.ts'
import { expectationReader } from './expectation.ts'
import type { EvaluatorKind } from './kind.ts'
import { type CacheEntry, SchemaCache } from './schema-cache.ts'
import { maxSchemaDepth } from './schema-compile.ts'
import type { Comparison } from './tool-arguments.ts'
import { type MadeCall, readCalls, readTools } from './tool-calls.ts'
import {
  type CallProblem,
  comparisonsSchema,
  differences,
  type ExpectedCall,
  longestLoop,
  type Matching,
  pairCalls,
  readExpected,
} from './tool-expected.ts'

const scorings = ['exact', 'f1', 'superset', 'subset'] as const
const orders = ['any', 'in_order'] as const

/** Most calls of one answer that are looked at. */
const maxCalls = 128

/**
 * Tool calls: arguments against the tool's JSON Schema first, then the calls against the expected ones.
 *
 * `exact`: 1 when every expected call is made and no other. `f1`: partial credit for both. `superset`: further calls are allowed;
 * `subset`: calls may be missing, none may be wrong. `expectedToolCalls: []` or `expect.tool_use: "no_call"`: every call is wrong.
 * Without an expectation the value is the share of calls that are valid; no call then says nothing.
 */
export const toolUse: EvaluatorKind = {
  name: 'tool_use',
  codeVersion: 1,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      scoring: { enum: scorings },
      order: { enum: orders },
      checkSchemas: { type: 'boolean' },
      compare: { enum: ['exact', 'text', 'bfcl'] },
      arguments: comparisonsSchema,
      aliases: {
        type: 'object',
        maxProperties: 100,
        additionalProperties: { type: 'array', minItems: 1, maxItems: 20, items: { type: 'string', minLength: 1 } },
      },
      maxIdentical: { type: 'integer', minimum: 1, maximum: 100 },
    },
  },
  configure(config) {
    const compare = (config['compare'] ?? 'text') as 'exact' | 'text' | 'bfcl'
    const plain = {
      scoring: (config['scoring'] ?? 'exact') as (typeof scorings)[number],
      order: (config['order'] ?? 'any') as (typeof orders)[number],
      checkSchemas: config['checkSchemas'] !== false,
      maxIdentical: Number(config['maxIdentical'] ?? 2),
    }
    const aliases = (config['aliases'] ?? {}) as Readonly<Record<string, readonly string[]>>
    const comparisons = (config['arguments'] ?? {}) as Readonly<Record<string, Comparison>>
    const matching: Matching = {
      aliases: new Map(Object.entries(aliases).map(([name, others]) => [name, new Set(others)])),
      comparisons: new Map(Object.entries(comparisons)),
      defaultComparison: { compare },
    }
    const settings: Settings = { ...plain, matching, schemas: new SchemaCache(200) }
    return {
      config: { ...plain, compare, aliases, arguments: comparisons },
      score: (evalCase) => scoreToolUse(evalCase, settings),
    }
  },
}

interface Settings {
  readonly scoring: (typeof scorings)[number]
  readonly order: (typeof orders)[number]
  readonly checkSchemas: boolean
  readonly maxIdentical: number
  readonly matching: Matching
  readonly schemas: SchemaCache
}

const callExpectation = expectationReader<string>('tool_use', { enum: ['no_call', 'some_call'] }, (value) => value)

function scoreToolUse(evalCase: EvalCase, settings: Settings): Score {
  const calls = readCalls((evalCase.toolCalls ?? []).slice(0, maxCalls))
  const own = callExpectation(evalCase)
  if (own && 'fault' in own) return own.fault
  const read = evalCase.expectedToolCalls ? readExpected(evalCase.expectedToolCalls) : null
  if (read && 'problem' in read) return { status: 'errored', reason: excerpt(read.problem, 200) }
  const mayCall = !(own?.value === 'no_call' || (read?.calls.length === 0 && own === null))
  const expected = read && read.calls.length > 0 ? read.calls : null
  if (!mayCall) return scoreNoCall(calls)
  if (calls.length === 0) {
    if (expected === null && own === null) return { status: 'not_applicable', reason: 'no call was made or expected' }
    const count = expected?.length ?? 1
    return result(0, [{ fault: 'no_call', call: null, message: `${count} expected, none made` }], calls)
  }
  const checked = settings.checkSchemas ? validityProblems(calls, evalCase, settings) : { problems: unreadable(calls) }
  if ('errored' in checked) return { status: 'errored', reason: checked.errored }
  const { problems } = checked
  if (longestLoop(calls) > settings.maxIdentical) {
    problems.push({ fault: 'loop', call: null, message: `the same call ${longestLoop(calls)} times in a row` })
  }
  if (expected !== null) return scoreExpected(calls, expected, problems, settings)
  const bad = new Set(problems.map(({ call }) => call))
  const value = bad.has(null) ? 0 : (calls.length - bad.size) / calls.length
  return result(value, problems, calls)
}

function scoreNoCall(calls: readonly MadeCall[]): Score {
  const problems = calls.map(
    ({ name }, call): CallProblem => ({ fault: 'extra_call', call, message: `calls ${JSON.stringify(name)}` }),
  )
  return result(calls.length === 0 ? 1 : 0, problems, calls)
}

function unreadable(calls: readonly MadeCall[]): CallProblem[] {
  return calls.flatMap(({ fault }, call): CallProblem[] =>
    fault === null ? [] : [{ fault: 'invalid_json', call, message: fault }],
  )
}

/** Known tool, readable arguments, valid by its schema. A tool's own broken schema is an error of the case. */
function validityProblems(
  calls: readonly MadeCall[],
  { tools }: EvalCase,
  { matching, schemas }: Settings,
): { problems: CallProblem[] } | { errored: string } {
  const problems = unreadable(calls)
  const known = new Map(readTools(tools ?? []).map((tool) => [tool.name, tool]))
  if (known.size === 0) return { problems }
  const others = new Set([...matching.aliases.values()].flatMap((names) => [...names]))
  for (const [call, made] of calls.entries()) {
    const tool = known.get(made.name)
    if (!tool && !others.has(made.name)) {
      const names = [...known.keys()].slice(0, 10).join(', ')
      problems.push({
        fault: 'unknown_tool',
        call,
        message: `${JSON.stringify(excerpt(made.name))} is no tool; known: ${names}`,
      })
    }
    if (!tool?.parameters || made.arguments === null) continue
    const entry = compiled(tool.parameters, schemas)
    if ('error' in entry) return { errored: excerpt(`schema of tool ${tool.name}: ${entry.error}`, 300) }
    const length = JSON.stringify(made.arguments).length
    for (const { instancePath, message, params } of entry.schema.violations(made.arguments, length).slice(0, 5)) {
      const which = params['missingProperty'] ?? params['additionalProperty']
      const name = typeof which === 'string' ? ` (${excerpt(which, 40)})` : ''
      problems.push({ fault: 'schema', call, message: `${instancePath || 'the arguments'} ${message}${name}` })
    }
  }
  return { problems }
}

function compiled(parameters: object, schemas: SchemaCache): CacheEntry {
  if (!isWithinDepth(parameters, maxSchemaDepth)) return { error: `nested deeper than ${maxSchemaDepth} levels` }
  const text = canonicalJson(parameters)
  return schemas.get(text, text)
}

function scoreExpected(
  calls: readonly MadeCall[],
  expected: readonly ExpectedCall[],
  validity: readonly CallProblem[],
  settings: Settings,
): Score {
  const invalid = new Set(validity.map(({ call }) => call))
  const against = expected.map((wanted) => calls.map((made) => differences(made, wanted, settings.matching)))
  const fits = against.map((row) => row.map((found, call) => found.length === 0 && !invalid.has(call)))
  const pairs = pairCalls(fits)
  const used = new Set(pairs.filter((call) => call !== null))
  const problems: CallProblem[] = [...validity]
  const told = new Set<number>()
  for (const [index, pair] of pairs.entries()) {
    if (pair === null) problems.push(...nearest(against[index] ?? [], used, told, expected[index]))
  }
  for (const call of calls.keys()) {
    if (used.has(call) || told.has(call)) continue
    problems.push({
      fault: 'extra_call',
      call,
      message: `calls ${JSON.stringify(calls[call]?.name)} beyond what is expected`,
    })
  }
  const matched = used.size
  const order = pairs.filter((call) => call !== null)
  if (settings.order === 'in_order' && !isRising(inOrderPairs(fits) ?? order)) {
    problems.push({ fault: 'order', call: null, message: 'the calls are right but not in the expected order' })
  }
  return result(
    shareOf({ matched, made: calls.length, expected: expected.length }, problems, settings),
    problems,
    calls,
  )
}

/** The closest call that no other expected call has: what is wrong with it is more useful than "missing". */
function nearest(
  row: readonly (readonly Omit<CallProblem, 'call'>[])[],
  used: ReadonlySet<number>,
  told: Set<number>,
  expected: ExpectedCall | undefined,
): CallProblem[] {
  const open = [...row.entries()].filter(([call]) => !used.has(call) && !told.has(call))
  const named = open.filter(([, found]) => found[0]?.fault !== 'wrong_tool').sort((a, b) => a[1].length - b[1].length)
  const [closest] = named.length > 0 ? named : open
  if (!closest)
    return [{ fault: 'missing_call', call: null, message: `does not call ${JSON.stringify(expected?.name)}` }]
  told.add(closest[0])
  return closest[1].map((problem) => ({ ...problem, call: closest[0] }))
}

/** Pairs in rising order when there are such for all expected calls (identical calls can be paired either way), else null. */
function inOrderPairs(fits: readonly (readonly boolean[])[]): number[] | null {
  const pairs: number[] = []
  let from = 0
  for (const row of fits) {
    const call = row.findIndex((isFit, index) => isFit && index >= from)
    if (call < 0) return null
    pairs.push(call)
    from = call + 1
  }
  return pairs
}

function isRising(values: readonly number[]): boolean {
  return values.every((value, index) => index === 0 || value > (values[index - 1] ?? -1))
}

function shareOf(
  { matched, made, expected }: { matched: number; made: number; expected: number },
  problems: readonly CallProblem[],
  { scoring }: Settings,
): number {
  if (problems.some(({ fault }) => fault === 'order' || fault === 'loop') && scoring !== 'f1') return 0
  const hasInvalid = problems.some(
    ({ fault }) => fault === 'invalid_json' || fault === 'unknown_tool' || fault === 'schema',
  )
  if (scoring === 'f1') return (2 * matched) / (made + expected)
  if (scoring === 'superset') return matched === expected ? 1 : 0
  if (scoring === 'subset') return matched === made && !hasInvalid ? 1 : 0
  return matched === expected && matched === made ? 1 : 0
}

function result(value: number, problems: readonly CallProblem[], calls: readonly MadeCall[]): Score {
  const details = {
    faults: [...new Set(problems.map(({ fault }) => fault))],
    problems: problems.slice(0, 50),
    calls: calls.length,
  }
  const [first] = problems
  const more = problems.length > 1 ? ` and ${problems.length - 1} more` : ''
  const reason = first ? excerpt(`${first.fault}: ${first.message}${more}`, 300) : `${calls.length} calls, all right`
  return { status: 'scored', value, reason, details }
}
