import type { UploadFormat } from '#datasets/import-format.ts'
import { parseSplit, type SplitShares } from '#datasets/split.ts'
import { uploadTypes } from '#datasets/upload.ts'
import { readUpload } from '#datasets/upload-thread.ts'
import { InterlockError } from '#domain/errors.ts'
import { created, ok, type Reply } from '#http/operation.ts'
import { insertDatasetVersion, type NewDatasetVersion } from '#store/datasets.ts'
import { changeStored } from './change.ts'
import type { ControlDeps } from './control-deps.ts'
import { datasetVersionView, existingVersion } from './dataset-views.ts'

/** Every media type some format is uploaded as. */
export const allUploadTypes: readonly string[] = [
  ...new Set([...Object.values(uploadTypes).flat(), 'application/json']),
]

export interface Upload {
  readonly name: string
  readonly format: UploadFormat
  readonly mediaType: string
  readonly body: Buffer
  readonly by: string
  /** As the query names it: `tune:0.7,holdout:0.3`. */
  readonly split?: string | undefined
}

/**
 * Stores an uploaded file as a version. Paths of problems are those of the file: `/ROW/field`, rows from 1.
 *
 * @throws InterlockError UNSUPPORTED_MEDIA_TYPE, VALIDATION_FAILED with every place at fault
 */
export async function storeUpload(
  deps: ControlDeps,
  { name, format, mediaType, body, by, split }: Upload,
): Promise<Reply> {
  if (!uploadTypes[format].includes(mediaType)) {
    throw new InterlockError('UNSUPPORTED_MEDIA_TYPE', `content-type must be ${uploadTypes[format].join(' or ')}`)
  }
  const shares = sharesOf(split)
  const prepared = await readUpload(body, { format, mediaType, ...(shares && { split: shares }) })
  if ('problems' in prepared) throw invalidUpload(prepared.problems)
  const origin = { kind: 'upload', format: format === 'items' ? mediaType : format, notes: prepared.notes } as const
  const { sha256, rows } = prepared
  return storeVersion(
    deps,
    { name, sha256, rows, origin, by },
    { action: 'dataset.upload', details: { format, ...(split !== undefined && { split }) } },
  )
}

/** @throws InterlockError VALIDATION_FAILED. @returns undefined: no split is asked for */
export function sharesOf(split: string | undefined): SplitShares | undefined {
  if (split === undefined) return undefined
  const parsed = parseSplit(split)
  if ('shares' in parsed) return parsed.shares
  throw new InterlockError('VALIDATION_FAILED', `the query is not valid: split ${parsed.message}`, [
    { path: '?split', message: parsed.message },
  ])
}

function invalidUpload(found: readonly { readonly path: string; readonly line: number; readonly message: string }[]) {
  const problems = found.map(({ path, line, message }) => ({
    path,
    message: line > 0 ? `line ${line}: ${message}` : message,
  }))
  const [first] = problems
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  return new InterlockError(
    'VALIDATION_FAILED',
    `the dataset is not valid: ${first?.path ?? ''} ${first?.message ?? ''}${more}; nothing was stored`,
    problems,
  )
}

/** One version with its audit entry. @returns 201, or 200 when the latest version has this content already */
export async function storeVersion(
  deps: ControlDeps,
  dataset: Omit<NewDatasetVersion, 'at'>,
  { action, details }: { readonly action: string; readonly details: object },
): Promise<Reply> {
  const { name, sha256, rows } = dataset
  const act = { actor: dataset.by, action, subject: `dataset:${name}` }
  const { version, isNew } = await changeStored(deps, act, async (tx, at) => {
    const result = await insertDatasetVersion(tx, { ...dataset, at })
    return { result, details: { ...details, version: result.version, sha256, items: rows.length, isNew: result.isNew } }
  })
  const view = datasetVersionView(await existingVersion(deps, name, version))
  return isNew ? created(view, `/api/datasets/${name}/versions/${version}`) : ok(view)
}
