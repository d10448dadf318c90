import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { ChatPort, Evaluator, Score, Tools } from '#evaluators/evaluator.ts'
import { evaluatorNames, resolveEvaluators } from '#evaluators/registry.ts'
import { type CommandSyntax, helpLines, type ParsedArgs, parseArgs, usage } from './args.ts'
import { CommandFailure, exitCodes, printable } from './io.ts'
import { itemFields, readScoreItems, type ScoreItem } from './score-items.ts'

const syntax: CommandSyntax = {
  name: 'score',
  summary: 'Scores answers of a JSONL file with one evaluator; one line {id, value, status, reason} each, in order.',
  words: [],
  flags: {
    evaluator: { value: 'NAME', summary: evaluatorNames.join(', ') },
    items: { value: 'FILE.jsonl', summary: '{id, output, messages?, context?, reference?, schema?, ...} per line' },
    config: { value: 'FILE', summary: 'JSON file with the configuration of the evaluator' },
  },
  examples: [
    'npx interlock score --evaluator json_validity --items answers.jsonl',
    'npx interlock score --evaluator numeric --items answers.jsonl --config tolerance.json',
  ],
}

/** Judge calls under way at once. Scorers without a judge run one after the other: they only compute. */
const judgesAtOnce = 8
/** Problems printed; the rest is counted. */
const maxProblems = 20

/** Where the command writes, one line per call. */
export interface ScoreIo {
  stdout(line: string): void
  stderr(line: string): void
}

/**
 * `interlock score --evaluator NAME --items FILE.jsonl [--config FILE] [--json]`. Memory stays flat however long the file is.
 * Good items are scored even when others are bad; each bad one is named with its line.
 *
 * @param makeChat  gives judges their way to a model; called only when the evaluator needs one
 * @returns exit code: 0 every item has an outcome, 2 usage, configuration, file or at least one bad item
 */
export async function score(args: readonly string[], io: ScoreIo, makeChat?: () => ChatPort): Promise<number> {
  try {
    const parsed = parseArgs(syntax, args)
    if (parsed === 'help') {
      for (const line of helpLines(syntax)) io.stdout(line)
      return exitCodes.ok
    }
    const itemsPath = parsed.flags.get('items')
    if (itemsPath === undefined) throw usage(syntax, '--items FILE.jsonl is missing')
    const evaluator = await chooseEvaluator(parsed)
    const chat = evaluator.usesJudge ? judgeChat(evaluator, makeChat) : noChat
    return await scoreFile(itemsPath, evaluator, chat, io)
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    for (const line of error.lines) io.stderr(line)
    return error.exitCode
  }
}

async function chooseEvaluator({ flags }: ParsedArgs): Promise<Evaluator> {
  const name = flags.get('evaluator')
  if (name === undefined) throw usage(syntax, `--evaluator NAME is missing; known: ${evaluatorNames.join(', ')}`)
  const path = flags.get('config')
  const config = path === undefined ? {} : await readConfig(path)
  const resolved = resolveEvaluators([{ name, config }])
  if ('problems' in resolved) {
    const lines = resolved.problems.map((problem) => {
      const inConfig = problem.path.replace(/^\/evaluators\/0\/config/, '')
      const place = problem.path.endsWith('/name') ? '--evaluator' : `${path ?? '--config FILE'} ${inConfig}`.trim()
      return printable(`${place}: ${problem.message}`)
    })
    throw new CommandFailure(exitCodes.usage, ...lines)
  }
  const [evaluator] = resolved.evaluators
  if (!evaluator) throw new Error('a name resolved to no evaluator')
  return evaluator
}

async function readConfig(path: string): Promise<Readonly<Record<string, unknown>>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw cannotRead(path, error)
  }
  try {
    const config: unknown = JSON.parse(text.replace(/^\uFEFF/, ''))
    if (typeof config === 'object' && config !== null && !Array.isArray(config))
      return config as Record<string, unknown>
  } catch {
    throw new CommandFailure(exitCodes.usage, printable(`${path}: not JSON`))
  }
  throw new CommandFailure(exitCodes.usage, printable(`${path}: a configuration is one JSON object`))
}

function cannotRead(path: string, error: unknown): CommandFailure {
  const code = (error as { code?: unknown } | null)?.code
  const why =
    code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'is a folder' : `cannot be read (${code})`
  return new CommandFailure(exitCodes.usage, printable(`${path}: ${why}`))
}

