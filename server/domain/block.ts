import type { Arm } from './evidence.ts'

/**
 * Answers of both arms waiting to be compared. A block closes as soon as both arms have one; all baseline traffic is used
 * (block e-variables: Turner, Ly & Grünwald, arXiv 2106.02693). What a block leaves over of the busier arm, at most
 * `carryLimit` answers, waits for the next, which at a share of 50 % saves a fifth of the answers.
 */
export interface OpenBlock {
  baseline: Waiting
  candidate: Waiting
}

export interface Waiting {
  /** Older answers: they leave with the next block. */
  pooled: number
  pooledSum: number
  /** The latest answers, oldest first: may stay for a later block. */
  recent: number[]
}

const carryLimit = 8

export function startBlock(): OpenBlock {
  return { baseline: { pooled: 0, pooledSum: 0, recent: [] }, candidate: { pooled: 0, pooledSum: 0, recent: [] } }
}

export function addToBlock(block: OpenBlock, arm: Arm, value: number): void {
  const waiting = block[arm]
  waiting.recent.push(value)
  if (waiting.recent.length <= carryLimit) return
  waiting.pooled++
  waiting.pooledSum += waiting.recent.shift() as number
}

/**
 * Mean of the candidate minus mean of the baseline, when both arms wait; else null. How many answers leave depends on
 * counts and the share only, never on values, so the difference stays unbiased.
 */
export function closeBlock(block: OpenBlock, candidateShare: number): number | null {
  const { baseline, candidate } = block
  if (baseline.recent.length === 0 || candidate.recent.length === 0) return null
  const odds = candidateShare > 0 && candidateShare < 1 ? (1 - candidateShare) / candidateShare : 1
  return take(candidate, Math.round(1 / odds)) - take(baseline, Math.round(odds))
}

/** Takes the pooled answers, and recent ones up to the number wanted, one at least. @returns their mean */
function take(waiting: Waiting, wanted: number): number {
  let count = waiting.pooled
  let sum = waiting.pooledSum
  waiting.pooled = 0
  waiting.pooledSum = 0
  while (count === 0 || count < wanted) {
    const value = waiting.recent.shift()
    if (value === undefined) break
    sum += value
    count++
  }
  return sum / count
}
