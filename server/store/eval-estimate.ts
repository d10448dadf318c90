import { type Kysely, sql } from 'kysely'
import { type EstimatedJudge, type EvalEstimate, estimateRunCost } from '#domain/eval-estimate.ts'
import { modelsOf, type RouteSpec } from '#domain/route.ts'
import type { Price } from '#domain/snapshot.ts'
import type { EvalTarget } from './eval-work.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

export interface RunToEstimate {
  readonly dataset: { readonly name: string; readonly version: number }
  readonly targets: readonly EvalTarget[]
  readonly judges: readonly EstimatedJudge[]
  readonly repeats: number
}

/** What a run would cost at today's prices; null: there is no such dataset version. */
export async function estimateRun(db: Db, run: RunToEstimate): Promise<EvalEstimate | null> {
  const items = await measureItems(db, run.dataset)
  if (items === null) return null
  const models = await readPrices(db)
  const targets = await Promise.all(
    run.targets.map(async (target) => ({
      label: target.label,
      answers: Math.min(target.sample ?? items.count, items.count) * (target.kind === 'noise' ? 1 : run.repeats),
      models: await reachable(db, target),
    })),
  )
  const { judges } = run
  return estimateRunCost({ inputTokens: items.inputTokens, outputTokens: items.outputTokens, targets, judges, models })
}

/** Four characters are a token; answers are as long as earlier ones to the same items. */
async function measureItems(
  db: Db,
  { name, version }: RunToEstimate['dataset'],
): Promise<{ count: number; inputTokens: number; outputTokens: number | null } | null> {
  const { rows } = await sql<{ count: number; characters: number | null; output: number | null }>`
    select c.item_count as count,
      (select avg(length((i.item -> 'messages')::text) + coalesce(length((i.item -> 'tools')::text), 0))::float8
        from dataset_items i where i.sha256 = v.sha256) as characters,
      (select avg(a.output_tokens)::float8 from eval_runs r join eval_answers a on a.run_id = r.id
        where r.sha256 = v.sha256 and a.output_tokens is not null) as output
    from dataset_versions v join dataset_contents c on c.sha256 = v.sha256
    where v.name = ${name} and v.version = ${version}`.execute(db)
  const row = rows[0]
  if (row === undefined) return null
  return { count: row.count, inputTokens: (row.characters ?? 0) / 4, outputTokens: row.output }
}

async function readPrices(
  db: Db,
): Promise<ReadonlyMap<string, { readonly price: Price | null; readonly maxOutputTokens: number | null }>> {
  const rows = await db.selectFrom('models').select(['provider', 'model', 'price', 'max_output_tokens']).execute()
  return new Map(
    rows.map((row) => [
      `${row.provider}/${row.model}`,
      { price: row.price as Price | null, maxOutputTokens: row.max_output_tokens },
    ]),
  )
}

async function reachable(db: Db, target: EvalTarget): Promise<readonly string[]> {
  if (target.model !== undefined) return [target.model]
  const { route, version } = target
  if (route === undefined || version === undefined) return []
  const row = await db
    .selectFrom('route_versions')
    .select('spec')
    .where('route', '=', route)
    .where('version', '=', version)
    .executeTakeFirst()
  const models = row === undefined ? [] : modelsOf(row.spec as RouteSpec)
  return models.filter((model) => target.failing?.includes(model) !== true)
}
