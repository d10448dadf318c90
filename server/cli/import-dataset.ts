import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { type UploadFormat, uploadFormats } from '#datasets/import-format.ts'
import { type PreparedUpload, uploadTypes } from '#datasets/upload.ts'
import { readUpload } from '#datasets/upload-thread.ts'
import { type CommandSyntax, usage } from './args.ts'
import { type CliIo, CommandFailure, exitCodes, printable } from './io.ts'
import { type Invocation, runCommand, show } from './run-command.ts'

export const importSyntax: CommandSyntax = {
  name: 'import',
  summary: 'Uploads a file as a version of a dataset: JSONL, CSV, or tests of another program.',
  words: ['FILE'],
  flags: {
    dataset: { value: 'NAME', summary: 'the dataset; it is made if there is none' },
    format: { value: 'FORMAT', summary: `${uploadFormats.join(', ')} (default: items)` },
    split: { value: 'PARTS', summary: 'parts by hash of the id, as the slice split: tune:0.7,holdout:0.3' },
    check: { summary: 'only read the file and say what it holds; nothing is sent' },
  },
  examples: [
    'npx interlock import questions.csv --dataset support',
    'npx interlock import promptfooconfig.yaml --dataset support --format promptfoo --check',
  ],
}

/** As the server takes it. */
const maxBytes = 32 * 1024 * 1024
/** Problems printed; the rest is counted. */
const maxProblems = 20

const typesByEnding: Readonly<Record<string, string>> = {
  '.jsonl': 'application/x-ndjson',
  '.ndjson': 'application/x-ndjson',
  '.csv': 'text/csv',
  '.json': 'application/json',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml',
}

/** `interlock import FILE --dataset NAME [--format FORMAT] [--check]` (C1). */
export function importDataset(args: readonly string[], io: CliIo): Promise<number> {
  return runCommand(importSyntax, args, io, async (invocation) => {
    const { words, flags } = invocation.args
    const path = words[0] ?? ''
    const format = readFormat(invocation)
    const type = readType(path, format)
    const isCheck = flags.has('check')
    const name = flags.get('dataset')
    if (name === undefined && !isCheck) throw usage(importSyntax, '--dataset NAME is missing')
    const bytes = await readBytes(path)
    if (isCheck) return check(invocation, path, await readUpload(bytes, { format, mediaType: type }))
    const api = await invocation.connect()
    const query = new URLSearchParams({
      ...(format !== 'items' && { format }),
      ...(flags.has('split') && { split: flags.get('split') ?? '' }),
    }).toString()
    const answer = await api.call({
      method: 'POST',
      path: `/api/datasets/${encodeURIComponent(name ?? '')}/versions${query && `?${query}`}`,
      file: { bytes, type },
    })
    show(invocation, answer, storedLines(answer))
    return exitCodes.ok
  })
}

function readFormat({ args }: Invocation): UploadFormat {
  const given = args.flags.get('format') ?? 'items'
  const format = uploadFormats.find((known) => known === given)
  if (format !== undefined) return format
  throw usage(importSyntax, `there is no format "${printable(given)}"; known: ${uploadFormats.join(', ')}`)
}

function readType(path: string, format: UploadFormat): string {
  const type = typesByEnding[extname(path).toLowerCase()]
  const accepted = uploadTypes[format]
  if (type !== undefined && accepted.includes(type)) return type
  const endings = Object.entries(typesByEnding).filter(([, each]) => accepted.includes(each))
  throw usage(importSyntax, `a file of format ${format} ends in ${endings.map(([ending]) => ending).join(', ')}`)
}

async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const name = printable(path)
  const bytes = await readFile(path).catch((error: { code?: string }) => {
    throw new CommandFailure(exitCodes.usage, `the file "${name}" can't be read (${error.code ?? 'unknown error'})`)
  })
  if (bytes.length <= maxBytes) return new Uint8Array(bytes)
  throw new CommandFailure(exitCodes.usage, `the file "${name}" is larger than ${maxBytes} bytes; split it`)
}

function check(invocation: Invocation, path: string, prepared: PreparedUpload): number {
  const name = printable(path)
  if ('problems' in prepared) {
    const shown = prepared.problems.slice(0, maxProblems).map(({ path: place, line, message }) => {
      return printable(`  ${place || '/'}: ${line > 0 ? `line ${line}: ` : ''}${message}`)
    })
    const more = prepared.problems.length - shown.length
    const rest = more > 0 ? [`  and ${more} more`] : []
    throw new CommandFailure(exitCodes.usage, `the file "${name}" is not valid:`, ...shown, ...rest)
  }
  const { rows, sha256, notes } = prepared
  const lines = [`${name}: ${rows.length} items, sha256 ${sha256}`, ...noteLines(notes)]
  show(invocation, { items: rows.length, sha256, notes }, lines)
  return exitCodes.ok
}

function storedLines(answer: unknown): string[] {
  const { name, version, items, origin } = answer as Record<string, unknown>
  const notes = (origin as { notes?: unknown } | null)?.notes
  return [
    printable(`${String(name)}@${String(version)}: ${String(items)} items`),
    ...noteLines(Array.isArray(notes) ? notes.map(String) : []),
  ]
}

function noteLines(notes: readonly string[]): string[] {
  return notes.length === 0 ? [] : ['not carried over:', ...notes.map((note) => printable(`  ${note}`))]
}
