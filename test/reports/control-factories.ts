import type { AuditRow, AuditView } from '#reports/audit-view.ts'
import type { GatewayPageView, ReplicaRow } from '#reports/gateway-view.ts'
import type { KeyRow, KeysView } from '#reports/key-view.ts'
import { renderPage } from '#reports/render.ts'
import type { PageName, PageViews, Shell } from '#reports/views.ts'
import { aShell, day, hour, minute, now } from '#test/reports/factories.ts'

const head = '9f2c1e7a40b85d36c1d0e3f2a4b5968778695a4b3c2d1e0f9f8e7d6c5b4a3928'

export function anAuditRow(over: Partial<AuditRow> = {}): AuditRow {
  return {
    seq: 214,
    at: now - 12 * minute,
    actor: 'ines',
    action: 'proposal.approve',
    subject: 'proposal:prp_7Hq2',
    subjectUrl: '/proposals/prp_7Hq2',
    details: '{\n  "before": "canary",\n  "reason": "Regressions read, none is worse for users."\n}',
    hash: head,
    ...over,
  }
}

export function anAudit(over: Partial<AuditView> = {}): AuditView {
  return {
    fields: [
      { name: 'actor', label: 'Who', value: '', options: null, hint: 'name of a key, or engine', isNumber: false },
      { name: 'action', label: 'Did', value: '', options: null, hint: 'proposal.approve', isNumber: false },
      { name: 'subject', label: 'To', value: '', options: null, hint: 'route:support-reply', isNumber: false },
    ],
    isFiltered: false,
    chain: { state: 'intact', entries: 214, head, broken: null },
    askedHead: '',
    items: [
      anAuditRow(),
      anAuditRow({
        seq: 213,
        at: now - 3 * hour,
        actor: 'mara',
        action: 'proposal.submit',
        details: '{\n  "route": "support-reply",\n  "version": 2\n}',
        hash: head.split('').reverse().join(''),
      }),
      anAuditRow({
        seq: 212,
        at: now - day,
        actor: 'admin',
        action: 'key.revoke',
        subject: 'key:old-batch',
        subjectUrl: null,
        details: '',
        hash: `0${head.slice(1)}`,
      }),
    ],
    nextUrl: '/audit?cursor=WzIxMl0',
    jsonUrl: '/api/audit',
    ...over,
  }
}

export function aKeyRow(over: Partial<KeyRow> = {}): KeyRow {
  return {
    id: 'key_ines',
    name: 'ines',
    role: 'approver',
    principal: 'ines@example.com',
    state: 'active',
    limits: [],
    createdBy: 'admin',
    createdAt: now - 40 * day,
    expiresAt: null,
    rotatedAt: null,
    previousUntil: null,
    revokedAt: null,
    isOwn: false,
    ...over,
  }
}

export function aKeysView(over: Partial<KeysView> = {}): KeysView {
  const does: Readonly<Record<string, string>> = {
    gateway: 'Sends requests; opens no page.',
    viewer: 'Reads everything but keys.',
    author: 'May propose route changes; upload datasets or run evals; label verdicts of judges.',
    approver: 'May label verdicts of judges; approve or reject proposals; set quality bars; and more.',
    operator: 'May label verdicts of judges; pause, resume or abort proposals; roll back; and more.',
    admin: 'Everything, keys among it.',
  }
  return {
    items: [
      aKeyRow({
        id: 'key_admin',
        name: 'admin',
        role: 'admin',
        principal: 'admin',
        isOwn: true,
        createdBy: 'bootstrap',
      }),
      aKeyRow(),
      aKeyRow({
        id: 'key_desk',
        name: 'support desk',
        role: 'gateway',
        principal: 'support-desk',
        limits: ['routes: support-reply, triage', 'team: support'],
        expiresAt: now + 90 * day,
        rotatedAt: now - 2 * hour,
        previousUntil: now + 22 * hour,
      }),
      aKeyRow({ id: 'key_batch', name: 'old-batch', role: 'gateway', state: 'revoked', revokedAt: now - day }),
      aKeyRow({ id: 'key_trial', name: 'trial', role: 'viewer', state: 'expired', expiresAt: now - 5 * day }),
    ],
    nextUrl: null,
    made: null,
    form: {
      name: '',
      principal: '',
      roles: Object.entries(does).map(([value, text]) => ({ value, does: text, isChosen: value === 'gateway' })),
      problem: null,
    },
    ...over,
  }
}

