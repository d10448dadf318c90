import { InterlockError } from '#domain/errors.ts'
import { type PayloadSetting, payloadRetentionMs, userHash } from '#domain/payload.ts'
import { durationMs } from '#domain/plan.ts'
import { type Operation, ok } from '#http/operation.ts'
import {
  deletePayloads,
  putPayloadSetting,
  readPayload,
  readPayloadSetting,
  type StoredPayloadSetting,
} from '#store/payloads.ts'
import { readRoute } from '#store/routes.ts'
import { changeServed, changeStored, refuse } from './change.ts'
import { iso, nameSchema, reasonSchema, requestIdSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'
import { noRoute } from './routes.ts'

const rate = { type: 'number', minimum: 0, maximum: 1, 'x-expects': 'a share from 0 (keep nothing) to 1' } as const

const settingSchema = {
  type: 'object',
  properties: {
    route: nameSchema,
    sampleRate: { ...rate, description: 'share of requests kept; 0: none' },
    retentionMs: { type: ['integer', 'null'], description: 'how long a payload is kept' },
    forDatasets: { type: 'boolean', description: 'authors may make items of datasets of these texts' },
    setBy: { type: ['string', 'null'] },
    setAt: { type: ['string', 'null'], format: 'date-time' },
  },
  required: ['route', 'sampleRate', 'retentionMs', 'forDatasets', 'setBy', 'setAt'],
} as const

const payloadSchema = {
  type: 'object',
  properties: {
    requestId: { type: 'string' },
    route: { type: 'string' },
    at: { type: 'string', format: 'date-time' },
    expiresAt: { type: 'string', format: 'date-time' },
    payload: {
      type: 'object',
      description: 'redacted: the messages as sent with the prompt in place, the answer, how much was masked by kind',
    },
  },
  required: ['requestId', 'route', 'at', 'expiresAt', 'payload'],
} as const

/**
 * What is kept of requests and answers: nothing, until someone who answers for it switches it on for a route. It is no part of
 * a route version: a rollback must not begin to store what nobody agreed to, nor stop what an audit needs.
 */
export const payloadOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'getPayloadSetting',
    method: 'get',
    path: '/api/routes/{name}/payloads',
    action: 'read',
    tag: 'payloads',
    summary: 'Reads what a route keeps of its requests and answers',
    params: { name: nameSchema },
    responses: { 200: { description: 'in force', schema: settingSchema } },
    handle: async (deps, { params: { name } }) => {
      if ((await readRoute(deps.db, name)) === null) throw noRoute(name)
      return ok(settingView(name, await readPayloadSetting(deps.db, name)))
    },
  }),
  operation({
    id: 'setPayloadSetting',
    method: 'put',
    path: '/api/routes/{name}/payloads',
    action: 'set-payloads',
    tag: 'payloads',
    summary: 'Sets what a route keeps of its requests and answers, redacted; sampleRate 0 ends it',
    params: { name: nameSchema },
    body: {
      kind: 'json',
      schema: {
        type: 'object',
        properties: {
          sampleRate: rate,
          retention: { type: 'string', pattern: '^\\d{1,9}(s|m|h|d)$', 'x-expects': 'a duration such as 24h or 7d' },
          forDatasets: { type: 'boolean' },
          reason: reasonSchema,
        },
        required: ['sampleRate'],
        additionalProperties: false,
      },
    },
    responses: { 200: { description: 'in force', schema: settingSchema } },
    handle: async (deps, { caller, params: { name }, body }) => {
      const { sampleRate, retention, reason, forDatasets = false } = body
      const setting = settingOf(sampleRate, retention)
      const act = { actor: caller.name, action: 'route.set_payloads', subject: `route:${name}` }
      await changeServed(deps, act, async (tx, at) => {
        if ((await readRoute(tx, name)) === null) throw noRoute(name)
        await putPayloadSetting(tx, name, setting && { ...setting, forDatasets }, { by: caller.name, at })
        return {
          result: undefined,
          details: { sampleRate, forDatasets, ...(retention && { retention }), ...(reason && { reason }) },
        }
      })
      return ok(settingView(name, await readPayloadSetting(deps.db, name)))
    },
  }),
  operation({
    id: 'getPayload',
    method: 'get',
    path: '/api/decisions/{requestId}/payload',
    action: 'read-payloads',
    tag: 'payloads',
    summary: 'Reads the redacted texts of a request; each reading is an audit entry',
    params: { requestId: requestIdSchema },
    responses: { 200: { description: 'the texts', schema: payloadSchema } },
    handle: async (deps, { caller, params: { requestId } }) => {
      const act = { actor: caller.name, action: 'payload.read', subject: `request:${requestId}` }
      const found = await changeStored(deps, act, async (tx, at) => {
        const payload = await readPayload(tx, requestId, at)
        if (payload === null) throw noPayload(requestId)
        return { result: payload, details: { route: payload.route } }
      })
      return ok({ ...found, at: iso(found.at), expiresAt: iso(found.expiresAt) })
    },
  }),
  operation({
    id: 'deletePayloads',
    method: 'delete',
    path: '/api/payloads',
    action: 'delete-payloads',
    tag: 'payloads',
    summary: 'Removes stored texts of a request, a user or a route',
    query: {
      requestId: requestIdSchema,
      user: { type: 'string', minLength: 1, maxLength: 512 },
      route: nameSchema,
    },
    responses: {
      200: {
        description: 'removed',
        schema: { type: 'object', properties: { deleted: { type: 'integer' } }, required: ['deleted'] },
      },
    },
    handle: async (deps, { caller, query }) => {
      const { requestId, user, route } = query
      if (requestId === undefined && user === undefined && route === undefined) {
        refuse([{ path: '?requestId', message: 'say whose texts: requestId, user or route' }])
      }
      const of = {
        ...(requestId !== undefined && { requestId }),
        ...(route !== undefined && { route }),
        ...(user !== undefined && { userHash: userHash(user) }),
      }
      const act = { actor: caller.name, action: 'payload.delete', subject: 'payloads' }
      const deleted = await changeStored(deps, act, async (tx) => {
        const result = await deletePayloads(tx, of)
        return { result, details: { ...of, deleted: result } }
      })
      return ok({ deleted })
    },
  }),
]

/** @returns null for "keep nothing". @throws InterlockError VALIDATION_FAILED */
function settingOf(sampleRate: number, retention: string | undefined): PayloadSetting | null {
  if (sampleRate === 0) return null
  const retentionMs = retention === undefined ? null : durationMs(retention)
  const { least, most } = payloadRetentionMs
  if (retentionMs === null || retentionMs < least || retentionMs > most) {
    refuse([
      { path: '/retention', message: 'must be a duration from 1m to 365d, such as 7d: nothing is kept for good' },
    ])
    return null
  }
  return { sampleRate, retentionMs }
}

function settingView(route: string, setting: StoredPayloadSetting | null) {
  if (setting === null) {
    return { route, sampleRate: 0, retentionMs: null, forDatasets: false, setBy: null, setAt: null }
  }
  const { sampleRate, retentionMs, forDatasets, setBy, setAt } = setting
  return { route, sampleRate, retentionMs, forDatasets, setBy, setAt: iso(setAt) }
}

function noPayload(requestId: string): InterlockError {
  return new InterlockError('NOT_FOUND', `nothing is kept of request "${requestId}": not sampled, expired or removed`)
}
