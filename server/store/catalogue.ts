import type { Kysely, Selectable } from 'kysely'
import { judgesIn } from '#domain/judge-conflict.ts'
import { isSamePrice } from '#domain/price.ts'
import { openStatuses } from '#domain/proposal.ts'
import { modelsOf, type RouteSpec } from '#domain/route.ts'
import type { Model, Provider } from '#domain/snapshot.ts'
import { classifierModelOf } from '#domain/task.ts'
import { json, type Tx } from './database.ts'
import { insertPrice, nextPriceVersion } from './prices.ts'
import type { ModelsTable, ProvidersTable, Tables } from './tables.ts'

type Db = Kysely<Tables>

export interface StoredProvider extends Provider {
  readonly updatedAt: number
}

/** A model as the catalogue is told of it; the version of its price is the catalogue's own. */
export type NewModel = Omit<Model, 'priceVersion'>

export interface StoredModel extends Model {
  readonly updatedAt: number
}

/** @returns true when the provider is new */
export async function putProvider(tx: Tx, provider: Provider, at: number): Promise<boolean> {
  const known = await tx
    .selectFrom('providers')
    .select('name')
    .where('name', '=', provider.name)
    .forUpdate()
    .executeTakeFirst()
  const row = {
    kind: provider.kind,
    base_url: provider.baseUrl,
    credential: provider.credential,
    region: provider.region,
    data_policies: json(provider.dataPolicies),
    limits: json(provider.limits),
    updated_at: new Date(at),
  }
  if (known === undefined) {
    await tx
      .insertInto('providers')
      .values({ name: provider.name, ...row })
      .execute()
  } else await tx.updateTable('providers').set(row).where('name', '=', provider.name).execute()
  return known === undefined
}

export async function readProvider(db: Db, name: string): Promise<StoredProvider | null> {
  const row = await db.selectFrom('providers').selectAll().where('name', '=', name).executeTakeFirst()
  return row === undefined ? null : toProvider(row)
}

/** By name. */
export async function listProviders(
  db: Db,
  page: { readonly limit: number; readonly after?: string },
): Promise<StoredProvider[]> {
  let query = db.selectFrom('providers').selectAll().orderBy('name').limit(page.limit)
  if (page.after !== undefined) query = query.where('name', '>', page.after)
  return (await query.execute()).map(toProvider)
}

/** @returns false when there was none */
export async function deleteProvider(tx: Tx, name: string): Promise<boolean> {
  const result = await tx.deleteFrom('providers').where('name', '=', name).executeTakeFirst()
  return result.numDeletedRows === 1n
}

/** Another price is a new version of it, kept for good. @returns true when the model is new */
export async function putModel(
  tx: Tx,
  model: NewModel,
  { by, at }: { readonly by: string; readonly at: number },
): Promise<boolean> {
  const known = await tx
    .selectFrom('models')
    .selectAll()
    .where('provider', '=', model.provider)
    .where('model', '=', model.model)
    .forUpdate()
    .executeTakeFirst()
  const row = {
    context_window: model.contextWindow,
    max_output_tokens: model.maxOutputTokens,
    capabilities: json(model.capabilities),
    price: model.price === null ? null : json(model.price),
    updated_at: new Date(at),
  }
  const isPriced = known === undefined || !isSamePrice(known.price, model.price)
  const version = isPriced ? await nextPriceVersion(tx, model) : known.price_version
  if (isPriced) await insertPrice(tx, model, { version, price: model.price, setBy: by, setAt: at })
  if (known === undefined) {
    await tx
      .insertInto('models')
      .values({ provider: model.provider, model: model.model, ...row, price_version: version })
      .execute()
    return true
  }
  await tx
    .updateTable('models')
    .set({ ...row, price_version: version })
    .where('provider', '=', model.provider)
    .where('model', '=', model.model)
    .execute()
  return false
}

export async function readModel(db: Db, provider: string, model: string): Promise<StoredModel | null> {
  const row = await db
    .selectFrom('models')
    .selectAll()
    .where('provider', '=', provider)
    .where('model', '=', model)
    .executeTakeFirst()
  return row === undefined ? null : toModel(row)
}

export interface ModelsPage {
  readonly limit: number
  readonly provider?: string
  readonly after?: { readonly provider: string; readonly model: string }
}

