/** One CSV record. `line` is the physical line it starts on, from 1; quoted cells may span several. */
export interface CsvRecord {
  readonly line: number
  readonly cells: readonly string[]
}

export interface CsvFault {
  readonly line: number
  /** Position of the cell in its record, from 0. */
  readonly cell: number
  readonly message: string
}

/**
 * RFC 4180 reader: comma, double quotes, `""` for a quote inside a quoted cell, CRLF or LF; empty lines are skipped.
 * Stops at the first fault, because everything after a stray quote would be guesswork.
 *
 *     record = cell *("," cell)
 *     cell   = DQUOTE *(char / 2DQUOTE) DQUOTE / *(char except comma, DQUOTE, line break)
 *
 * @param visit called per record in order; false stops reading
 * @returns the fault that ended reading, or null
 */
export function readCsv(text: string, visit: (record: CsvRecord) => boolean): CsvFault | null {
  const cursor: Cursor = { text, at: 0, line: 1 }
  while (cursor.at < text.length) {
    const line = cursor.line
    const cells: string[] = []
    for (;;) {
      const cell = text[cursor.at] === '"' ? readQuoted(cursor) : readBare(cursor)
      if (typeof cell !== 'string') return { line, cell: cells.length, message: cell.message }
      cells.push(cell)
      if (text[cursor.at] !== ',') break
      cursor.at += 1
    }
    skipLineBreak(cursor)
    const isEmptyLine = cells.length === 1 && cells[0] === ''
    if (!isEmptyLine && !visit({ line, cells })) return null
  }
  return null
}

interface Cursor {
  readonly text: string
  at: number
  line: number
}

function readQuoted(cursor: Cursor): string | { message: string } {
  const { text } = cursor
  const parts: string[] = []
  let from = cursor.at + 1
  for (;;) {
    const quote = text.indexOf('"', from)
    if (quote < 0) return { message: 'a quoted cell is never closed' }
    parts.push(text.slice(from, quote))
    if (text[quote + 1] !== '"') {
      cursor.at = quote + 1
      break
    }
    parts.push('"')
    from = quote + 2
  }
  const next = text[cursor.at]
  const endsCell =
    next === undefined || next === ',' || next === '\n' || (next === '\r' && text[cursor.at + 1] === '\n')
  if (!endsCell) return { message: 'text after the closing quote of a cell; write a quote inside a cell as ""' }
  const cell = parts.join('')
  cursor.line += countLineBreaks(cell)
  return cell
}

function readBare(cursor: Cursor): string | { message: string } {
  const { text } = cursor
  const from = cursor.at
  let at = from
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 0x2c || code === 0x0a) break
    if (code === 0x22) return { message: 'a quote inside an unquoted cell; quote the whole cell and double the quote' }
    at += 1
  }
  cursor.at = at
  const end = text[at] === '\n' && at > from && text[at - 1] === '\r' ? at - 1 : at
  return text.slice(from, end)
}

function skipLineBreak(cursor: Cursor): void {
  if (cursor.text[cursor.at] === '\r') cursor.at += 1
  if (cursor.text[cursor.at] === '\n') {
    cursor.at += 1
    cursor.line += 1
  }
}

function countLineBreaks(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1
  return count
}
