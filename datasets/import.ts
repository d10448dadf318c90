import { parseDocument } from 'yaml'
import { Collector, jsonFault, type ParsedItems, type Row, tooLong } from './collector.ts'
import { decodeUpload } from './decode.ts'
import { type Converted, ImportNotes, isFields, type UploadFormat } from './import-format.ts'
import { fromPromptfoo, readPromptfooFile } from './import-promptfoo.ts'
import { fromLangfuse, fromOpenAiEvals } from './import-records.ts'
import { itemLimits } from './item-schema.ts'
import { findValueFault } from './text-faults.ts'

export type ImportedItems = ParsedItems & {
  /** What was left out or not carried over, with how often. */
  readonly notes: readonly string[]
}

/**
 * Reads a file of another program as items. Never throws; either every record is good, or the problems are listed. Problems
 * name the record from 1 (`/3/input`), of promptfoo the place in the file (`/tests/2/vars`, from 0 as in the file).
 *
 * @param isYaml  the file is YAML: only promptfoo writes it, and JSON is read by the same parser
 */
export function importItems(
  body: Uint8Array | string,
  format: Exclude<UploadFormat, 'items'>,
  isYaml: boolean,
): ImportedItems {
  const notes = new ImportNotes()
  const text = decodeUpload(body)
  if (typeof text !== 'string') return { problems: [text], notes: [] }
  const collector = new Collector()
  if (format === 'promptfoo') readPromptfoo(text, isYaml, { collector, notes })
  else readRecords(text, format === 'langfuse' ? fromLangfuse : fromOpenAiEvals, { collector, notes })
  return { ...collector.result(), notes: notes.lines() }
}

interface Sink {
  readonly collector: Collector
  readonly notes: ImportNotes
}

/** Aliases a YAML file may unfold: a few lines can otherwise become gigabytes. */
const maxAliases = 100

/**
 * The value of a YAML 1.2 text. Tags of other programs (`!custom`) and YAML 1.1's own types are refused: what they stand for is
 * no JSON, and the library would write what it makes of them, with the words of the file, to the log.
 *
 * @throws what is wrong, with its place
 */
function parseYaml(text: string): unknown {
  const document = parseDocument(text, { merge: true, logLevel: 'error', stringKeys: true })
  const [fault] = [...document.errors, ...document.warnings]
  if (fault !== undefined) throw fault
  if (document.directives?.yaml.version === '1.1') throw new Error('YAML 1.2 is needed: leave out the line %YAML 1.1')
  return document.toJS({ maxAliasCount: maxAliases })
}

function readPromptfoo(text: string, isYaml: boolean, { collector, notes }: Sink): void {
  let value: unknown
  try {
    value = isYaml ? parseYaml(text) : JSON.parse(text)
  } catch (error) {
    const line = isYaml ? lineOf(error) : 0
    collector.reportAt('', line, `not ${isYaml ? 'YAML' : 'JSON'}: ${isYaml ? yamlFault(error) : jsonFault(error)}`)
    return
  }
  const file = readPromptfooFile(value)
  if ('path' in file) {
    collector.reportAt(file.path, 0, file.message)
    return
  }
  const around = findValueFault({ prompts: file.prompts, defaultTest: file.defaultTest })
  if (around !== null) {
    collector.reportAt(around.path, 0, around.message)
    return
  }
  for (const [index, test] of file.tests.entries()) {
    if (collector.isFull) return
    const at = `${file.at}/${index}`
    const fault = findValueFault(test)
    const converted: Converted = fault
      ? { problems: [fault] }
      : fromPromptfoo(test, file, { place: String(index + 1), notes })
    take(converted, { row: index + 1, line: 0, at }, { collector, notes })
  }
}

/** YAML's messages quote the line at fault; uploads may hold personal text. */
function yamlFault(error: unknown): string {
  const message = error instanceof Error ? error.message : 'unreadable'
  return (message.split('\n')[0] ?? '')
    .replace(/ at line .*$/, '')
    .replace(/["'].*["']/s, '…')
    .slice(0, 200)
}

function lineOf(error: unknown): number {
  const places = (error as { linePos?: readonly { readonly line?: number }[] } | null)?.linePos
  return places?.[0]?.line ?? 0
}

type Convert = (record: Readonly<Record<string, unknown>>, place: string, notes: ImportNotes) => Converted

/** JSONL, a JSON list, or an object whose `data` or `items` is one. */
function readRecords(text: string, convert: Convert, sink: Sink): void {
  const listed = listIn(text)
  if (listed !== null) {
    for (const [index, record] of listed.entries()) {
      if (sink.collector.isFull) return
      readRecord(record, { row: index + 1, line: 0 }, convert, sink)
    }
    return
  }
  let line = 0
  for (let from = 0; from < text.length && !sink.collector.isFull; ) {
    line += 1
    const end = text.indexOf('\n', from)
    const source = text.slice(from, end < 0 ? text.length : end)
    from = end < 0 ? text.length : end + 1
    if (source.trim() === '') continue
    if (source.length > itemLimits.itemChars) sink.collector.reportAt(`/${line}`, line, tooLong(source.length))
    else readLine(source, line, convert, sink)
  }
}

function readLine(source: string, line: number, convert: Convert, sink: Sink): void {
  let record: unknown
  try {
    record = JSON.parse(source)
  } catch (error) {
    sink.collector.reportAt(`/${line}`, line, `not JSON: ${jsonFault(error)}`)
    return
  }
  readRecord(record, { row: line, line }, convert, sink)
}

function listIn(text: string): readonly unknown[] | null {
  const start = text.trimStart()
  const isOneLine = !start.includes('\n') || /^[[{]\s*\n/.test(start)
  if (!start.startsWith('[') && !isOneLine) return null
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value)) return value
    if (!isFields(value)) return null
    const list = value['data'] ?? value['items']
    return Array.isArray(list) ? list : [value]
  } catch {
    return null
  }
}

function readRecord(
  record: unknown,
  { row, line }: { readonly row: number; readonly line: number },
  convert: Convert,
  { collector, notes }: Sink,
): void {
  const fault = findValueFault(record)
  const converted: Converted = !isFields(record)
    ? { problems: [{ path: '', message: 'must be an object' }] }
    : fault
      ? { problems: [fault] }
      : convert(record, String(row), notes)
  take(converted, { row, line }, { collector, notes })
}

function take(converted: Converted, row: Row, { collector, notes }: Sink): void {
  if ('leftOut' in converted) notes.add(`record left out: ${converted.leftOut}`)
  else if ('item' in converted) collector.accept(row, converted.item)
  else for (const { path, message } of converted.problems) collector.report(row, path, message)
}
