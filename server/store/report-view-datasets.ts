import { type Kysely, sql } from 'kysely'
import type { DatasetItem, Message } from '#datasets/item.ts'
import type {
  CountRow,
  DatasetItemView,
  DatasetRow,
  DatasetRunRow,
  DatasetVersionRow,
  DatasetView,
} from '#reports/dataset-view.ts'
import type { Excerpt } from '#reports/view-parts.ts'
import {
  listDatasetItems,
  listDatasets,
  listDatasetVersions,
  readDatasetVersion,
  type StoredDatasetVersion,
} from './datasets.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

const pageRows = 50
const pageItems = 20
const maxVersions = 20
const maxUses = 10
const maxCounts = 12
const maxSlices = 8
const maxMessages = 4
const maxPassages = 3
const maxMessageChars = 600
const maxPassageChars = 300

/** By name; `next` is the name after which the next page starts (null: this was the last). */
export async function readDatasetRows(
  db: Db,
  after: string | undefined,
): Promise<{ readonly items: DatasetRow[]; readonly next: string | null }> {
  const found = await listDatasets(db, { limit: pageRows + 1, ...(after !== undefined && { after }) })
  const shown = found.slice(0, pageRows)
  const runs = await countRuns(
    db,
    shown.map(({ name }) => name),
  )
  const items = shown.map(({ name, versions, latest }) => ({
    name,
    versions,
    latest: versionRow(latest),
    runs: runs.get(name) ?? 0,
  }))
  return { items, next: found.length > pageRows ? (shown.at(-1)?.name ?? null) : null }
}

async function countRuns(db: Db, names: readonly string[]): Promise<Map<string, number>> {
  if (names.length === 0) return new Map()
  const rows = await db
    .selectFrom('eval_runs')
    .select((eb) => ['dataset_name', eb.fn.countAll<string>().as('runs')])
    .where('dataset_name', 'in', [...names])
    .groupBy('dataset_name')
    .execute()
  return new Map(rows.map((row) => [row.dataset_name, Number(row.runs)]))
}

/** What a page adds to the view: addresses. */
export type DatasetFacts = Omit<DatasetView, 'nextUrl' | 'firstUrl' | 'jsonUrl'> & { readonly next: number | null }

/**
 * One version with a page of its items.
 *
 * @param version  null: the latest
 * @param after  position of the last item of the page before, from 0
 * @returns null when there is no such dataset or version
 */
export async function readDatasetView(
  db: Db,
  { name, version, after }: { readonly name: string; readonly version: number | null; readonly after: number | null },
): Promise<DatasetFacts | null> {
  const versions = await listDatasetVersions(db, { name, limit: maxVersions })
  const shown = version === null ? versions[0] : await readDatasetVersion(db, name, version)
  if (shown === undefined || shown === null) return null
  const [items, fields, tags, slices, runs, proposals] = await Promise.all([
    listDatasetItems(db, { sha256: shown.sha256, limit: pageItems + 1, ...(after !== null && { after }) }),
    readFields(db, shown.sha256),
    readTags(db, shown.sha256),
    readSlices(db, shown.sha256),
    readRuns(db, name),
    readProposals(db, name),
  ])
  const page = items.slice(0, pageItems)
  const last = page.at(-1)
  return {
    name,
    shown: versionRow(shown),
    versions: versions.map(versionRow),
    hiddenVersions: Math.max(0, (versions[0]?.version ?? 0) - versions.length),
    ...originDetails(shown),
    fields,
    tags,
    slices,
    runs,
    proposals,
    items: page.map(({ position, item }) => itemView(position, item)),
    from: page.length === 0 ? 0 : (page[0]?.position ?? 0) + 1,
    to: last === undefined ? 0 : last.position + 1,
    next: items.length > pageItems && last !== undefined ? last.position : null,
  }
}

function versionRow(version: StoredDatasetVersion): DatasetVersionRow {
  const { version: number, items, sha256, createdBy, createdAt, origin } = version
  return { version: number, items, sha256, createdBy, createdAt, originWords: originWords(origin) }
}

const formatWords: Readonly<Record<string, string>> = {
  'application/x-ndjson': 'JSONL',
  'text/csv': 'CSV',
  promptfoo: 'a promptfoo file',
  'openai-evals': 'a file of OpenAI evals',
  langfuse: 'a Langfuse dataset',
}

function originWords(origin: StoredDatasetVersion['origin']): string {
  if (origin === null) return 'uploaded'
  if (origin.kind === 'upload') return `uploaded as ${formatWords[origin.format] ?? origin.format}`
  return `requests of route ${origin.route}`
}

function originDetails({ origin }: StoredDatasetVersion): Pick<DatasetView, 'notes' | 'strata'> {
  if (origin === null) return { notes: [], strata: [] }
  if (origin.kind === 'upload') return { notes: origin.notes, strata: [] }
  const left = [
    [origin.nearDuplicates, 'near duplicates of an item'],
    [origin.unusable, 'that were cut when they were stored, or hold nothing but the prompt'],
  ] as const
  const notes = left.flatMap(([count, what]) => (count > 0 ? [`${count} requests ${what}`] : []))
  return { notes, strata: origin.strata }
}

