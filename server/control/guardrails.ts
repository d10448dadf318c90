import { checkGuardrails } from '#domain/guardrails.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { type Operation, ok } from '#http/operation.ts'
import { insertGuardrails, listGuardrails, readGuardrails, type StoredGuardrails } from '#store/guardrails.ts'
import { changeServed, refuse } from './change.ts'
import { iso, labelSchema, pageSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { guardrails } from './route-schemas.ts'

const settings = {
  ...guardrails.properties,
  sensitivity: {
    type: 'object',
    description: 'data policies that a provider must state for requests of a sensitivity, by level',
    maxProperties: 16,
    propertyNames: labelSchema,
    additionalProperties: { type: 'array', items: labelSchema, minItems: 1, maxItems: 64, uniqueItems: true },
  },
} as const

const guardrailsSchema = {
  type: 'object',
  properties: {
    version: { type: 'integer', description: '0: none were ever set' },
    settings: { type: 'object', properties: settings },
    setBy: { type: ['string', 'null'] },
    setAt: { type: ['string', 'null'], format: 'date-time' },
  },
  required: ['version', 'settings', 'setBy', 'setAt'],
} as const

/** What holds for every request of every route. What one route adds stands in its spec and is changed by a proposal. */
export const guardrailOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'getGuardrails',
    method: 'get',
    path: '/api/guardrails',
    action: 'read',
    tag: 'guardrails',
    summary: 'Reads the guardrails in force',
    responses: { 200: { description: 'in force', schema: guardrailsSchema } },
    handle: async (deps) => ok(guardrailsView(await readGuardrails(deps.db))),
  }),
  operation({
    id: 'listGuardrailVersions',
    method: 'get',
    path: '/api/guardrails/versions',
    action: 'read',
    tag: 'guardrails',
    summary: 'Lists every version of the guardrails, newest first',
    query: pageQuery,
    responses: { 200: { description: 'a page', schema: pageSchema(guardrailsSchema) } },
    handle: async (deps, { query }) => {
      const limit = query.limit ?? 50
      const before = decodeCursor(query.cursor, ['number'])?.[0]
      const rows = await listGuardrails(deps.db, { limit: limit + 1, ...(before !== undefined && { before }) })
      return ok(pageOf(rows, limit, { item: guardrailsView, place: (row) => [row.version] }))
    },
  }),
  operation({
    id: 'setGuardrails',
    method: 'put',
    path: '/api/guardrails',
    action: 'set-guardrails',
    tag: 'guardrails',
    summary: 'Replaces the guardrails of everyone; in force at once',
    body: { kind: 'json', schema: { type: 'object', properties: settings, additionalProperties: false } },
    responses: { 200: { description: 'in force', schema: guardrailsSchema } },
    handle: async (deps, { caller, body }) => {
      refuse(checkGuardrails(body, ''))
      const act = { actor: caller.name, action: 'guardrails.set', subject: 'guardrails' }
      await changeServed(deps, act, async (tx, at) => {
        const version = await insertGuardrails(tx, { settings: body, by: caller.name, at })
        return { result: version, details: { version, settings: body } }
      })
      return ok(guardrailsView(await readGuardrails(deps.db)))
    },
  }),
]

function guardrailsView({ version, settings, createdBy, createdAt }: StoredGuardrails) {
  return { version, settings, setBy: createdBy, setAt: createdAt === null ? null : iso(createdAt) }
}
