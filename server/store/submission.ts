import type { Bar } from '#domain/bar.ts'
import type { GuardrailSettings } from '#domain/guardrails.ts'
import type { Model, Provider } from '#domain/snapshot.ts'
import { modelOf, providerOf } from './catalogue.ts'
import type { Database, Tx } from './database.ts'
import { readGuardrails } from './guardrails.ts'
import { readKnownPrompts } from './prompts.ts'

/** The bar in force on a route, with its version. */
export async function readBar(tx: Tx, route: string): Promise<{ bar: Bar; barVersion: number }> {
  const row = await tx
    .selectFrom('routes')
    .innerJoin('bars', (join) =>
      join.onRef('bars.route', '=', 'routes.name').onRef('bars.version', '=', 'routes.bar_version'),
    )
    .select(['bars.bar', 'bars.version'])
    .where('routes.name', '=', route)
    .executeTakeFirstOrThrow()
  return { bar: row.bar as Bar, barVersion: row.version }
}

/** Every `name@version` of the datasets. */
export async function readKnownDatasets(tx: Tx): Promise<Set<string>> {
  const rows = await tx.selectFrom('dataset_versions').select(['name', 'version']).execute()
  return new Set(rows.map((row) => `${row.name}@${row.version}`))
}

/** Providers, models and prompts as the checks of a spec need them. */
export async function readCatalogueIn(tx: Database): Promise<{
  models: ReadonlyMap<string, Model>
  providers: ReadonlyMap<string, Provider>
  prompts: ReadonlySet<string>
  guardrails: GuardrailSettings
}> {
  const providers = await tx.selectFrom('providers').selectAll().execute()
  const models = await tx.selectFrom('models').selectAll().execute()
  return {
    providers: new Map(providers.map((row) => [row.name, providerOf(row)])),
    models: new Map(models.map((row) => [`${row.provider}/${row.model}`, modelOf(row)])),
    prompts: await readKnownPrompts(tx),
    guardrails: (await readGuardrails(tx)).settings,
  }
}
