import { accumulate } from '#domain/accumulate.ts'
import type { Arm, Observation, Outcome } from '#domain/evidence.ts'
import { startEngine } from '#domain/promotion.ts'
import type { GatePolicy } from '#domain/promotion-types.ts'
import { aPolicy, outcome, served, shadowPair } from './outcomes.ts'
import { type SeededRandom, seededRandom } from './seeded-random.ts'

/** Ways in which answers come about, for simulations and the benchmark: each with what a correct engine must make of it. */

export interface Errors {
  /** Evidence for "good enough" reached its limit at some point. */
  readonly isPromoted: boolean
  readonly isRolledBack: boolean
}

const level = 0.05

/** Looks after every observation: peaks are kept by the engine. */
function errorsOf(policy: GatePolicy, observations: readonly Observation[]): Errors {
  const state = accumulate(startEngine(), policy, observations)
  const peaks = state.tracks.map((track) => track.promotion[track.promotion.length - 1]?.peak ?? 1)
  return {
    isPromoted: Math.min(...peaks) >= 1 / policy.alpha,
    isRolledBack: state.rollback.peak >= 1 / policy.alphaRollback,
  }
}

/** An outcome law in which the candidate sits exactly on the margin, so that promotion and rollback are both errors. */
export interface BoundaryLaw {
  readonly name: string
  readonly gate: GatePolicy['gates'][number]
  readonly share: number
  readonly isPaired?: boolean
  readonly draw: (random: SeededRandom, arm: Arm, at: number) => Outcome
}

const score = (value: number) => outcome({ llm_judge: value })
const drop = { metric: 'llm_judge', maxDrop: 0.03 }

export const boundaryLaws: readonly BoundaryLaw[] = [
  {
    name: 'two levels',
    gate: drop,
    share: 0.5,
    draw: (random, arm) => score(random.isTrue(arm === 'candidate' ? 0.87 : 0.9) ? 1 : 0),
  },
  {
    name: 'two levels, 5 % share',
    gate: drop,
    share: 0.05,
    draw: (random, arm) => score(random.isTrue(arm === 'candidate' ? 0.87 : 0.9) ? 1 : 0),
  },
  {
    name: 'five levels',
    gate: drop,
    share: 0.25,
    draw: (random, arm) => score((Math.floor(random.next() * 5) / 4) * (arm === 'candidate' ? 0.94 : 1)),
  },
  {
    name: 'shift',
    gate: drop,
    share: 0.5,
    draw: (random, arm) => score(0.1 + 0.8 * random.next() - (arm === 'candidate' ? 0.03 : 0)),
  },
  {
    name: 'rare error',
    gate: { metric: 'llm_judge', maxDrop: 0.01 },
    share: 0.5,
    draw: (random, arm) => score(random.isTrue(arm === 'candidate' ? 0.02 : 0.01) ? 0 : 1),
  },
  {
    name: 'daily drift',
    gate: drop,
    share: 0.25,
    draw: (random, arm, at) => {
      const quality = 0.85 + 0.06 * Math.sin((2 * Math.PI * at) / 3000)
      return score(random.isTrue(quality - (arm === 'candidate' ? 0.03 : 0)) ? 1 : 0)
    },
  },
  {
    name: 'heavy cost, +10 %',
    gate: { metric: 'cost_usd', maxIncrease: 0.1 },
    share: 0.5,
    draw: (random, arm) =>
      outcome({ cost_usd: 0.002 * Math.exp(1.2 * random.normal()) * (arm === 'candidate' ? 1.1 : 1) }),
  },
  {
    name: 'p95 latency, +25 %',
    gate: { metric: 'latency_p95_ms', maxIncrease: 0.25 },
    share: 0.5,
    draw: (random, arm) =>
      outcome({ latency_ms: 500 * Math.exp(0.5 * random.normal()) * (arm === 'candidate' ? 1.25 : 1) }),
  },
  {
    name: 'absolute limit',
    gate: { metric: 'error_rate', max: 0.05 },
    share: 0.5,
    draw: (random, arm) => outcome({ error_rate: random.isTrue(arm === 'candidate' ? 0.05 : 0.03) ? 1 : 0 }),
  },
  {
    name: 'paired',
    gate: drop,
    share: 0,
    isPaired: true,
    draw: (random, arm, at) => {
      const difficulty = seededRandom(at * 7 + 1).next()
      return score(random.isTrue(0.6 + 0.39 * difficulty - (arm === 'candidate' ? 0.03 : 0)) ? 1 : 0)
    },
  },
]

export function boundaryRun(law: BoundaryLaw, seed: number, requests: number): Errors {
  const random = seededRandom(seed)
  const policy = aPolicy({ gates: [law.gate], alphaRollback: level, ...(law.isPaired && { stage: 'shadow' }) })
  const observations = Array.from({ length: requests }, (_, seq) => {
    if (law.isPaired) {
      return shadowPair(seq, law.draw(random, 'baseline', seq), law.draw(random, 'candidate', seq))
    }
    const arm = random.isTrue(law.share) ? 'candidate' : 'baseline'
    return served(seq, arm, law.draw(random, arm, seq), { shareBp: law.share * 10_000 })
  })
  return errorsOf(policy, observations)
}

