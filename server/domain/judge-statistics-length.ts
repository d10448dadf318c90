import { type Interval, normalReach } from './judge-statistics.ts'

/** One comparison: the candidate's value (1 wins, 0.5 tie, 0 loses) and how much longer its answer is, in characters. */
export interface LengthPair {
  readonly value: number
  readonly lengthDifference: number
}

export interface LengthControl {
  readonly pairs: number
  /** Candidate's mean value as judged. */
  readonly rate: number
  /** What it would be between answers of equal length. */
  readonly controlled: number
  readonly controlledInterval: Interval
  /** Log odds of winning for a difference of one standard deviation's tanh; above 0 the longer answer is preferred. */
  readonly slope: number
  readonly slopeInterval: Interval
}

const fewestPairs = 20
const rounds = 50

/**
 * How far length alone decides, and the rate with length taken out.
 *
 * Logistic regression of the value on x = tanh(difference / sd(difference)), ties as half; the controlled rate is the fitted
 * one at x = 0: the length term of length-controlled AlpacaEval (Dubois et al. 2024, arXiv:2404.04475) without its model and
 * difficulty terms. Robust (sandwich) errors, since a half is no coin toss: Papke & Wooldridge, Journal of Applied
 * Econometrics 11 (1996). Where longer answers are better answers the slope holds that too: it bounds the bias, it does not
 * prove one.
 *
 * @returns null below 20 pairs, when all lengths agree, or when length alone separates the verdicts (no finite slope)
 */
export function lengthControl(pairs: readonly LengthPair[]): LengthControl | null {
  if (pairs.length < fewestPairs) return null
  const differences = pairs.map((pair) => pair.lengthDifference)
  const scale = deviation(differences)
  if (scale === 0) return null
  const points = pairs.map(({ value, lengthDifference }) => ({ x: Math.tanh(lengthDifference / scale), y: value }))
  const fit = fitLogistic(points)
  if (fit === null) return null
  const { intercept, slope, interceptError, slopeError } = fit
  const reach = (at: number, error: number): Interval => [at - normalReach * error, at + normalReach * error]
  const [low, high] = reach(intercept, interceptError)
  return {
    pairs: pairs.length,
    rate: pairs.reduce((sum, { value }) => sum + value, 0) / pairs.length,
    controlled: logistic(intercept),
    controlledInterval: [logistic(low), logistic(high)],
    slope,
    slopeInterval: reach(slope, slopeError),
  }
}

interface Fit {
  readonly intercept: number
  readonly slope: number
  readonly interceptError: number
  readonly slopeError: number
}

/** Newton's method on the quasi-likelihood; null when it runs away. */
function fitLogistic(points: readonly { readonly x: number; readonly y: number }[]): Fit | null {
  let [a, b] = [0, 0]
  for (let round = 0; round < rounds; round++) {
    const { score, bread } = sumsAt(points, a, b)
    const step = solve(bread, score)
    if (step === null) return null
    a += step[0]
    b += step[1]
    if (Math.abs(a) > 20 || Math.abs(b) > 20) return null
    if (Math.abs(step[0]) + Math.abs(step[1]) < 1e-10) {
      const { bread: hessian, meat } = sumsAt(points, a, b)
      return errorsOf(a, b, hessian, meat)
    }
  }
  return null
}

/** Symmetric 2 x 2 matrix: [xx, xy, yy]. */
type Symmetric = readonly [number, number, number]

function sumsAt(
  points: readonly { readonly x: number; readonly y: number }[],
  a: number,
  b: number,
): { score: readonly [number, number]; bread: Symmetric; meat: Symmetric } {
  const [score, bread, meat] = [
    [0, 0],
    [0, 0, 0],
    [0, 0, 0],
  ] as [[number, number], number[], number[]]
  for (const { x, y } of points) {
    const p = logistic(a + b * x)
    const rest = y - p
    score[0] += rest
    score[1] += rest * x
    for (const [i, power] of [1, x, x * x].entries()) {
      bread[i] = (bread[i] ?? 0) + p * (1 - p) * power
      meat[i] = (meat[i] ?? 0) + rest * rest * power
    }
  }
  return { score, bread: bread as unknown as Symmetric, meat: meat as unknown as Symmetric }
}

function solve([xx, xy, yy]: Symmetric, [u, v]: readonly [number, number]): readonly [number, number] | null {
  const determinant = xx * yy - xy * xy
  if (!(determinant > 1e-12)) return null
  return [(yy * u - xy * v) / determinant, (xx * v - xy * u) / determinant]
}

/** Diagonal of bread^-1 meat bread^-1. */
function errorsOf(intercept: number, slope: number, bread: Symmetric, meat: Symmetric): Fit | null {
  const first = solve(bread, [1, 0])
  const second = solve(bread, [0, 1])
  if (first === null || second === null) return null
  const spread = ([u, v]: readonly [number, number]) => u * u * meat[0] + 2 * u * v * meat[1] + v * v * meat[2]
  return { intercept, slope, interceptError: Math.sqrt(spread(first)), slopeError: Math.sqrt(spread(second)) }
}

function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x))
}

function deviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}
