import type { Problem } from '#domain/errors.ts'
import { readBudgetsOf } from '#store/budgets.ts'
import type { StoredKey } from '#store/callers.ts'
import { readLimitsOf } from '#store/limits.ts'
import { isModel } from './budget-schemas.ts'
import { iso, usd } from './common-schemas.ts'
import type { ControlDeps } from './control-deps.ts'

/** What a schema cannot say about a key. */
export async function keyProblems(
  deps: ControlDeps,
  key: { readonly models: readonly string[] | null; readonly expiresAt: number | null },
): Promise<Problem[]> {
  const problems: Problem[] = []
  for (const [index, model] of (key.models ?? []).entries()) {
    if (await isModel(deps.db, model)) continue
    problems.push({ path: `/models/${index}`, message: `no model "${model}" in the catalogue` })
  }
  if (key.expiresAt !== null && !(key.expiresAt > deps.clock.nowMs())) {
    problems.push({ path: '/expiresAt', message: 'must be a time to come, such as 2026-12-31T00:00:00Z' })
  }
  return problems
}

/** A key as people see it. */
export async function keyView(deps: ControlDeps, key: StoredKey): Promise<object | undefined> {
  const [view] = await keyViews(deps, [key])
  return view
}

/** Keys as people see them, with their budgets and limits. */
export async function keyViews({ db }: ControlDeps, keys: readonly StoredKey[]) {
  const ids = keys.map((key) => key.id)
  const [budgets, limits] = [await readBudgetsOf(db, 'key', ids), await readLimitsOf(db, 'key', ids)]
  return keys.map(({ createdAt, expiresAt, rotatedAt, previousUntil, revokedAt, ...rest }) => ({
    ...rest,
    budgets: (budgets.get(rest.id) ?? []).map(({ period, hardMicroUsd, softMicroUsd }) => ({
      period,
      hardUsd: usd(hardMicroUsd),
      softUsd: usd(softMicroUsd),
    })),
    limits: limits.get(rest.id) ?? null,
    createdAt: iso(createdAt),
    expiresAt: isoOrNull(expiresAt),
    rotatedAt: isoOrNull(rotatedAt),
    previousUntil: isoOrNull(previousUntil),
    revokedAt: isoOrNull(revokedAt),
  }))
}

export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms)
}