/** Users with qualities of their own (ICC 0.2) and Pareto-distributed activity, at the margin; one user meets one arm. */
export function stickyRun(seed: number, isByUnit: boolean, requests: number): Errors {
  const random = seededRandom(seed)
  const policy = aPolicy({ isStickyUnit: isByUnit, alphaRollback: level })
  const users = Array.from({ length: 1500 }, (_, user) => {
    const activity = (1 - random.next()) ** (-1 / 1.2)
    // Beta(3.6, 0.4) has mean 0.9; quality is it or its mirror at a spread that gives an intra-class correlation of 0.2.
    const quality = betaLike(random)
    return { name: `user ${user}`, activity, quality, isCandidate: random.isTrue(0.25) }
  })
  const total = users.reduce((sum, user) => sum + user.activity, 0)
  const cumulative: number[] = []
  users.reduce((sum, user) => {
    cumulative.push(sum + user.activity)
    return sum + user.activity
  }, 0)
  const observations = Array.from({ length: requests }, (_, seq) => {
    const user = users[firstAbove(cumulative, random.next() * total)] as (typeof users)[number]
    const arm = user.isCandidate ? 'candidate' : 'baseline'
    const quality = user.quality * (user.isCandidate ? 0.87 / 0.9 : 1)
    return served(seq, arm, score(random.isTrue(quality) ? 1 : 0), { unit: user.name, shareBp: 2500 })
  })
  return errorsOf(policy, observations)
}

/** Mean 0.9; variance 0.018 = 0.2 of the Bernoulli variance 0.09. Two-point law with the same two moments. */
function betaLike(random: SeededRandom): number {
  return random.isTrue(0.643) ? 1 : 0.72
}

function firstAbove(cumulative: readonly number[], value: number): number {
  let low = 0
  let high = cumulative.length - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if ((cumulative[middle] as number) > value) high = middle
    else low = middle + 1
  }
  return low
}

/** Equal candidate; quality drifts by 6 points a day and an incident costs both arms 40 points for a while. */
export function incidentRun(seed: number, requests: number): Errors {
  const random = seededRandom(seed)
  const gates = [drop, { metric: 'error_rate', max: 0.05 }]
  const policy = aPolicy({ gates })
  const observations = Array.from({ length: requests }, (_, seq) => {
    const arm = random.isTrue(0.25) ? 'candidate' : 'baseline'
    const isIncident = seq > 0.4 * requests && seq < 0.5 * requests
    const quality = 0.85 + 0.06 * Math.sin((2 * Math.PI * seq) / 3000) - (isIncident ? 0.4 : 0)
    const values = {
      llm_judge: random.isTrue(quality) ? 1 : 0,
      error_rate: random.isTrue(isIncident ? 0.4 : 0.01) ? 1 : 0,
    }
    return served(seq, arm, outcome(values), { shareBp: 2500 })
  })
  return errorsOf(policy, observations)
}

/** Six metrics, all exactly on their margin. */
export function sixMetricsRun(seed: number, requests: number): Errors {
  const random = seededRandom(seed)
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const gates = names.map((metric) => ({ metric, maxDrop: 0.03 }))
  const policy = aPolicy({ gates, evaluatorMetrics: names, alphaRollback: level })
  const observations = Array.from({ length: requests }, (_, seq) => {
    const arm = random.isTrue(0.25) ? 'candidate' : 'baseline'
    const values = names.map((name) => [name, random.isTrue(arm === 'candidate' ? 0.87 : 0.9) ? 1 : 0] as const)
    return served(seq, arm, outcome(Object.fromEntries(values)), { shareBp: 2500 })
  })
  return errorsOf(policy, observations)
}

/** Candidate answers until rollback; null: never within the requests. */
export interface Detection {
  readonly policy: GatePolicy
  readonly share: number
  readonly requests: number
  readonly draw: (random: SeededRandom, arm: Arm, served: number) => Outcome
}

/** @returns candidate answers until the rollback alarm, Infinity when there is none */
export function detectionRun({ policy, share, requests, draw }: Detection, seed: number): number {
  const random = seededRandom(seed)
  let candidates = 0
  const servedAt: number[] = []
  const observations = Array.from({ length: requests }, (_, seq) => {
    const arm = random.isTrue(share) ? 'candidate' : 'baseline'
    const observation = served(seq, arm, draw(random, arm, candidates), { shareBp: Math.round(share * 10_000) })
    if (arm === 'candidate') candidates++
    servedAt.push(candidates)
    return observation
  })
  const { alarmSeq } = accumulate(startEngine(), policy, observations).rollback
  return alarmSeq === null ? Number.POSITIVE_INFINITY : (servedAt[alarmSeq] as number)
}
