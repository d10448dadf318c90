import type { JudgeBudget } from '#evaluators/evaluator.ts'
import type { Database } from '#store/database.ts'
import { readSpent } from '#store/eval-answers.ts'
import type { EvalRunHead } from '#store/eval-work.ts'

/** What the judges of one piece may still spend. */
interface PieceBudget extends JudgeBudget {
  /** Its scores are stored, and their cost is counted in the run's row. */
  stored(): void
}

/**
 * Keeps a run below what it may cost. Spending is counted in the run's row, over all its workers; what is under way here is
 * counted as if each piece cost as much as the dearest so far. An answer without a price ends a capped run at once: an
 * unknown cost is not 0.
 */
export class CostCap {
  readonly #db: Database
  readonly #run: Pick<EvalRunHead, 'id' | 'maxCostMicroUsd'>
  #dearest = 0
  #underWay = 0
  /** Spent as far as is known here: by all workers at the last look, and by judges here since. */
  #known = 0
  /** Paid to judges whose scores are not stored yet. */
  #unstored = 0
  #hasRefusedJudge = false
  #reason: string | null = null

  constructor(db: Database, run: Pick<EvalRunHead, 'id' | 'maxCostMicroUsd'>) {
    this.#db = db
    this.#run = run
  }

  /** Why the run may not go on; null: it may. */
  get reason(): string | null {
    return this.#reason
  }

  /** True when a judge was not asked for want of money: the scores are not what they would have been. */
  get hasRefusedJudge(): boolean {
    return this.#hasRefusedJudge
  }

  /** Other work begins, whose pieces cost something else. */
  startOver(): void {
    this.#dearest = 0
  }

  /** How many more pieces may begin, at most `wanted`. */
  async allow(wanted: number): Promise<number> {
    const cap = this.#run.maxCostMicroUsd
    if (this.#reason !== null) return 0
    if (cap === null) return wanted
    const spent = await readSpent(this.#db, this.#run.id)
    this.#known = spent + this.#unstored
    const left = cap - spent - this.#underWay * this.#dearest
    if (this.#dearest === 0)
      return left > 0 ? Math.max(0, Math.min(wanted, 1 - this.#underWay)) : this.#stop(cap, spent)
    const affordable = Math.floor(left / this.#dearest)
    if (affordable >= 1) return Math.min(wanted, affordable)
    return this.#underWay > 0 ? 0 : this.#stop(cap, spent)
  }

  /** For the judges of one piece: once the cap is reached none is asked, and one without a price ends a capped run. */
  judgeBudget(): PieceBudget {
    let own = 0
    return {
      refusal: () => {
        const reason = this.#reason ?? this.#reached()
        if (reason !== null) this.#hasRefusedJudge = true
        return reason
      },
      spent: (costMicroUsd) => {
        if (costMicroUsd === null) this.saw(undefined, 'a judge')
        own += costMicroUsd ?? 0
        this.#known += costMicroUsd ?? 0
        this.#unstored += costMicroUsd ?? 0
      },
      stored: () => {
        this.#unstored -= own
        own = 0
      },
    }
  }

  begin(): void {
    this.#underWay += 1
  }

  /** What a piece under way cost. @param costMicroUsd null: nothing was billed; undefined: something was, and nobody knows how much */
  saw(costMicroUsd: number | null | undefined, model: string | null): void {
    if (costMicroUsd === undefined && this.#run.maxCostMicroUsd !== null) {
      this.#reason ??= `${model ?? 'a model'} has no price, so the cap on the cost cannot be kept`
    }
    this.#dearest = Math.max(this.#dearest, costMicroUsd ?? 0)
  }

  /** A piece is stored, and its cost counted in the run's row. */
  end(): void {
    this.#underWay -= 1
  }

  #reached(): string | null {
    const cap = this.#run.maxCostMicroUsd
    if (cap !== null && this.#known >= cap) this.#reason = `the cap of $${usd(cap)} is reached; judges are not asked`
    return this.#reason
  }

  #stop(cap: number, spent: number): number {
    this.#reason = `one more answer would cost more than the cap of $${usd(cap)} allows; $${usd(spent)} were spent`
    return 0
  }
}

function usd(microUsd: number): string {
  return (microUsd / 1_000_000).toFixed(microUsd < 10_000 ? 6 : 2)
}
