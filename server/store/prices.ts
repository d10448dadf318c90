import type { Kysely } from 'kysely'
import type { Price } from '#domain/snapshot.ts'
import { json, type Tx } from './database.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

/** A price a model has or had; versions are never changed and outlive the model. */
export interface PriceVersion {
  readonly version: number
  /** null: unpriced from then on. */
  readonly price: Price | null
  readonly setBy: string
  readonly setAt: number
}

interface ModelName {
  readonly provider: string
  readonly model: string
}

/** The next version a model's price would get: a model that comes back does not begin again at 1. */
export async function nextPriceVersion(tx: Tx, { provider, model }: ModelName): Promise<number> {
  const last = await tx
    .selectFrom('model_prices')
    .select((eb) => eb.fn.max('version').as('version'))
    .where('provider', '=', provider)
    .where('model', '=', model)
    .executeTakeFirst()
  return (last?.version ?? 0) + 1
}

export async function insertPrice(
  tx: Tx,
  { provider, model }: ModelName,
  { version, price, setBy, setAt }: PriceVersion,
): Promise<void> {
  await tx
    .insertInto('model_prices')
    .values({
      provider,
      model,
      version,
      price: price === null ? null : json(price),
      set_by: setBy,
      set_at: new Date(setAt),
    })
    .execute()
}

/** Newest first. */
export async function listPrices(
  db: Db,
  { provider, model }: ModelName,
  page: { readonly limit: number; readonly before?: number },
): Promise<PriceVersion[]> {
  let query = db
    .selectFrom('model_prices')
    .select(['version', 'price', 'set_by', 'set_at'])
    .where('provider', '=', provider)
    .where('model', '=', model)
    .orderBy('version', 'desc')
    .limit(page.limit)
  if (page.before !== undefined) query = query.where('version', '<', page.before)
  const rows = await query.execute()
  return rows.map(({ version, price, set_by, set_at }) => ({
    version,
    price,
    setBy: set_by,
    setAt: set_at.getTime(),
  }))
}
