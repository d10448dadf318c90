import type { Dialect, EmbeddingsDialect } from './dialect.ts'

/** Embeddings as OpenAI has them: nothing is translated. */
export const openAiEmbeddings: EmbeddingsDialect = {
  path: (base) => `${base.path}/embeddings`,
  translate: (body, model) => ({ body: body.bytesFor(model), warnings: [], answer: null }),
}

/** OpenAI and everything that speaks its chat completions: bytes pass through, nothing is translated. */
export const openAi: Dialect = {
  kind: 'openai',
  path: (base) => `${base.path}/chat/completions`,
  headers: [],
  authorize: (secret) => ['authorization', `Bearer ${secret}`],
  translate: (call) => ({ body: call.body.bytesFor(call.model), warnings: [], answer: null }),
  embeddings: openAiEmbeddings,
}
