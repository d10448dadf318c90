import type { Bar } from './bar.ts'
import { gatesOf } from './gate-policy.ts'
import { checksOf } from './gates.ts'
import {
  engineVersion,
  type GateResult,
  type OfflinePolicy,
  type OutcomePair,
  type Reason,
  type Verdict,
} from './promotion-types.ts'
import { judgeSuiteGate, type SuiteStanding } from './suite-gate.ts'
import { demand, percent, plural } from './verdict-words.ts'

/** What the offline stage of a bar judges by. */
export function offlinePolicyOf(bar: Bar): OfflinePolicy {
  return { gates: gatesOf(bar, 'offline'), alpha: bar.alpha ?? 0.05, maxMissing: bar.maxMissing ?? 0.05 }
}

/**
 * One look at a finite suite. `min` and `max` compare the suite's own mean (or quantile) with the limit, exactly at the limit
 * is allowed; `maxDrop` and `maxIncrease` need a one-sided bound at level alpha on the right side of the limit.
 *
 * Pure; the order of the pairs does not matter. Gates that only observe are shown and decide nothing; nobody is exposed to a
 * suite, so a gate that would hold stops it like any other. advance: every gate passes. rollback: one fails. inconclusive: neither, or
 * too much is missing, or there is nothing to judge.
 */
export function judgeOffline(pairs: readonly OutcomePair[], policy: OfflinePolicy): Verdict {
  const standings = checksOf(policy.gates).map((check) => judgeSuiteGate(check, pairs, policy))
  return {
    ...decide(
      standings.filter(({ check }) => check.action !== 'observe'),
      pairs.length,
    ),
    gates: standings.map((standing) => standing.result),
    evidence: {
      engine: engineVersion,
      stage: 'offline',
      alpha: policy.alpha,
      maxMissing: policy.maxMissing,
      pairs: pairs.length,
      gates: standings.map(({ check, result, lower, upper, missingShare, problem }) => {
        return { key: check.key, verdict: result.verdict, limit: check.limit, lower, upper, missingShare, problem }
      }),
    },
  }
}

function decide(standings: readonly SuiteStanding[], pairs: number): Pick<Verdict, 'action' | 'reasons'> {
  const of = (verdict: GateResult['verdict']) => standings.filter(({ result }) => result.verdict === verdict)
  const failed = of('fail')
  if (failed.length > 0) return { action: 'rollback', reasons: failed.map(reasonOf) }
  const open = of('inconclusive')
  if (open.length > 0) return { action: 'inconclusive', reasons: open.map(reasonOf) }
  if (standings.length === 0) return { action: 'inconclusive', reasons: [noGates(pairs)] }
  return { action: 'advance', reasons: standings.map(reasonOf) }
}

function noGates(samples: number): Reason {
  const message = 'the bar has no gate for offline: nothing can show that the candidate is good enough'
  return { rule: 'no_gates', metric: null, observed: 0, threshold: 1, samples, message }
}

function reasonOf(standing: SuiteStanding): Reason {
  const { check, result } = standing
  const { metric } = check.reading
  const isBound = check.requirement === 'min' || check.requirement === 'max'
  return {
    rule: standing.problem === null ? 'gate' : standing.problem.rule,
    metric,
    observed: isBound ? result.candidate : result.difference,
    threshold: check.limit,
    samples: result.samples,
    message: `${metric} ${wordsOf(standing)} ${demand(check, check.limit)}${whyOf(standing)}`,
  }
}

function wordsOf({ result }: SuiteStanding): string {
  if (result.verdict === 'inconclusive') return 'is not shown to be'
  return result.verdict === 'pass' ? 'is' : 'must be, and is not,'
}

function whyOf({ problem, result }: SuiteStanding): string {
  if (problem !== null) return `: ${problem.message}`
  if (result.verdict !== 'inconclusive') return ` (${plural(result.samples, 'item')})`
  const mde = result.mde === null ? '' : `, which could show differences from ${percent(result.mde)} on`
  return `: ${plural(result.samples, 'item')} leave it open${mde}`
}