function judgeChat(evaluator: Evaluator, makeChat: (() => ChatPort) | undefined): ChatPort {
  if (makeChat) return makeChat()
  throw new CommandFailure(
    exitCodes.usage,
    `${evaluator.name} calls a model, and no provider is set up for this command`,
  )
}

const noChat: ChatPort = { complete: () => Promise.reject(new Error('this evaluator has no judge')) }

async function scoreFile(path: string, evaluator: Evaluator, chat: ChatPort, io: ScoreIo): Promise<number> {
  const tally = new Tally()
  const underWay: Promise<string>[] = []
  const printOldest = async () => io.stdout((await underWay.shift()) ?? '')
  const atOnce = evaluator.usesJudge ? judgesAtOnce : 1
  try {
    for await (const item of readScoreItems(path)) {
      report(item, tally, io)
      if ('problem' in item) continue
      underWay.push(scoreItem(evaluator, item, chat, tally))
      if (underWay.length >= atOnce) await printOldest()
    }
  } catch (error) {
    if ((error as { syscall?: unknown } | null)?.syscall === undefined) throw error
    throw cannotRead(path, error)
  }
  while (underWay.length > 0) await printOldest()
  if (tally.items === 0 && tally.bad === 0) {
    throw new CommandFailure(exitCodes.usage, printable(`${path}: the file holds no items`))
  }
  io.stderr(tally.summary(evaluator))
  return tally.bad > 0 ? exitCodes.usage : exitCodes.ok
}

function report(item: ScoreItem, tally: Tally, io: ScoreIo): void {
  if ('problem' in item) {
    tally.bad++
    if (tally.bad <= maxProblems) io.stderr(printable(`line ${item.line}: ${item.problem}`))
    if (tally.bad === maxProblems + 1) io.stderr('more bad lines follow; they are only counted')
    return
  }
  for (const field of item.unknownFields.filter((name) => tally.isNewField(name))) {
    io.stderr(printable(`line ${item.line}: field "${field}" is not used; known: ${itemFields.join(', ')}`))
  }
}

async function scoreItem(
  evaluator: Evaluator,
  { evalCase }: Extract<ScoreItem, { evalCase: unknown }>,
  chat: ChatPort,
  tally: Tally,
): Promise<string> {
  const outcome = await evaluator.score(evalCase, { chat, random: randomOf(evalCase.id, evalCase.output) })
  tally.count(outcome)
  const value = outcome.status === 'scored' ? outcome.value : null
  return JSON.stringify({ id: evalCase.id, value, status: outcome.status, reason: outcome.reason ?? null })
}

/**
 * Numbers in [0, 1) fixed by the item, so that a run can be repeated. A judge's nonce made from them cannot stand in the
 * answer it fences: it is a hash over that very answer.
 */
function randomOf(id: string, output: string): Tools['random'] {
  let digest = createHash('sha256').update(id).update('\0').update(output).digest()
  let at = 0
  return () => {
    if (at + 4 > digest.length) {
      digest = createHash('sha256').update(digest).digest()
      at = 0
    }
    at += 4
    return digest.readUInt32BE(at - 4) / 2 ** 32
  }
}

class Tally {
  items = 0
  bad = 0
  #sum = 0
  readonly #byStatus: Record<Score['status'], number> = { scored: 0, not_applicable: 0, unscored: 0, errored: 0 }
  readonly #fields = new Set<string>()

  isNewField(name: string): boolean {
    if (this.#fields.has(name) || this.#fields.size >= maxProblems) return false
    this.#fields.add(name)
    return true
  }

  count(outcome: Score): void {
    this.items++
    this.#byStatus[outcome.status]++
    if (outcome.status === 'scored') this.#sum += outcome.value
  }

  summary(evaluator: Evaluator): string {
    const { scored, ...rest } = this.#byStatus
    const mean = scored === 0 ? '' : `, mean ${(this.#sum / scored).toFixed(4)}`
    const others = Object.entries(rest).filter(([, count]) => count > 0)
    const missing = others.map(([status, count]) => `, ${count} ${status}`).join('')
    const bad = this.bad === 0 ? '' : `, ${this.bad} bad lines`
    return `${evaluator.name}@${evaluator.version}: ${scored} of ${this.items} scored${mean}${missing}${bad}`
  }
}
