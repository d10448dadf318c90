import { type Kysely, sql } from 'kysely'

/**
 * What the decision explorer, the inventory and the savings report are read by. `decisions_covering` holds every column the two
 * reports sum up, so that they never read a row's documents; the others lead a rare filter to its rows in order of time.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`create index decisions_covering on decisions (at desc, request_id desc) include (
    route, version, arm, task, rule, prompt_version, model, provider, key_id, status, error_code, is_fallback, endpoint,
    input_tokens, cached_input_tokens, output_tokens, cost_micro_usd, total_ms
  )`.execute(db)
  // The covering index leads with the same columns.
  await sql`drop index decisions_recent`.execute(db)
  await sql`create index decisions_by_version on decisions (route, version, at desc, request_id desc)`.execute(db)
  await sql`create index decisions_by_model on decisions (provider, model, at desc, request_id desc)`.execute(db)
  await sql`create index decisions_by_key on decisions (key_id, at desc, request_id desc)`.execute(db)
  await sql`create index decisions_by_rule on decisions (rule, at desc, request_id desc) where rule is not null`.execute(
    db,
  )
  await sql`create index decisions_by_task on decisions (task, at desc, request_id desc) where task is not null`.execute(
    db,
  )
  await sql`create index decisions_refused on decisions (at desc, request_id desc) where status >= 400`.execute(db)
  await sql`create index decisions_by_error on decisions (error_code, at desc, request_id desc)
    where error_code is not null`.execute(db)
  await sql`create index decisions_by_endpoint on decisions (endpoint, at desc, request_id desc)
    where endpoint <> 'chat'`.execute(db)
  await sql`create index decisions_by_fallback on decisions (at desc, request_id desc) where is_fallback`.execute(db)
  await sql`create index decisions_by_metadata on decisions using gin (metadata jsonb_path_ops)`.execute(db)
  await sql`create index decisions_by_exclusion on decisions
    using gin ((jsonb_path_query_array(excluded, '$[*].by')) jsonb_path_ops)
    where excluded <> '[]'::jsonb`.execute(db)
  await sql`create index decisions_by_latency on decisions (total_ms) where total_ms >= 5000`.execute(db)
  await sql`create index decisions_by_cost on decisions (cost_micro_usd) where cost_micro_usd >= 50000`.execute(db)
  await sql`create index decisions_direct on decisions (at desc) where version is null`.execute(db)
  await sql`create index feedback_recent on feedback (at)`.execute(db)
  await sql`create index shadow_calls_recent on shadow_calls (at)`.execute(db)
}
