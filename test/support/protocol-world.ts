import { sql } from 'kysely'
import { expect } from 'vitest'
import { InterlockError } from '#domain/errors.ts'
import { openStatuses } from '#domain/proposal.ts'
import type { Caller } from '#domain/snapshot.ts'
import {
  abortProposal,
  approveProposal,
  pauseProposal,
  rejectProposal,
  resumeProposal,
} from '#rollout/act-on-proposal.ts'
import { advanceProposal } from '#rollout/advance-proposal.ts'
import { retryProposal } from '#rollout/resubmit-proposal.ts'
import { rollbackRoute } from '#rollout/rollback-route.ts'
import type { RolloutDeps } from '#rollout/rollout-deps.ts'
import { submitProposal } from '#rollout/submit-proposal.ts'
import type { Database } from '#store/database.ts'
import { insertFreezeWindow } from '#store/freeze-windows.ts'
import { loadSnapshot } from '#store/snapshot.ts'
import { aBar, aCaller, aPlan, type rolloutDeps, type SeededAnswer, seedObservations, seedRoute } from './factories.ts'

export const people = {
  ada: aCaller({ name: 'ada', principal: 'ada', role: 'author' }),
  /** Another key of the same person. */
  adaAdmin: aCaller({ name: 'ada-admin', principal: 'ada', role: 'admin' }),
  grace: aCaller({ name: 'grace', principal: 'grace', role: 'approver' }),
  olga: aCaller({ name: 'olga', principal: 'olga', role: 'operator' }),
} as const satisfies Record<string, Caller>
export type Person = keyof typeof people
export const acts = ['approve', 'reject', 'pause', 'resume', 'abort'] as const
export type Act = (typeof acts)[number]
export type Evidence = 'good' | 'bad' | 'none' | 'missing' | 'nonsense' | 'lopsided' | 'open'

const act = {
  approve: approveProposal,
  reject: rejectProposal,
  pause: pauseProposal,
  resume: resumeProposal,
  abort: abortProposal,
} as const

/** Errors a rule gives; anything else is a defect. */
const expected = new Set([
  'STALE_BASE',
  'ROLLOUT_IN_PROGRESS',
  'ILLEGAL_TRANSITION',
  'CONCURRENT_CHANGE',
  'OWN_PROPOSAL',
  'FROZEN',
  'FORBIDDEN',
  'NOT_FOUND',
])

class Crash extends Error {}

/** One route and everything people, time and the network may do to it; after every step its invariants are asserted. */
export class ProtocolWorld {
  readonly #db: Database
  readonly #rig: ReturnType<typeof rolloutDeps>
  readonly route: string
  #epoch = 0
  #submitted: string[] = []

  private constructor(db: Database, rig: ReturnType<typeof rolloutDeps>, route: string) {
    this.#db = db
    this.#rig = rig
    this.route = route
  }

  static async open(db: Database, rig: ReturnType<typeof rolloutDeps>, route: string): Promise<ProtocolWorld> {
    // Margins so wide that a few dozen answers decide: the protocol is what is tried here.
    const bar = aBar({ required: ['canary'], gates: [{ metric: 'json_validity', maxDrop: 0.4 }], alpha: 0.2 })
    await seedRoute(db, route, bar)
    return new ProtocolWorld(db, rig, route)
  }

