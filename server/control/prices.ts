import type { Problem } from '#domain/errors.ts'
import { becomesFree, checkPrice, isSamePrice, toPrice, toUsd } from '#domain/price.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { type Operation, ok } from '#http/operation.ts'
import { putModel, readModel } from '#store/catalogue.ts'
import type { Tx } from '#store/database.ts'
import { listPrices, type PriceVersion } from '#store/prices.ts'
import { priceSchema } from './catalogue-schemas.ts'
import { changeServed, refuse } from './change.ts'
import { iso, modelNameSchema, modelRefSchema, nameSchema, pageSchema, timeSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { noModel } from './models.ts'

const priceVersionSchema = {
  type: 'object',
  properties: { version: { type: 'integer' }, price: priceSchema, setBy: { type: 'string' }, setAt: timeSchema },
  required: ['version', 'price', 'setBy', 'setAt'],
} as const

const listSchema = {
  type: 'object',
  properties: {
    prices: {
      type: 'array',
      minItems: 1,
      maxItems: 5_000,
      items: {
        type: 'object',
        properties: { model: modelRefSchema, price: priceSchema },
        required: ['model', 'price'],
        additionalProperties: false,
      },
    },
    acceptFree: {
      type: 'boolean',
      description: 'lets a model that cost something cost nothing; without it such a list is refused',
    },
  },
  required: ['prices'],
  additionalProperties: false,
} as const

interface Listed {
  readonly model: string
  readonly price: Parameters<typeof toPrice>[0]
}

/** What models cost, and did: a decision names the version of the price it was billed at. */
export const priceOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'listModelPrices',
    method: 'get',
    path: '/api/models/{provider}/{model}/prices',
    action: 'read',
    tag: 'catalogue',
    summary: 'Lists the prices a model has had, newest first',
    params: { provider: nameSchema, model: modelNameSchema },
    query: pageQuery,
    responses: { 200: { description: 'a page', schema: pageSchema(priceVersionSchema) } },
    handle: async (deps, { params, query }) => {
      const limit = query.limit ?? 50
      const before = decodeCursor(query.cursor, ['number'])?.[0]
      const rows = await listPrices(deps.db, params, { limit: limit + 1, ...(before !== undefined && { before }) })
      if (rows.length === 0 && before === undefined) throw noModel(`${params.provider}/${params.model}`)
      return ok(pageOf(rows, limit, { item: priceView, place: (row) => [row.version] }))
    },
  }),
  operation({
    id: 'importPrices',
    method: 'put',
    path: '/api/prices',
    action: 'manage-catalogue',
    tag: 'catalogue',
    summary: 'Sets the prices of many models at once; a list with a fault changes nothing',
    body: { kind: 'json', schema: listSchema },
    responses: {
      200: {
        description: 'in force',
        schema: {
          type: 'object',
          properties: { changed: { type: 'integer' }, unchanged: { type: 'integer' } },
          required: ['changed', 'unchanged'],
        },
      },
    },
    handle: async (deps, { caller, body: { prices, acceptFree = false } }) => {
      const act = { actor: caller.name, action: 'prices.import', subject: 'prices' }
      const changed = await changeServed(deps, act, async (tx, at) => {
        const result = await importIn(tx, prices, { acceptFree, by: caller.name, at })
        return { result: result.length, details: { changed: result, unchanged: prices.length - result.length } }
      })
      return ok({ changed, unchanged: prices.length - changed })
    },
  }),
]

/** @returns the models whose price is another now. @throws InterlockError VALIDATION_FAILED: nothing was changed */
async function importIn(
  tx: Tx,
  prices: readonly Listed[],
  { acceptFree, by, at }: { readonly acceptFree: boolean; readonly by: string; readonly at: number },
): Promise<string[]> {
  const problems: Problem[] = []
  const changed: string[] = []
  for (const [index, { model: ref, price }] of prices.entries()) {
    const path = `/prices/${index}`
    problems.push(...checkPrice(price).map((problem) => ({ ...problem, path: `${path}/price${problem.path}` })))
    if (prices.findIndex((other) => other.model === ref) < index) {
      problems.push({ path: `${path}/model`, message: `"${ref}" is in this list twice` })
    }
    const slash = ref.indexOf('/')
    const known = await readModel(tx, ref.slice(0, slash), ref.slice(slash + 1))
    if (known === null) {
      problems.push({ path: `${path}/model`, message: `there is no model "${ref}"` })
      continue
    }
    const next = toPrice(price)
    if (!acceptFree && becomesFree(known.price, next)) {
      problems.push({ path: `${path}/price`, message: 'would make a paid model free; set acceptFree if that is meant' })
    }
    if (problems.length > 0 || isSamePrice(known.price, next)) continue
    await putModel(tx, { ...known, price: next }, { by, at })
    changed.push(ref)
  }
  refuse(problems)
  return changed
}

function priceView({ version, price, setBy, setAt }: PriceVersion) {
  return { version, price: toUsd(price), setBy, setAt: iso(setAt) }
}
