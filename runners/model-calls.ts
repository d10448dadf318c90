import { setTimeout as wait } from 'node:timers/promises'
import type { Catalogue } from '#domain/constraints.ts'
import { costMicroUsd } from '#domain/cost.ts'
import type { Usage } from '#domain/decision.ts'
import type { ModelRef, RouteSpec } from '#domain/route.ts'
import type { Provider } from '#domain/snapshot.ts'
import { promptText, tokensOfCharacters } from '#domain/tokens.ts'
import type { TokenCounter } from '#infra/token-counter.ts'
import { Cancellation, type ChatAnswer, type ChatBody, type ChatProvider, ProviderError } from '#providers/provider.ts'
import { retryReasonOf } from '#providers/upstream-errors.ts'
import { type Passage, ProviderGate } from './provider-gate.ts'

/** What calls to models need, outside the gateway. */
export interface CallDeps {
  readonly catalogue: () => Promise<Catalogue>
  readonly clientOf: (provider: Provider) => ChatProvider
  readonly clock: { monotonicMs(): number }
  readonly random: () => number
  /** Counts where a provider did not; absent: four characters are a token. */
  readonly tokens?: TokenCounter
}

export interface ModelAnswer {
  readonly answer: ChatAnswer
  readonly usage: Usage
  /** null: the model is unpriced. */
  readonly costMicroUsd: number | null
  readonly latencyMs: number
}

/** Tries of one model. A provider that says "slow down" gets more: waiting is cheaper than a hole in the evidence. */
const attempts = { other: 3, rate_limit: 8 } as const
const backoffMs = { first: 200, most: 20_000 } as const
const defaults = { connectMs: 2_000, firstTokenMs: 30_000, idleMs: 30_000, totalMs: 60_000 } as const

/** Calls models with retries, full jitter and a limit per provider shared by everything in this process. */
export class ModelCalls {
  readonly #deps: CallDeps
  readonly #gates = new Map<string, ProviderGate>()

  constructor(deps: CallDeps) {
    this.#deps = deps
  }

  /** Calls that may run at once now, over all providers met so far; 0 before the first. */
  capacity(): number {
    let width = 0
    for (const gate of this.#gates.values()) width += gate.width
    return width
  }

  /**
   * One completion by one model.
   *
   * @param fields of the chat request, without `model`
   * @throws ProviderError after the last try
   */
  async complete(
    model: ModelRef,
    fields: Readonly<Record<string, unknown>>,
    timeouts: RouteSpec['timeouts'] = {},
  ): Promise<ModelAnswer> {
    const catalogue = await this.#deps.catalogue()
    const entry = catalogue.models.get(model)
    const provider = entry === undefined ? undefined : catalogue.providers.get(entry.provider)
    if (entry === undefined || provider === undefined) {
      throw new ProviderError('bad_request', `model "${model}" is not in the catalogue`)
    }
    const call = {
      provider,
      model: entry.model,
      body: bodyOf(fields),
      limits: { ...defaults, ...timeouts },
      cancellation: new Cancellation(),
      isKept: true,
      maxOutputTokens: entry.maxOutputTokens,
      capabilities: entry.capabilities,
    }
    const startedAt = { ms: 0 }
    const tokens = limitsTokens(provider) ? tokensOfCharacters(JSON.stringify(fields['messages'] ?? '').length) : 0
    const answer = await this.#gateOf(provider).run(tokens, (passage) =>
      this.#retrying(provider, call, { startedAt, passage }),
    )
    const latencyMs = Math.max(0, Math.round(this.#deps.clock.monotonicMs() - startedAt.ms))
    const usage = answer.facts.usage ?? (await estimate(this.#deps.tokens, fields, answer))
    return { answer, usage, costMicroUsd: costMicroUsd(entry.price, usage), latencyMs }
  }

  async #retrying(
    provider: Provider,
    call: Parameters<ChatProvider['complete']>[0],
    { startedAt, passage }: { startedAt: { ms: number }; passage: Passage },
  ): Promise<ChatAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      await passage.turn()
      startedAt.ms = this.#deps.clock.monotonicMs()
      try {
        const answer = await this.#deps.clientOf(provider).complete(call)
        passage.succeeded(this.#deps.clock.monotonicMs() - startedAt.ms)
        return answer
      } catch (error) {
        if (error instanceof ProviderError && error.errorClass === 'rate_limit') passage.refused()
        if (!(error instanceof ProviderError) || retryReasonOf(error) === null) throw error
        if (attempt >= (error.errorClass === 'rate_limit' ? attempts.rate_limit : attempts.other)) throw error
        const ceiling = Math.min(backoffMs.most, backoffMs.first * 2 ** attempt)
        await wait(Math.min(backoffMs.most, Math.max(error.retryAfterMs ?? 0, this.#deps.random() * ceiling)))
      }
    }
  }

  #gateOf(provider: Provider): ProviderGate {
    const known = this.#gates.get(provider.name)
    if (known?.isFor(provider.limits)) return known
    const gate = new ProviderGate(provider.limits, this.#deps.clock)
    this.#gates.set(provider.name, gate)
    return gate
  }
}

function limitsTokens(provider: Provider): boolean {
  return provider.limits.tokensPerMinute !== undefined
}

function bodyOf(fields: Readonly<Record<string, unknown>>): ChatBody {
  return { fields, bytesFor: (model) => Buffer.from(JSON.stringify({ ...fields, model })) }
}

async function estimate(
  counter: TokenCounter | undefined,
  fields: Readonly<Record<string, unknown>>,
  answer: ChatAnswer,
): Promise<Usage> {
  const messages = Array.isArray(fields['messages']) ? (fields['messages'] as unknown[]) : []
  const { output, outputCharacters } = answer.facts
  const counts = (await counter?.count([promptText(messages), output])) ?? null
  return {
    inputTokens: counts?.[0] ?? tokensOfCharacters(JSON.stringify(messages).length),
    cachedInputTokens: 0,
    outputTokens:
      output === '' ? tokensOfCharacters(outputCharacters) : (counts?.[1] ?? tokensOfCharacters(outputCharacters)),
    reasoningTokens: 0,
    isEstimated: true,
  }
}
