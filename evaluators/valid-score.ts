import { excerpt } from './answer.ts'
import type { Score } from './evaluator.ts'

/**
 * The last check before a score leaves the room: whatever throws, and any value outside [0, 1] or not a finite number, is an
 * error of the scorer and never a score.
 */
export async function withValidScore(compute: () => Promise<Score>): Promise<Score> {
  try {
    const score = await compute()
    if (score.status !== 'scored') return score
    if (Number.isFinite(score.value) && score.value >= 0 && score.value <= 1) return score
    return { status: 'errored', reason: `the evaluator gave ${String(score.value)}, which is not in [0, 1]` }
  } catch (error) {
    const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    return { status: 'errored', reason: `the evaluator failed: ${excerpt(message, 200)}` }
  }
}
