import type { Router } from 'express'
import type { ChainedEntry } from '#domain/audit.ts'
import { decodeCursor, encodeCursor } from '#http/cursor.ts'
import { compileQuery } from '#http/validate.ts'
import type { AuditRow, ChainView } from '#reports/audit-view.ts'
import type { FilterField } from '#reports/decision-view.ts'
import type { ReplicaRow } from '#reports/gateway-view.ts'
import { listAudit, verifyAudit } from '#store/audit.ts'
import type { Database } from '#store/database.ts'
import { listExposed, listGateways, type StoredGateway } from '#store/gateways.ts'
import { readGatewaysView } from '#store/report-views.ts'
import { decisionsUrl } from './decision-form.ts'
import { formQuery, page, type ReportPagesDeps, show } from './page-shell.ts'

const pageSize = 50
const defaultLeaseMs = 15_000
/** A chain up to this long is verified with every first page; a longer one when somebody asks. */
const maxVerifiedUnasked = 2_000

const text = { type: 'string', maxLength: 300 } as const
const cursor = { type: 'string', maxLength: 512 } as const
const auditForm = compileQuery({
  type: 'object',
  properties: {
    ...{ actor: text, action: text, subject: text, cursor },
    verify: { enum: ['1'] },
    head: { type: 'string', pattern: '^[0-9a-f]{64}$', 'x-expects': 'a hash of 64 hex digits' },
  },
  additionalProperties: false,
} as const)
const gatewaysForm = compileQuery({ type: 'object', properties: { cursor }, additionalProperties: false } as const)

const filters = [
  ['actor', 'Who', 'name of a key, or engine'],
  ['action', 'Did', 'proposal.approve'],
  ['subject', 'To', 'route:support-reply'],
] as const

/** Pages of those who keep watch: the audit trail with its chain (E4), and the replicas. Their twins are below /api. */
export function mountOversightPages(router: Router, deps: ReportPagesDeps): void {
  page(router, deps, '/audit', async (req, res) => {
    const { cursor: sent, verify, head, ...filter } = formQuery(req, auditForm)
    const beforeSeq = decodeCursor(sent, ['number'])?.[0]
    const range = { limit: pageSize + 1, ...filter, ...(beforeSeq !== undefined && { beforeSeq }) }
    const rows = await listAudit(deps.db, range)
    const isPlain = sent === undefined && Object.keys(filter).length === 0
    const isShort = isPlain && (rows[0]?.seq ?? 0) <= maxVerifiedUnasked
    const items = rows.slice(0, pageSize).map(auditRow)
    const last = rows.length > pageSize ? items.at(-1) : undefined
    const view = {
      fields: filters.map(([name, label, hint]) => filterField(name, label, { hint, value: filter[name] })),
      isFiltered: Object.keys(filter).length > 0,
      chain: verify !== undefined || isShort ? await chainView(deps.db, head) : null,
      askedHead: head ?? '',
      items,
      nextUrl: last === undefined ? null : decisionsUrl(filter, encodeCursor([last.seq]), '/audit'),
      jsonUrl: decisionsUrl(filter, undefined, '/api/audit'),
    }
    await show(deps, req, res, { page: 'audit', view, title: 'Audit' })
  })

  page(router, deps, '/gateways', async (req, res) => {
    const after = decodeCursor(formQuery(req, gatewaysForm).cursor, ['string'])?.[0]
    const moment = { nowMs: deps.clock(), leaseMs: deps.leaseMs ?? defaultLeaseMs }
    const [rows, exposed, state] = await Promise.all([
      listGateways(deps.db, { limit: pageSize + 1, ...(after !== undefined && { after }) }),
      listExposed(deps.db),
      readGatewaysView(deps.db, moment),
    ])
    const items = rows.slice(0, pageSize).map((row) => replicaRow(row, { ...moment, currentEpoch: state.currentEpoch }))
    const last = rows.length > pageSize ? items.at(-1) : undefined
    const countOf = (name: ReplicaRow['state']) => items.filter((item) => item.state === name).length
    const view = {
      currentEpoch: state.currentEpoch,
      engineSeenAt: state.engineSeenAt,
      leaseMs: moment.leaseMs,
      counts: { current: countOf('current'), behind: countOf('behind'), lost: countOf('lost') },
      items,
      exposed: exposed.map(({ proposal, ...rest }) => ({ proposalId: proposal, ...rest })),
      nextUrl: last === undefined ? null : `/gateways?cursor=${encodeCursor([last.id])}`,
    }
    await show(deps, req, res, { page: 'gateways', view, title: 'Gateways', liveUrl: '/live/gateways' })
  })
}

function filterField(
  name: string,
  label: string,
  { hint, value }: { readonly hint: string; readonly value: string | undefined },
): FilterField {
  return { name, label, value: value ?? '', options: null, hint, isNumber: false }
}

async function chainView(db: Database, head: string | undefined): Promise<ChainView> {
  const found = await verifyAudit(db, head)
  const state = found.broken !== null ? 'broken' : found.holdsExpected === false ? 'cut' : 'intact'
  return { state, entries: found.entries, head: found.head, broken: found.broken }
}

function auditRow({ seq, at, actor, action, subject, details, hash }: ChainedEntry): AuditRow {
  const isEmpty = Object.keys(details).length === 0
  const more = isEmpty ? '' : JSON.stringify(details, null, 2)
  return { seq, at, actor, action, subject, subjectUrl: subjectUrl(subject), details: more, hash }
}

const subjectPages: Readonly<Record<string, string>> = {
  route: 'routes',
  proposal: 'proposals',
  'eval-run': 'eval-runs',
  dataset: 'datasets',
}

/** Page of `kind:name`; a dataset is named with its version. */
function subjectUrl(subject: string): string | null {
  const [, kind = '', name = ''] = /^([a-z-]+):([^@]+)/.exec(subject) ?? []
  const room = Object.hasOwn(subjectPages, kind) ? subjectPages[kind] : undefined
  return room === undefined ? null : `/${room}/${encodeURIComponent(name)}`
}

function replicaRow(
  gateway: StoredGateway,
  { nowMs, leaseMs, currentEpoch }: { readonly nowMs: number; readonly leaseMs: number; readonly currentEpoch: number },
): ReplicaRow {
  const { id, bootId, epoch, digest, startedAt, seenAt } = gateway
  const leftMs = leaseMs - Math.max(0, nowMs - seenAt)
  const lag = Math.max(0, currentEpoch - epoch)
  return {
    ...{ id, bootId, epoch, digest, startedAt, seenAt, lag },
    state: leftMs <= 0 ? 'lost' : lag > 0 ? 'behind' : 'current',
    leaseLeftMs: leftMs <= 0 ? null : leftMs,
  }
}
