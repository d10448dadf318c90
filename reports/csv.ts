/** What a cell may hold; null: empty. */
export type CsvCell = string | number | boolean | null

/**
 * A table as CSV (RFC 4180): CRLF, quotes doubled. Text a spreadsheet would take for a formula gets an apostrophe in front, since
 * names come from strangers.
 */
export function csvText(header: readonly string[], rows: readonly (readonly CsvCell[])[]): string {
  return [header, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('')
}

function cell(value: CsvCell): string {
  if (value === null) return ''
  if (typeof value !== 'string') return String(value)
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
