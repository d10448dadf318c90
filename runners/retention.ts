import { removeExpiredSamples } from '#store/live-samples.ts'
import { isFullBatch, sweepBatch, sweptKinds } from '#store/retention.ts'
import type { RunnerDeps } from './runner-deps.ts'

/** Batches of one kind in one pass: a backlog goes over several, so that the rest is not kept waiting. */
const batchesPerPass = 25
const idempotencyKeptMs = 24 * 3_600_000

export type RetentionDeps = Pick<RunnerDeps, 'retention'> & {
  readonly rollout: Pick<RunnerDeps['rollout'], 'db' | 'clock' | 'log'>
}

/**
 * Removes what is past its time: payloads, samples, sessions, idempotency keys, decisions with their feedback and ledger of
 * mirrored calls, gateways long gone. The audit trail, verdicts with their evidence, and prices stay for good. Safe to run twice at once: a row is
 * removed once, whoever does it.
 */
export async function applyRetention({ rollout, retention }: RetentionDeps): Promise<void> {
  const { db, clock, log } = rollout
  const nowMs = clock.nowMs()
  const limits = {
    nowMs,
    decisionsBeforeMs: nowMs - retention.decisionsMs,
    idempotencyBeforeMs: nowMs - idempotencyKeptMs,
  }
  const removed: Record<string, number> = { samples: await removeExpiredSamples(db, nowMs) }
  for (const kind of sweptKinds) {
    let rows = 0
    for (let batch = 0; batch < batchesPerPass; batch += 1) {
      const count = await sweepBatch(db, kind, limits)
      rows += count
      if (!isFullBatch(count)) break
    }
    removed[kind] = rows
  }
  if (Object.values(removed).some((count) => count > 0)) log.debug({ removed }, 'rows past their time were removed')
}
