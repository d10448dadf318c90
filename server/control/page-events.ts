import type { Response } from 'express'
import { type Kysely, sql } from 'kysely'
import type { Tables } from '#store/tables.ts'

/** A page that can be watched for changes. */
export type PageScope =
  | { readonly page: 'overview' }
  | { readonly page: 'route'; readonly name: string }
  | { readonly page: 'proposal'; readonly id: string }
  | { readonly page: 'eval-run'; readonly id: string }

const pollEveryMs = 1_000
const pingEveryMs = 15_000
/** Streams beyond this are refused: a page without one is complete, only not live. */
const maxStreams = 400

interface Watch {
  readonly scope: PageScope
  readonly streams: Set<Response>
  /** What the page looked like at the last look; null before the first. */
  fingerprint: string | null
}

/** Tells open pages that there is a newer state to fetch. One look per second and page, however many people watch it. */
export interface PageEvents {
  /** Turns the response into an event stream of the page. @returns false when too many streams are open */
  readonly open: (scope: PageScope, res: Response) => boolean
}

export function createPageEvents(db: Kysely<Tables>): PageEvents {
  const watches = new Map<string, Watch>()
  let timer: NodeJS.Timeout | null = null
  let sincePingMs = 0

  function look(): void {
    timer = null
    sincePingMs += pollEveryMs
    const isPing = sincePingMs >= pingEveryMs
    if (isPing) sincePingMs = 0
    void Promise.all([...watches.values()].map((watch) => check(db, watch, isPing))).finally(schedule)
  }

  function schedule(): void {
    if (timer !== null || watches.size === 0) return
    timer = setTimeout(look, pollEveryMs)
    timer.unref()
  }

  return {
    open(scope, res) {
      const open = [...watches.values()].reduce((sum, watch) => sum + watch.streams.size, 0)
      if (open >= maxStreams) return false
      const key = JSON.stringify(scope)
      const watch = watches.get(key) ?? { scope, streams: new Set(), fingerprint: null }
      watches.set(key, watch)
      watch.streams.add(res)
      res.on('close', () => {
        watch.streams.delete(res)
        if (watch.streams.size === 0) watches.delete(key)
      })
      res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
      res.write('retry: 3000\n\n')
      schedule()
      return true
    },
  }
}

/** A look that fails says nothing: the next one will, and the page shows how old it is. */
async function check(db: Kysely<Tables>, watch: Watch, isPing: boolean): Promise<void> {
  const fingerprint = await fingerprintOf(db, watch.scope).catch(() => watch.fingerprint)
  const isNews = watch.fingerprint !== null && fingerprint !== watch.fingerprint
  watch.fingerprint = fingerprint
  const text = isNews ? 'data: changed\n\n' : isPing ? ': still here\n\n' : ''
  if (text !== '') for (const stream of watch.streams) stream.write(text)
}

/** Changes whenever what the page shows has changed; cheap: a few index look-ups. */
async function fingerprintOf(db: Kysely<Tables>, scope: PageScope): Promise<string> {
  const { rows } = await queryOf(scope).execute(db)
  return JSON.stringify(rows)
}

function queryOf(scope: PageScope) {
  switch (scope.page) {
    case 'overview':
      return sql`select (select epoch from snapshot_state) as epoch, (select max(seq) from promotion_decisions) as verdict,
        (select max(seq) from proposal_events) as event, (select max(at) from decisions) as request`
    case 'route':
      return sql`select r.stable_version, (select sum(revision) from proposals where route = r.name) as proposals,
        (select max(at) from decisions where route = r.name) as request from routes r where r.name = ${scope.name}`
    case 'proposal':
      return sql`select p.revision, (select max(seq) from promotion_decisions where proposal_id = p.id) as verdict,
        (select max(at) from decisions where route = p.route) as request,
        (select count(*) from eval_runs r join eval_answers a on a.run_id = r.id
          where r.proposal_id = p.id and r.status = 'running' and a.status <> 'pending') as answers
        from proposals p where p.id = ${scope.id}`
    case 'eval-run':
      return sql`select status, (select count(*) from eval_answers a where a.run_id = r.id and a.status <> 'pending') as answers
        from eval_runs r where r.id = ${scope.id}`
  }
}
