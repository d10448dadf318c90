import type { EvalCase, Evaluator, Score } from '#evaluators/evaluator.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'
import { passHatK } from '#evaluators/reliability.ts'
import { bootstrap, generator, shareShown } from './agreement.ts'
import type { Rows } from './labelled-rows.ts'

interface Case {
  readonly id: string
  readonly category: string
  readonly expected: 'calls' | 'no_call' | 'some_call'
  readonly tools: readonly { readonly function: { readonly name: string; readonly parameters: Schema } }[]
  readonly acceptable_calls: readonly { readonly name: string; readonly arguments: Record<string, unknown[]> }[] | null
}

interface Schema {
  readonly properties?: Readonly<Record<string, { readonly type?: string }>>
  readonly required?: readonly string[]
}

interface Call {
  readonly name: string
  readonly arguments: Record<string, unknown>
}

const ports = { chat: { complete: () => Promise.reject(new Error('no judge')) }, random: () => 0.5 }

function toolUse(config: Readonly<Record<string, unknown>>): Evaluator {
  const resolved = resolveEvaluators([{ name: 'tool_use', config }])
  const [evaluator] = 'evaluators' in resolved ? resolved.evaluators : []
  if (!evaluator) throw new Error('the configuration is refused')
  return evaluator
}

export async function measureToolUse(rows: Rows): Promise<void> {
  const cases = rows('tool-calls-ground-truth/cases.jsonl.gz') as unknown as Case[]
  await measureRight(cases)
  await measureWrong(cases)
  await measureNoCall(cases)
  await measureTrajectories(rows)
  measureErrorTypes(rows)
}

function toCase(row: Case, calls: readonly Call[]): EvalCase {
  return {
    id: row.id,
    output: '',
    tools: row.tools,
    toolCalls: calls.map(({ name, arguments: given }) => ({ function: { name, arguments: JSON.stringify(given) } })),
    expectedToolCalls: (row.acceptable_calls ?? []).map(({ name, arguments: acceptable }) => ({ name, acceptable })),
  }
}

/** Nested lists of acceptable values become one value each. */
function plain(value: unknown, pick: (options: readonly unknown[]) => unknown): unknown {
  if (Array.isArray(value)) return value.map((entry) => plain(entry, pick))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, options]): [string, unknown] => [
    key,
    Array.isArray(options) ? pick(options) : options,
  ])
  return Object.fromEntries(
    entries.filter(([, chosen]) => chosen !== '').map(([key, chosen]) => [key, plain(chosen, pick)]),
  )
}

function callsOf(row: Case, pick: (options: readonly unknown[]) => unknown): Call[] {
  return (row.acceptable_calls ?? []).map(({ name, arguments: acceptable }) => {
    const chosen = Object.entries(acceptable).map(([key, options]): [string, unknown] => [key, pick(options)])
    const kept = chosen.filter(([, value]) => value !== '')
    return { name, arguments: Object.fromEntries(kept.map(([key, value]) => [key, plain(value, pick)])) }
  })
}

const isFull = (score: Score) => score.status === 'scored' && score.value === 1

/** Every acceptable reading of the ground truth must be right: first and last values, reordered, respelt. */
async function measureRight(cases: readonly Case[]): Promise<void> {
  const evaluator = toolUse({ checkSchemas: false })
  const strict = toolUse({})
  const withCalls = cases.filter(({ expected, acceptable_calls: calls }) => expected === 'calls' && calls !== null)
  const first = (options: readonly unknown[]) => options.find((option) => option !== '') ?? ''
  const last = (options: readonly unknown[]) => options.at(-1)
  const readings: Readonly<Record<string, (row: Case) => Call[]>> = {
    'first value': (row) => callsOf(row, first),
    'last value, optional left out': (row) => callsOf(row, last),
    'in reverse order': (row) => callsOf(row, first).reverse(),
    'other case and spaces': (row) =>
      callsOf(row, first).map((call) => ({ ...call, arguments: respell(call.arguments) })),
  }
  for (const [name, read] of Object.entries(readings)) {
    let right = 0
    const wrong: string[] = []
    for (const row of withCalls) {
      const score = await evaluator.score(toCase(row, read(row)), ports)
      if (isFull(score)) right++
      else wrong.push(`${row.id}: ${score.reason}`)
    }
    console.log(`  right calls, ${name}: called right ${shareShown(right, withCalls.length)}`)
    for (const line of wrong.slice(0, 3)) console.log(`    ${line}`)
  }
  let valid = 0
  for (const row of withCalls) if (isFull(await strict.score(toCase(row, callsOf(row, first)), ports))) valid++
  console.log(
    `  right calls, schema checked too: ${shareShown(valid, withCalls.length)} (the rest break their own tool's schema)`,
  )
}

