import { describe, expect, it } from 'vitest'
import { fastFailEValue, isHardFailure, noteHardFailure, restartFastFail, startFastFail } from '#domain/fast-fail.ts'
import { outcome } from './outcomes.ts'

/** Expected e-value over every sequence of failures, when each is the candidate's with a probability. */
function expectedEValue(length: number, share: number, candidateProbability: number): number {
  let expected = 0
  for (let sequence = 0; sequence < 2 ** length; sequence++) {
    const guard = startFastFail()
    let probability = 1
    for (let i = 0; i < length; i++) {
      const isCandidate = (sequence >> i) % 2 === 1
      probability *= isCandidate ? candidateProbability : 1 - candidateProbability
      noteHardFailure(guard, isCandidate ? 'candidate' : 'baseline', share)
      if (i === 4) restartFastFail(guard)
    }
    expected += probability * fastFailEValue(guard)
  }
  return expected
}

describe('fast-fail guard (D7)', () => {
  it('is a fair bet against a candidate that fails exactly twice as often, and a losing one against a better candidate', () => {
    const share = 0.05
    const atTwice = (2 * share) / (2 * share + 1 - share)
    expect(expectedEValue(10, share, atTwice)).toBeCloseTo(1, 10)
    expect(expectedEValue(10, share, share)).toBeLessThan(1)
  })

  it('needs four failures in a row at a share of 5 % for an alarm at level 0.01 with weight 0.3', () => {
    const guard = startFastFail()
    const levels = Array.from({ length: 5 }, () => {
      noteHardFailure(guard, 'candidate', 0.05)
      return 0.3 * fastFailEValue(guard)
    })
    expect(levels.findIndex((level) => level >= 100) + 1).toBe(4)
  })

  it('learns nothing where the share leaves nothing to chance', () => {
    const guard = startFastFail()
    for (const share of [0, 1, Number.NaN]) noteHardFailure(guard, 'candidate', share)
    expect(fastFailEValue(guard)).toBeCloseTo(1, 12)
  })

  it('counts errors and unparsable JSON as hard failures, a bad score not', () => {
    expect(isHardFailure(outcome({ error_rate: 1 }))).toBe(true)
    expect(isHardFailure(outcome({ error_rate: 0, json_validity: 0 }))).toBe(true)
    expect(isHardFailure(outcome({ error_rate: 0, json_validity: 0.5, llm_judge: 0 }))).toBe(false)
    expect(isHardFailure(outcome({}))).toBe(false)
  })
})
