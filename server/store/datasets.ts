import { type Kysely, sql } from 'kysely'
import type { DatasetItem } from '#datasets/item.ts'
import type { ItemRow } from '#datasets/upload.ts'
import { json, type Tx } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

export interface StoredDatasetVersion {
  readonly name: string
  readonly version: number
  readonly sha256: string
  readonly items: number
  readonly createdBy: string
  readonly createdAt: number
  /** null: uploaded before origins were kept. */
  readonly origin: DatasetOrigin | null
}

/** Where a version came from, as plain JSON: a file and what was not carried over of it, or recorded requests of a route. */
export type DatasetOrigin =
  | { readonly kind: 'upload'; readonly format: string; readonly notes: readonly string[] }
  | ({ readonly kind: 'traffic' } & TrafficOrigin)

/** Times are milliseconds since the epoch. */
export interface TrafficOrigin {
  readonly route: string
  readonly since: number
  readonly until: number
  /** Stored requests of the window, and how many of them were looked at until the sample was full. */
  readonly found: number
  readonly examined: number
  readonly nearDuplicates: number
  /** Cut when they were stored, without a message of their own, or no valid items. */
  readonly unusable: number
  /** Items by stratum (task and workflow), largest first; at most 50. */
  readonly strata: readonly { readonly name: string; readonly found: number; readonly items: number }[]
}

/** A dataset with its latest version. */
export interface StoredDataset {
  readonly name: string
  readonly versions: number
  readonly latest: StoredDatasetVersion
}

/** Most rows and UTF-16 code units of one insert: a few megabytes. */
const chunkSize = 500
const chunkChars = 2_000_000

export interface NewDatasetVersion {
  readonly name: string
  readonly sha256: string
  readonly rows: readonly ItemRow[]
  readonly origin: DatasetOrigin
  readonly by: string
  readonly at: number
}

/**
 * Stores a version of a dataset. Items are kept once by digest, whatever names they have. The same content as the latest
 * version is that version.
 */
export async function insertDatasetVersion(
  tx: Tx,
  dataset: NewDatasetVersion,
): Promise<{ readonly version: number; readonly isNew: boolean }> {
  // One upload of a name at a time, so that version numbers have no gaps and no twins.
  await sql`select pg_advisory_xact_lock(hashtextextended(${`dataset:${dataset.name}`}, 0))`.execute(tx)
  const latest = await tx
    .selectFrom('dataset_versions')
    .select(['version', 'sha256'])
    .where('name', '=', dataset.name)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (latest?.sha256 === dataset.sha256) return { version: latest.version, isNew: false }
  await insertContent(tx, dataset)
  const version = (latest?.version ?? 0) + 1
  await tx
    .insertInto('dataset_versions')
    .values({
      name: dataset.name,
      version,
      sha256: dataset.sha256,
      created_by: dataset.by,
      created_at: new Date(dataset.at),
    })
    .execute()
  await tx
    .insertInto('dataset_origins')
    .values({ name: dataset.name, version, origin: json(dataset.origin) })
    .execute()
  return { version, isNew: true }
}

async function insertContent(tx: Tx, { sha256, rows, at }: NewDatasetVersion): Promise<void> {
  const inserted = await tx
    .insertInto('dataset_contents')
    .values({ sha256, item_count: rows.length, created_at: new Date(at) })
    .onConflict((conflict) => conflict.column('sha256').doNothing())
    .executeTakeFirst()
  if ((inserted.numInsertedOrUpdatedRows ?? 0n) === 0n) return
  for (const { from, part } of chunks(rows)) {
    const values = part.map(({ id, json: item }, index) => ({ sha256, position: from + index, item_id: id, item }))
    await tx.insertInto('dataset_items').values(values).execute()
  }
}