function respell(given: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(given).map(([key, value]): [string, unknown] => [
    key,
    typeof value === 'string' ? value.toUpperCase().replaceAll(' ', '  ') : value,
  ])
  return Object.fromEntries(entries)
}

type Change = (calls: Call[], row: Case, random: () => number) => Call[] | null

/** One change that makes the calls wrong, and the fault it should be called. null: the case does not allow it. */
const changes: Readonly<Record<string, readonly [fault: string, change: Change]>> = {
  'no call': ['no_call', () => []],
  'one call left out': ['missing_call', (calls) => (calls.length > 1 ? calls.slice(1) : null)],
  'a call made twice': [
    'extra_call',
    ([first, ...rest]) => (first ? [first, ...rest, { ...first, arguments: { ...first.arguments } }] : null),
  ],
  'required argument left out': ['missing_arg', (calls, row) => withoutRequired(calls, row)],
  'argument made up': [
    'extra_arg',
    ([first, ...rest]) => (first ? [{ ...first, arguments: { ...first.arguments, made_up: 1 } }, ...rest] : null),
  ],
  'number changed': [
    'value',
    (calls) => changeOne(calls, (value) => (typeof value === 'number' ? value + 17 : undefined)),
  ],
  'string changed': [
    'value',
    (calls) => changeOne(calls, (value) => (typeof value === 'string' ? `${value} zq` : undefined)),
  ],
  'number as object': [
    'type',
    (calls) => changeOne(calls, (value) => (typeof value === 'number' ? { value } : undefined)),
  ],
  'another tool': [
    'wrong_tool',
    ([first, ...rest]) => (first ? [{ ...first, name: `${first.name}_v2` }, ...rest] : null),
  ],
}

function withoutRequired([first, ...rest]: Call[], row: Case): Call[] | null {
  const required = row.tools.find((tool) => tool.function.name === first?.name)?.function.parameters.required ?? []
  const acceptable = row.acceptable_calls?.[0]?.arguments ?? {}
  const name = required.find((key) => first && key in first.arguments && !(acceptable[key] ?? []).includes(''))
  if (!first || name === undefined) return null
  const { [name]: _gone, ...kept } = first.arguments
  return [{ ...first, arguments: kept }, ...rest]
}

function changeOne([first, ...rest]: Call[], change: (value: unknown) => unknown): Call[] | null {
  const [key, changed] =
    Object.entries(first?.arguments ?? {})
      .map(([name, value]) => [name, change(value)] as const)
      .find(([, value]) => value !== undefined) ?? []
  if (!first || key === undefined) return null
  return [{ ...first, arguments: { ...first.arguments, [key]: changed } }, ...rest]
}

async function measureWrong(cases: readonly Case[]): Promise<void> {
  const evaluator = toolUse({ checkSchemas: false })
  const random = generator(3)
  const first = (options: readonly unknown[]) => options.find((option) => option !== '') ?? ''
  for (const [name, [fault, change]] of Object.entries(changes)) {
    let tried = 0
    let caught = 0
    let named = 0
    for (const row of cases) {
      if (row.expected !== 'calls' || row.acceptable_calls === null) continue
      const calls = change(callsOf(row, first), row, random)
      if (calls === null) continue
      tried++
      const score = await evaluator.score(toCase(row, calls), ports)
      if (isFull(score)) continue
      caught++
      const faults = (score.details?.['faults'] ?? []) as readonly string[]
      if (faults.includes(fault)) named++
    }
    console.log(`  wrong calls, ${name}: called wrong ${shareShown(caught, tried)}; named ${fault} ${named}`)
  }
}

