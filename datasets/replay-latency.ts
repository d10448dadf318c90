import { hash } from 'node:crypto'

/** How a recorded answer is timed: first token after `ttftMs`, the rest at `perTokenMs` each. */
export interface Timing {
  readonly ttftMs: number
  readonly perTokenMs: number
}

interface SizeClass {
  readonly matches: RegExp
  readonly ttftMedianMs: number
  readonly perTokenMedianMs: number
}

// Log-normal around these medians; set by hand to the order of magnitude hosted models show, not measured on any one of them.
const sizeClasses: readonly SizeClass[] = [
  { matches: /mini|flash|haiku|nano|tiny|3\.5-turbo|\b[1-9]b\b|8x7b/i, ttftMedianMs: 320, perTokenMedianMs: 8 },
  { matches: /opus|405b|o1|falcon-180b|gpt-4(?!o)/i, ttftMedianMs: 900, perTokenMedianMs: 32 },
]
const otherwise = { ttftMedianMs: 480, perTokenMedianMs: 14 }
const ttftSigma = 0.4
const perTokenSigma = 0.25

/** The same model, prompt and seed always give the same timing. */
export function drawTiming(seed: string, model: string, promptId: string): Timing {
  const size = sizeClasses.find(({ matches }) => matches.test(model)) ?? otherwise
  const [first, second] = normalPair(hashUnit(seed, model, promptId, 'u'), hashUnit(seed, model, promptId, 'v'))
  return {
    ttftMs: size.ttftMedianMs * Math.exp(ttftSigma * first),
    perTokenMs: size.perTokenMedianMs * Math.exp(perTokenSigma * second),
  }
}

/** Uniform in [0, 1) from the parts alone. */
export function hashUnit(...parts: readonly string[]): number {
  return Number.parseInt(hash('sha256', JSON.stringify(parts), 'hex').slice(0, 12), 16) / 2 ** 48
}

/** Box-Muller: two independent standard normals from two uniforms. */
function normalPair(u: number, v: number): [number, number] {
  const radius = Math.sqrt(-2 * Math.log(1 - u))
  return [radius * Math.cos(2 * Math.PI * v), radius * Math.sin(2 * Math.PI * v)]
}
