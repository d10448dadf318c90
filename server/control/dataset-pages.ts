import type { Router } from 'express'
import { decodeCursor, encodeCursor } from '#http/cursor.ts'
import { compileQuery } from '#http/validate.ts'
import { readDatasetRows, readDatasetView } from '#store/report-view-datasets.ts'
import { formQuery, notFound, page, param, type ReportPagesDeps, show } from './page-shell.ts'

const cursor = { type: 'string', maxLength: 512 } as const
const listForm = compileQuery({ type: 'object', properties: { cursor }, additionalProperties: false } as const)
const datasetForm = compileQuery({
  type: 'object',
  properties: { cursor, version: { type: 'integer', minimum: 1, maximum: 999_999_999 } },
  additionalProperties: false,
} as const)

const firstCommand = `npx interlock import questions.jsonl --dataset support

curl $INTERLOCK_URL/api/datasets/support/versions -H "Authorization: Bearer $INTERLOCK_KEY" \\
  -H 'content-type: application/x-ndjson' --data-binary @questions.jsonl`

/** Pages of datasets: the list, and a version with its items and uses (C1). Their twins are below /api/datasets. */
export function mountDatasetPages(router: Router, deps: ReportPagesDeps): void {
  page(router, deps, '/datasets', async (req, res) => {
    const query = formQuery(req, listForm)
    const { items, next } = await readDatasetRows(deps.db, decodeCursor(query.cursor, ['string'])?.[0])
    const nextUrl = next === null ? null : `/datasets?cursor=${encodeCursor([next])}`
    await show(deps, req, res, { page: 'datasets', view: { items, nextUrl, firstCommand }, title: 'Datasets' })
  })

  page(router, deps, '/datasets/:name', async (req, res) => {
    const name = param(req, 'name')
    const query = formQuery(req, datasetForm)
    const after = decodeCursor(query.cursor, ['number'])?.[0] ?? null
    const found = await readDatasetView(deps.db, { name, version: query.version ?? null, after })
    if (found === null) {
      throw notFound('dataset', query.version === undefined ? name : `${name}@${query.version}`)
    }
    const { next, ...facts } = found
    const { version } = facts.shown
    const here = `/datasets/${encodeURIComponent(name)}?version=${version}`
    const view = {
      ...facts,
      nextUrl: next === null ? null : `${here}&cursor=${encodeCursor([next])}#h-items`,
      firstUrl: after === null ? null : `${here}#h-items`,
      jsonUrl: `/api/datasets/${encodeURIComponent(name)}/versions/${version}/items`,
    }
    await show(deps, req, res, { page: 'dataset', view, title: `Dataset ${name}@${version}` })
  })
}
