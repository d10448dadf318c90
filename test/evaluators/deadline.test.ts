import { describe, expect, it } from 'vitest'
import { DeadlineExceededError, PatientDeadline, withDeadline } from '#evaluators/deadline.ts'

const forever = () => {
  for (;;);
}

describe('a deadline (F25)', () => {
  it('ends a loop and an expression that backtracks, and says what took so long', () => {
    expect(() => withDeadline('looping', 20, forever)).toThrow(new DeadlineExceededError('looping', 20))
    const backtrack = () => /^(a+)+$/.test(`${'a'.repeat(60)}!`)
    expect(() => withDeadline('matching', 20, backtrack)).toThrow('matching took more than 20 ms')
  })

  it('gives work that was only stalled a second chance', () => {
    let runs = 0
    const stalledOnce = () => {
      runs++
      return runs === 1 ? forever() : 'done'
    }
    expect(withDeadline('working', 200, stalledOnce)).toBe('done')
  })

  it('hands on what the work returns and throws, undefined too', () => {
    expect(withDeadline('working', 1_000, () => undefined)).toBeUndefined()
    expect(() => withDeadline('working', 1_000, () => JSON.parse('{'))).toThrow(SyntaxError)
  })

  it('no longer begins work that ran out of time three times in a row, but tries again one time in sixteen', () => {
    const deadline = new PatientDeadline('working', 60)
    let begun = 0
    const slow = () => {
      begun++
      return forever()
    }
    for (let call = 0; call < 3; call++) expect(() => deadline.run(slow)).toThrow(DeadlineExceededError)
    const before = begun
    for (let call = 0; call < 15; call++) expect(() => deadline.run(slow)).toThrow(DeadlineExceededError)
    expect(begun).toBe(before)
    expect(deadline.run(() => 'quick')).toBe('quick')
    expect(deadline.run(() => 'again')).toBe('again')
  })

  it('forgets slow runs after a quick one', () => {
    const deadline = new PatientDeadline('working', 60)
    for (let round = 0; round < 2; round++) {
      expect(() => deadline.run(forever)).toThrow(DeadlineExceededError)
      expect(() => deadline.run(forever)).toThrow(DeadlineExceededError)
      expect(deadline.run(() => round)).toBe(round)
    }
  })
})
