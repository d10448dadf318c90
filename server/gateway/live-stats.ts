import type { QualityScore, TargetMeasure } from '#domain/live.ts'
import {
  addCall,
  type CallOutcome,
  type LiveWindow,
  measureWindows,
  nothingMeasured,
  oldestNeeded,
  type SeriesMeasure,
  windowIndex,
} from '#domain/live-series.ts'
import { type QualityBook, qualityFor } from '#domain/quality.ts'
import type { ModelRef } from '#domain/route.ts'

/** How an attempt at a target ended. */
export interface TargetOutcome {
  /** Streams that gave content: milliseconds from the attempt's start; else null. */
  readonly ttftMs: number | null
  /** From the attempt's start. */
  readonly totalMs: number
  /** null: answered. */
  readonly errorClass: string | null
  /** What the provider counted; null: it told nothing. */
  readonly usage?: {
    readonly inputTokens: number
    readonly cachedInputTokens: number
    readonly isEstimated: boolean
  } | null
}

/** Callers' regions that are measured on their own; they name them themselves, so there is an end to it. */
const mostRegions = 32
/** Quantiles may be this old: sorting them out anew for every request would cost more than they change. */
const freshMs = 250
/** Views kept at once: one for each task and region that make a difference. */
const mostViews = 256

/** Windows of one model and region, other replicas' included. */
interface Series {
  readonly model: ModelRef
  /** '': calls from all regions together. */
  readonly region: string
  readonly own: LiveWindow[]
  /** By replica and window. */
  readonly others: Map<string, LiveWindow>
  /** Own windows that nobody else knows yet. */
  readonly unsent: Set<LiveWindow>
  measure: SeriesMeasure
  isChanged: boolean
  measuredIndex: number
}

interface Entry {
  inFlight: number
  readonly all: Series
  readonly regions: Map<string, Series>
}

/** A window of this process, to be sent. */
export interface OwnWindow {
  readonly model: ModelRef
  readonly region: string
  readonly window: Readonly<LiveWindow>
}

/** A window that another replica measured. */
export interface OthersWindow extends OwnWindow {
  readonly bootId: string
}

const noBook: QualityBook = new Map()

/**
 * What is known of targets now: times, load and cached share as this process and its fellows measured them over the last
 * minutes, quality as the control plane computed it. A request only counts and looks up; whatever takes longer, live-sync.ts
 * does in the background.
 */
export class LiveStats {
  readonly #clock: { nowMs(): number }
  readonly #entries = new Map<ModelRef, Entry>()
  readonly #regions = new Set<string>()
  readonly #views = new Map<string, { readonly atMs: number; readonly targets: ReadonlyMap<ModelRef, TargetMeasure> }>()
  #book: QualityBook = noBook
  #tasks: ReadonlySet<string> = new Set()

  constructor(clock: { nowMs(): number }) {
    this.#clock = clock
  }

  /** An attempt has begun: it is in flight until `ended`. */
  began(model: ModelRef): void {
    this.#entryOf(model).inFlight += 1
  }

