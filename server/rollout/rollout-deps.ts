import type { Log } from '#infra/log.ts'
import type { Database } from '#store/database.ts'

/** What the use cases of a rollout need; made once in deps.ts. */
export interface RolloutDeps {
  readonly db: Database
  readonly clock: { nowMs(): number }
  readonly newId: (prefix: string) => string
  readonly log: Log
  /** Called after every commit that changes what gateways serve: refreshes this process's own gateway before the caller is answered. */
  readonly onChange: () => Promise<void>
  /** Rings the queue: work of this kind is due. Losing it costs a tick. */
  readonly ring: (job: Doorbell) => void
  /** A gateway unheard for this long counts as gone. */
  readonly gatewayGoneAfterMs: number
}

export type Doorbell =
  | { readonly name: 'advance-proposal'; readonly id: string }
  | { readonly name: 'eval-run'; readonly id: string }
  | { readonly name: 'score-samples'; readonly id: string }
