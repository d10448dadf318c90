import { describe, expect, it } from 'vitest'
import { Circuits } from '#gateway/circuits.ts'

function afterFailures(count: number, retryAfterMs: number | null = null): Circuits {
  const circuits = new Circuits()
  for (let index = 0; index < count; index += 1) circuits.failed('m', 0, retryAfterMs)
  return circuits
}

describe('a circuit', () => {
  it('opens after five failures in a row, not four, and not when one success lies between', () => {
    expect(afterFailures(4).open(0).has('m')).toBe(false)
    expect(afterFailures(5).open(0).has('m')).toBe(true)
    const circuits = afterFailures(4)
    circuits.succeeded('m')
    circuits.failed('m', 0, null)
    expect(circuits.open(0).has('m')).toBe(false)
  })

  it('lets one probe through when its rest is over, and no second beside it', () => {
    const circuits = afterFailures(5)
    expect(circuits.enter('m', 1_999)).toBe(false)
    expect(circuits.open(2_000).has('m')).toBe(false)
    expect(circuits.enter('m', 2_000)).toBe(true)
    expect(circuits.open(2_000).has('m')).toBe(true)
    expect(circuits.enter('m', 2_000)).toBe(false)
  })

  it('closes when the probe succeeds and rests twice as long when it fails, up to 8 s', () => {
    const closed = afterFailures(5)
    closed.enter('m', 2_000)
    closed.succeeded('m')
    expect(closed.enter('m', 2_000) && closed.enter('m', 2_000)).toBe(true)
    const open = afterFailures(5)
    const rests: number[] = []
    let now = 2_000
    for (let round = 0; round < 6; round += 1) {
      expect(open.enter('m', now)).toBe(true)
      open.failed('m', now, null)
      rests.push(open.soonestMs(['m'], now) ?? 0)
      now += rests.at(-1) ?? 0
    }
    expect(rests).toEqual([4_000, 8_000, 8_000, 8_000, 8_000, 8_000])
  })

  it('lets others in at the first content of a streamed probe, and opens again when that stream breaks', () => {
    const circuits = afterFailures(5)
    circuits.enter('m', 2_000)
    circuits.answering('m')
    expect(circuits.open(2_000).has('m')).toBe(false)
    expect(circuits.enter('m', 2_000) && circuits.enter('m', 2_000)).toBe(true)
    circuits.failed('m', 2_000, null)
    expect(circuits.open(2_000).has('m')).toBe(true)
    const calm = afterFailures(3)
    calm.answering('m')
    calm.failed('m', 0, null)
    expect(calm.open(0).has('m')).toBe(false)
  })

  it('cools after 25 failures at once and never lags behind them (symptom: 25 consecutive 500s, no cooldown)', () => {
    const circuits = new Circuits()
    const openAfter: boolean[] = []
    for (let index = 0; index < 25; index += 1) {
      circuits.failed('m', index, null)
      openAfter.push(circuits.open(index).has('m'))
    }
    expect(openAfter.indexOf(true)).toBe(4)
    expect(openAfter.slice(4).every(Boolean)).toBe(true)
  })

  it('keeps the longer of two rests (symptom: cooling again kept the shorter deadline)', () => {
    const circuits = new Circuits()
    for (const retryAfterMs of [null, 40_000, 5_000, 1_000, null, null]) circuits.failed('m', 0, retryAfterMs)
    expect(circuits.soonestMs(['m'], 0)).toBe(40_000)
  })

  it('gives the probe back when the request came to nothing', () => {
    const circuits = afterFailures(5)
    circuits.enter('m', 2_000)
    circuits.released('m')
    expect(circuits.enter('m', 2_000)).toBe(true)
  })

  it('obeys Retry-After from the second failure on, up to a minute, and never shortens a rest', () => {
    expect(afterFailures(1, 10_000).open(0).has('m')).toBe(false)
    expect(afterFailures(2, 10_000).soonestMs(['m'], 0)).toBe(10_000)
    expect(afterFailures(2, 3_600_000).soonestMs(['m'], 0)).toBe(60_000)
    const circuits = afterFailures(5, 20_000)
    circuits.failed('m', 0, 100)
    expect(circuits.soonestMs(['m'], 0)).toBe(20_000)
  })

  it('is one per target', () => {
    const circuits = afterFailures(5)
    expect([...circuits.open(0)]).toEqual(['m'])
    expect(circuits.enter('other', 0)).toBe(true)
    expect(circuits.soonestMs(['other'], 0)).toBeNull()
  })
})
