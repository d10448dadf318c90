import { createHash } from 'node:crypto'
import type { ParsedItems, Problem } from './collector.ts'
import { canonicalJson } from './digest.ts'
import { importItems } from './import.ts'
import type { UploadFormat } from './import-format.ts'
import type { DatasetItem } from './item.ts'
import { parseItems } from './load.ts'
import { type SplitShares, withSplit } from './split.ts'

/** How an upload is written. */
export interface UploadKind {
  readonly format: UploadFormat
  readonly mediaType: string
  /** Parts the items are put into by hash; absent: none. */
  readonly split?: SplitShares
}

/** An item on its way to the store: its JSON is made once, where the file is read. */
export interface ItemRow {
  readonly id: string
  readonly json: string
}

/** Items with the digest of their content, or what is wrong with the file. */
export type PreparedUpload =
  | { readonly sha256: string; readonly rows: readonly ItemRow[]; readonly notes: readonly string[] }
  | { readonly problems: readonly Problem[] }

export const yamlTypes = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml'] as const

/** Media types by format; our own formats tell themselves apart by theirs. */
export const uploadTypes: Readonly<Record<UploadFormat, readonly string[]>> = {
  items: ['application/x-ndjson', 'text/csv'],
  promptfoo: ['application/json', ...yamlTypes],
  'openai-evals': ['application/x-ndjson', 'application/json'],
  langfuse: ['application/x-ndjson', 'application/json'],
}

/**
 * Reads an upload to its end. Takes time with its length: large ones belong in a thread (upload-thread.ts).
 *
 * @param kind  a media type that `uploadTypes` lists for the format
 */
export function prepareUpload(body: Uint8Array, { format, mediaType, split }: UploadKind): PreparedUpload {
  const isYaml = (yamlTypes as readonly string[]).includes(mediaType)
  const parsed: ParsedItems & { readonly notes?: readonly string[] } =
    format === 'items'
      ? parseItems(body, mediaType === 'text/csv' ? 'text/csv' : 'application/x-ndjson')
      : importItems(body, format, isYaml)
  if ('problems' in parsed) return { problems: parsed.problems }
  const items = split === undefined ? parsed.items : withSplit(parsed.items, split)
  return { ...toRows(items), notes: parsed.notes ?? [] }
}

/** Rows with the digest that `datasetDigest` gives. */
export function toRows(items: readonly DatasetItem[]): { readonly sha256: string; readonly rows: ItemRow[] } {
  const hash = createHash('sha256')
  const rows = items.map((item) => {
    hash.update(canonicalJson(item)).update('\n')
    return { id: item.id, json: JSON.stringify(item) }
  })
  return { sha256: hash.digest('hex'), rows }
}