  async submit(who: Person, withApprovals: boolean): Promise<void> {
    const { offline: _, ...plan } = aPlan({
      shadow: { sampleRate: 1, minSamples: 5, maxDuration: '10m' },
      canary: { steps: [20, 50], unit: 'request', minSamples: 5, maxDuration: '10m' },
      ...(withApprovals && { approvals: [{ before: 'shadow' }, { before: 'canary' }, { before: 'promotion' }] }),
    })
    const stable = await this.#stable()
    await this.#allow(async (deps) => {
      const spec = { models: ['p/cheap'] }
      const { id } = await submitProposal(deps, people[who], {
        route: this.route,
        title: 't',
        description: '',
        base: stable,
        spec,
        plan,
      })
      this.#submitted.push(id)
    })
  }

  async retry(who: Person): Promise<void> {
    const last = this.#submitted.at(-1)
    if (last === undefined) return
    await this.#allow(async (deps) => {
      this.#submitted.push((await retryProposal(deps, people[who], last)).id)
    })
  }

  async person(who: Person, what: Act): Promise<void> {
    const id = await this.#openId()
    if (id !== null) await this.#allow((deps) => act[what](deps, people[who], id, 'because'))
  }

  async evidence(kind: Evidence): Promise<void> {
    const id = await this.#openId()
    if (id === null || kind === 'none') return
    const row = await this.#db.selectFrom('proposals').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    if (row.status === 'queued') return
    const stage = row.status === 'bake' ? 'bake' : row.step >= 0 ? 'canary' : 'shadow'
    await seedObservations(this.#rig.deps, id, answersOf(kind, stage, row.share_bp), {
      stage,
      step: row.step,
      shareBp: row.share_bp,
    })
  }

  /** The engine looks, once or several times at the same moment. */
  async tick(times: number): Promise<void> {
    const id = await this.#openId()
    if (id === null) return
    // The engine is never refused: what is not possible now it does not try.
    await Promise.all(Array.from({ length: times }, () => advanceProposal(this.#rig.deps, id)))
  }

  /** The worker dies in the middle of its work: at its n-th look at the clock. */
  async crashingTick(at: number): Promise<void> {
    const id = await this.#openId()
    if (id === null) return
    let looks = 0
    const clock = {
      nowMs: () => {
        looks += 1
        if (looks === at) throw new Crash('killed')
        return this.#rig.deps.clock.nowMs()
      },
    }
    await advanceProposal({ ...this.#rig.deps, clock }, id).catch((error: unknown) => {
      if (!(error instanceof Crash)) throw error
    })
  }

  /** What most proposals meet: good answers, an engine that looks, a colleague who agrees. */
  async goWell(): Promise<void> {
    await this.evidence('good')
    await this.tick(1)
    // Every other key of the author's tries first.
    await this.person('ada', 'approve')
    await this.person('adaAdmin', 'approve')
    await this.person('grace', 'approve')
    this.pass(65_000)
    await this.tick(1)
  }

  /** A rollback, with whatever else happens at the same moment: afterwards nothing of the candidate is live. */
  async rollback(who: 'grace' | 'olga', alongside: 'nothing' | 'tick' | 'approve'): Promise<void> {
    const id = await this.#openId()
    const other =
      id === null || alongside === 'nothing'
        ? Promise.resolve()
        : this.#allow((deps) =>
            alongside === 'tick'
              ? advanceProposal(deps, id).then(() => undefined)
              : approveProposal(deps, people.grace, id, 'go'),
          )
    const [rollback] = await Promise.all([
      rollbackRoute(this.#rig.deps, people[who], this.route, { reason: 'now' }),
      other,
    ])
    expect(await this.#openId()).toBeNull()
    expect(await this.#stable()).toBe(rollback.to)
  }

  async freeze(): Promise<void> {
    const now = this.#rig.deps.clock.nowMs()
    await insertFreezeWindow(this.#db, {
      id: this.#rig.deps.newId('freeze'),
      startsAt: now,
      endsAt: now + 30_000,
      reason: 'holiday',
      routes: [this.route],
      createdBy: 'olga',
      createdAt: now,
    })
  }

  pass(ms: number): void {
    this.#rig.pass(ms)
  }

  async #allow(work: (deps: RolloutDeps) => Promise<void>): Promise<void> {
    await work(this.#rig.deps).catch((error: unknown) => {
      if (error instanceof InterlockError && expected.has(error.code)) return
      throw error
    })
  }

  async #openId(): Promise<string | null> {
    const row = await this.#db
      .selectFrom('proposals')
      .select('id')
      .where('route', '=', this.route)
      .where('status', 'in', [...openStatuses])
      .executeTakeFirst()
    return row?.id ?? null
  }

  async #stable(): Promise<number> {
    const row = await this.#db
      .selectFrom('routes')
      .select('stable_version')
      .where('name', '=', this.route)
      .executeTakeFirstOrThrow()
    return row.stable_version
  }

  /** The invariants of docs/architecture.md, from the stored rows alone. */
  async check(): Promise<void> {
    const proposals = await this.#db.selectFrom('proposals').selectAll().where('route', '=', this.route).execute()
    const open = proposals.filter((row) => (openStatuses as readonly string[]).includes(row.status))
    expect(open.length, 'one rollout at a time').toBeLessThanOrEqual(1)
    for (const row of proposals) {
      const isEnded = !open.includes(row)
      if (isEnded)
        expect(row.share_bp, `${row.status} has no live traffic`).toBe(row.status === 'promoted' ? 10_000 : 0)
    }
    await this.#checkStable(proposals)
    await this.#checkRises()
    await this.#checkSnapshot(open[0])
  }

  /** Invariant 1: only version 1 and versions that passed their gates are ever stable. */
  async #checkStable(proposals: readonly { version: number; status: string }[]): Promise<void> {
    const stable = await this.#stable()
    const origin = proposals.find((row) => row.version === stable)
    if (stable !== 1) expect(['bake', 'promoted'], `version ${stable} is stable`).toContain(origin?.status)
  }

  /** Invariants 2 and 11: every rise of a share has its verdict or its approval, by somebody else, and its audit entry. */
  async #checkRises(): Promise<void> {
    const { rows } = await sql<{ id: string; unproven: number; own: number; unaudited: number }>`
      with moves as (
        select e.*, p.author_principal,
          e.share_bp > coalesce(lag(e.share_bp) over (partition by e.proposal_id order by e.seq), 0) as is_rise
        from proposal_events e join proposals p on p.id = e.proposal_id where p.route = ${this.route}
      )
      select m.proposal_id as id,
        count(*) filter (where is_rise and m.from_status is not null
          and not exists (select 1 from promotion_decisions d where d.proposal_id = m.proposal_id and d.at = m.at
            and d.action = 'advance')
          and not exists (select 1 from approvals a where a.proposal_id = m.proposal_id and a.at = m.at and a.by = m.by))::int
          as unproven,
        (select count(*) from approvals a where a.proposal_id = m.proposal_id and a.principal = m.author_principal)::int as own,
        count(*) filter (where m.from_status is not null and not exists (
          select 1 from audit_entries e where e.subject = 'proposal:' || m.proposal_id and e.at = m.at))::int as unaudited
      from moves m group by m.proposal_id, m.author_principal`.execute(this.#db)
    for (const row of rows) expect(row).toMatchObject({ unproven: 0, own: 0, unaudited: 0 })
  }

  /** What gateways serve is what is stored, and their epoch never goes back. */
  async #checkSnapshot(
    open: { id: string; status: string; share_bp: number; step: number } | undefined,
  ): Promise<void> {
    const snapshot = await loadSnapshot(this.#db)
    expect(snapshot.epoch).toBeGreaterThanOrEqual(this.#epoch)
    this.#epoch = snapshot.epoch
    const rollout = snapshot.routes.get(this.route)?.rollout ?? null
    const isLive = open !== undefined && (open.step >= 0 || open.status === 'shadow' || open.status === 'bake')
    expect(rollout?.proposal ?? null).toBe(isLive ? open.id : null)
    if (rollout !== null) expect(rollout.shareBp).toBe(open?.status === 'shadow' ? 0 : open?.share_bp)
  }
}

function answersOf(kind: Evidence, stage: 'shadow' | 'canary' | 'bake', shareBp: number): SeededAnswer[] {
  const perCandidate = stage === 'shadow' ? 1 : Math.max(1, Math.round((10_000 - shareBp) / Math.max(1, shareBp)))
  const perBaseline = stage === 'bake' ? 19 : 1
  const candidate = { good: 1, bad: 0, missing: null, nonsense: 7, lopsided: 1, open: 1, none: 1 }[kind]
  return Array.from({ length: stage === 'bake' ? 6 : 40 }, (_, index): SeededAnswer[] => [
    ...Array.from({ length: kind === 'lopsided' ? 0 : perCandidate }, () => ({ arm: 'baseline' as const })),
    ...Array.from({ length: perBaseline }, () => ({
      arm: 'candidate' as const,
      jsonValidity: candidate,
      isOpen: kind === 'open' && index === 0,
    })),
  ]).flat()
}