function* chunks(rows: readonly ItemRow[]): Generator<{ readonly from: number; readonly part: readonly ItemRow[] }> {
  let from = 0
  let chars = 0
  for (const [index, { json: text }] of rows.entries()) {
    if (index > from && (index - from >= chunkSize || chars + text.length > chunkChars)) {
      yield { from, part: rows.slice(from, index) }
      from = index
      chars = 0
    }
    chars += text.length
  }
  if (from < rows.length) yield { from, part: rows.slice(from) }
}

function selectVersions(db: Db) {
  return db
    .selectFrom('dataset_versions')
    .innerJoin('dataset_contents', 'dataset_contents.sha256', 'dataset_versions.sha256')
    .leftJoin('dataset_origins', (join) =>
      join
        .onRef('dataset_origins.name', '=', 'dataset_versions.name')
        .onRef('dataset_origins.version', '=', 'dataset_versions.version'),
    )
    .selectAll('dataset_versions')
    .select(['dataset_contents.item_count', 'dataset_origins.origin'])
}

type VersionRow = Awaited<ReturnType<ReturnType<typeof selectVersions>['executeTakeFirstOrThrow']>>

export async function readDatasetVersion(db: Db, name: string, version: number): Promise<StoredDatasetVersion | null> {
  const row = await selectVersions(db)
    .where('dataset_versions.name', '=', name)
    .where('dataset_versions.version', '=', version)
    .executeTakeFirst()
  return row === undefined ? null : toVersion(row)
}

/** Newest first. */
export async function listDatasetVersions(
  db: Db,
  page: { readonly name: string; readonly limit: number; readonly before?: number },
): Promise<StoredDatasetVersion[]> {
  let query = selectVersions(db)
    .where('dataset_versions.name', '=', page.name)
    .orderBy('dataset_versions.version', 'desc')
    .limit(page.limit)
  if (page.before !== undefined) query = query.where('dataset_versions.version', '<', page.before)
  return (await query.execute()).map(toVersion)
}

/** By name, each with its latest version. */
export async function listDatasets(
  db: Db,
  page: { readonly limit: number; readonly after?: string; readonly name?: string },
): Promise<StoredDataset[]> {
  let query = selectVersions(db)
    .innerJoin(
      (eb) =>
        eb
          .selectFrom('dataset_versions')
          .select(['dataset_versions.name as latest_name'])
          .select((inner) => [inner.fn.max('version').as('latest_version'), inner.fn.countAll<string>().as('versions')])
          .groupBy('dataset_versions.name')
          .as('latest'),
      (join) =>
        join
          .onRef('latest.latest_name', '=', 'dataset_versions.name')
          .onRef('latest.latest_version', '=', 'dataset_versions.version'),
    )
    .select('latest.versions')
    .orderBy('dataset_versions.name')
    .limit(page.limit)
  if (page.after !== undefined) query = query.where('dataset_versions.name', '>', page.after)
  if (page.name !== undefined) query = query.where('dataset_versions.name', '=', page.name)
  const rows = await query.execute()
  return rows.map((row) => ({ name: row.name, versions: Number(row.versions), latest: toVersion(row) }))
}

function toVersion(row: VersionRow): StoredDatasetVersion {
  return {
    name: row.name,
    version: row.version,
    sha256: row.sha256,
    items: row.item_count,
    createdBy: row.created_by,
    createdAt: row.created_at.getTime(),
    origin: row.origin as DatasetOrigin | null,
  }
}

/** In order of position. @param after position of the last item of the page before */
export async function listDatasetItems(
  db: Db,
  page: { readonly sha256: string; readonly limit: number; readonly after?: number },
): Promise<{ readonly position: number; readonly item: DatasetItem }[]> {
  let query = db
    .selectFrom('dataset_items')
    .select(['position', 'item'])
    .where('sha256', '=', page.sha256)
    .orderBy('position')
    .limit(page.limit)
  if (page.after !== undefined) query = query.where('position', '>', page.after)
  const rows = await query.execute()
  return rows.map((row) => ({ position: row.position, item: row.item as DatasetItem }))
}
