/** Retries per request that this process adds at most, over time (P12). */
const share = 0.1
const capacity = 20

/** A token bucket: each request earns a tenth of a retry. When providers fail for everyone, retries stop being sent. */
export class RetryBudget {
  #tokens = capacity

  earn(): void {
    this.#tokens = Math.min(capacity, this.#tokens + share)
  }

  /** @returns false when the budget is spent: fall back or fail instead */
  spend(): boolean {
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }
}