const countedFields = {
  reference: 'With reference',
  context: 'With context',
  schema: 'With schema',
  expectedToolCalls: 'With expected calls',
  expect: 'With expectations',
} as const

async function readFields(db: Db, sha256: string): Promise<CountRow[]> {
  const { rows } = await sql<{ name: string; items: number }>`
    select k.name, count(*)::int as items from dataset_items i, jsonb_object_keys(i.item) as k(name)
    where i.sha256 = ${sha256} and k.name in (${sql.join(Object.keys(countedFields))}) group by 1`.execute(db)
  const counts = new Map(rows.map((row) => [row.name, row.items]))
  return Object.entries(countedFields).flatMap(([field, name]) => {
    const items = counts.get(field)
    return items === undefined ? [] : [{ name, items }]
  })
}

async function readTags(db: Db, sha256: string): Promise<CountRow[]> {
  const { rows } = await sql<CountRow>`
    select t.name, count(*)::int as items from dataset_items i, jsonb_array_elements_text(i.item -> 'tags') as t(name)
    where i.sha256 = ${sha256} group by 1 order by 2 desc, 1 limit ${maxCounts}`.execute(db)
  return rows
}

async function readSlices(db: Db, sha256: string): Promise<DatasetView['slices']> {
  const { rows } = await sql<{ slice: string; value: string; items: number }>`
    select slice, value, items from (
      select s.key as slice, s.value, count(*)::int as items,
        row_number() over (partition by s.key order by count(*) desc, s.value) as place
      from dataset_items i, jsonb_each_text(i.item -> 'slice') as s where i.sha256 = ${sha256} group by 1, 2
    ) counted where place <= ${maxCounts} order by slice, place`.execute(db)
  const bySlice = Map.groupBy(rows, ({ slice }) => slice)
  return [...bySlice].slice(0, maxSlices).map(([name, values]) => ({
    name,
    values: values.map(({ value, items }) => ({ name: value, items })),
  }))
}

async function readRuns(db: Db, name: string): Promise<DatasetRunRow[]> {
  const rows = await db
    .selectFrom('eval_runs')
    .select(['id', 'dataset_version', 'status', 'created_at', 'proposal_id'])
    .where('dataset_name', '=', name)
    .orderBy('created_at', 'desc')
    .limit(maxUses)
    .execute()
  return rows.map((row) => ({
    id: row.id,
    version: row.dataset_version,
    status: row.status,
    createdAt: row.created_at.getTime(),
    proposalId: row.proposal_id,
  }))
}

/** Proposals whose plan names any version, newest first. */
async function readProposals(db: Db, name: string): Promise<DatasetView['proposals']> {
  const { rows } = await sql<{ id: string; title: string; status: string }>`
    select id, title, status from proposals
    where exists (
      select 1 from jsonb_array_elements_text(
        case when jsonb_typeof(plan -> 'offline' -> 'datasets') = 'array' then plan -> 'offline' -> 'datasets' else '[]' end
      ) as d(name) where starts_with(d.name, ${`${name}@`})
    ) order by created_at desc limit ${maxUses}`.execute(db)
  return rows
}

function itemView(position: number, item: DatasetItem): DatasetItemView {
  const context = item.context ?? []
  const has = [
    ...(item.schema ? ['schema'] : []),
    ...(item.tools?.length ? [`${item.tools.length} tools`] : []),
    ...(item.expectedToolCalls?.length ? ['expected calls'] : []),
    ...Object.keys(item.expect ?? {}).map((name) => `expects ${name}`),
    ...(item.variables ? ['variables'] : []),
  ]
  return {
    position: position + 1,
    id: item.id,
    messages: item.messages.slice(0, maxMessages).map((message) => ({
      role: message.role,
      content: cut(messageText(message), maxMessageChars),
    })),
    hiddenMessages: Math.max(0, item.messages.length - maxMessages),
    reference: item.reference === undefined ? null : cut(item.reference, maxMessageChars),
    context: context.slice(0, maxPassages).map((passage) => cut(passage, maxPassageChars)),
    hiddenContext: Math.max(0, context.length - maxPassages),
    tags: item.tags ?? [],
    slice: Object.entries(item.slice ?? {}).map(([name, value]) => ({ name, value })),
    has,
  }
}

function messageText({ content }: Message): string {
  if (content === null) return '(tool calls)'
  if (typeof content === 'string') return content
  return content.map((part) => partText(part)).join('\n')
}

function partText(part: unknown): string {
  const { type, text } = part as { type?: unknown; text?: unknown }
  return typeof text === 'string' ? text : `(${String(type)})`
}

function cut(text: string, maxChars: number): Excerpt {
  return { text: text.slice(0, maxChars).toWellFormed(), isCut: text.length > maxChars, totalChars: text.length }
}
