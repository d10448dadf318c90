import type { Dialect, EmbeddingsDialect } from './dialect.ts'

/** Embeddings as OpenAI has them: nothing is translated. */
const openAiEmbeddings: EmbeddingsDialect = {
  path: (base) => `${base.path}/embeddings`,
  translate: (body, model) => ({ body: body.bytesFor(model), warnings: [], answer: null }),
}

/**
 * OpenAI and everything that speaks its chat completions: bytes pass through, nothing is translated. Streams are asked for their
 * counts (B4): without them a cost could only be estimated.
 */
export const openAi: Dialect = {
  kind: 'openai',
  path: (base) => `${base.path}/chat/completions`,
  headers: [],
  authorize: (secret) => ['authorization', `Bearer ${secret}`],
  translate: (call, isStream) => {
    const metered = isStream ? (call.body.meteredBytesFor?.(call.model) ?? null) : null
    const body = metered ?? call.body.bytesFor(call.model)
    return { body, warnings: [], answer: null, isUsageHidden: metered !== null }
  },
  embeddings: openAiEmbeddings,
}
