/** Seeded random numbers for simulations: xoshiro128**, seeded through splitmix32. */
export interface SeededRandom {
  /** Uniform in [0, 1). */
  next(): number
  isTrue(probability: number): boolean
  normal(): number
}

export function seededRandom(seed: number): SeededRandom {
  let mix = seed | 0
  const word = () => {
    mix = (mix + 0x9e3779b9) | 0
    let z = Math.imul(mix ^ (mix >>> 16), 0x21f0aaad)
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
    return z ^ (z >>> 15)
  }
  let [a, b, c, d] = [word(), word(), word(), word()]
  const next = () => {
    const product = Math.imul(b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9)
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = (d << 11) | (d >>> 21)
    return (result >>> 0) / 4294967296
  }
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())
  return { next, isTrue: (probability) => next() < probability, normal }
}
