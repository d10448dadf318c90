import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Router } from 'express'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openApiDocument } from '#control/openapi.ts'
import { controlRouter, operations } from '#control/router.ts'
import { answers } from '#http/error-handler.ts'
import { expressPath } from '#http/mount.ts'
import { type Answer, type ControlRig, controlRig } from '#test/support/control.ts'
import { aProposalBody, seedThroughApi } from '#test/support/control-seed.ts'
import { type TestDatabase, testDatabase } from '#test/support/database.ts'

// biome-ignore lint/suspicious/noExplicitAny: a JSON document looked at from every side
type Loose = any

let database: TestDatabase
let rig: ControlRig
let served: Loose
beforeAll(async () => {
  database = await testDatabase()
  rig = await controlRig(database.db)
  served = (await rig.call('GET', '/api/openapi.json', { key: null })).body
})
afterAll(async () => {
  await rig.close()
  await database.close()
})

/** Every path and method below /api that the router really has. */
function mounted(router: Router): string[] {
  const layers = (router as Loose).stack as Loose[]
  return layers
    .filter((layer) => layer.route !== undefined)
    .flatMap((layer) => layer.route.stack.map((entry: Loose) => [entry.method, layer.route.path]))
    .filter(([method, path]) => method !== undefined && path.startsWith('/api'))
    .map(([method, path]) => `${method} ${path.replaceAll(/[:*](\w+)/g, '{$1}')}`)
}

test('every mounted address is in the document, and nothing else is (E5)', () => {
  const documented = Object.entries(served.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect(documented.sort()).toEqual(mounted(controlRouter(rig.deps)).sort())
})

test('it is served to everybody, as OpenAPI 3.1, with ids that are unique and schemas that compile', () => {
  expect(served.openapi).toBe('3.1.0')
  expect(served).toEqual(JSON.parse(JSON.stringify(openApiDocument(operations))))
  const all = Object.values(served.paths).flatMap((path) => Object.values(path as Loose)) as Loose[]
  const ids = all.map((operation) => operation.operationId)
  expect(new Set(ids).size).toBe(ids.length)
  const ajv = new Ajv2020({
    strictTypes: false,
    strictRequired: false,
    allowUnionTypes: true,
    validateFormats: false,
    formats: { 'date-time': true, binary: true },
  })
  ajv.addVocabulary(['x-spans-slashes'])
  for (const operation of all) {
    for (const parameter of operation.parameters ?? []) ajv.compile(parameter.schema)
    for (const media of Object.values(operation.requestBody?.content ?? {}) as Loose[]) ajv.compile(media.schema)
    for (const response of Object.values(operation.responses) as Loose[]) {
      for (const media of Object.values(response.content ?? {}) as Loose[]) ajv.compile(media.schema)
    }
  }
  expect(JSON.stringify(served)).not.toMatch(/x-expects|x-secret/)
})

test('the problem schema knows every code', () => {
  expect(served.components.schemas.Problem.properties.code.enum.sort()).toEqual(Object.keys(answers).sort())
})

test('answers are what the document says they are', async () => {
  await seedThroughApi(rig)
  const { id } = (await rig.call('POST', '/api/proposals', { body: aProposalBody(), key: rig.keys.author })).body
  const run = await rig.call('POST', '/api/eval-runs', {
    body: { dataset: 'support@1', targets: [{ model: 'p/cheap' }], evaluators: [{ name: 'json_validity' }] },
  })
  const examples: [string, string, Answer][] = []
  const look = async (path: string, address: string) => {
    examples.push(['get', path, await rig.call('GET', address)])
  }
  examples.push(['post', '/api/eval-runs', run])
  await look('/api/providers', '/api/providers')
  await look('/api/providers/{name}', '/api/providers/p')
  await look('/api/models', '/api/models')
  await look('/api/models/{provider}/{model}', '/api/models/p/good')
  await look('/api/routes', '/api/routes')
  await look('/api/routes/{name}', '/api/routes/support')
  await look('/api/routes/{name}/versions', '/api/routes/support/versions')
  await look('/api/routes/{name}/diff', '/api/routes/support/diff?from=1&to=2')
  await look('/api/proposals', '/api/proposals')
  await look('/api/proposals/{id}', `/api/proposals/${id}`)
  await look('/api/proposals/{id}/decisions', `/api/proposals/${id}/decisions`)
  await look('/api/datasets', '/api/datasets')
  await look('/api/datasets/{name}/versions', '/api/datasets/support/versions')
  await look('/api/datasets/{name}/versions/{version}/items', '/api/datasets/support/versions/1/items')
  await look('/api/eval-runs', '/api/eval-runs')
  await look('/api/eval-runs/{id}/results', `/api/eval-runs/${run.body.id}/results`)
  await look('/api/decisions', '/api/decisions')
  await look('/api/keys', '/api/keys')
  await look('/api/audit', '/api/audit')
  await look('/api/audit/verify', '/api/audit/verify')
  await look('/api/gateways', '/api/gateways')
  await look('/api/reports/inventory', '/api/reports/inventory')
  await look('/api/reports/savings', '/api/reports/savings')
  examples.push(['post', '/api/routes/{name}/rollback', await rig.call('POST', '/api/routes/support/rollback')])
  const ajv = new Ajv2020({ allErrors: true, strict: false, formats: { 'date-time': /^\d{4}-\d\d-\d\dT[\d:.]+Z$/ } })
  for (const [method, path, answer] of examples) {
    const documented = served.paths[path][method].responses[answer.status]
    expect([method, path, answer.status, documented !== undefined]).toEqual([method, path, answer.status, true])
    const validate = ajv.compile(documented.content['application/json'].schema)
    validate(answer.body)
    expect([path, validate.errors]).toEqual([path, null])
  }
  const refused = await rig.call('POST', '/api/routes', { body: {} })
  const validateProblem = ajv.compile(served.components.schemas.Problem)
  expect([validateProblem(refused.body), validateProblem.errors]).toEqual([true, null])
})

test('an operation whose path names a parameter without a schema is refused at start', () => {
  expect(() => expressPath({ path: '/api/x/{nowhere}', params: {} })).toThrow('nowhere')
})