export function aReplica(over: Partial<ReplicaRow> = {}): ReplicaRow {
  return {
    id: 'gw-eu-1',
    bootId: 'boot_4f19c2aa81d0',
    state: 'current',
    epoch: 412,
    lag: 0,
    digest: 'c4b1f0a2d3e45566778899',
    startedAt: now - 2 * day,
    seenAt: now - 900,
    leaseLeftMs: 14_100,
    ...over,
  }
}

export function aGatewayPage(over: Partial<GatewayPageView> = {}): GatewayPageView {
  return {
    currentEpoch: 412,
    engineSeenAt: now - 1_200,
    leaseMs: 15_000,
    counts: { current: 1, behind: 1, lost: 1 },
    items: [
      aReplica(),
      aReplica({ id: 'gw-eu-2', state: 'behind', epoch: 411, lag: 1, seenAt: now - 4_000, leaseLeftMs: 11_000 }),
      aReplica({ id: 'gw-us-1', state: 'lost', epoch: 398, lag: 14, seenAt: now - 11 * minute, leaseLeftMs: null }),
    ],
    exposed: [{ proposalId: 'prp_7Hq2', route: 'support-reply', version: 2, shareBp: 2500 }],
    nextUrl: null,
    ...over,
  }
}

function page<N extends PageName>(name: N, view: PageViews[N], shell: Partial<Shell> = {}): string {
  return renderPage(name, view, aShell(shell))
}

const admin = { viewer: { name: 'admin', role: 'admin' } } as const

/** Pages of those who keep watch, by the name of their golden file. @param hostile text as an attacker would send it */
export function controlPages(hostile: string): Readonly<Record<string, () => string>> {
  return {
    gateways: () => page('gateways', aGatewayPage(), { title: 'Gateways', liveUrl: '/live/gateways' }),
    'gateways-empty': () =>
      page(
        'gateways',
        aGatewayPage({ items: [], exposed: [], engineSeenAt: null, counts: { current: 0, behind: 0, lost: 0 } }),
        { title: 'Gateways' },
      ),
    'gateways-hostile': () =>
      page('gateways', aGatewayPage({ items: [aReplica({ id: hostile, bootId: hostile, digest: hostile })] }), {
        title: 'Gateways',
      }),
    audit: () => page('audit', anAudit(), { title: 'Audit' }),
    'audit-broken': () =>
      page(
        'audit',
        anAudit({
          isFiltered: true,
          chain: { state: 'broken', entries: 17, head, broken: { seq: 18, reason: 'its hash is not of its content' } },
          items: [],
          nextUrl: null,
        }),
        { title: 'Audit' },
      ),
    'audit-hostile': () =>
      page(
        'audit',
        anAudit({
          chain: { state: 'cut', entries: 3, head, broken: null },
          askedHead: head,
          items: [
            anAuditRow({ actor: hostile, action: hostile, subject: hostile, details: hostile, subjectUrl: hostile }),
          ],
        }),
        { title: 'Audit' },
      ),
    keys: () => page('keys', aKeysView(), { ...admin, title: 'Keys' }),
    'keys-made': () =>
      page(
        'keys',
        aKeysView({ made: { name: 'nightly evals', role: 'author', secret: `ilk_author_${'Ab3'.repeat(14)}x` } }),
        { ...admin, title: 'Key made' },
      ),
    'keys-refused': () =>
      page(
        'keys',
        aKeysView({
          form: {
            ...aKeysView().form,
            name: 'ines',
            problem: 'Nothing was made: a key "ines" exists, or did; names of keys are never used again.',
          },
        }),
        { ...admin, title: 'Keys' },
      ),
    'keys-hostile': () =>
      page(
        'keys',
        aKeysView({
          items: [aKeyRow({ name: hostile, principal: hostile, createdBy: hostile, limits: [hostile] })],
          form: { ...aKeysView().form, name: hostile, principal: hostile, problem: hostile },
        }),
        { ...admin, title: 'Keys' },
      ),
  }
}
