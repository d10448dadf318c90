import { type Kysely, sql } from 'kysely'
import type { DatasetItem } from '#datasets/item.ts'
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
}

/** A dataset with its latest version. */
export interface StoredDataset {
  readonly name: string
  readonly versions: number
  readonly latest: StoredDatasetVersion
}

/** Rows of one insert: a few megabytes at most. */
const chunkSize = 500

export interface NewDatasetVersion {
  readonly name: string
  readonly sha256: string
  readonly items: readonly DatasetItem[]
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
  return { version, isNew: true }
}

async function insertContent(tx: Tx, { sha256, items, at }: NewDatasetVersion): Promise<void> {
  const inserted = await tx
    .insertInto('dataset_contents')
    .values({ sha256, item_count: items.length, created_at: new Date(at) })
    .onConflict((conflict) => conflict.column('sha256').doNothing())
    .executeTakeFirst()
  if ((inserted.numInsertedOrUpdatedRows ?? 0n) === 0n) return
  for (let from = 0; from < items.length; from += chunkSize) {
    const rows = items
      .slice(from, from + chunkSize)
      .map((item, index) => ({ sha256, position: from + index, item_id: item.id, item: json(item) }))
    await tx.insertInto('dataset_items').values(rows).execute()
  }
}

function selectVersions(db: Db) {
  return db
    .selectFrom('dataset_versions')
    .innerJoin('dataset_contents', 'dataset_contents.sha256', 'dataset_versions.sha256')
    .selectAll('dataset_versions')
    .select('dataset_contents.item_count')
}

type VersionRow = Awaited<ReturnType<ReturnType<typeof selectVersions>['executeTakeFirstOrThrow']>>

export async function readDatasetVersion(db: Db, name: string, version: number): Promise<StoredDatasetVersion | null> {
  const row = await selectVersions(db).where('name', '=', name).where('version', '=', version).executeTakeFirst()
  return row === undefined ? null : toVersion(row)
}

/** Newest first. */
export async function listDatasetVersions(
  db: Db,
  page: { readonly name: string; readonly limit: number; readonly before?: number },
): Promise<StoredDatasetVersion[]> {
  let query = selectVersions(db).where('name', '=', page.name).orderBy('version', 'desc').limit(page.limit)
  if (page.before !== undefined) query = query.where('version', '<', page.before)
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
