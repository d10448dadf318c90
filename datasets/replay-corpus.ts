import { hash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Message } from './item.ts'

/** One recorded answer. Tokens null: the recording has none. */
export interface RecordedAnswer {
  readonly text: string
  readonly outputTokens: number | null
}

/** One known prompt and what each model answered; several answers of one model are takes of the same prompt. */
export interface RecordedPrompt {
  readonly id: string
  readonly inputTokens: number | null
  readonly reference: string | null
  readonly answers: Map<string, RecordedAnswer[]>
}

/** A recorded answer with the prompt it belongs to. */
export interface Take {
  readonly prompt: RecordedPrompt
  readonly answer: RecordedAnswer
}

/** All recordings of a folder, indexed for look-up by messages. */
export interface Corpus {
  readonly prompts: readonly RecordedPrompt[]
  /** All takes per model, in file order. */
  readonly byModel: ReadonlyMap<string, readonly Take[]>
  /** The prompt these messages are; `exact` false: only the last user message is the same. null: unknown. */
  find(messages: readonly Message[]): { readonly prompt: RecordedPrompt; readonly exact: boolean } | null
}

/** The folder has no usable recordings; the message names file and line. */
export class ReplayDataError extends Error {
  readonly code = 'REPLAY_DATA'
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ReplayDataError'
  }
}

/**
 * Loads `prompts*|questions*|tasks*.jsonl[.gz]` and `answers*.jsonl[.gz]` of a folder and of its direct sub-folders.
 * Field names are those of common evaluation sets: a prompt in `messages`, `prompt`, `question` or `turns`; a model in `model`,
 * `variant` or `system`. Rows without an answer or a known prompt are skipped.
 * @throws ReplayDataError no such folder, a line that is not a JSON object, or no recorded answer at all
 */
export function loadCorpus(dir: string): Corpus {
  const builder = new CorpusBuilder()
  for (const folder of foldersOf(dir)) {
    const files = readdirSync(folder).sort()
    const byRowId = new Map<string, RecordedPrompt>()
    for (const file of files.filter((name) => promptFile.test(name))) {
      for (const row of readRows(`${folder}/${file}`)) builder.addPrompt(row, byRowId)
    }
    for (const file of files.filter((name) => answerFile.test(name))) {
      for (const row of readRows(`${folder}/${file}`)) builder.addAnswer(row, byRowId)
    }
  }
  if (builder.byModel.size === 0) {
    throw new ReplayDataError(
      `no recorded answers in "${dir}": it, or its sub-folders, should hold answers*.jsonl[.gz]`,
    )
  }
  return builder
}

/** Text of a message: its string, or its text parts put together. Pictures and other parts have no say in a look-up. */
export function messageText(message: Message): string {
  const { content } = message
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part: { text?: unknown } | null) => (typeof part?.text === 'string' ? part.text : '')).join('')
}

/** Enough of a message to be looked up: an object with a role. */
export function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && 'role' in value && typeof value.role === 'string'
}

type Row = Readonly<Record<string, unknown>>

const promptFile = /^(?:prompts|questions|tasks).*\.jsonl(?:\.gz)?$/
const answerFile = /^answers.*\.jsonl(?:\.gz)?$/

class CorpusBuilder implements Corpus {
  readonly prompts: RecordedPrompt[] = []
  readonly byModel = new Map<string, Take[]>()
  readonly #byMessages = new Map<string, RecordedPrompt>()
  /** null: several prompts end in this user message, so it identifies none. */
  readonly #byLastUser = new Map<string, RecordedPrompt | null>()

  find(messages: readonly Message[]): { prompt: RecordedPrompt; exact: boolean } | null {
    const exact = this.#byMessages.get(messagesKey(messages))
    if (exact !== undefined) return { prompt: exact, exact: true }
    const near = this.#byLastUser.get(lastUserKey(messages))
    return near === undefined || near === null ? null : { prompt: near, exact: false }
  }

