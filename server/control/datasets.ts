import { uploadFormats } from '#datasets/import-format.ts'
import { InterlockError } from '#domain/errors.ts'
import { maxUploadBytes } from '#http/body.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { type Operation, ok } from '#http/operation.ts'
import { listDatasetItems, listDatasets, listDatasetVersions, type StoredDataset } from '#store/datasets.ts'
import { nameSchema, pageSchema, versionParamSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { storeTraffic } from './dataset-traffic.ts'
import { allUploadTypes, storeUpload } from './dataset-upload.ts'
import { datasetVersionSchema, datasetVersionView, existingVersion } from './dataset-views.ts'

const datasetSchema = {
  type: 'object',
  properties: { name: nameSchema, versions: { type: 'integer' }, latest: datasetVersionSchema },
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
    summary:
      'Uploads a version, or makes one of recorded requests; the content of the latest version again is that version',
    params: { name: nameSchema },
    query: {
      from: { enum: ['traffic'], description: 'the body is JSON: route, since, until, sample, redact' },
      split: {
        type: 'string',
        maxLength: 500,
        description: 'parts by hash of the id, as the slice split: tune:0.7,holdout:0.3',
      },
      format: { enum: uploadFormats, description: 'items (default): JSONL or CSV of ours' },
    },
    body: { kind: 'bytes', mediaTypes: allUploadTypes, maxBytes: maxUploadBytes },
    responses: {
      200: { description: 'the latest version has this content already', schema: datasetVersionSchema },
      201: { description: 'a new version', schema: datasetVersionSchema },
    },
    handle: (deps, { caller, params: { name }, query, body, mediaType }) => {
      if (query.from !== 'traffic') {
        return storeUpload(deps, {
          name,
          format: query.format ?? 'items',
          mediaType,
          body,
          by: caller.name,
          split: query.split,
        })
      }
      if (query.format !== undefined) {
        throw new InterlockError('VALIDATION_FAILED', 'the query is not valid: format cannot stand beside from', [
          { path: '?format', message: 'cannot stand beside from' },
        ])
      }
      if (mediaType !== 'application/json') {
        throw new InterlockError('UNSUPPORTED_MEDIA_TYPE', 'content-type must be application/json with from=traffic')
      }
      return storeTraffic(deps, { name, body, caller, split: query.split })
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
    responses: { 200: { description: 'a page', schema: pageSchema(datasetVersionSchema) } },
    handle: async (deps, { params: { name }, query }) => {
      const limit = query.limit ?? 50
      const before = decodeCursor(query.cursor, ['number'])?.[0]
      const rows = await listDatasetVersions(deps.db, {
        name,
        limit: limit + 1,
        ...(before !== undefined && { before }),
      })
      if (rows.length === 0 && before === undefined) throw noDataset(name)
      return ok(pageOf(rows, limit, { item: datasetVersionView, place: (row) => [row.version] }))
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
    responses: { 200: { description: 'the version', schema: datasetVersionSchema } },
    handle: async (deps, { params }) =>
      ok(datasetVersionView(await existingVersion(deps, params.name, Number(params.version)))),
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
      const { sha256 } = await existingVersion(deps, params.name, Number(params.version))
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

function noDataset(name: string): InterlockError {
  return new InterlockError('NOT_FOUND', `there is no dataset "${name}"`)
}

function datasetView({ latest, ...dataset }: StoredDataset) {
  return { ...dataset, latest: datasetVersionView(latest) }
}
