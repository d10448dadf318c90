import { Ajv, type ErrorObject } from 'ajv'
import { type CsvRecord, readCsv } from './csv.ts'
import { type CsvHeader, csvRowToItem, readCsvHeader } from './csv-items.ts'
import type { DatasetItem } from './item.ts'
import { expectationNames, itemFields, itemLimits, itemSchema, messageRoles } from './item-schema.ts'
import { findValueFault, pointerSegment, textFault } from './text-faults.ts'

/**
 * One thing wrong with an upload. `path` is a JSON pointer whose first part is the row, from 1 (a line of JSONL; a record of
 * CSV, the header being row 1), the rest the place in the item or the column. `line` is the physical line; 0: the whole file.
 */
export interface Problem {
  readonly path: string
  readonly line: number
  readonly message: string
}

export type ParsedItems = { readonly items: DatasetItem[] } | { readonly problems: Problem[] }

/** Reading stops at this many problems. */
export const maxProblems = 50

/**
 * Reads an uploaded dataset. Never throws; either every row is good, or the problems are listed and nothing else is given.
 * JSONL: one object per line, empty lines skipped. CSV: RFC 4180 with a header row (columns in datasets/README.md).
 */
export function parseItems(body: Uint8Array | string, contentType: 'application/x-ndjson' | 'text/csv'): ParsedItems {
  const text = decode(body)
  if (typeof text !== 'string') return { problems: [text] }
  const collector = new Collector()
  if (contentType === 'text/csv') readCsvItems(text, collector)
  else readJsonLines(text, collector)
  return collector.result()
}

/** Where a row stands, and how a place inside the item is called there. */
interface Row {
  readonly row: number
  readonly line: number
  readonly rename?: (path: string) => string
}

class Collector {
  readonly #items: DatasetItem[] = []
  readonly #problems: Problem[] = []
  readonly #rowOfId = new Map<string, number>()

  get isFull(): boolean {
    return this.#problems.length >= maxProblems
  }

  report(row: Row, path: string, message: string): void {
    if (this.isFull) return
    this.#problems.push({ path: `/${row.row}${row.rename?.(path) ?? path}`, line: row.line, message })
  }

