import { afterAll, beforeAll, expect, test } from 'vitest'
import { pageForms } from '#control/page-forms.ts'
import { operations } from '#control/router.ts'
import type { Role } from '#domain/snapshot.ts'
import { roles } from '#http/permissions.ts'
import { type ControlRig, controlRig } from '#test/support/control.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'

const reads: readonly Role[] = ['viewer', 'author', 'approver', 'operator', 'admin']
const proposes: readonly Role[] = ['author', 'admin']
const labels: readonly Role[] = ['author', 'approver', 'operator', 'admin']
const judges: readonly Role[] = ['approver', 'admin']
const holds: readonly Role[] = ['operator', 'admin']
const rollsBack: readonly Role[] = ['approver', 'operator', 'admin']
const admins: readonly Role[] = ['admin']

/** The contract, written out on purpose: who may do each operation. An operation without a row fails. */
const matrix: Readonly<Record<string, readonly Role[]>> = {
  putProvider: admins,
  listProviders: reads,
  getProvider: reads,
  deleteProvider: admins,
  createPromptVersion: proposes,
  listPrompts: reads,
  listPromptVersions: reads,
  getPromptVersion: reads,
  getGuardrails: reads,
  listGuardrailVersions: reads,
  setGuardrails: admins,
  getPayloadSetting: reads,
  setPayloadSetting: judges,
  getPayload: rollsBack,
  deletePayloads: rollsBack,
  listModelPrices: reads,
  importPrices: admins,
  putModel: admins,
  listModels: reads,
  getModel: reads,
  deleteModel: admins,
  createRoute: admins,
  listRoutes: reads,
  getRoute: reads,
  setBar: judges,
  rollbackRoute: rollsBack,
  listVersions: reads,
  getVersion: reads,
  diffVersions: reads,
  submitProposal: proposes,
  listProposals: reads,
  getProposal: reads,
  approveProposal: judges,
  rejectProposal: judges,
  pauseProposal: holds,
  resumeProposal: holds,
  abortProposal: holds,
  listProposalDecisions: reads,
  streamProposalEvents: reads,
  getImpact: reads,
  previewRoute: proposes,
  retryProposal: proposes,
  rebaseProposal: proposes,
  createFreezeWindow: rollsBack,
  listFreezeWindows: reads,
  getFreezeWindow: reads,
  deleteFreezeWindow: rollsBack,
  uploadDataset: proposes,
  listDatasets: reads,
  getDataset: reads,
  listDatasetVersions: reads,
  getDatasetVersion: reads,
  listDatasetItems: reads,
  startEvalRun: proposes,
  estimateEvalRun: proposes,
  listEvalRuns: reads,
  getEvalRun: reads,
  listEvalResults: reads,
  getLabelQueue: reads,
  createLabel: labels,
  getLabelStats: reads,
  getRunJudges: reads,
  listDecisions: reads,
  getDecision: reads,
  sendFeedback: ['gateway', 'operator', 'admin'],
  createKey: admins,
  listKeys: admins,
  getKey: admins,
  revokeKey: admins,
  rotateKey: admins,
  listBudgets: reads,
  getBudgets: reads,
  putBudgets: admins,
  deleteBudgets: admins,
  listBudgetAlerts: reads,
  listLimits: reads,
  getLimits: reads,
  putLimits: admins,
  deleteLimits: admins,
  listAudit: reads,
  verifyAudit: reads,
  listGateways: reads,
  getSavings: reads,
  getInventory: reads,
}

const forms: Readonly<Record<string, readonly Role[]>> = {
  '/proposals/:subject/approve': judges,
  '/proposals/:subject/reject': judges,
  '/proposals/:subject/pause': holds,
  '/proposals/:subject/resume': holds,
  '/proposals/:subject/abort': holds,
  '/proposals/:subject/rollback': rollsBack,
  '/routes/:subject/rollback': rollsBack,
  '/keys/:subject/revoke': admins,
}

let database: TestDatabase
let rig: ControlRig
beforeAll(async () => {
  database = await testDatabase()
  rig = await controlRig(database.db)
})
afterAll(async () => {
  await rig.close()
  await database.close()
})

test('every operation has a row, and no row is left over (E4)', () => {
  expect(operations.map((operation) => operation.id).sort()).toEqual(Object.keys(matrix).sort())
  expect(pageForms.map((form) => form.path).sort()).toEqual(Object.keys(forms).sort())
})

const address = (path: string) => path.replaceAll(/\{\w+\}/g, '1')

test.each(operations.map((operation) => [operation.id, operation] as const))(
  '%s is refused without a key, and by role exactly as the contract says',
  async (id, { method, path }) => {
    const verb = method.toUpperCase()
    const anonymous = await rig.call(verb, address(path), { key: null })
    expect(anonymous.status).toBe(401)
    expect(anonymous.headers.get('www-authenticate')).toContain('Bearer')
    for (const role of roles) {
      const answer = await rig.call(verb, address(path), { key: rig.keys[role] })
      const isRefused = answer.status === 403
      expect(`${role} ${isRefused ? 'may not' : 'may'}`).toBe(
        `${role} ${matrix[id]?.includes(role) ? 'may' : 'may not'}`,
      )
      if (isRefused) expect(answer.body).toMatchObject({ code: 'FORBIDDEN', why: expect.stringContaining(role) })
      expect(answer.status).not.toBe(500)
    }
  },
)

test.each(operations.map((operation) => [operation.id, operation] as const))(
  '%s says nothing more to a key that is not known',
  async (_id, { method, path }) => {
    for (const key of ['ilk_admin_unknown', `${rig.keys.admin}x`, rig.keys.admin.toUpperCase(), "' or 1=1 --"]) {
      const answer = await rig.call(method.toUpperCase(), address(path), { key })
      expect(answer.status).toBe(401)
      expect(answer.text).not.toContain(key)
    }
  },
)

test('spelling an address differently opens nothing', async () => {
  for (const path of [
    '//api/keys',
    '/api//keys',
    '/api/./keys',
    '/API/keys',
    '/api/keys/',
    '/api/keys%2f',
    '/api/%6beys',
    '/api;/keys',
  ]) {
    const { status } = await rig.call('GET', path, { key: rig.keys.viewer })
    expect([path, [403, 404].includes(status)]).toEqual([path, true])
    expect((await rig.call('GET', path, { key: null })).status).not.toBe(200)
  }
})

test('what is not there is not there: a known method list, no index, no hint without a key', async () => {
  expect((await rig.call('GET', '/api/nothing', { key: null })).status).toBe(401)
  expect((await rig.call('GET', '/api/nothing')).body).toMatchObject({ code: 'NOT_FOUND' })
  const answer = await rig.call('PATCH', '/api/routes', { body: {} })
  expect(answer.status).toBe(405)
  expect(answer.headers.get('allow')).toBe('POST, GET')
  expect(answer.body.code).toBe('METHOD_NOT_ALLOWED')
})
