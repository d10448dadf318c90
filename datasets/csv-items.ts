import type { Message } from './item.ts'
import { itemLimits } from './item-schema.ts'
import { pointerSegment } from './text-faults.ts'

/** Columns of a CSV upload besides `slice.<name>`; datasets/README.md says what their cells hold. */
export const csvColumns = [
  'id',
  'prompt',
  'system',
  'messages',
  'reference',
  'context',
  'schema',
  'tools',
  'expectedToolCalls',
  'expect',
  'tags',
  'cluster',
  'variables',
  'slice',
] as const

export interface CsvHeader {
  readonly columns: readonly string[]
}

interface CellProblem {
  readonly path: string
  readonly message: string
}

/** Checks the header row: known columns, each once, an id and a prompt or messages. */
export function readCsvHeader(cells: readonly string[]): CsvHeader | { readonly problems: CellProblem[] } {
  if (cells.length > itemLimits.csvColumns) {
    return { problems: [{ path: '', message: `${cells.length} columns; a file may have ${itemLimits.csvColumns}` }] }
  }
  const columns = cells.map((cell) => cell.trim())
  const problems: CellProblem[] = []
  const known = `${csvColumns.join(', ')}, slice.<name>`
  for (const [index, column] of columns.entries()) {
    const path = `/${pointerSegment(column === '' ? String(index + 1) : column)}`
    if (!isKnownColumn(column)) {
      problems.push({ path, message: `unknown column ${JSON.stringify(column.slice(0, 80))}; known: ${known}` })
    }
    if (columns.indexOf(column) !== index) problems.push({ path, message: 'column appears twice' })
  }
  if (!columns.includes('id')) problems.push({ path: '/id', message: 'column is missing' })
  if (!columns.includes('prompt') && !columns.includes('messages')) {
    problems.push({ path: '/prompt', message: 'a column prompt (text) or messages (JSON) is needed' })
  }
  return problems.length > 0 ? { problems } : { columns }
}

/**
 * One record as an unchecked item (the item schema judges it next). An empty cell is an absent field.
 * `fromPrompt`: the messages were made from the prompt and system columns.
 */
export function csvRowToItem(
  cells: readonly string[],
  header: CsvHeader,
): { readonly item: Record<string, unknown>; readonly fromPrompt: boolean } | { readonly problems: CellProblem[] } {
  if (cells.length !== header.columns.length) {
    return { problems: [{ path: '', message: `${cells.length} cells, but the header has ${header.columns.length}` }] }
  }
  const problems: CellProblem[] = []
  const fields = new Map<string, unknown>()
  for (const [index, column] of header.columns.entries()) {
    const cell = cells[index] ?? ''
    if (cell === '') continue
    const read = readCell(column, cell)
    if ('message' in read) problems.push({ path: `/${pointerSegment(column)}`, message: read.message })
    else fields.set(column, read.value)
  }
  const hasPrompt = fields.has('prompt') || fields.has('system')
  if (hasPrompt && fields.has('messages')) {
    problems.push({ path: '/messages', message: 'give messages, or prompt and system, not both' })
  }
  if (!fields.has('prompt') && !fields.has('messages')) problems.push({ path: '/prompt', message: 'is missing' })
  if (problems.length > 0) return { problems }
  return { item: assemble(fields), fromPrompt: hasPrompt }
}

function assemble(fields: ReadonlyMap<string, unknown>): Record<string, unknown> {
  const item: Record<string, unknown> = {}
  const slice: Record<string, unknown> = {}
  for (const [column, value] of fields) {
    if (column.startsWith('slice.')) slice[column.slice('slice.'.length)] = value
    else if (column !== 'prompt' && column !== 'system') item[column] = value
  }
  if (fields.has('prompt')) item['messages'] = promptMessages(fields)
  const given = item['slice']
  if (Object.keys(slice).length > 0) item['slice'] = isObject(given) ? { ...given, ...slice } : slice
  return item
}

function promptMessages(fields: ReadonlyMap<string, unknown>): Message[] {
  const user = { role: 'user', content: String(fields.get('prompt')) }
  const system = fields.get('system')
  return system === undefined ? [user] : [{ role: 'system', content: String(system) }, user]
}

type Cell = { readonly value: unknown } | { readonly message: string }

function readCell(column: string, cell: string): Cell {
  switch (column) {
    case 'messages':
    case 'schema':
    case 'tools':
    case 'expectedToolCalls':
    case 'expect':
    case 'variables':
    case 'slice':
      return parseJson(cell)
    case 'context': {
      // a passage may itself begin with a bracket ("[1] ..."): only what parses as a JSON array is a list
      const parsed = cell.trimStart().startsWith('[') ? parseJson(cell) : { message: '' }
      return { value: 'value' in parsed && Array.isArray(parsed.value) ? parsed.value : [cell] }
    }
    case 'tags':
      if (cell.trimStart().startsWith('[')) return parseJson(cell)
      return { value: splitTags(cell) }
    default:
      return { value: cell }
  }
}

function parseJson(cell: string): Cell {
  try {
    return { value: JSON.parse(cell) as unknown }
  } catch {
    return { message: 'the cell is not JSON' }
  }
}

function splitTags(cell: string): string[] {
  const tags = cell.split(/[,;|]/).map((tag) => tag.trim())
  return tags.filter((tag) => tag !== '')
}

function isKnownColumn(column: string): boolean {
  return (csvColumns as readonly string[]).includes(column) || /^slice\../.test(column)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
