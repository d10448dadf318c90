import type { ChainedEntry } from '#domain/audit.ts'
import { decodeCursor, pageOf, pageQuery } from '#http/cursor.ts'
import { type Operation, ok } from '#http/operation.ts'
import { listAudit, verifyAudit } from '#store/audit.ts'
import { iso, pageSchema, timeSchema } from './common-schemas.ts'
import { type ControlDeps, operation } from './control-deps.ts'

const filter = { type: 'string', minLength: 1, maxLength: 300 } as const
const hash = { type: 'string', pattern: '^[0-9a-f]{64}$', 'x-expects': 'a hash of 64 hex digits' } as const

const entrySchema = {
  type: 'object',
  properties: {
    seq: { type: 'integer' },
    at: timeSchema,
    actor: { type: 'string' },
    action: { type: 'string' },
    subject: { type: 'string' },
    details: { type: 'object' },
    prevHash: hash,
    hash,
  },
  required: ['seq', 'at', 'actor', 'action', 'subject', 'details', 'prevHash', 'hash'],
} as const

const verificationSchema = {
  type: 'object',
  properties: {
    valid: { type: 'boolean' },
    entries: { type: 'integer', description: 'entries verified' },
    head: {
      ...hash,
      description: 'hash of the last good entry; keep it elsewhere to prove later that nothing was cut off',
    },
    broken: {
      type: ['object', 'null'],
      properties: { seq: { type: 'integer' }, reason: { type: 'string' } },
      required: ['seq', 'reason'],
    },
    holdsHead: { type: ['boolean', 'null'], description: 'whether the hash given as ?head= is in the chain' },
  },
  required: ['valid', 'entries', 'head', 'broken', 'holdsHead'],
} as const

/** Who did what, in a chain that shows every change to it. */
export const auditOperations: readonly Operation<ControlDeps>[] = [
  operation({
    id: 'listAudit',
    method: 'get',
    path: '/api/audit',
    action: 'read',
    tag: 'audit',
    summary: 'Lists audit entries, newest first',
    query: { ...pageQuery, actor: filter, action: filter, subject: filter },
    responses: { 200: { description: 'a page', schema: pageSchema(entrySchema) } },
    handle: async (deps, { query }) => {
      const { limit = 50, cursor, actor, action, subject } = query
      const beforeSeq = decodeCursor(cursor, ['number'])?.[0]
      const rows = await listAudit(deps.db, {
        limit: limit + 1,
        ...(actor !== undefined && { actor }),
        ...(action !== undefined && { action }),
        ...(subject !== undefined && { subject }),
        ...(beforeSeq !== undefined && { beforeSeq }),
      })
      return ok(pageOf(rows, limit, { item: entryView, place: (entry) => [entry.seq] }))
    },
  }),
  operation({
    id: 'verifyAudit',
    method: 'get',
    path: '/api/audit/verify',
    action: 'read',
    tag: 'audit',
    summary: 'Verifies the whole hash chain; ?head= also asks whether a hash seen before is still in it',
    query: { head: hash },
    responses: { 200: { description: 'the outcome, good or bad', schema: verificationSchema } },
    handle: async (deps, { query }) => {
      const { entries, head, broken, holdsExpected } = await verifyAudit(deps.db, query.head)
      return ok({ valid: broken === null && holdsExpected !== false, entries, head, broken, holdsHead: holdsExpected })
    },
  }),
]

function entryView({ at, ...entry }: ChainedEntry) {
  return { ...entry, at: iso(at) }
}
