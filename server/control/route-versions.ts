import { InterlockError } from '#domain/errors.ts'
import { diffSpecs } from '#domain/route-diff.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { type Operation, ok } from '#http/operation.ts'
import { listVersions, readRoute, readVersion, type StoredVersion } from '#store/routes.ts'
import { iso, nameSchema, pageSchema, versionParamSchema, versionSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { versionBodySchema } from './route-schemas.ts'
import { noRoute } from './routes.ts'

const diffSchema = {
  type: 'object',
  properties: {
    route: nameSchema,
    from: { type: 'integer' },
    to: { type: 'integer' },
    changes: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          path: { type: 'string', description: 'JSON pointer into the spec' },
          kind: { enum: ['added', 'removed', 'changed'] },
          from: {},
          to: {},
          words: { type: 'string' },
        },
        required: ['path', 'kind', 'words'],
      },
    },
  },
  required: ['route', 'from', 'to', 'changes'],
} as const

/** The immutable versions of a route and what changed between two of them. */
export const versionOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'listVersions',
    method: 'get',
    path: '/api/routes/{name}/versions',
    action: 'read',
    tag: 'routes',
    summary: 'Lists the versions of a route, newest first',
    params: { name: nameSchema },
    query: pageQuery,
    responses: { 200: { description: 'a page', schema: pageSchema(versionBodySchema) } },
    handle: async (deps, { params, query }) => {
      if ((await readRoute(deps.db, params.name)) === null) throw noRoute(params.name)
      const limit = query.limit ?? 50
      const before = decodeCursor(query.cursor, ['number'])?.[0]
      const page = { route: params.name, limit: limit + 1, ...(before !== undefined && { before }) }
      return ok(pageOf(await listVersions(deps.db, page), limit, { item: versionView, place: (v) => [v.version] }))
    },
  }),
  operation({
    id: 'getVersion',
    method: 'get',
    path: '/api/routes/{name}/versions/{version}',
    action: 'read',
    tag: 'routes',
    summary: 'Reads a version of a route',
    params: { name: nameSchema, version: versionParamSchema },
    responses: { 200: { description: 'the version', schema: versionBodySchema } },
    handle: async (deps, { params }) => ok(versionView(await existing(deps, params.name, Number(params.version)))),
  }),
  operation({
    id: 'diffVersions',
    method: 'get',
    path: '/api/routes/{name}/diff',
    action: 'read',
    tag: 'routes',
    summary: 'What changed between two versions, in the terms of routing',
    params: { name: nameSchema },
    query: { from: versionSchema, to: versionSchema },
    responses: { 200: { description: 'the changes; none: the versions mean the same', schema: diffSchema } },
    handle: async (deps, { params: { name }, query }) => {
      const { from, to } = query
      const missing = (['from', 'to'] as const).filter((end) => query[end] === undefined)
      if (from === undefined || to === undefined) {
        const problems = missing.map((end) => ({ path: `?${end}`, message: 'is missing: the version number' }))
        throw new InterlockError('VALIDATION_FAILED', 'a diff needs two versions: ?from=1&to=2', problems)
      }
      if ((await readRoute(deps.db, name)) === null) throw noRoute(name)
      const before = await existing(deps, name, from, '?from')
      const after = await existing(deps, name, to, '?to')
      return ok({ route: name, from, to, changes: diffSpecs(before.spec, after.spec) })
    },
  }),
]

async function existing(deps: ControlDeps, route: string, version: number, path?: string): Promise<StoredVersion> {
  const found = await readVersion(deps.db, route, version)
  if (found !== null) return found
  const message = `there is no version ${version} of a route "${route}"`
  throw new InterlockError('NOT_FOUND', message, path === undefined ? [] : [{ path, message }])
}

function versionView(version: StoredVersion) {
  return { ...version, createdAt: iso(version.createdAt) }
}
