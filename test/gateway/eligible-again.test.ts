import { describe, expect, it } from 'vitest'
import { Circuits } from '#gateway/circuits.ts'
import { eligibleAgainMs } from '#gateway/eligible-again.ts'

const excluded = (...pairs: [string, string][]) => pairs.map(([model, by]) => ({ model, by, detail: '' }))
const closed = new Circuits()

describe('when a refused request is worth sending again (A3, Retry-After)', () => {
  it.each<[string, [string, string][], number | null]>([
    [
      'never, for what the request or the catalogue says',
      [
        ['p/a', 'region'],
        ['p/b', 'min_quality'],
      ],
      null,
    ],
    [
      'soon, when a provider takes more',
      [
        ['p/a', 'region'],
        ['p/b', 'rate_limit'],
      ],
      1_000,
    ],
    ['in a minute, when slow answers are forgotten', [['p/a', 'max_latency']], 60_000],
    [
      'as soon as the first of several may',
      [
        ['p/a', 'max_latency'],
        ['p/b', 'rate_limit'],
      ],
      1_000,
    ],
    [
      'never, for a target that something lasting excludes as well',
      [
        ['p/a', 'rate_limit'],
        ['p/a', 'region'],
      ],
      null,
    ],
    [
      'when both of a target’s reasons have passed',
      [
        ['p/a', 'rate_limit'],
        ['p/a', 'max_latency'],
      ],
      60_000,
    ],
  ])('%s', (_, pairs, waitMs) => {
    expect(eligibleAgainMs(excluded(...pairs), closed, 0)).toBe(waitMs)
  })

  it('when the circuit lets a probe through', () => {
    const circuits = { soonestMs: (models: readonly string[]) => (models.includes('p/a') ? 4_000 : null) }
    expect(eligibleAgainMs(excluded(['p/a', 'circuit_open'], ['p/b', 'region']), circuits, 0)).toBe(4_000)
  })
})
