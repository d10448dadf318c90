import { type Budget, type BudgetScope, budgetPeriods, budgetScopes } from '#domain/budget.ts'
import { InterlockError, type Problem } from '#domain/errors.ts'
import type { ModelRef } from '#domain/route.ts'
import { readKey } from '#store/callers.ts'
import { readModel } from '#store/catalogue.ts'
import type { Database } from '#store/database.ts'
import { readRoute } from '#store/routes.ts'

export const scopeSchema = {
  type: 'string',
  enum: budgetScopes,
  'x-expects': `one of ${budgetScopes.join(', ')}`,
} as const

/** Values of metadata are any text; keys are named by their ids. */
export const scopeNameSchema = {
  type: 'string',
  minLength: 1,
  maxLength: 80,
  pattern: '^[^\\p{C}]+$',
  'x-expects': 'the id of a key, the name of a route, or a value of metadata, as requests carry it',
  'x-spans-slashes': true,
} as const

const usdSchema = {
  type: 'number',
  minimum: 0,
  maximum: 1_000_000_000,
  'x-expects': 'an amount in USD, 0 to 1000000000',
} as const

/** At most one budget for each period. */
export const budgetListSchema = {
  type: 'array',
  description: 'spending stops at hardUsd (402); reaching softUsd is recorded as an alert once per window',
  maxItems: budgetPeriods.length,
  items: {
    type: 'object',
    properties: {
      period: { enum: budgetPeriods, description: 'a day or month in UTC' },
      hardUsd: usdSchema,
      softUsd: { ...usdSchema, type: ['number', 'null'] },
    },
    required: ['period', 'hardUsd'],
    additionalProperties: false,
  },
} as const

const countSchema = { type: 'integer', minimum: 1, maximum: 2_147_483_647 } as const

export const limitsSchema = {
  type: 'object',
  description: 'what is absent is not limited',
  properties: { requestsPerMinute: countSchema, tokensPerMinute: countSchema, concurrency: countSchema },
  additionalProperties: false,
} as const

/** A budget as people write it. */
export interface BudgetBody {
  readonly period: Budget['period']
  readonly hardUsd: number
  readonly softUsd?: number | null
}

/** What a schema cannot say about budgets. @param path pointer to the list */
export function budgetProblems(budgets: readonly BudgetBody[], path: string): Problem[] {
  return budgets.flatMap(({ period, hardUsd, softUsd }, index) => {
    const problems: Problem[] = []
    if (budgets.findIndex((other) => other.period === period) !== index) {
      problems.push({ path: `${path}/${index}/period`, message: `"${period}" is given twice` })
    }
    if (typeof softUsd === 'number' && softUsd > hardUsd) {
      problems.push({ path: `${path}/${index}/softUsd`, message: 'must not be above hardUsd' })
    }
    return problems
  })
}

export function budgetsOfBody(
  budgets: readonly BudgetBody[],
): Pick<Budget, 'period' | 'hardMicroUsd' | 'softMicroUsd'>[] {
  return budgets.map(({ period, hardUsd, softUsd = null }) => ({
    period,
    hardMicroUsd: microUsd(hardUsd),
    softMicroUsd: softUsd === null ? null : microUsd(softUsd),
  }))
}

function microUsd(usd: number): number {
  return Math.round(usd * 1e6)
}

/**
 * Keys and routes have to be there: a budget on a typing error would guard nothing. Teams, projects and accounts are whatever
 * requests say.
 *
 * @throws InterlockError NOT_FOUND
 */
export async function requireSubject(db: Database, scope: BudgetScope, name: string): Promise<void> {
  if (scope === 'key' && (await readKey(db, name)) === null) {
    throw new InterlockError('NOT_FOUND', `there is no key with the id "${name}"; keys are named by their ids here`)
  }
  if (scope === 'route' && (await readRoute(db, name)) === null && !(await isModel(db, name))) {
    throw new InterlockError('NOT_FOUND', `there is no route "${name}", and no model that is addressed so`)
  }
}

/** A model of the catalogue, by its reference. */
export async function isModel(db: Database, ref: ModelRef): Promise<boolean> {
  const slash = ref.indexOf('/')
  return slash > 0 && (await readModel(db, ref.slice(0, slash), ref.slice(slash + 1))) !== null
}
