import type { Arm } from './evidence.ts'

/**
 * Evidence by unit where one unit meets one arm only. A heavy user is one piece of evidence, not hundreds: a unit counts
 * once per canary step and arm, with the mean of its first 10 requests, or of those seen within 200 observations.
 *
 * Which units have counted is remembered exactly, but for a shrinking sample of all units (those whose hash is below a
 * bound that halves when the memory is full): a unit outside the sample never counts, so none counts twice.
 */
export interface StickyUnits {
  open: OpenUnit[]
  baseline: CountedOnce
  candidate: CountedOnce
  /** Units met (sample-ratio test), met with a score, and with a hard failure. */
  assigned: CountedOnce
  scored: CountedOnce
  failed: CountedOnce
}

export interface OpenUnit {
  key: string
  arm: Arm
  /** Observation count when it opened. */
  openedAt: number
  requests: number
  /** By channel (one per check and per completeness test). */
  sums: number[]
  counts: number[]
}

/** In which way a unit is met for the first time. */
export type OnceKind = 'assigned' | 'scored' | 'failed'

/** A set of hashes that forgets by sampling. */
export interface CountedOnce {
  /** Hashes below it belong to the sample. */
  bound: number
  hashes: number[]
}

const maxUnitRequests = 10
const unitLifetime = 200
const armMemory = 2048
const memory = 1024

export function startStickyUnits(): StickyUnits {
  const none = (): CountedOnce => ({ bound: 2 ** 32, hashes: [] })
  return { open: [], baseline: none(), candidate: none(), assigned: none(), scored: none(), failed: none() }
}

/** Working form of `CountedOnce` during one fold. */
export class OnceSet {
  readonly #hashes: Set<number>
  readonly #capacity: number
  #bound: number

  constructor(from: Readonly<CountedOnce>, capacity: number) {
    this.#hashes = new Set(from.hashes)
    this.#bound = from.bound
    this.#capacity = capacity
  }

  /** @returns true the first time a key of the sample is met, false ever after and for keys outside the sample */
  isFirst(key: string): boolean {
    const hash = hashOf(key)
    if (hash >= this.#bound || this.#hashes.has(hash)) return false
    this.#hashes.add(hash)
    while (this.#hashes.size > this.#capacity) this.#halve()
    return true
  }

  #halve(): void {
    this.#bound /= 2
    for (const hash of this.#hashes) if (hash >= this.#bound) this.#hashes.delete(hash)
  }

  freeze(): CountedOnce {
    return { bound: this.#bound, hashes: [...this.#hashes] }
  }
}

/** FNV-1a over UTF-16 units with a final mix, 32 bits. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

export interface UnitRequest {
  readonly unit: string
  readonly step: number
  readonly arm: Arm
  /** By channel; NaN where the request says nothing. */
  readonly values: readonly number[]
}

/** The sticky units of one fold: opens, fills and closes units in assignment order. */
export class UnitSession {
  readonly #open: Map<string, OpenUnit>
  readonly #counted: Record<Arm, OnceSet>
  readonly #met: Record<OnceKind, OnceSet>

  constructor(from: Readonly<StickyUnits>) {
    this.#open = new Map(from.open.map((unit) => [unit.key, unit]))
    this.#counted = {
      baseline: new OnceSet(from.baseline, armMemory),
      candidate: new OnceSet(from.candidate, armMemory),
    }
    this.#met = {
      assigned: new OnceSet(from.assigned, memory),
      scored: new OnceSet(from.scored, memory),
      failed: new OnceSet(from.failed, memory),
    }
  }

  /** Closes units whose time is over. @param deliver gets each closed unit, oldest first */
  expire(observed: number, deliver: (unit: OpenUnit) => void): void {
    for (const unit of this.#open.values()) {
      if (observed - unit.openedAt < unitLifetime) break
      this.#open.delete(unit.key)
      deliver(unit)
    }
  }

  /** Adds a request to its unit. @returns the unit when this request closed it */
  add(request: UnitRequest, observed: number): OpenUnit | null {
    const key = `${request.arm}:${request.step}:${request.unit}`
    let unit = this.#open.get(key)
    if (unit === undefined) {
      if (!this.#counted[request.arm].isFirst(key)) return null
      const none = request.values.map(() => 0)
      unit = { key, arm: request.arm, openedAt: observed, requests: 0, sums: none, counts: [...none] }
      this.#open.set(key, unit)
    }
    unit.requests++
    for (let i = 0; i < request.values.length; i++) {
      const value = request.values[i] as number
      if (Number.isNaN(value)) continue
      unit.sums[i] = (unit.sums[i] as number) + value
      unit.counts[i] = (unit.counts[i] as number) + 1
    }
    if (unit.requests < maxUnitRequests) return null
    this.#open.delete(key)
    return unit
  }

  /** @returns true the first time a unit is met in this way */
  isFirst(kind: OnceKind, unit: string): boolean {
    return this.#met[kind].isFirst(unit)
  }

  freeze(): StickyUnits {
    return {
      open: [...this.#open.values()],
      baseline: this.#counted.baseline.freeze(),
      candidate: this.#counted.candidate.freeze(),
      assigned: this.#met.assigned.freeze(),
      scored: this.#met.scored.freeze(),
      failed: this.#met.failed.freeze(),
    }
  }
}
