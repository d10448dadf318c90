import { type Catalogue, exclusionsOf } from '#domain/constraints.ts'
import { placeExclusions } from '#domain/policy-change.ts'
import { anyRequest } from '#domain/request-facts.ts'
import type { Constraints } from '#domain/route.ts'
import type { ChatPort } from '#evaluators/evaluator.ts'

/** What a live request asked of whoever may see it, kept with its sample. */
export interface SamplePolicy {
  readonly constraints: readonly Constraints[]
  readonly sensitivity?: string
}

/** A judge at a place that the request may not go to. */
export class JudgePlaceError extends Error {
  readonly code = 'JUDGE_PLACE'
  constructor(model: string, detail: string) {
    super(`judge "${model}" may not see this request: ${detail}; name a judge at a provider that may`)
    this.name = 'JudgePlaceError'
  }
}

/**
 * The judges' way to models for one live sample: a judge is held to the region, data policy, providers and sensitivity that the
 * request was held to. What may not be asked is an error of the evaluator, and missing evidence holds a rollout.
 */
export function policedChat(chat: ChatPort, policy: SamplePolicy, catalogue: Catalogue): ChatPort {
  const { constraints, sensitivity } = policy
  const request = sensitivity === undefined ? anyRequest : { ...anyRequest, metadata: { sensitivity } }
  return {
    complete: (asked) => {
      const problem = exclusionsOf(asked.model, constraints, request, catalogue).find(({ by }) =>
        placeExclusions.includes(by),
      )
      if (problem !== undefined) return Promise.reject(new JudgePlaceError(asked.model, problem.detail))
      return chat.complete(asked)
    },
  }
}
