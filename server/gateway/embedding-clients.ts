import { type AnswerFacts, type ChatProvider, type EmbedAnswer, ProviderError } from '#providers/provider.ts'
import type { ForwardDeps } from './forward.ts'

/**
 * The same deps with clients that embed where they would complete: targets, retries, circuits, deadlines and money are one
 * matter, whatever is asked of a model.
 */
export function embeddingClients<T extends Pick<ForwardDeps, 'providers'>>(deps: T): T {
  const { providers } = deps
  return { ...deps, providers: { ...providers, clientFor: (provider) => embedder(providers.clientFor(provider)) } }
}

function embedder(client: ChatProvider): ChatProvider {
  return {
    ...client,
    async complete(call) {
      if (client.embed === undefined) {
        throw new ProviderError('unsupported', 'the provider has no embeddings', { isSent: false })
      }
      const { status, body, warnings, firstByteAtMs, usage } = await client.embed(call)
      return { status, body, warnings, firstByteAtMs, facts: factsOf(usage) }
    },
  }
}

/** Vectors are no text to judge; the words in its place are what a stored payload shows. */
function factsOf(usage: EmbedAnswer['usage']): AnswerFacts {
  return {
    output: '[vectors]',
    outputCharacters: 0,
    finishReason: null,
    refusal: null,
    toolCalls: [],
    usage,
    isVectors: true,
  }
}
