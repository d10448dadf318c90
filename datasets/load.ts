import { Collector, jsonFault, type ParsedItems, type Row, tooLong } from './collector.ts'
import { type CsvRecord, readCsv } from './csv.ts'
import { type CsvHeader, csvRowToItem, readCsvHeader } from './csv-items.ts'
import { decodeUpload } from './decode.ts'
import { itemLimits } from './item-schema.ts'
import { pointerSegment } from './text-faults.ts'

export { maxProblems, type ParsedItems, type Problem } from './collector.ts'

/**
 * Reads an uploaded dataset. Never throws; either every row is good, or the problems are listed and nothing else is given.
 * JSONL: one object per line, empty lines skipped. CSV: RFC 4180 with a header row (columns in datasets/README.md).
 */
export function parseItems(body: Uint8Array | string, contentType: 'application/x-ndjson' | 'text/csv'): ParsedItems {
  const text = decodeUpload(body)
  if (typeof text !== 'string') return { problems: [text] }
  const collector = new Collector()
  if (contentType === 'text/csv') readCsvItems(text, collector)
  else readJsonLines(text, collector)
  return collector.result()
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