async function measureNoCall(cases: readonly Case[]): Promise<void> {
  const evaluator = toolUse({})
  const none = cases.filter(({ expected }) => expected === 'no_call')
  let right = 0
  for (const row of none) {
    const base = { ...toCase(row, []), expectedToolCalls: [] }
    const call = { function: { name: row.tools[0]?.function.name ?? 'x', arguments: '{}' } }
    const silent = await evaluator.score(base, ports)
    const called = await evaluator.score({ ...base, toolCalls: [call] }, ports)
    if (isFull(silent) && called.status === 'scored' && called.value === 0) right++
  }
  console.log(`  nothing to call: silence right and any call wrong ${shareShown(right, none.length)}`)
}

interface Trajectory {
  readonly id: string
  readonly task: string
  readonly reward: number
  readonly expected_actions: readonly { readonly name: string; readonly kwargs: Record<string, unknown> }[]
  readonly messages: readonly { readonly role: string; readonly tool_calls?: readonly unknown[] | null }[]
}

/** Tools that change nothing: a right solution may look things up in its own way. */
const readOnly = /^(?:get_|search_|calculate|think|list_)/

async function measureTrajectories(rows: Rows): Promise<void> {
  const trajectories = rows('airline-agent-trajectories/trajectories.jsonl.gz') as unknown as Trajectory[]
  const tools = rows('airline-agent-trajectories/tools.jsonl')
  const validity = toolUse({})
  const actions = toolUse({ scoring: 'exact', checkSchemas: false })
  let calls = 0
  let invalid = 0
  let agreeing = 0
  for (const { id, reward, expected_actions: expected, messages } of trajectories) {
    const made = messages.flatMap(({ tool_calls: list }) => list ?? [])
    const score = await validity.score({ id, output: '', tools, toolCalls: made }, ports)
    calls += made.length
    invalid += new Set(((score.details?.['problems'] ?? []) as { call: number }[]).map(({ call }) => call)).size
    const changing = made.filter((call) => !readOnly.test((call as { function: { name: string } }).function.name))
    const wanted = expected
      .filter(({ name }) => !readOnly.test(name))
      .map(({ name, kwargs }) => ({ name, arguments: kwargs }))
    const done = await actions.score({ id, output: '', toolCalls: changing, expectedToolCalls: wanted }, ports)
    if (isFull(done) === (reward === 1)) agreeing++
  }
  console.log(`  GPT-4o's own calls with a fault of arguments or tool: ${shareShown(invalid, calls)}`)
  console.log(
    `  changing calls as expected, against the reward of the database: same verdict ${shareShown(agreeing, trajectories.length)}`,
  )
  const tries = [...Map.groupBy(trajectories, ({ task }) => task)].map(([cluster, list]) => ({
    cluster,
    tries: list.map(({ reward }) => reward === 1),
  }))
  for (const k of [1, 2, 3, 4]) {
    const statistic = (sample: readonly { tries: boolean[] }[]) =>
      passHatK(
        sample.map((task) => task.tries),
        k,
      ) ?? Number.NaN
    const [low, high] = bootstrap(tries, statistic, 1_000).map((value) => value.toFixed(3))
    console.log(`  pass^${k} of GPT-4o, 25 airline tasks: ${statistic(tries).toFixed(3)} [${low}, ${high}]`)
  }
}

/** The leaderboard's reasons in our words. */
const ourFault: readonly (readonly [RegExp, string])[] = [
  [/wrong_count/, 'missing_call or extra_call'],
  [/cannot_find_match/, 'value, type, missing_arg or wrong_tool of one of several calls'],
  [/ast_decoder/, 'invalid_json'],
  [/value_error/, 'value'],
  [/type_error/, 'type'],
  [/missing_optional|missing_required/, 'missing_arg'],
]

/** No texts are in that set, so nothing is scored: every published reason must have a fault of ours. */
function measureErrorTypes(rows: Rows): void {
  let calls: Record<string, unknown>[]
  try {
    calls = rows('tool-call-measurements/calls.jsonl.gz')
  } catch {
    console.log('  reasons of the leaderboard: skipped, tool-call-measurements is absent')
    return
  }
  const counts = new Map<string, number>()
  for (const { error_type: reason } of calls) {
    if (typeof reason !== 'string') continue
    const fault = ourFault.find(([pattern]) => pattern.test(reason))?.[1] ?? `NONE (${reason})`
    counts.set(fault, (counts.get(fault) ?? 0) + 1)
  }
  for (const [fault, count] of counts) console.log(`  failing calls of 20 models: ${count} are ${fault}`)
}
