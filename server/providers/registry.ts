import { isIP } from 'node:net'
import { Agent, buildConnector } from 'undici'
import type { Provider } from '#domain/snapshot.ts'
import { anthropic } from './anthropic.ts'
import { azureOpenAi } from './azure-openai.ts'
import { createCredentialReader } from './credential.ts'
import type { Dialect } from './dialect.ts'
import { gemini } from './gemini.ts'
import { createHttpProvider } from './http-provider.ts'
import { openAi } from './openai.ts'
import type { ChatProvider } from './provider.ts'
import { type AddressGuard, createAddressGuard, UpstreamAddressError } from './upstream-address.ts'

/** Every kind of provider: another is one file with its dialect, and its line here. */
const dialects: readonly Dialect[] = [openAi, azureOpenAi, anthropic, gemini]

/** Kinds of provider that can be called; the catalogue refuses others. */
export const providerKinds: readonly Provider['kind'][] = dialects.map((dialect) => dialect.kind)

/** Names that the query of a base URL may hold. */
export function baseUrlQueryOf(kind: Provider['kind']): readonly string[] {
  return dialects.find((dialect) => dialect.kind === kind)?.baseUrlQuery ?? []
}

/** Upper bound of a connection attempt, whatever a route asks for. */
const connectMs = 10_000
/** Sockets per provider; more requests wait, within their connect deadline. */
const connectionsPerOrigin = 512

/** A provider of a kind that this version cannot call. */
export class UnknownProviderKindError extends Error {
  readonly code = 'UNKNOWN_PROVIDER_KIND'
  constructor(provider: Provider) {
    super(`provider "${provider.name}" is of kind "${provider.kind}"; known: ${providerKinds.join(', ')}`)
    this.name = 'UnknownProviderKindError'
  }
}

export interface ProviderRegistry {
  /** @throws UnknownProviderKindError */
  clientFor(provider: Provider): ChatProvider
  /** Checks base URLs when the catalogue takes them. */
  readonly guard: AddressGuard
  close(): Promise<void>
}

export interface RegistryOptions {
  /** CIDRs of private addresses that providers may live on. */
  readonly upstreamAllow: readonly string[]
  /** The value of an environment variable; null when unset. */
  readonly readEnvironment: (name: string) => string | null
  readonly clock: { nowMs(): number; monotonicMs(): number }
}

/** Opens the connections to providers. @throws UpstreamAllowError when a range cannot be read */
export function createProviderRegistry(options: RegistryOptions): ProviderRegistry {
  const guard = createAddressGuard(options.upstreamAllow)
  const agent = new Agent({
    connections: connectionsPerOrigin,
    pipelining: 1,
    // Deadlines are the exchange's own: these would only come later and coarser.
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: 10_000,
    connect: guardedConnector(guard),
  })
  const deps = {
    agent,
    clock: options.clock,
    readCredential: createCredentialReader(options.readEnvironment, options.clock.monotonicMs),
  }
  const clients = new Map(dialects.map((dialect) => [dialect.kind, createHttpProvider(deps, dialect)]))
  return {
    guard,
    clientFor(provider) {
      const client = clients.get(provider.kind)
      if (client === undefined) throw new UnknownProviderKindError(provider)
      return client
    },
    close: () => agent.destroy(),
  }
}

/** Names are checked as they are resolved, addresses written as such before they are dialled: both on every connection. */
function guardedConnector(guard: AddressGuard): buildConnector.connector {
  const connect = buildConnector({ timeout: connectMs, allowH2: false, lookup: guard.lookup as never })
  return (options, callback) => {
    const host = options.hostname.replace(/^\[|\]$/g, '')
    if (isIP(host) !== 0 && !guard.isAllowed(host)) callback(new UpstreamAddressError(host, host), null)
    else connect(options, callback)
  }
}