  /** @param region of the caller; undefined: it named none */
  ended(model: ModelRef, region: string | undefined, outcome: TargetOutcome): void {
    const entry = this.#entryOf(model)
    entry.inFlight = Math.max(0, entry.inFlight - 1)
    const call = callOf(outcome, entry.all.measure)
    if (call === null) return
    const nowMs = this.#clock.nowMs()
    count(entry.all, nowMs, call)
    if (region !== undefined && this.#isTracked(region)) count(this.#regionOf(entry, model, region), nowMs, call)
  }

  /** What routing may read of every model, for a task and a caller's region. Counts of requests under way are always the latest. */
  view(task: string | null, region: string | undefined): ReadonlyMap<ModelRef, TargetMeasure> {
    const nowMs = this.#clock.nowMs()
    const knownRegion = region !== undefined && this.#regions.has(region) ? region : ''
    const knownTask = task !== null && !this.#tasks.has(task) ? '\u0000' : task
    const key = `${knownRegion}\n${knownTask ?? ''}`
    const kept = this.#views.get(key)
    if (kept !== undefined && Math.abs(nowMs - kept.atMs) < freshMs) return kept.targets
    const targets = this.#look(task, knownRegion, nowMs)
    if (this.#views.size >= mostViews) this.#views.clear()
    this.#views.set(key, { atMs: nowMs, targets })
    return targets
  }

  /** What was measured of one model for callers of a region; '' for all. */
  measureOf(model: ModelRef, region = ''): SeriesMeasure & { readonly inFlight: number } {
    const entry = this.#entries.get(model)
    if (entry === undefined) return { ...nothingMeasured, inFlight: 0 }
    const series = region === '' ? entry.all : entry.regions.get(region)
    const measure = series === undefined ? nothingMeasured : refreshed(series, this.#clock.nowMs())
    return { ...measure, inFlight: entry.inFlight }
  }

  /** Own windows that have changed since the last call. */
  takeUnsent(): OwnWindow[] {
    const unsent: OwnWindow[] = []
    for (const series of this.#allSeries()) {
      const { model, region } = series
      for (const window of series.unsent) unsent.push({ model, region, window })
      series.unsent.clear()
    }
    return unsent
  }

  /** Says that windows could not be sent after all. */
  putBack(windows: readonly OwnWindow[]): void {
    const lost = new Set(windows.map(({ window }) => window))
    for (const series of this.#allSeries()) {
      for (const window of series.own) if (lost.has(window)) series.unsent.add(window)
    }
  }

  /** Takes in what other replicas measured; a window that is known already is replaced by its newer state. */
  takeOthers(windows: readonly OthersWindow[]): void {
    for (const { bootId, model, region, window } of windows) {
      if (region !== '' && !this.#isTracked(region)) continue
      const entry = this.#entryOf(model)
      const series = region === '' ? entry.all : this.#regionOf(entry, model, region)
      series.others.set(`${bootId} ${window.index}`, window)
      series.isChanged = true
    }
    const newest = windowIndex(this.#clock.nowMs())
    for (const series of this.#allSeries()) {
      if (series.others.size === 0) continue
      const oldest = oldestNeeded([...series.own, ...series.others.values()], newest)
      for (const [key, window] of series.others) if (window.index < oldest) series.others.delete(key)
    }
  }

  setQuality(book: QualityBook): void {
    this.#book = book
    this.#tasks = new Set([...book.values()].flatMap((tasks) => [...tasks.keys()].flatMap((task) => task ?? [])))
    this.#views.clear()
  }

  #look(task: string | null, region: string, nowMs: number): ReadonlyMap<ModelRef, TargetMeasure> {
    const targets = new Map<ModelRef, TargetMeasure>()
    for (const [model, entry] of this.#entries) {
      const all = refreshed(entry.all, nowMs)
      const near = region === '' ? undefined : entry.regions.get(region)
      const ofRegion = near === undefined ? nothingMeasured : refreshed(near, nowMs)
      const measure = ofRegion.totalMs === null ? all : { ...ofRegion, cachedShare: all.cachedShare }
      targets.set(model, new LiveTarget(entry, measure, qualityFor(this.#book, model, task)))
    }
    for (const model of this.#book.keys()) {
      if (targets.has(model)) continue
      targets.set(model, new LiveTarget(idle, nothingMeasured, qualityFor(this.#book, model, task)))
    }
    return targets
  }

  #entryOf(model: ModelRef): Entry {
    const known = this.#entries.get(model)
    if (known !== undefined) return known
    const entry: Entry = { inFlight: 0, all: startSeries(model, ''), regions: new Map() }
    this.#entries.set(model, entry)
    // The views in use do not have it.
    this.#views.clear()
    return entry
  }

  #regionOf(entry: Entry, model: ModelRef, region: string): Series {
    const known = entry.regions.get(region)
    if (known !== undefined) return known
    const series = startSeries(model, region)
    entry.regions.set(region, series)
    return series
  }

  #isTracked(region: string): boolean {
    if (this.#regions.has(region)) return true
    if (region === '' || region.length > 64 || this.#regions.size >= mostRegions) return false
    this.#regions.add(region)
    return true
  }

  *#allSeries(): Iterable<Series> {
    for (const entry of this.#entries.values()) {
      yield entry.all
      yield* entry.regions.values()
    }
  }
}

const idle = { inFlight: 0 }

/** A model as a view shows it: quantiles of a moment, and the load of this very moment. */
class LiveTarget implements TargetMeasure {
  readonly #load: { readonly inFlight: number }
  readonly samples: number
  readonly ttftSamples: number
  readonly ttftMs: TargetMeasure['ttftMs']
  readonly totalMs: TargetMeasure['totalMs']
  readonly cachedShare: number | null
  readonly quality: Readonly<Record<string, QualityScore>>

  constructor(
    load: { readonly inFlight: number },
    measure: SeriesMeasure,
    quality: Readonly<Record<string, QualityScore>>,
  ) {
    this.#load = load
    this.samples = measure.samples
    this.ttftSamples = measure.ttftSamples
    this.ttftMs = measure.ttftMs
    this.totalMs = measure.totalMs
    this.cachedShare = measure.cachedShare
    this.quality = quality
  }

  get inFlight(): number {
    return this.#load.inFlight
  }
}

function startSeries(model: ModelRef, region: string): Series {
  return {
    model,
    region,
    own: [],
    others: new Map(),
    unsent: new Set(),
    measure: nothingMeasured,
    isChanged: false,
    measuredIndex: 0,
  }
}

function count(series: Series, nowMs: number, call: CallOutcome): void {
  series.unsent.add(addCall(series.own, nowMs, call))
  series.isChanged = true
}

/** Worked out anew when something was counted or a window has passed. */
function refreshed(series: Series, nowMs: number): SeriesMeasure {
  const index = windowIndex(nowMs)
  if (!series.isChanged && series.measuredIndex === index) return series.measure
  series.measure = measureWindows([...series.own, ...series.others.values()], nowMs)
  series.measuredIndex = index
  series.isChanged = false
  return series.measure
}

/** Waiting this long is slow for any model, milliseconds. */
const surelySlowMs = 1_000

/**
 * What an attempt says about its target. A time-out is an answer at least as slow as it was waited for, where that is slow at
 * all (what is left of a request's deadline may be next to nothing). Other failures say nothing about speed, or a target that
 * refuses at once would be the fastest. null: the client left before anything came.
 */
function callOf({ ttftMs, totalMs, errorClass, usage }: TargetOutcome, known: SeriesMeasure): CallOutcome | null {
  const isLeft = errorClass === 'client_closed'
  if (isLeft && ttftMs === null) return null
  const isSlow = errorClass === 'timeout' && totalMs > (known.totalMs?.p95 ?? surelySlowMs)
  const isCounted = usage != null && !usage.isEstimated
  return {
    isAnswered: errorClass === null || isLeft,
    ttftMs,
    totalMs: errorClass === null || isSlow ? totalMs : null,
    inputTokens: isCounted ? usage.inputTokens : null,
    cachedInputTokens: isCounted ? usage.cachedInputTokens : null,
  }
}
