import { type Kysely, type Selectable, sql } from 'kysely'
import type { PromptMessage, PromptTemplate } from '#domain/prompt.ts'
import type { PromptVersionsTable } from './content-tables.ts'
import { json, type Tx } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

export interface StoredPrompt extends PromptTemplate {
  readonly description: string
  readonly createdBy: string
  readonly createdAt: number
}

export interface NewPrompt {
  readonly name: string
  readonly messages: readonly PromptMessage[]
  readonly digest: string
  readonly description: string
  readonly by: string
  readonly at: number
}

/** Stores the next version of a prompt; the lock makes writers of one name follow one another. @returns its version */
export async function insertPromptVersion(tx: Tx, prompt: NewPrompt): Promise<number> {
  await sql`select pg_advisory_xact_lock(hashtext(${`prompt:${prompt.name}`}))`.execute(tx)
  const last = await tx
    .selectFrom('prompt_versions')
    .select((eb) => eb.fn.max('version').as('version'))
    .where('name', '=', prompt.name)
    .executeTakeFirst()
  const version = (last?.version ?? 0) + 1
  await tx
    .insertInto('prompt_versions')
    .values({
      name: prompt.name,
      version,
      messages: json(prompt.messages),
      digest: prompt.digest,
      description: prompt.description,
      created_by: prompt.by,
      created_at: new Date(prompt.at),
    })
    .execute()
  return version
}

export async function readPromptVersion(db: Db, name: string, version: number): Promise<StoredPrompt | null> {
  const row = await db
    .selectFrom('prompt_versions')
    .selectAll()
    .where('name', '=', name)
    .where('version', '=', version)
    .executeTakeFirst()
  return row === undefined ? null : toPrompt(row)
}

/** The newest version of every prompt, by name. */
export async function listPrompts(
  db: Db,
  page: { readonly limit: number; readonly after?: string },
): Promise<StoredPrompt[]> {
  let query = db
    .selectFrom('prompt_versions')
    .distinctOn('name')
    .selectAll()
    .orderBy('name')
    .orderBy('version', 'desc')
    .limit(page.limit)
  if (page.after !== undefined) query = query.where('name', '>', page.after)
  return (await query.execute()).map(toPrompt)
}

/** Newest first. */
export async function listPromptVersions(
  db: Db,
  page: { readonly name: string; readonly limit: number; readonly before?: number },
): Promise<StoredPrompt[]> {
  let query = db
    .selectFrom('prompt_versions')
    .selectAll()
    .where('name', '=', page.name)
    .orderBy('version', 'desc')
    .limit(page.limit)
  if (page.before !== undefined) query = query.where('version', '<', page.before)
  return (await query.execute()).map(toPrompt)
}

/** Every `name@version` there is: what a spec may name. */
export async function readKnownPrompts(db: Db): Promise<Set<string>> {
  const rows = await db.selectFrom('prompt_versions').select(['name', 'version']).execute()
  return new Set(rows.map((row) => `${row.name}@${row.version}`))
}

/** The prompts with these keys (`name@version`), by key. */
export async function readPrompts(db: Db, keys: readonly string[]): Promise<Map<string, PromptTemplate>> {
  if (keys.length === 0) return new Map()
  const rows = await db
    .selectFrom('prompt_versions')
    .selectAll()
    .where(sql<string>`name || '@' || version`, 'in', [...new Set(keys)])
    .execute()
  return new Map(
    rows.map(({ name, version, digest, messages }) => [`${name}@${version}`, { name, version, digest, messages }]),
  )
}

function toPrompt(row: Selectable<PromptVersionsTable>): StoredPrompt {
  return {
    name: row.name,
    version: row.version,
    digest: row.digest,
    messages: row.messages,
    description: row.description,
    createdBy: row.created_by,
    createdAt: row.created_at.getTime(),
  }
}
