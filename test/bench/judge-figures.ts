import { createHash } from 'node:crypto'
import { agreementOf, kappaOf, type Share, shareOf } from '#domain/judge-statistics.ts'
import { correctedRate } from '#domain/judge-statistics-corrected.ts'
import { lengthControl } from '#domain/judge-statistics-length.ts'
import { poweredMean } from '#domain/judge-statistics-powered.ts'
import { orderStability } from '#domain/judge-statistics-stability.ts'
import type { Score } from '#evaluators/evaluator.ts'
import type { RecordedPair } from './judge-replay.ts'

/** A pair with what the evaluator made of it. */
export interface Judged {
  readonly pair: RecordedPair
  readonly score: Score
}

export function percent(share: Share | number | null): string {
  const value = typeof share === 'number' || share === null ? share : share.share
  return value === null ? '–' : `${(100 * value).toFixed(1)} %`
}

export function withInterval(share: Share): string {
  if (share.interval === null) return '–'
  const [low, high] = share.interval.map((end) => (100 * end).toFixed(1))
  return `${percent(share)} [${low}, ${high}]`
}

/** 1: the evaluator preferred the better answer; 0.5: a tie; 0: the worse one; null: no score. */
function merit({ pair, score }: Judged): number | null {
  if (score.status !== 'scored') return null
  return pair.gold === 'second' ? score.value : 1 - score.value
}

/** One line of the table on swap agreement. */
export function swapLine(judged: readonly Judged[]): {
  pairs: number
  single: Share
  decided: Share
  rightWhenDecided: Share
  withTies: number
  firstPlace: Share
  flips: Share
  kappa: string
  unscored: number
} {
  const scored = judged.filter(({ score }) => score.status === 'scored')
  const orders = scored.flatMap(({ pair, score }) => {
    const told = score.details?.['orders'] as { first: string; winner: string }[] | undefined
    const of = (first: string) => told?.find((order) => order.first === first)?.winner ?? ''
    return told === undefined ? [] : [{ pair, baselineFirst: of('baseline'), candidateFirst: of('candidate') }]
  })
  const better = (pair: RecordedPair) => (pair.gold === 'second' ? 'candidate' : 'baseline')
  const single = orders.flatMap(({ pair, baselineFirst, candidateFirst }) =>
    [baselineFirst, candidateFirst].map((winner) => winner === better(pair)),
  )
  const merits = scored.map(merit).filter((value) => value !== null)
  const decided = merits.filter((value) => value !== 0.5)
  const { flips, firstPlace } = orderStability(orders)
  const labels = scored.map(({ pair, score }) => ({
    judge:
      score.status === 'scored' && score.value === 0.5
        ? 'tie'
        : score.status === 'scored' && score.value > 0.5
          ? 'candidate'
          : 'baseline',
    human: better(pair),
  }))
  const kappa = kappaOf(labels)
  return {
    pairs: judged.length,
    single: shareOf(single.filter(Boolean).length, single.length),
    decided: shareOf(decided.length, scored.length),
    rightWhenDecided: shareOf(decided.filter((value) => value > 0.5).length, decided.length),
    withTies: merits.reduce((sum, value) => sum + value, 0) / Math.max(1, merits.length),
    firstPlace,
    flips,
    kappa:
      kappa === null ? '–' : `${kappa.value.toFixed(2)} [${kappa.interval.map((end) => end.toFixed(2)).join(', ')}]`,
    unscored: judged.length - scored.length,
  }
}

/** How far each preference follows length, the judge's and the truth's: log odds with 95 % interval, and the controlled rate. */
export function lengthLine(judged: readonly Judged[]): { judge: string; truth: string; longerWins: Share } {
  const rows = judged.flatMap(({ pair, score }) =>
    score.status === 'scored'
      ? [{ pair, value: score.value, lengthDifference: pair.second.length - pair.first.length }]
      : [],
  )
  const words = (fit: ReturnType<typeof lengthControl>) =>
    fit === null ? '–' : `${fit.slope.toFixed(2)} [${fit.slopeInterval.map((end) => end.toFixed(2)).join(', ')}]`
  const differing = rows.filter(({ lengthDifference, value }) => lengthDifference !== 0 && value !== 0.5)
  return {
    judge: words(lengthControl(rows)),
    truth: words(lengthControl(rows.map((row) => ({ ...row, value: row.pair.gold === 'second' ? 1 : 0 })))),
    longerWins: shareOf(
      differing.filter((row) => row.value > 0.5 === row.lengthDifference > 0).length,
      differing.length,
    ),
  }
}

export interface Coverage {
  readonly raw: number
  readonly corrected: number
  readonly powered: number
  readonly widths: { readonly raw: number; readonly corrected: number; readonly powered: number }
  readonly bias: number
}

/**
 * How often intervals hold the truth: the decided pairs are turned so that the candidate is better in `rate` of them, a part is
 * labelled, the rest is not; many splits by hash.
 */
export function coverageOf(
  judged: readonly Judged[],
  { labels, splits, rate }: { labels: number; splits: number; rate: number },
): Coverage | null {
  const decided = judged.flatMap((each) => {
    const value = merit(each)
    return value === null || value === 0.5 ? [] : [{ id: each.pair.id, isRight: value === 1 }]
  })
  if (decided.length < 2 * labels) return null
  const hit = { raw: 0, corrected: 0, powered: 0 }
  const width = { raw: 0, corrected: 0, powered: 0 }
  const given = { corrected: 0, powered: 0 }
  let bias = 0
  for (let split = 0; split < splits; split++) {
    const drawn = decided
      .map((pair) => ({ ...pair, at: hash(`${split} ${pair.id}`), isBetter: hash(`turn ${split} ${pair.id}`) < rate }))
      .sort((a, b) => a.at - b.at)
      .map(({ isRight, isBetter }) => ({ human: isBetter ? 1 : 0, judge: isBetter === isRight ? 1 : 0 }))
    const [labelled, rest] = [drawn.slice(0, labels), drawn.slice(labels)]
    // Each pair is turned by itself: the rate is what the pairs were drawn with, not what this draw came to.
    const truth = rate
    const raw = shareOf(rest.filter(({ judge }) => judge === 1).length, rest.length)
    const words = labelled.map(({ judge, human }) => ({ judge: String(judge), human: String(human) }))
    const errors = agreementOf(words, { positive: '1', negative: '0' })
    const corrected = correctedRate(raw.count, raw.of, errors)
    const powered = poweredMean(
      labelled,
      rest.map(({ judge }) => judge),
    )
    bias += (raw.share ?? 0) - truth
    tally('raw', raw.interval, truth)
    if (corrected.kind === 'corrected') tally('corrected', corrected.interval, truth)
    if (powered !== null) tally('powered', powered.interval, truth)
  }
  function tally(name: keyof typeof hit, interval: readonly [number, number] | null, truth: number): void {
    if (interval === null) return
    if (interval[0] <= truth && truth <= interval[1]) hit[name] += 1
    width[name] += interval[1] - interval[0]
    if (name !== 'raw') given[name] += 1
  }
  const per = (sum: number, count: number) => (count === 0 ? Number.NaN : sum / count)
  return {
    raw: hit.raw / splits,
    corrected: per(hit.corrected, given.corrected),
    powered: per(hit.powered, given.powered),
    widths: {
      raw: width.raw / splits,
      corrected: per(width.corrected, given.corrected),
      powered: per(width.powered, given.powered),
    },
    bias: bias / splits,
  }
}

/** Uniform in [0, 1), the same everywhere. */
function hash(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32
}
