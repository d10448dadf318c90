import { type Kysely, sql } from 'kysely'
import type { Tables } from './tables.ts'

/** A page that can be watched for changes. */
export type PageScope =
  | { readonly page: 'overview' }
  | { readonly page: 'gateways' }
  | { readonly page: 'route'; readonly name: string }
  | { readonly page: 'proposal'; readonly id: string }
  | { readonly page: 'eval-run'; readonly id: string }

/** Changes whenever what the page shows has changed; cheap: a few index look-ups. */
export async function readPageFingerprint(db: Kysely<Tables>, scope: PageScope): Promise<string> {
  const { rows } = await queryOf(scope).execute(db)
  return JSON.stringify(rows)
}

function queryOf(scope: PageScope) {
  switch (scope.page) {
    case 'overview':
      return sql`select (select epoch from snapshot_state) as epoch, (select max(seq) from promotion_decisions) as verdict,
        (select max(seq) from proposal_events) as event, (select max(at) from decisions) as request`
    case 'gateways':
      // Contacts come every second or two: told of in steps of ten seconds, so that an idle page is fetched again rarely.
      return sql`select (select epoch from snapshot_state) as epoch, (select string_agg(id || ' ' || epoch || ' '
          || floor(extract(epoch from seen_at) / 10), ',' order by id) from gateways) as replicas,
        (select sum(revision) from proposals where ended_at is null) as proposals`
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
