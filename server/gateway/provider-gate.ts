import type { Provider } from '#domain/snapshot.ts'
import type { ChatStream } from '#providers/provider.ts'
import type { Allowances, Leave } from './allowances.ts'

/** Holds calls to what a provider's limits allow. */
export interface ProviderGate {
  /** True: it may not be sent more now. */
  isFull(provider: Provider): boolean
  /** Counts a call, whatever the limit. @returns what to call once it has ended */
  enter(provider: Provider): Leave
}

/** Users' calls keep to the limits. */
export function userGate(allowances: Allowances): ProviderGate {
  return {
    isFull: (provider) => allowances.isFull(provider),
    enter: (provider) => allowances.enterProvider(provider),
  }
}

/** Mirrored calls count, so that users make way for what is under way, but are not held back: half a pair would be no evidence. */
export function mirrorGate(allowances: Allowances): ProviderGate {
  return { ...userGate(allowances), isFull: () => false }
}

/** A stream that leaves its provider when it ends. */
export function leaving(stream: ChatStream, leave: Leave): ChatStream {
  return {
    status: stream.status,
    firstTokenAtMs: stream.firstTokenAtMs,
    warnings: stream.warnings,
    resume: () => stream.resume(),
    flow: (consumer) =>
      stream.flow({
        onBytes: (bytes) => consumer.onBytes(bytes),
        onEnd: (end) => {
          leave(end.facts.usage)
          consumer.onEnd(end)
        },
      }),
  }
}
