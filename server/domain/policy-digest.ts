import { createHash } from 'node:crypto'
import { checksOf, marginsOf } from './gates.ts'
import { engineVersion, type GatePolicy } from './promotion-types.ts'

/**
 * Identifies what evidence was gathered for: engine, stage, checks and margins. Levels and durations may change under
 * way, these may not: evidence for one bar says nothing about another.
 */
export function policyDigest(policy: GatePolicy): string {
  const checks = checksOf(policy.gates).map((check) => [
    check.key,
    check.kind,
    check.limit,
    check.action,
    marginsOf(check, policy),
  ])
  const content = JSON.stringify([engineVersion, policy.stage, policy.isStickyUnit, policy.evaluatorMetrics, checks])
  return createHash('sha256').update(content).digest('hex').slice(0, 16)
}

/** State and policy do not belong together: a fault of the caller, evidence must start anew. */
export class EvidenceMismatchError extends Error {
  readonly code = 'EVIDENCE_MISMATCH'
  constructor(found: string, expected: string) {
    super(`evidence was gathered under "${found}", but the policy or engine is now "${expected}"; start the stage anew`)
    this.name = 'EvidenceMismatchError'
  }
}
