import type { RequestFacts } from '#domain/request-facts.ts'
import type { RouteVersion } from '#domain/route.ts'
import type { Snapshot } from '#domain/snapshot.ts'
import { plainLabelOf, type TaskLabel } from '#domain/task.ts'
import type { GatewayState } from './chat-context.ts'
import type { ChatRequest } from './chat-request.ts'

/** A request whose task is to be identified, and the version that says how. */
export interface Unclassified {
  readonly version: RouteVersion
  readonly snapshot: Snapshot
  readonly request: ChatRequest
  readonly facts: RequestFacts
}

/** Identifies a request's task (A2): its own label, else the route's default. No promise where nothing has to be waited for. */
export function classify(_state: GatewayState, { version, facts }: Unclassified): TaskLabel | Promise<TaskLabel> {
  return plainLabelOf(version.spec, facts.metadata)
}
