import { describe, expect, it } from 'vitest'
import { hasSampleRatioAlarm, noteAssignment, startSampleRatio } from '#domain/sample-ratio.ts'
import { seededRandom } from './seeded-random.ts'

/** Requests until the alarm, or null. @param loss share of the candidate's records that get lost */
function alarmAfter(seed: number, loss: number, plan: readonly (readonly [shareBp: number, requests: number])[]) {
  const random = seededRandom(seed)
  const ratio = startSampleRatio()
  let requests = 0
  for (const [shareBp, count] of plan) {
    for (let i = 0; i < count; i++) {
      requests++
      const isCandidate = random.isTrue(shareBp / 10_000)
      if (isCandidate && random.isTrue(loss)) continue
      noteAssignment(ratio, isCandidate, shareBp)
      if (hasSampleRatioAlarm(ratio)) return requests
    }
  }
  return null
}

describe('sequential sample-ratio test (D6)', () => {
  it('keeps silent through changes of share when nothing is lost', () => {
    const plan = [
      [500, 3000],
      [2500, 2000],
      [5000, 2000],
    ] as const
    const alarms = Array.from({ length: 200 }, (_, seed) => alarmAfter(seed, 0, plan)).filter((at) => at !== null)
    expect(alarms).toHaveLength(0)
  })

  it('finds that 30 % of the candidate records are lost within 5,000 requests in the median', () => {
    const found = Array.from({ length: 41 }, (_, seed) => alarmAfter(seed, 0.3, [[500, 20_000]]) ?? 20_000)
    expect(found.sort((a, b) => a - b)[20]).toBeLessThanOrEqual(5000)
  })

  it('says nothing at shares of 0 and 100 %', () => {
    const ratio = startSampleRatio()
    for (let i = 0; i < 1000; i++) {
      noteAssignment(ratio, true, 10_000)
      noteAssignment(ratio, true, 0)
    }
    expect(ratio.peak).toBe(1)
  })
})
