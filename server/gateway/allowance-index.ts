import { type Budget, type BudgetScope, budgetScopes } from '#domain/budget.ts'
import type { Limits } from '#domain/rate-limit.ts'
import type { RequestFacts } from '#domain/request-facts.ts'
import type { Snapshot } from '#domain/snapshot.ts'

/** Budgets and limits of one name of a scope. */
export interface Ruled {
  /** `scope:name` */
  readonly key: string
  readonly budgets: readonly Budget[]
  readonly limits: Limits | null
}

type Names = ReadonlyMap<string, Ruled>

const none: readonly Ruled[] = []

/** Finds what applies to a request without making a string: built once per snapshot, asked for every request. */
export class AllowanceIndex {
  readonly #scopes: ReadonlyMap<BudgetScope, Names>

  constructor({ budgets, limits }: Pick<Snapshot, 'budgets' | 'limits'>) {
    const scopes = new Map<BudgetScope, Map<string, Ruled>>()
    for (const key of new Set([...budgets.keys(), ...limits.keys()])) {
      const colon = key.indexOf(':')
      const scope = budgetScopes.find((known) => known === key.slice(0, colon))
      if (scope === undefined) continue
      const names = scopes.get(scope) ?? new Map<string, Ruled>()
      names.set(key.slice(colon + 1), { key, budgets: budgets.get(key) ?? [], limits: limits.get(key) ?? null })
      scopes.set(scope, names)
    }
    this.#scopes = scopes
  }

  /** What a request is held to, in the order of the scopes. A name it does not carry holds it to nothing. */
  of(keyId: string, route: string, { metadata }: Pick<RequestFacts, 'metadata'>): readonly Ruled[] {
    if (this.#scopes.size === 0) return none
    let found: Ruled[] | null = null
    for (const [scope, names] of this.#scopes) {
      const name = scope === 'key' ? keyId : scope === 'route' ? route : ownValue(metadata, scope)
      const ruled = name === undefined ? undefined : names.get(name)
      if (ruled === undefined) continue
      if (found === null) found = [ruled]
      else found.push(ruled)
    }
    return found ?? none
  }
}

function ownValue(metadata: Readonly<Record<string, string>>, scope: string): string | undefined {
  return Object.hasOwn(metadata, scope) ? metadata[scope] : undefined
}
