import { exclusionNames } from '#domain/exclusions.ts'
import type { FromSchema } from '#http/from-schema.ts'
import type { Database } from '#store/database.ts'
import { type DecisionFilter, keysNamed, metadataFilters, statusClasses } from '#store/decision-search.ts'
import { idSchema, modelRefSchema, nameSchema, sinceSchema, versionSchema } from './common-schemas.ts'
import { invalidQuery, toMs } from './query-time.ts'

const word = { type: 'string', minLength: 1, maxLength: 264 } as const

/** What the decision log can be narrowed to; every filter that is given must hold. */
export const decisionQuery = {
  // A model that is addressed directly is its own route.
  route: word,
  version: versionSchema,
  arm: { enum: ['baseline', 'candidate'] },
  model: { ...modelRefSchema, description: 'that was asked last' },
  provider: nameSchema,
  task: word,
  rule: word,
  prompt: { ...word, description: 'name@version' },
  proposal: idSchema,
  status: { enum: statusClasses, description: '499 apart from 4xx: the client had gone' },
  errorCode: { type: 'string', pattern: '^[A-Za-z][A-Za-z0-9_]{0,79}$', 'x-expects': 'an error code' },
  key: { ...word, description: "a key's id or name" },
  workflow: word,
  team: word,
  user: word,
  project: word,
  account: word,
  session: word,
  environment: word,
  excludedBy: { enum: exclusionNames, description: 'some model of the pool was excluded for this reason' },
  isFallback: { type: 'boolean', 'x-expects': 'true or false' },
  endpoint: { enum: ['chat', 'responses', 'messages', 'embeddings'] },
  minCostUsd: { type: 'number', minimum: 0, 'x-expects': 'an amount of USD, 0 or more' },
  minLatencyMs: {
    type: 'integer',
    minimum: 0,
    maximum: 2_147_483_647,
    'x-expects': 'a whole number of milliseconds, 0 or more',
  },
  hasFeedback: { type: 'boolean', 'x-expects': 'true or false' },
  since: sinceSchema,
  until: sinceSchema,
} as const

export type DecisionQuery = FromSchema<{ readonly type: 'object'; readonly properties: typeof decisionQuery }>

/**
 * What the store looks for: a key's name becomes the ids it has.
 *
 * @throws InterlockError VALIDATION_FAILED for times that do not exist or ends in the wrong order
 */
export async function decisionFilter(db: Database, query: DecisionQuery): Promise<DecisionFilter> {
  const { key, since, until, minCostUsd, workflow, team, user, project, account, session, environment, ...same } = query
  const given = { workflow, team, user, project, account, session, environment }
  const metadata = Object.fromEntries(
    metadataFilters.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  )
  const sinceMs = since === undefined ? undefined : toMs('since', since)
  const untilMs = until === undefined ? undefined : toMs('until', until)
  if (sinceMs !== undefined && untilMs !== undefined && sinceMs >= untilMs) {
    throw invalidQuery('since', 'must be before until')
  }
  return {
    ...same,
    ...(key !== undefined && { keys: await keysNamed(db, key) }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
    ...(minCostUsd !== undefined && { minCostMicroUsd: Math.round(minCostUsd * 1e6) }),
    ...(sinceMs !== undefined && { since: sinceMs }),
    ...(untilMs !== undefined && { until: untilMs }),
  } as DecisionFilter
}
