import type { Exclusion } from '#domain/decision.ts'
import { windowMs } from '#domain/live-series.ts'
import type { Circuits } from './circuits.ts'

/** Exclusions that pass by themselves, and how soon it is worth trying again, milliseconds. */
const passing: Readonly<Record<string, number>> = { rate_limit: 1_000, max_latency: windowMs, circuit_open: 0 }

/** When one of the excluded targets may be eligible again, milliseconds from now; null: waiting helps none of them. */
export function eligibleAgainMs(
  excluded: readonly Exclusion[],
  circuits: Pick<Circuits, 'soonestMs'>,
  nowMs: number,
): number | null {
  const waits = [...Map.groupBy(excluded, ({ model }) => model)].flatMap(([model, reasons]) => {
    if (reasons.some(({ by }) => passing[by] === undefined)) return []
    const rest = reasons.some(({ by }) => by === 'circuit_open') ? (circuits.soonestMs([model], nowMs) ?? 0) : 0
    return [Math.max(rest, ...reasons.map(({ by }) => passing[by] ?? 0))]
  })
  return waits.length === 0 ? null : Math.min(...waits)
}
