import type { Request, Router } from 'express'
import { decodeCursor, encodeCursor } from '#http/cursor.ts'
import { compileQuery } from '#http/validate.ts'
import { type ReportLinks, reportPeriods } from '#reports/report-window-view.ts'
import { summarizeDecisions } from '#store/decision-search.ts'
import { type ReportRequest, readInventory } from '#store/report-inventory.ts'
import { readSavings } from '#store/report-savings.ts'
import { readDecisionRows, readDecisionView, readRouteNames } from '#store/report-view-decisions.ts'
import { decisionForm, decisionsUrl } from './decision-form.ts'
import { decisionFilter, decisionQuery } from './decision-query.ts'
import { formQuery, notFound, page, param, type ReportPagesDeps, show } from './page-shell.ts'
import { reportQuery, reportRequest } from './report-query.ts'

const closed = <const P extends object>(properties: P) =>
  ({ type: 'object', properties, additionalProperties: false }) as const

const decisionsForm = compileQuery(closed({ ...decisionQuery, cursor: { type: 'string', maxLength: 512 } } as const))
const windowForm = compileQuery(closed(reportQuery))

/** Pages over the decision log: the explorer, the inventory and the savings. Each has its JSON twin below /api. */
export function mountRecordPages(router: Router, deps: ReportPagesDeps): void {
  page(router, deps, '/decisions', async (req, res) => {
    const { cursor, ...query } = formQuery(req, decisionsForm)
    const after = decodeCursor(cursor, ['number', 'string'])
    const filter = await decisionFilter(deps.db, query)
    const [rows, summary, routes] = await Promise.all([
      readDecisionRows(deps.db, filter, after === undefined ? null : { at: after[0], requestId: after[1] }),
      summarizeDecisions(deps.db, filter),
      readRouteNames(deps.db),
    ])
    const { items, next } = rows
    const nextUrl = next === null ? null : decisionsUrl(query, encodeCursor([next.at, next.requestId]))
    const view = { ...decisionForm(query, routes), summary, items, nextUrl }
    await show(deps, req, res, { page: 'decisions', view, title: 'Decisions' })
  })

  page(router, deps, '/decisions/:id', async (req, res) => {
    const id = param(req, 'id')
    const view = await readDecisionView(deps.db, id)
    if (view === null) throw notFound('decision', id)
    await show(deps, req, res, { page: 'decision', view, title: `Decision ${id}` })
  })

  page(router, deps, '/inventory', async (req, res) => {
    const request = windowOf(deps, req)
    const view = { ...(await readInventory(deps.db, request)), links: reportLinks('inventory', request) }
    await show(deps, req, res, { page: 'inventory', view, title: 'Inventory' })
  })

  page(router, deps, '/savings', async (req, res) => {
    const request = windowOf(deps, req)
    const view = { ...(await readSavings(deps.db, request)), links: reportLinks('savings', request) }
    await show(deps, req, res, { page: 'savings', view, title: 'Savings' })
  })
}

function windowOf(deps: ReportPagesDeps, req: Request): ReportRequest {
  return reportRequest(formQuery(req, windowForm), deps.clock())
}

/** The same window elsewhere. */
function reportLinks(name: 'inventory' | 'savings', { period, sinceMs, untilMs }: ReportRequest): ReportLinks {
  const ends = { since: new Date(sinceMs).toISOString(), until: new Date(untilMs).toISOString() }
  const query = new URLSearchParams(period === null ? ends : { period })
  return {
    json: `/api/reports/${name}?${query}`,
    csv: `/api/reports/${name}?${query}&format=csv`,
    periods: reportPeriods.map((each) => ({
      label: `${each.slice(0, -1)} days`,
      url: `/${name}?period=${each}`,
      isCurrent: each === period,
    })),
  }
}
