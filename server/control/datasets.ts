import { datasetDigest } from '#datasets/digest.ts'
import { parseItems } from '#datasets/load.ts'
import { InterlockError } from '#domain/errors.ts'
import { maxUploadBytes } from '#http/body.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { created, type Operation, ok } from '#http/operation.ts'
import {
  insertDatasetVersion,
  listDatasetItems,
  listDatasets,
  listDatasetVersions,
  readDatasetVersion,
  type StoredDataset,
  type StoredDatasetVersion,
} from '#store/datasets.ts'
import { changeStored } from './change.ts'
import { iso, nameSchema, pageSchema, timeSchema, versionParamSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'

const uploadTypes = ['application/x-ndjson', 'text/csv'] as const

const versionSchema = {
  type: 'object',
  properties: {
    name: nameSchema,
    version: { type: 'integer' },
    items: { type: 'integer', description: 'number of items' },
    sha256: { type: 'string', description: 'digest of the content: the same items in the same order have the same' },
    createdBy: { type: 'string' },
    createdAt: timeSchema,
  },
  required: ['name', 'version', 'items', 'sha256', 'createdBy', 'createdAt'],
} as const

const datasetSchema = {
  type: 'object',
  properties: { name: nameSchema, versions: { type: 'integer' }, latest: versionSchema },
  required: ['name', 'versions', 'latest'],
} as const

const itemSchema = {
  type: 'object',
  properties: { id: { type: 'string' }, messages: { type: 'array', items: { type: 'object' } } },
  required: ['id', 'messages'],
} as const

/** Datasets: named, versioned by content, immutable. */
export const datasetOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'uploadDataset',
    method: 'post',
    path: '/api/datasets/{name}/versions',
    action: 'run-evals',
    tag: 'datasets',
    summary: 'Uploads a version; the content of the latest version again is that version',
    params: { name: nameSchema },
    query: { from: { enum: ['traffic'] } },
    body: { kind: 'bytes', mediaTypes: [...uploadTypes, 'application/json'], maxBytes: maxUploadBytes },
    responses: {
      200: { description: 'the latest version has this content already', schema: versionSchema },
      201: { description: 'a new version', schema: versionSchema },
    },
    handle: async (deps, { caller, params: { name }, query, body, mediaType }) => {
      if (query.from === 'traffic')
        throw new InterlockError('NOT_AVAILABLE', 'datasets from traffic are not available yet')
      const items = readItems(body, mediaType)
      const sha256 = datasetDigest(items)
      const act = { actor: caller.name, action: 'dataset.upload', subject: `dataset:${name}` }
      const { version, isNew } = await changeStored(deps, act, async (tx, at) => {
        const result = await insertDatasetVersion(tx, { name, sha256, items, by: caller.name, at })
        return { result, details: { version: result.version, sha256, items: items.length, isNew: result.isNew } }
      })
      const view = versionView(await existing(deps, name, version))
      return isNew ? created(view, `/api/datasets/${name}/versions/${version}`) : ok(view)
    },
  }),
  operation({
    id: 'listDatasets',
    method: 'get',
    path: '/api/datasets',
    action: 'read',
    tag: 'datasets',
    summary: 'Lists datasets by name, each with its latest version',
    query: pageQuery,
    responses: { 200: { description: 'a page', schema: pageSchema(datasetSchema) } },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const after = decodeCursor(query.cursor, ['string'])?.[0]
      const rows = await listDatasets(deps.db, { limit: limit + 1, ...(after !== undefined && { after }) })
      return ok(pageOf(rows, limit, { item: datasetView, place: (dataset) => [dataset.name] }))
    },
  }),
  operation({
    id: 'getDataset',
    method: 'get',
    path: '/api/datasets/{name}',
    action: 'read',
    tag: 'datasets',
    summary: 'Reads a dataset with its latest version',
    params: { name: nameSchema },
    responses: { 200: { description: 'the dataset', schema: datasetSchema } },
    handle: async (deps, { params: { name } }) => {
      const [dataset] = await listDatasets(deps.db, { name, limit: 1 })
      if (dataset === undefined) throw noDataset(name)
      return ok(datasetView(dataset))
    },
  }),
  operation({
    id: 'listDatasetVersions',
    method: 'get',
    path: '/api/datasets/{name}/versions',
    action: 'read',
    tag: 'datasets',
    summary: 'Lists the versions of a dataset, newest first',
    params: { name: nameSchema },
    query: pageQuery,
    responses: { 200: { description: 'a page', schema: pageSchema(versionSchema) } },
    handle: async (deps, { params: { name }, query }) => {
      const limit = query.limit ?? 50
      const before = decodeCursor(query.cursor, ['number'])?.[0]
      const rows = await listDatasetVersions(deps.db, {
        name,
        limit: limit + 1,
        ...(before !== undefined && { before }),
      })
      if (rows.length === 0 && before === undefined) throw noDataset(name)
      return ok(pageOf(rows, limit, { item: versionView, place: (row) => [row.version] }))
    },
  }),
  operation({
    id: 'getDatasetVersion',
    method: 'get',
    path: '/api/datasets/{name}/versions/{version}',
    action: 'read',
    tag: 'datasets',
    summary: 'Reads a version of a dataset, without its items',
    params: { name: nameSchema, version: versionParamSchema },
    responses: { 200: { description: 'the version', schema: versionSchema } },
    handle: async (deps, { params }) => ok(versionView(await existing(deps, params.name, Number(params.version)))),
  }),
  operation({
    id: 'listDatasetItems',
    method: 'get',
    path: '/api/datasets/{name}/versions/{version}/items',
    action: 'read',
    tag: 'datasets',
    summary: 'Lists the items of a version in order',
    params: { name: nameSchema, version: versionParamSchema },
    query: pageQuery,
    responses: { 200: { description: 'a page', schema: pageSchema(itemSchema) } },
    handle: async (deps, { params, query }) => {
      const { sha256 } = await existing(deps, params.name, Number(params.version))
      const limit = query.limit ?? 50
      const after = decodeCursor(query.cursor, ['number'])?.[0]
      const rows = await listDatasetItems(deps.db, {
        sha256,
        limit: limit + 1,
        ...(after !== undefined && { after }),
      })
      return ok(pageOf(rows, limit, { item: (row) => row.item, place: (row) => [row.position] }))
    },
  }),
]

