import type { EvaluatorRef } from '#domain/bar.ts'
import type { EvaluatorMetric } from '#domain/bar-check.ts'
import type { Problem } from '#domain/errors.ts'
import type { Provider } from '#domain/snapshot.ts'
import type { Authenticator } from '#http/auth.ts'
import { operationsOf } from '#http/operation.ts'
import type { RolloutDeps } from '#rollout/rollout-deps.ts'

/** What the control plane needs; made once in deps.ts. */
export interface ControlDeps extends RolloutDeps {
  readonly authenticator: Authenticator
  /** Cryptographic random bytes: secrets of keys and sessions. */
  readonly randomBytes: (count: number) => Uint8Array
  /** Kinds of provider this version can call. */
  readonly providerKinds: readonly string[]
  /** What is wrong with a provider's base URL; null: nothing that its text shows. */
  readonly baseUrlProblem: (baseUrl: string, kind: Provider['kind']) => string | null
  /** Checks the evaluators of a bar; problems have paths below the bar. */
  readonly resolveEvaluators: (
    refs: readonly EvaluatorRef[],
  ) => { readonly evaluators: readonly EvaluatorMetric[] } | { readonly problems: readonly Problem[] }
  /** How long a gateway may serve a candidate unheard. */
  readonly leaseMs: number
}

/** Declares an operation of the control plane. */
export const operation = operationsOf<ControlDeps>()
