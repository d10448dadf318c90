import type { Warning } from '#domain/decision.ts'
import { type Fields, isObject } from './answer-facts.ts'
import { unsupported } from './chat-messages.ts'
import type { BaseAddress, EmbeddingsDialect } from './dialect.ts'
import { ProviderError } from './provider.ts'

/** Gemini's embeddings of many texts at once. It reports no tokens: the answer has no `usage`. */
export function geminiEmbeddings(
  modelPath: (base: BaseAddress, model: string, method: string) => string,
): EmbeddingsDialect {
  return {
    path: (base, model) => modelPath(base, model, 'batchEmbedContents'),
    translate(body, model, ref) {
      const { input, dimensions, encoding_format: encoding } = body.fields
      const texts = Array.isArray(input) ? (input as unknown[]) : [input]
      if (texts.length === 0 || !texts.every((text) => typeof text === 'string')) {
        throw unsupported('input', 'it embeds text, not token numbers')
      }
      const name = model.includes('/') ? model : `models/${model}`
      const requests = texts.map((text) => ({
        model: name,
        content: { parts: [{ text }] },
        ...(typeof dimensions === 'number' && { outputDimensionality: dimensions }),
      }))
      return {
        body: Buffer.from(JSON.stringify({ requests })),
        warnings: warningsOf(body.fields, ref),
        answer: (parsed) => listOf(parsed, { model, count: texts.length, isBase64: encoding === 'base64' }),
      }
    },
  }
}

const mapped: readonly string[] = ['model', 'input', 'dimensions', 'encoding_format', 'metadata', 'interlock']

function warningsOf(fields: Fields, ref: string): Warning[] {
  return Object.entries(fields)
    .filter(([name, value]) => value !== null && !mapped.includes(name))
    .map(([name]) => ({ model: ref, field: name.slice(0, 64), detail: 'the provider has no such setting' }))
}

function listOf(
  parsed: unknown,
  about: { readonly model: string; readonly count: number; readonly isBase64: boolean },
): Fields | ProviderError {
  const list = isObject(parsed) && Array.isArray(parsed['embeddings']) ? (parsed['embeddings'] as unknown[]) : []
  const vectors = list.map((entry) => (isObject(entry) ? entry['values'] : null)).filter(isVector)
  if (vectors.length !== about.count) {
    return new ProviderError('invalid_response', 'the answer does not hold one embedding for each text', {
      status: 200,
    })
  }
  return {
    object: 'list',
    model: about.model,
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: about.isBase64 ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector,
    })),
  }
}

function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((number) => typeof number === 'number')
}
