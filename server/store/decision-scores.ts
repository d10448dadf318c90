import type { Kysely } from 'kysely'
import type { Arm } from '#domain/evidence.ts'
import type { Tables } from './tables.ts'

/** What an evaluator said of the answer of one arm to one request. */
export interface RequestScore {
  /** In shadow the request was answered by both arms. */
  readonly arm: Arm
  readonly evaluator: string
  readonly status: 'scored' | 'missing' | 'failed'
  /** [0, 1]; null: missing, for `reason`. `failed`: nothing was answered, so it counts as 0. */
  readonly value: number | null
  readonly reason: string | null
}

/** How far the scoring of a request has come. `none`: it was not drawn, or belongs to no rollout. */
export interface RequestScores {
  readonly state: 'none' | 'waiting' | 'scored'
  readonly stage: string | null
  readonly scores: readonly RequestScore[]
}

interface StoredScores {
  readonly values?: Readonly<Record<string, number>>
  readonly missing?: Readonly<Record<string, string>>
  readonly failed?: true
}

/** Live scores of a request as they arrive, from the observation it became. @param proposalId null: it belongs to no rollout */
export async function readRequestScores(
  db: Kysely<Tables>,
  requestId: string,
  proposalId: string | null,
): Promise<RequestScores> {
  const row =
    proposalId === null
      ? undefined
      : await db
          .selectFrom('observations')
          .select(['stage', 'is_scored', 'baseline_scores', 'candidate_scores'])
          .where('proposal_id', '=', proposalId)
          .where('request_id', '=', requestId)
          .executeTakeFirst()
  if (row === undefined) return { state: 'none', stage: null, scores: [] }
  const scores = [
    ...armScores('baseline', row.baseline_scores as StoredScores | null),
    ...armScores('candidate', row.candidate_scores as StoredScores | null),
  ]
  const state = scores.length > 0 ? 'scored' : row.is_scored ? 'none' : 'waiting'
  return { state, stage: row.stage, scores }
}

function armScores(arm: Arm, stored: StoredScores | null): RequestScore[] {
  if (stored === null) return []
  if (stored.failed === true) {
    return [{ arm, evaluator: 'all', status: 'failed', value: 0, reason: 'nothing was answered' }]
  }
  const scored = Object.entries(stored.values ?? {}).map(
    ([evaluator, value]): RequestScore => ({ arm, evaluator, status: 'scored', value, reason: null }),
  )
  const missing = Object.entries(stored.missing ?? {})
    .filter(([, reason]) => reason !== 'not_sampled')
    .map(([evaluator, reason]): RequestScore => ({ arm, evaluator, status: 'missing', value: null, reason }))
  return [...scored, ...missing].sort((a, b) => (a.evaluator < b.evaluator ? -1 : 1))
}
