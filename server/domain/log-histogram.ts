/**
 * Counts of positive numbers in buckets of constant relative width (64 per octave, 1.1 to 1.6 % wide), as in DDSketch
 * (Masson et al., arXiv 1908.10693). A bucket's index is cut from the number's own bits, so that no logarithm can differ
 * between machines.
 */
export interface LogHistogram {
  /** Index of the first bucket in `counts`. */
  first: number
  counts: number[]
  total: number
}

const lowest = 1e-9
const highest = 1e9
const mantissaShift = 14

const scratch = new DataView(new ArrayBuffer(8))

function bucketOf(value: number): number {
  scratch.setFloat64(0, value < lowest ? lowest : value > highest ? highest : value)
  return scratch.getUint32(0) >>> mantissaShift
}

/** Upper edge of a bucket: values of the bucket are below it. */
function upperEdge(bucket: number): number {
  scratch.setUint32(0, (bucket + 1) << mantissaShift)
  scratch.setUint32(4, 0)
  return scratch.getFloat64(0)
}

export function startHistogram(): LogHistogram {
  return { first: 0, counts: [], total: 0 }
}

/** Values outside [1e-9, 1e9] count in the outermost bucket. */
export function addToHistogram(histogram: LogHistogram, value: number): void {
  const bucket = bucketOf(value)
  const { counts } = histogram
  if (counts.length === 0) histogram.first = bucket
  while (bucket < histogram.first) {
    counts.unshift(0)
    histogram.first--
  }
  const place = bucket - histogram.first
  while (place >= counts.length) counts.push(0)
  counts[place] = (counts[place] as number) + 1
  histogram.total++
}

/** Forgets half: called when a trailing histogram is full, so that it follows the recent past. */
export function halveHistogram(histogram: LogHistogram): void {
  let total = 0
  for (let i = 0; i < histogram.counts.length; i++) {
    const half = (histogram.counts[i] as number) / 2
    histogram.counts[i] = half
    total += half
  }
  histogram.total = total
}

/** @param quantile 0..1 @returns upper edge of the bucket that holds it; null when empty */
export function histogramQuantile(histogram: Readonly<LogHistogram>, quantile: number): number | null {
  if (histogram.total <= 0) return null
  const above = histogram.total * (1 - quantile)
  let seen = 0
  for (let i = histogram.counts.length - 1; i >= 0; i--) {
    seen += histogram.counts[i] as number
    if (seen > above) return upperEdge(histogram.first + i)
  }
  return upperEdge(histogram.first)
}
