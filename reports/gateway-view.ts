/** Every replica: what it serves, how far it is behind, and what it may still give to candidates. */
export interface GatewayPageView {
  readonly currentEpoch: number
  /** When the engine last ran; null: never. */
  readonly engineSeenAt: number | null
  /** A replica not heard from for longer serves the baseline only. */
  readonly leaseMs: number
  readonly counts: { readonly current: number; readonly behind: number; readonly lost: number }
  readonly items: readonly ReplicaRow[]
  /** Shares of live traffic that replicas with a lease may give to candidates. */
  readonly exposed: readonly ExposedShare[]
  readonly nextUrl: string | null
}

export interface ReplicaRow {
  readonly id: string
  readonly bootId: string
  readonly state: 'current' | 'behind' | 'lost'
  readonly epoch: number
  /** Epochs behind the current one; 0: none. */
  readonly lag: number
  readonly digest: string
  readonly startedAt: number
  readonly seenAt: number
  /** What is left of its lease; null: it ended. */
  readonly leaseLeftMs: number | null
}

export interface ExposedShare {
  readonly proposalId: string
  readonly route: string
  readonly version: number
  readonly shareBp: number
}