  accept(row: Row, value: unknown): void {
    const fault = findValueFault(value)
    if (fault !== null) {
      this.report(row, fault.path, fault.message)
      return
    }
    if (!validate(value)) {
      for (const { path, message } of describeErrors(validate.errors ?? [])) this.report(row, path, message)
      return
    }
    const item = value as DatasetItem
    const earlier = this.#rowOfId.get(item.id)
    if (earlier !== undefined) {
      this.report(row, '/id', `id ${quote(item.id)} is already used in row ${earlier}; ids are unique in a dataset`)
      return
    }
    this.#rowOfId.set(item.id, row.row)
    this.#items.push(item)
    if (this.#items.length === itemLimits.items + 1)
      this.report(row, '', `more than ${itemLimits.items} items in one dataset`)
  }

  result(): ParsedItems {
    if (this.#problems.length > 0) return { problems: this.#problems }
    if (this.#items.length === 0) return { problems: [{ path: '', line: 0, message: 'the file holds no items' }] }
    return { items: this.#items }
  }
}

function readJsonLines(text: string, collector: Collector): void {
  let line = 0
  for (let from = 0; from < text.length && !collector.isFull; ) {
    line += 1
    const end = text.indexOf('\n', from)
    const source = text.slice(from, end < 0 ? text.length : end)
    from = end < 0 ? text.length : end + 1
    const row = { row: line, line }
    if (source.length > itemLimits.itemChars) collector.report(row, '', tooLong(source.length))
    else if (source.trim() !== '') readJsonLine(source, row, collector)
  }
}

function readJsonLine(source: string, row: Row, collector: Collector): void {
  let value: unknown
  try {
    value = JSON.parse(source)
  } catch (error) {
    collector.report(row, '', `not JSON: ${jsonFault(error)}`)
    return
  }
  if (Array.isArray(value)) {
    collector.report(row, '', 'a JSON array; JSONL has one JSON object per line')
    return
  }
  collector.accept(row, value)
}

function readCsvItems(text: string, collector: Collector): void {
  let header: CsvHeader | null = null
  let row = 0
  const fault = readCsv(text, (record) => {
    row += 1
    if (header !== null) {
      readCsvRow(record, header, row, collector)
      return !collector.isFull
    }
    const read = readCsvHeader(record.cells)
    if ('columns' in read) {
      header = read
      return true
    }
    for (const { path, message } of read.problems) collector.report({ row, line: record.line }, path, message)
    return false
  })
  if (fault === null) return
  const column = (header as CsvHeader | null)?.columns[fault.cell] ?? String(fault.cell + 1)
  collector.report({ row: row + 1, line: fault.line }, `/${pointerSegment(column)}`, fault.message)
}

function readCsvRow(record: CsvRecord, header: CsvHeader, rowNumber: number, collector: Collector): void {
  const chars = record.cells.reduce((sum, cell) => sum + cell.length, 0)
  const at = { row: rowNumber, line: record.line }
  if (chars > itemLimits.itemChars) {
    collector.report(at, '', tooLong(chars))
    return
  }
  const read = csvRowToItem(record.cells, header)
  if ('problems' in read) {
    for (const { path, message } of read.problems) collector.report(at, path, message)
    return
  }
  const rename = read.fromPrompt ? (path: string) => path.replace(/^\/messages\b.*$/, '/prompt') : undefined
  collector.accept(rename === undefined ? at : { ...at, rename }, read.item)
}

/** Text of the upload without its byte order mark, or why it is not text. */
function decode(body: Uint8Array | string): string | Problem {
  if (typeof body === 'string') {
    const text = body.startsWith('\ufeff') ? body.slice(1) : body
    const fault = textFault(text)
    return fault === null ? text : { path: '', line: lineOfTextFault(text), message: `the file ${fault}` }
  }
  const decoder = new TextDecoder('utf-8', { fatal: true })
  try {
    const text = decoder.decode(body)
    const fault = textFault(text)
    return fault === null ? text : { path: '', line: lineOfTextFault(text), message: `the file ${fault}` }
  } catch {
    const line = firstUndecodableLine(body, decoder)
    return { path: `/${line}`, line, message: 'not UTF-8; save the file as UTF-8' }
  }
}

function lineOfTextFault(text: string): number {
  const lines = text.split('\n')
  return lines.findIndex((line) => textFault(line) !== null) + 1
}

function firstUndecodableLine(body: Uint8Array, decoder: TextDecoder): number {
  let line = 1
  for (let from = 0; from < body.length; line += 1) {
    const end = body.indexOf(0x0a, from)
    const stop = end < 0 ? body.length : end
    try {
      decoder.decode(body.subarray(from, stop))
    } catch {
      return line
    }
    from = stop + 1
  }
  return line
}

const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(itemSchema)

function describeErrors(errors: readonly ErrorObject[]): { path: string; message: string }[] {
  // the branches of if/then/else and propertyNames report themselves; the wrapper adds nothing
  const telling = errors.filter((error) => error.keyword !== 'if' && error.keyword !== 'propertyNames')
  return telling.map((error) => ({ path: errorPath(error), message: errorMessage(error) }))
}

function errorPath(error: ErrorObject): string {
  const { additionalProperty, missingProperty } = error.params as Record<string, string | undefined>
  const inner = additionalProperty ?? missingProperty
  return inner === undefined ? error.instancePath : `${error.instancePath}/${pointerSegment(inner)}`
}

function errorMessage(error: ErrorObject): string {
  const params = error.params as Record<string, unknown>
  if (error.keyword === 'additionalProperties') {
    const known = error.instancePath === '/expect' ? expectationNames : itemFields
    return `unknown field ${quote(String(params['additionalProperty']))}; known: ${known.join(', ')}`
  }
  if (error.keyword === 'required') return `is missing`
  if (error.keyword === 'enum') return `must be one of ${messageRoles.join(', ')}`
  if (error.keyword === 'type') return `must be ${String(params['type']).replaceAll(',', ' or ')}`
  if (error.keyword === 'pattern') return 'must not hold control characters'
  return error.message ?? `breaks ${error.keyword}`
}

/** What the parser says, without the piece of source it quotes: uploads may hold personal text. */
function jsonFault(error: unknown): string {
  const message = error instanceof Error ? error.message : 'unreadable'
  const unexpected = /^Unexpected token '.{1,2}'/su.exec(message)
  return unexpected?.[0] ?? message.replace(/ \(line \d+ column \d+\)$/, '')
}

function tooLong(chars: number): string {
  return `${chars} characters; an item may have ${itemLimits.itemChars}`
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
