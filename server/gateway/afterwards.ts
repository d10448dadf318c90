/** Work that goes on after a client was answered: nobody waits for it but the end of the process. */
export class Afterwards {
  readonly #pending = new Set<Promise<void>>()

  /** @param work never rejects */
  add(work: Promise<void>): void {
    this.#pending.add(work)
    work.finally(() => this.#pending.delete(work))
  }

  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }
}
