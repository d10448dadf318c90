import type { Kysely } from 'kysely'
import type { Bar } from '#domain/bar.ts'
import { openStatuses } from '#domain/proposal.ts'
import type { RouteSpec, RouteVersion } from '#domain/route.ts'
import { json, type Tx } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** A route as it stands: who owns it, what is stable, and the rollout that is open. */
export interface StoredRoute {
  readonly name: string
  readonly owner: string
  readonly purpose: string
  readonly risk: string
  readonly bar: Bar
  readonly barVersion: number
  readonly stable: number
  readonly previous: number | null
  readonly rollout: {
    readonly proposal: string
    readonly version: number
    readonly status: string
    readonly shareBp: number
  } | null
  readonly createdBy: string
  readonly createdAt: number
}

export interface StoredVersion extends RouteVersion {
  readonly createdBy: string
  readonly createdAt: number
}

export interface NewRoute {
  readonly name: string
  readonly owner: string
  readonly purpose: string
  readonly risk: string
  readonly spec: RouteSpec
  readonly digest: string
  readonly bar: Bar
  readonly by: string
  readonly at: number
}

/** Inserts a route with version 1 of its spec and bar, live at once. @returns false when the name is taken */
export async function insertRoute(tx: Tx, route: NewRoute): Promise<boolean> {
  const made = { created_by: route.by, created_at: new Date(route.at) }
  const result = await tx
    .insertInto('routes')
    .values({
      name: route.name,
      owner: route.owner,
      purpose: route.purpose,
      risk: route.risk,
      stable_version: 1,
      previous_version: null,
      bar_version: 1,
      ...made,
    })
    .onConflict((conflict) => conflict.column('name').doNothing())
    .executeTakeFirst()
  if ((result.numInsertedOrUpdatedRows ?? 0n) === 0n) return false
  const first = { route: route.name, version: 1, ...made }
  await tx
    .insertInto('route_versions')
    .values({ ...first, spec: json(route.spec), digest: route.digest })
    .execute()
  await tx
    .insertInto('bars')
    .values({ ...first, bar: json(route.bar) })
    .execute()
  return true
}

function selectRoutes(db: Db) {
  return db
    .selectFrom('routes')
    .innerJoin('bars', (join) =>
      join.onRef('bars.route', '=', 'routes.name').onRef('bars.version', '=', 'routes.bar_version'),
    )
    .leftJoin('proposals', (join) =>
      join.onRef('proposals.route', '=', 'routes.name').on('proposals.status', 'in', [...openStatuses]),
    )
    .selectAll('routes')
    .select(['bars.bar', 'proposals.id as proposal_id', 'proposals.version', 'proposals.status', 'proposals.share_bp'])
}

type RouteRow = Awaited<ReturnType<ReturnType<typeof selectRoutes>['executeTakeFirstOrThrow']>>

export async function readRoute(db: Db, name: string): Promise<StoredRoute | null> {
  const row = await selectRoutes(db).where('routes.name', '=', name).executeTakeFirst()
  return row === undefined ? null : toRoute(row)
}

/** By name. */
export async function listRoutes(
  db: Db,
  page: { readonly limit: number; readonly after?: string },
): Promise<StoredRoute[]> {
  let query = selectRoutes(db).orderBy('routes.name').limit(page.limit)
  if (page.after !== undefined) query = query.where('routes.name', '>', page.after)
  return (await query.execute()).map(toRoute)
}

function toRoute(row: RouteRow): StoredRoute {
  const { proposal_id: proposal, version, status, share_bp: shareBp } = row
  const isOpen = proposal !== null && version !== null && status !== null
  return {
    name: row.name,
    owner: row.owner,
    purpose: row.purpose,
    risk: row.risk,
    bar: row.bar as Bar,
    barVersion: row.bar_version,
    stable: row.stable_version,
    previous: row.previous_version,
    rollout: isOpen ? { proposal, version, status, shareBp: shareBp ?? 0 } : null,
    createdBy: row.created_by,
    createdAt: row.created_at.getTime(),
  }
}

export async function readVersion(db: Db, route: string, version: number): Promise<StoredVersion | null> {
  const row = await db
    .selectFrom('route_versions')
    .selectAll()
    .where('route', '=', route)
    .where('version', '=', version)
    .executeTakeFirst()
  return row === undefined ? null : toVersion(row)
}

/** The version that a route's pointer stands at; null when there is no such route. Not locked. */
export async function readStableVersion(db: Db, route: string): Promise<RouteVersion | null> {
  const row = await db
    .selectFrom('routes as r')
    .innerJoin('route_versions as v', (join) =>
      join.onRef('v.route', '=', 'r.name').onRef('v.version', '=', 'r.stable_version'),
    )
    .select(['v.route', 'v.version', 'v.spec', 'v.digest'])
    .where('r.name', '=', route)
    .executeTakeFirst()
  return row === undefined ? null : { ...row, spec: row.spec as RouteVersion['spec'] }
}

/** Newest first. */
export async function listVersions(
  db: Db,
  page: { readonly route: string; readonly limit: number; readonly before?: number },
): Promise<StoredVersion[]> {
  let query = db
    .selectFrom('route_versions')
    .selectAll()
    .where('route', '=', page.route)
    .orderBy('version', 'desc')
    .limit(page.limit)
  if (page.before !== undefined) query = query.where('version', '<', page.before)
  return (await query.execute()).map(toVersion)
}

function toVersion(row: {
  route: string
  version: number
  spec: unknown
  digest: string
  created_by: string
  created_at: Date
}): StoredVersion {
  return {
    route: row.route,
    version: row.version,
    spec: row.spec as RouteSpec,
    digest: row.digest,
    createdBy: row.created_by,
    createdAt: row.created_at.getTime(),
  }
}

/** Stores the next version of a route's bar and puts it in force. @returns its version */
export async function insertBar(
  tx: Tx,
  next: { readonly route: string; readonly bar: Bar; readonly by: string; readonly at: number },
): Promise<number> {
  const last = await tx
    .selectFrom('bars')
    .select((eb) => eb.fn.max('version').as('version'))
    .where('route', '=', next.route)
    .executeTakeFirst()
  const version = (last?.version ?? 0) + 1
  await tx
    .insertInto('bars')
    .values({
      route: next.route,
      version,
      bar: json(next.bar),
      created_by: next.by,
      created_at: new Date(next.at),
    })
    .execute()
  await tx.updateTable('routes').set({ bar_version: version }).where('name', '=', next.route).execute()
  return version
}