/** Paths of problems are those of the file: `/ROW/field`, rows from 1. */
function readItems(body: Buffer, mediaType: string) {
  if (mediaType !== 'application/x-ndjson' && mediaType !== 'text/csv') {
    throw new InterlockError('UNSUPPORTED_MEDIA_TYPE', `content-type must be ${uploadTypes.join(' or ')}`)
  }
  const parsed = parseItems(body, mediaType)
  if ('items' in parsed) return parsed.items
  const problems = parsed.problems.map(({ path, line, message }) => ({
    path,
    message: line > 0 ? `line ${line}: ${message}` : message,
  }))
  const [first] = problems
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  throw new InterlockError(
    'VALIDATION_FAILED',
    `the dataset is not valid: ${first?.path ?? ''} ${first?.message ?? ''}${more}; nothing was stored`,
    problems,
  )
}

async function existing(deps: ControlDeps, name: string, version: number): Promise<StoredDatasetVersion> {
  const found = await readDatasetVersion(deps.db, name, version)
  if (found === null) throw new InterlockError('NOT_FOUND', `there is no dataset "${name}@${version}"`)
  return found
}

function noDataset(name: string): InterlockError {
  return new InterlockError('NOT_FOUND', `there is no dataset "${name}"`)
}

function versionView({ createdAt, ...version }: StoredDatasetVersion) {
  return { ...version, createdAt: iso(createdAt) }
}

function datasetView({ latest, ...dataset }: StoredDataset) {
  return { ...dataset, latest: versionView(latest) }
}