  addPrompt(row: Row, byRowId: Map<string, RecordedPrompt>): void {
    const id = textOf(row['id'])
    if (id === null) return
    for (const { rowId, messages } of promptsOf(row, id)) {
      const known = this.#byMessages.get(messagesKey(messages))
      const prompt = known ?? this.#index(rowId, row, messages)
      byRowId.set(rowId, prompt)
    }
  }

  addAnswer(row: Row, byRowId: Map<string, RecordedPrompt>): void {
    const id = textOf(row['id'])
    const model = textOf(row['model']) ?? textOf(row['variant']) ?? textOf(row['system'])
    const text = row['answer']
    if (id === null || model === null || typeof text !== 'string') return
    const rowId = typeof row['turn'] === 'number' ? turnId(id, row['turn']) : id
    // some sets keep the prompt beside each answer
    if (!byRowId.has(rowId) && !byRowId.has(id)) this.addPrompt(row, byRowId)
    const prompt = byRowId.get(rowId) ?? byRowId.get(id)
    if (prompt === undefined) return
    const answer = { text, outputTokens: tokensOf(row, 'output') }
    append(prompt.answers, model, answer)
    append(this.byModel, model, { prompt, answer })
  }

  #index(id: string, row: Row, messages: readonly Message[]): RecordedPrompt {
    const reference = textOf(row['reference']) ?? textOf(row['reference_answer'])
    const prompt = { id, inputTokens: tokensOf(row, 'input'), reference, answers: new Map<string, RecordedAnswer[]>() }
    this.prompts.push(prompt)
    this.#byMessages.set(messagesKey(messages), prompt)
    const last = lastUserKey(messages)
    this.#byLastUser.set(last, this.#byLastUser.has(last) ? null : prompt)
    return prompt
  }
}

/** The prompts a row stands for: one, or one per turn of a scripted conversation. */
function promptsOf(row: Row, id: string): { rowId: string; messages: Message[] }[] {
  const given = row['messages']
  if (Array.isArray(given)) return given.every(isMessage) ? [{ rowId: id, messages: given }] : []
  const turns = Array.isArray(row['turns']) ? row['turns'] : null
  if (turns !== null) {
    return turns.map((text, index) => ({ rowId: turnId(id, index + 1), messages: [userMessage(String(text))] }))
  }
  const text = textOf(row['question']) ?? textOf(row['prompt'])
  return text === null ? [] : [{ rowId: id, messages: [userMessage(text)] }]
}

function userMessage(content: string): Message {
  return { role: 'user', content }
}

function turnId(id: string, turn: number): string {
  return `${id}#${turn}`
}

/** sha256 over role and text of every message; white space around a text does not count. */
function messagesKey(messages: readonly Message[]): string {
  return digest(JSON.stringify(messages.map((message) => [message.role, messageText(message).trim()])))
}

function lastUserKey(messages: readonly Message[]): string {
  const last = messages.findLast((message) => message.role === 'user')
  return digest(last === undefined ? '' : messageText(last).trim())
}

function digest(text: string): string {
  return hash('sha256', text, 'base64url')
}

function foldersOf(dir: string): string[] {
  if (!existsSync(dir)) throw new ReplayDataError(`no folder "${dir}"`)
  const entries = readdirSync(dir, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => `${dir}/${entry.name}`)
  return [dir, ...folders.sort()]
}

function* readRows(path: string): Generator<Row> {
  const bytes = readFileSync(path)
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  let line = 0
  for (const source of text.split('\n')) {
    line += 1
    if (source !== '') yield parseRow(source, `${path}:${line}`)
  }
}

function parseRow(source: string, place: string): Row {
  let row: unknown
  try {
    row = JSON.parse(source)
  } catch (cause) {
    throw new ReplayDataError(`${place} is not JSON`, { cause })
  }
  if (typeof row !== 'object' || row === null) throw new ReplayDataError(`${place} is not a JSON object`)
  return row as Row
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function tokensOf(row: Row, side: 'input' | 'output'): number | null {
  for (const field of [`${side}_tokens_reported`, `${side}_tokens`, `${side}_tokens_estimated`]) {
    const value = row[field]
    if (typeof value === 'number' && value >= 0) return Math.round(value)
  }
  return null
}

function append<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
