import type { TargetMeasure } from '#domain/live.ts'
import type { ModelRef, RouteVersion } from '#domain/route.ts'

/** How an attempt at a target ended. */
export interface TargetOutcome {
  /** Streams that gave content: milliseconds from the attempt's start; else null. */
  readonly ttftMs: number | null
  readonly totalMs: number
  /** null: answered. */
  readonly errorClass: string | null
}

const nothing: ReadonlyMap<ModelRef, TargetMeasure> = new Map()

/** What this process measures of its targets. */
export class LiveStats {
  /** An attempt has begun: it is in flight until `ended`. */
  began(_model: ModelRef): void {}

  ended(_model: ModelRef, _outcome: TargetOutcome): void {}

  /** What routing by this version may read, for one task. */
  view(_version: RouteVersion, _task: string | null): ReadonlyMap<ModelRef, TargetMeasure> {
    return nothing
  }
}
