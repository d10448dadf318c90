import { csvText } from './csv.ts'
import type { InventoryReport } from './inventory-view.ts'
import type { MixPart } from './report-window-view.ts'
import type { SavingsReport } from './savings-view.ts'

/** One line per route, and per model and sender of direct traffic. Money in USD; empty: unknown. */
export function inventoryCsv(report: InventoryReport): string {
  const header = [
    'kind',
    'name',
    'caller',
    'owner',
    'purpose',
    'risk',
    'stable_version',
    'models',
    'tasks',
    'prompts',
    'workflows',
    'requests',
    'requests_per_day',
    'input_tokens',
    'output_tokens',
    'latency_p50_ms',
    'latency_p95_ms',
    'errors',
    'cost_usd',
    'unpriced_requests',
    'is_candidate',
    'reasons',
  ]
  const rows = report.rows.map((row) => [
    row.kind,
    row.name,
    row.caller,
    row.owner,
    row.purpose,
    row.risk,
    row.stableVersion,
    mix(row.models),
    mix(row.tasks),
    mix(row.prompts),
    mix(row.workflows),
    row.requests,
    rounded(row.requestsPerDay),
    row.inputTokens,
    row.outputTokens,
    row.latencyP50Ms,
    row.latencyP95Ms,
    row.errors,
    usd(row.costMicroUsd),
    row.unpriced,
    row.isCandidate,
    row.reasons.map((reason) => reason.sentence).join('; '),
  ])
  return csvText(header, rows)
}

/** One line per route. Money in USD; empty: no comparison. */
export function savingsCsv(report: SavingsReport): string {
  const header = [
    'route',
    'owner',
    'stable_version',
    'requests',
    'compared_requests',
    'unpriced_requests',
    'unanswered_requests',
    'strongest_model',
    'strongest_by',
    'actual_usd',
    'strongest_usd',
    'saved_usd',
    'saved_low_usd',
    'saved_high_usd',
    'previous_version',
    'each_usd',
    'previous_each_usd',
    'saved_each_usd',
    'saved_each_low_usd',
    'saved_each_high_usd',
    'shadow_usd',
    'eval_usd',
    'warning',
  ]
  const rows = report.routes.map((row) => [
    row.route,
    row.owner,
    row.stableVersion,
    row.requests,
    row.strongest?.requests ?? 0,
    row.excluded.unpriced,
    row.excluded.unanswered,
    row.strongestModel?.model ?? null,
    row.strongestModel?.by ?? null,
    usd(row.strongest?.actualMicroUsd ?? null),
    usd(row.strongest?.otherMicroUsd ?? null),
    usd(row.strongest?.savedMicroUsd ?? null),
    usd(row.strongest?.savedRangeMicroUsd[0] ?? null),
    usd(row.strongest?.savedRangeMicroUsd[1] ?? null),
    row.previous?.previousVersion ?? null,
    usd(row.previous?.currentEachMicroUsd ?? null),
    usd(row.previous?.previousEachMicroUsd ?? null),
    usd(row.previous?.savedEachMicroUsd ?? null),
    usd(row.previous?.savedEachIntervalMicroUsd[0] ?? null),
    usd(row.previous?.savedEachIntervalMicroUsd[1] ?? null),
    usd(row.proving.shadowMicroUsd),
    usd(row.proving.evalMicroUsd),
    row.warning?.sentence ?? null,
  ])
  return csvText(header, rows)
}

function mix(parts: readonly MixPart[]): string {
  return parts.map((part) => `${part.name ?? '(none)'} ${Math.round(part.ratio * 100)}%`).join('; ')
}

function usd(microUsd: number | null): number | null {
  return microUsd === null ? null : Number((microUsd / 1e6).toFixed(9))
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
