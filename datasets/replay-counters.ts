/** What one model was asked since the start (or the last reset). */
export interface ModelCounts {
  /** Requests that reached the model, well or badly served. */
  readonly requests: number
  /** Answers sent to their last byte: what a real provider would bill. */
  readonly answered: number
  /** Requests struck by a fault. */
  readonly faults: number
  /** Connections that ended before the answer did, by the client or by a fault. */
  readonly aborted: number
  readonly recorded: number
  readonly fallback: number
  readonly judge: number
}

export interface ReplayStats {
  readonly byModel: Readonly<Record<string, ModelCounts>>
  /** model -> prompt id -> recorded answers sent to their last byte; only when asked for. */
  readonly byPrompt?: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** In-memory counts; the proof that no eval item was paid twice rests on them. */
export class ReplayCounters {
  readonly #models = new Map<string, { -readonly [Name in keyof ModelCounts]: number }>()
  readonly #asked = new Map<string, number>()
  readonly #answered = new Map<string, Map<string, number>>()

  count(model: string, name: keyof ModelCounts): void {
    let counts = this.#models.get(model)
    if (counts === undefined) {
      counts = { requests: 0, answered: 0, faults: 0, aborted: 0, recorded: 0, fallback: 0, judge: 0 }
      this.#models.set(model, counts)
    }
    counts[name] += 1
  }

  countAnswered(model: string, promptId: string | null): void {
    this.count(model, 'answered')
    if (promptId === null) return
    let prompts = this.#answered.get(model)
    if (prompts === undefined) {
      prompts = new Map()
      this.#answered.set(model, prompts)
    }
    prompts.set(promptId, (prompts.get(promptId) ?? 0) + 1)
  }

  /** How often this model was asked this prompt before; counts the asking. */
  nextTake(model: string, promptId: string): number {
    const key = JSON.stringify([model, promptId])
    const before = this.#asked.get(key) ?? 0
    this.#asked.set(key, before + 1)
    return before
  }

  stats(withPrompts: boolean): ReplayStats {
    const byModel = Object.fromEntries([...this.#models].map(([model, counts]) => [model, { ...counts }]))
    if (!withPrompts) return { byModel }
    const byPrompt = [...this.#answered].map(([model, prompts]) => [model, Object.fromEntries(prompts)])
    return { byModel, byPrompt: Object.fromEntries(byPrompt) }
  }

  reset(): void {
    this.#models.clear()
    this.#asked.clear()
    this.#answered.clear()
  }
}
