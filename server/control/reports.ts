import type { Response } from 'express'
import { type Operation, ok, type Reply } from '#http/operation.ts'
import { inventoryCsv, savingsCsv } from '#reports/report-csv.ts'
import { readInventory } from '#store/report-inventory.ts'
import { readSavings } from '#store/report-savings.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { reportJson } from './report-json.ts'
import { reportQuery, reportRequest } from './report-query.ts'
import { inventorySchema, savingsSchema } from './report-schemas.ts'

const query = {
  ...reportQuery,
  format: { enum: ['json', 'csv'], default: 'json', description: 'csv: one line per row, as a file' },
} as const

/** Baseline inventory and savings (E2, E3). */
export const reportOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'getInventory',
    method: 'get',
    path: '/api/reports/inventory',
    action: 'read',
    tag: 'reports',
    summary: 'Reads which routes and callers use which models, how much, and where routing would pay',
    query,
    responses: { 200: { description: 'the inventory; text/csv with format=csv', schema: inventorySchema } },
    handle: async (deps, { query: { format, ...window }, res }) => {
      const report = await readInventory(deps.db, reportRequest(window, deps.clock.nowMs()))
      return format === 'csv' ? sendCsv(res, 'inventory.csv', inventoryCsv(report)) : asJson(report)
    },
  }),
  operation({
    id: 'getSavings',
    method: 'get',
    path: '/api/reports/savings',
    action: 'read',
    tag: 'reports',
    summary: 'Reads actual cost against the strongest model and the previous version, with quality beside it',
    query,
    responses: { 200: { description: 'the savings; text/csv with format=csv', schema: savingsSchema } },
    handle: async (deps, { query: { format, ...window }, res }) => {
      const report = await readSavings(deps.db, reportRequest(window, deps.clock.nowMs()))
      return format === 'csv' ? sendCsv(res, 'savings.csv', savingsCsv(report)) : asJson(report)
    },
  }),
]

function asJson(report: object): Reply {
  return ok(reportJson(report))
}

function sendCsv(res: Response, name: string, text: string): null {
  res.setHeader('content-disposition', `attachment; filename="${name}"`)
  res.type('text/csv').send(text)
  return null
}
