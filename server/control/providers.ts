import { InterlockError, type Problem } from '#domain/errors.ts'
import type { Provider } from '#domain/snapshot.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { noContent, type Operation, ok } from '#http/operation.ts'
import {
  deleteProvider,
  listModels,
  listProviders,
  putProvider,
  readProvider,
  type StoredProvider,
} from '#store/catalogue.ts'
import { lockEpoch } from '#store/epoch.ts'
import { providerBodySchema, providerSchema } from './catalogue-schemas.ts'
import { noProvider, refuseUsed } from './catalogue-uses.ts'
import { changeServed, refuse, stillThere, stored } from './change.ts'
import { iso, nameSchema, pageSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'

/** Variables of this process that no provider may be sent. */
const ownVariables = /^env:(INTERLOCK_.*|DATABASE_URL|REDIS_URL)$/

/** Providers: where models live, and what may be sent there. */
export const providerOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'putProvider',
    method: 'put',
    path: '/api/providers/{name}',
    action: 'manage-catalogue',
    tag: 'catalogue',
    summary: 'Adds or replaces a provider',
    params: { name: nameSchema },
    body: { kind: 'json', schema: providerBodySchema },
    responses: {
      200: { description: 'replaced', schema: providerSchema },
      201: { description: 'added', schema: providerSchema },
    },
    handle: async (deps, { caller, params, body }) => {
      const provider: Provider = {
        name: params.name,
        kind: body.kind,
        baseUrl: body.baseUrl,
        credential: body.credential ?? null,
        region: body.region ?? null,
        dataPolicies: body.dataPolicies ?? [],
        limits: body.limits ?? {},
      }
      refuse(providerProblems(deps, provider))
      const isNew = await changeServed(
        deps,
        { actor: caller.name, action: 'provider.put', subject: `provider:${provider.name}` },
        async (tx, at) => {
          const isAdded = await putProvider(tx, provider, at)
          const { name: _, ...details } = provider
          return { result: isAdded, details }
        },
      )
      return stored(
        isNew,
        providerView(await stillThere(readProvider(deps.db, provider.name))),
        `/api/providers/${provider.name}`,
      )
    },
  }),
  operation({
    id: 'listProviders',
    method: 'get',
    path: '/api/providers',
    action: 'read',
    tag: 'catalogue',
    summary: 'Lists providers by name',
    query: pageQuery,
    responses: { 200: { description: 'a page', schema: pageSchema(providerSchema) } },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const after = decodeCursor(query.cursor, ['string'])?.[0]
      const rows = await listProviders(deps.db, { limit: limit + 1, ...(after !== undefined && { after }) })
      return ok(pageOf(rows, limit, { item: providerView, place: (provider) => [provider.name] }))
    },
  }),
  operation({
    id: 'getProvider',
    method: 'get',
    path: '/api/providers/{name}',
    action: 'read',
    tag: 'catalogue',
    summary: 'Reads a provider',
    params: { name: nameSchema },
    responses: { 200: { description: 'the provider', schema: providerSchema } },
    handle: async (deps, { params }) => {
      const provider = await readProvider(deps.db, params.name)
      if (provider === null) throw noProvider(params.name)
      return ok(providerView(provider))
    },
  }),
  operation({
    id: 'deleteProvider',
    method: 'delete',
    path: '/api/providers/{name}',
    action: 'manage-catalogue',
    tag: 'catalogue',
    summary: 'Removes a provider that nothing uses',
    params: { name: nameSchema },
    responses: { 204: { description: 'removed' } },
    handle: async (deps, { caller, params: { name } }) => {
      await changeServed(
        deps,
        { actor: caller.name, action: 'provider.delete', subject: `provider:${name}` },
        async (tx) => {
          await lockEpoch(tx)
          if ((await readProvider(tx, name)) === null) throw noProvider(name)
          const models = await listModels(tx, { provider: name, limit: 1_000 })
          await refuseUsed(tx, `provider "${name}"`, (model) => model.startsWith(`${name}/`))
          const names = models.map(({ model }) => `${name}/${model}`)
          if (names.length > 0) {
            const shown = names.slice(0, 10).join(', ')
            throw new InterlockError('IN_USE', `provider "${name}" still has models (${shown}); remove them first`)
          }
          await deleteProvider(tx, name)
          return { result: undefined, details: {} }
        },
      )
      return noContent()
    },
  }),
]

function providerProblems(deps: ControlDeps, provider: Provider): Problem[] {
  const problems: Problem[] = []
  if (!deps.providerKinds.includes(provider.kind)) {
    const message = `kind "${provider.kind}" is not available yet; available: ${deps.providerKinds.join(', ')}`
    problems.push({ path: '/kind', message })
  }
  const urlProblem = deps.baseUrlProblem(provider.baseUrl, provider.kind)
  if (urlProblem !== null) problems.push({ path: '/baseUrl', message: urlProblem })
  if (provider.credential !== null && ownVariables.test(provider.credential)) {
    problems.push({ path: '/credential', message: 'names a secret of Interlock itself, which no provider is sent' })
  }
  if (provider.credential?.split('/').includes('..')) {
    problems.push({ path: '/credential', message: 'must not contain ".."' })
  }
  return problems
}

function providerView({ updatedAt, ...provider }: StoredProvider) {
  return { ...provider, updatedAt: iso(updatedAt) }
}
