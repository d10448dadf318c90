import { InterlockError } from '#domain/errors.ts'
import { checkPrice, toPrice, toUsd } from '#domain/price.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { noContent, type Operation, ok } from '#http/operation.ts'
import {
  deleteModel,
  listModels,
  type NewModel,
  putModel,
  readModel,
  readProvider,
  type StoredModel,
} from '#store/catalogue.ts'
import { lockEpoch } from '#store/epoch.ts'
import { modelBodySchema, modelSchema } from './catalogue-schemas.ts'
import { noProvider, refuseUsed } from './catalogue-uses.ts'
import { changeServed, refuse, stillThere, stored } from './change.ts'
import { iso, modelNameSchema, nameSchema, pageSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'

/** Models of the catalogue: what a spec may name, and at which price. */
export const modelOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'putModel',
    method: 'put',
    path: '/api/models/{provider}/{model}',
    action: 'manage-catalogue',
    tag: 'catalogue',
    summary: 'Adds or replaces a model of a provider',
    params: { provider: nameSchema, model: modelNameSchema },
    body: { kind: 'json', schema: modelBodySchema },
    responses: {
      200: { description: 'replaced', schema: modelSchema },
      201: { description: 'added', schema: modelSchema },
    },
    handle: async (deps, { caller, params, body }) => {
      const model: NewModel = {
        provider: params.provider,
        model: params.model,
        contextWindow: body.contextWindow ?? null,
        maxOutputTokens: body.maxOutputTokens ?? null,
        capabilities: body.capabilities ?? [],
        price: toPrice(body.price ?? null),
      }
      refuse(checkPrice(body.price ?? null).map((problem) => ({ ...problem, path: `/price${problem.path}` })))
      const id = `${model.provider}/${model.model}`
      const isNew = await changeServed(
        deps,
        { actor: caller.name, action: 'model.put', subject: `model:${id}` },
        async (tx, at) => {
          if ((await readProvider(tx, model.provider)) === null) throw noProvider(model.provider)
          const isAdded = await putModel(tx, model, { by: caller.name, at })
          const { provider: _p, model: _m, ...details } = model
          return { result: isAdded, details }
        },
      )
      return stored(
        isNew,
        modelView(await stillThere(readModel(deps.db, model.provider, model.model))),
        `/api/models/${id}`,
      )
    },
  }),
  operation({
    id: 'listModels',
    method: 'get',
    path: '/api/models',
    action: 'read',
    tag: 'catalogue',
    summary: 'Lists models by provider and name',
    query: { ...pageQuery, provider: nameSchema },
    responses: { 200: { description: 'a page', schema: pageSchema(modelSchema) } },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const place = decodeCursor(query.cursor, ['string', 'string'])
      const rows = await listModels(deps.db, {
        limit: limit + 1,
        ...(query.provider !== undefined && { provider: query.provider }),
        ...(place && { after: { provider: place[0], model: place[1] } }),
      })
      return ok(pageOf(rows, limit, { item: modelView, place: (model) => [model.provider, model.model] }))
    },
  }),
  operation({
    id: 'getModel',
    method: 'get',
    path: '/api/models/{provider}/{model}',
    action: 'read',
    tag: 'catalogue',
    summary: 'Reads a model',
    params: { provider: nameSchema, model: modelNameSchema },
    responses: { 200: { description: 'the model', schema: modelSchema } },
    handle: async (deps, { params }) => {
      const model = await readModel(deps.db, params.provider, params.model)
      if (model === null) throw noModel(`${params.provider}/${params.model}`)
      return ok(modelView(model))
    },
  }),
  operation({
    id: 'deleteModel',
    method: 'delete',
    path: '/api/models/{provider}/{model}',
    action: 'manage-catalogue',
    tag: 'catalogue',
    summary: 'Removes a model that nothing uses',
    params: { provider: nameSchema, model: modelNameSchema },
    responses: { 204: { description: 'removed' } },
    handle: async (deps, { caller, params }) => {
      const id = `${params.provider}/${params.model}`
      await changeServed(deps, { actor: caller.name, action: 'model.delete', subject: `model:${id}` }, async (tx) => {
        await lockEpoch(tx)
        if ((await readModel(tx, params.provider, params.model)) === null) throw noModel(id)
        await refuseUsed(tx, `model "${id}"`, (model) => model === id)
        await deleteModel(tx, params.provider, params.model)
        return { result: undefined, details: {} }
      })
      return noContent()
    },
  }),
]

export function noModel(id: string): InterlockError {
  return new InterlockError('NOT_FOUND', `there is no model "${id}"; PUT /api/models/${id} adds it`)
}

function modelView({ price, updatedAt, ...model }: StoredModel) {
  return {
    id: `${model.provider}/${model.model}`,
    ...model,
    price: toUsd(price),
    updatedAt: iso(updatedAt),
  }
}
