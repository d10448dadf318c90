/** A verdict by people or a program, and ours. `cluster`: rows of one prompt or document depend on each other. */
export interface Agreed {
  readonly cluster: string
  readonly truth: boolean
  readonly got: boolean
}

export interface Agreement {
  readonly n: number
  readonly kappa: number
  /** 95 %, percentile bootstrap over clusters. */
  readonly interval: readonly [number, number]
  readonly sensitivity: number
  readonly specificity: number
}

/** Cohen's kappa of two yes/no verdicts; NaN when there is nothing to agree on. */
export function kappaOf(rows: readonly Agreed[]): number {
  const n = rows.length
  const both = rows.filter(({ truth, got }) => truth === got).length / n
  const truths = rows.filter(({ truth }) => truth).length / n
  const gots = rows.filter(({ got }) => got).length / n
  const chance = truths * gots + (1 - truths) * (1 - gots)
  return (both - chance) / (1 - chance)
}

export function agreementOf(rows: readonly Agreed[], rounds = 400): Agreement {
  const yes = rows.filter(({ truth }) => truth)
  const no = rows.filter(({ truth }) => !truth)
  return {
    n: rows.length,
    kappa: kappaOf(rows),
    interval: bootstrap(rows, kappaOf, rounds),
    sensitivity: yes.filter(({ got }) => got).length / yes.length,
    specificity: no.filter(({ got }) => !got).length / no.length,
  }
}

/** Percentile interval of a statistic, resampling whole clusters. */
export function bootstrap<T extends { readonly cluster: string }>(
  rows: readonly T[],
  statistic: (rows: readonly T[]) => number,
  rounds = 400,
): readonly [number, number] {
  const clusters = [...Map.groupBy(rows, ({ cluster }) => cluster).values()]
  const random = generator(20_260_101)
  const values: number[] = []
  for (let round = 0; round < rounds; round++) {
    const sample = clusters.flatMap(() => clusters[Math.floor(random() * clusters.length)] ?? [])
    const value = statistic(sample)
    if (Number.isFinite(value)) values.push(value)
  }
  values.sort((a, b) => a - b)
  return [
    values[Math.floor(values.length * 0.025)] ?? Number.NaN,
    values[Math.floor(values.length * 0.975)] ?? Number.NaN,
  ]
}

/** Wilson's 95 % interval of a share. */
export function wilson(hits: number, n: number): readonly [number, number] {
  const z = 1.959964
  const p = hits / n
  const middle = p + (z * z) / (2 * n)
  const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))
  const scale = 1 + (z * z) / n
  return [(middle - half) / scale, (middle + half) / scale]
}

/** Area under the ROC curve: the chance that a true row has the higher score, ties half. */
export function aurocOf(rows: readonly { readonly truth: boolean; readonly score: number }[]): number {
  const sorted = [...rows].sort((a, b) => a.score - b.score)
  let rankSum = 0
  for (let from = 0; from < sorted.length; ) {
    let to = from
    while (to < sorted.length && sorted[to]?.score === sorted[from]?.score) to++
    const rank = (from + to + 1) / 2
    for (let at = from; at < to; at++) if (sorted[at]?.truth) rankSum += rank
    from = to
  }
  const yes = rows.filter(({ truth }) => truth).length
  return (rankSum - (yes * (yes + 1)) / 2) / (yes * (rows.length - yes))
}

/** Uniform in [0, 1), the same for the same seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export function shown(agreement: Agreement): string {
  const { n, kappa, interval, sensitivity, specificity } = agreement
  const [low, high] = interval.map((value) => value.toFixed(3))
  return `n ${n}, kappa ${kappa.toFixed(3)} [${low}, ${high}], sensitivity ${sensitivity.toFixed(3)}, specificity ${specificity.toFixed(3)}`
}

export function shareShown(hits: number, n: number): string {
  const [low, high] = wilson(hits, n).map((value) => (value * 100).toFixed(1))
  return `${hits} of ${n}, ${((hits / n) * 100).toFixed(1)} % [${low}, ${high}]`
}