/** By provider, then model. */
export async function listModels(db: Db, page: ModelsPage): Promise<StoredModel[]> {
  let query = db.selectFrom('models').selectAll().orderBy('provider').orderBy('model').limit(page.limit)
  if (page.provider !== undefined) query = query.where('provider', '=', page.provider)
  const after = page.after
  if (after !== undefined) {
    query = query.where((eb) =>
      eb.or([
        eb('provider', '>', after.provider),
        eb.and([eb('provider', '=', after.provider), eb('model', '>', after.model)]),
      ]),
    )
  }
  return (await query.execute()).map(toModel)
}

/** @returns false when there was none */
export async function deleteModel(tx: Tx, provider: string, model: string): Promise<boolean> {
  const result = await tx
    .deleteFrom('models')
    .where('provider', '=', provider)
    .where('model', '=', model)
    .executeTakeFirst()
  return result.numDeletedRows === 1n
}

/** Something that would break without a model: `route support-reply version 2`. */
export interface Use {
  readonly model: string
  readonly by: string
}

/**
 * Every use of a model that is live: stable and previous versions (the way back stays ready), versions of open proposals, and
 * the judges of bars in force.
 */
export async function liveUses(tx: Tx): Promise<Use[]> {
  return [...(await versionUses(tx)), ...(await judgeUses(tx))]
}

async function versionUses(tx: Tx): Promise<Use[]> {
  const rows = await tx
    .selectFrom('route_versions')
    .innerJoin('routes', 'routes.name', 'route_versions.route')
    .leftJoin('proposals', (join) =>
      join
        .onRef('proposals.route', '=', 'route_versions.route')
        .onRef('proposals.version', '=', 'route_versions.version'),
    )
    .select([
      'route_versions.route',
      'route_versions.version',
      'route_versions.spec',
      'proposals.id',
      'proposals.status',
    ])
    .where((eb) =>
      eb.or([
        eb('route_versions.version', '=', eb.ref('routes.stable_version')),
        eb('route_versions.version', '=', eb.ref('routes.previous_version')),
        eb('proposals.status', 'in', [...openStatuses]),
      ]),
    )
    .execute()
  return rows.flatMap((row) => {
    const isOpen = (openStatuses as readonly (string | null)[]).includes(row.status)
    const by = `version ${row.version} of route "${row.route}"${isOpen ? ` (open proposal ${row.id})` : ''}`
    const spec = row.spec as RouteSpec
    const classifier = classifierModelOf(spec)
    return [...modelsOf(spec), ...(classifier === null ? [] : [classifier])].map((model) => ({ model, by }))
  })
}

async function judgeUses(tx: Tx): Promise<Use[]> {
  const rows = await tx
    .selectFrom('routes')
    .innerJoin('bars', (join) =>
      join.onRef('bars.route', '=', 'routes.name').onRef('bars.version', '=', 'routes.bar_version'),
    )
    .select(['routes.name', 'bars.bar'])
    .execute()
  return rows.flatMap((row) => {
    const { evaluators } = row.bar as { evaluators: readonly { name: string; config?: Record<string, unknown> }[] }
    return evaluators.flatMap(({ name, config }) =>
      judgesIn(config).judges.map((model) => ({ model, by: `evaluator "${name}" of the bar of route "${row.name}"` })),
    )
  })
}

/** A provider as routing knows it. */
export function providerOf(row: Selectable<ProvidersTable>): Provider {
  return {
    name: row.name,
    kind: row.kind as Provider['kind'],
    baseUrl: row.base_url,
    credential: row.credential,
    region: row.region,
    dataPolicies: row.data_policies,
    limits: row.limits,
  }
}

/** A model as routing knows it. */
export function modelOf(row: Selectable<ModelsTable>): Model {
  return {
    provider: row.provider,
    model: row.model,
    contextWindow: row.context_window,
    maxOutputTokens: row.max_output_tokens,
    capabilities: row.capabilities,
    price: row.price,
    priceVersion: row.price_version,
  }
}

function toProvider(row: Selectable<ProvidersTable>): StoredProvider {
  return { ...providerOf(row), updatedAt: row.updated_at.getTime() }
}

function toModel(row: Selectable<ModelsTable>): StoredModel {
  return { ...modelOf(row), updatedAt: row.updated_at.getTime() }
}
