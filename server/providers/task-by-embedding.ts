import { defaultMinSimilarity } from '#domain/classifier-limits.ts'
import type { Usage } from '#domain/decision.ts'
import type { EmbeddingClassifier } from '#domain/route.ts'
import { tokensOfCharacters } from '#domain/tokens.ts'
import { Lru } from './lru.ts'
import { ProviderError } from './provider.ts'
import { type Asked, type AskingDeps, callWithin, type Finding, modelCallOf, type Question } from './task-asking.ts'

type Of = Question<EmbeddingClassifier>

/** Texts of one call for example vectors. */
const batchSize = 64
/** Example vectors are made once a version: they may take longer than a request waits. */
const examplesDeadlineMs = 10_000
/** Versions whose vectors are kept. */
const versionsKept = 64
const maxDimensions = 8_192

/** Finds the example whose vector is nearest (cosine). Vectors of examples are made at first use and shared (A10). */
export class ExampleFinder {
  readonly #deps: AskingDeps
  readonly #vectors = new Lru<Promise<readonly Float32Array[]>>(versionsKept)

  constructor(deps: AskingDeps) {
    this.#deps = deps
  }

  /** @throws ProviderError */
  async ask(question: Of): Promise<Asked> {
    // At once, so that the first request does not wait for one after the other.
    const [examples, own] = await Promise.all([
      this.#examplesOf(question),
      embed(this.#deps, question, [question.text], question.deadlineMs),
    ])
    const [vector] = own.vectors
    if (vector === undefined || vector.length !== examples[0]?.length) {
      throw new ProviderError('invalid_response', 'the vector is of another length than those of the examples')
    }
    return { finding: nearest(question.classifier, examples, vector), usage: own.usage }
  }

  #examplesOf(question: Of): Promise<readonly Float32Array[]> {
    const key = examplesKey(question)
    const known = this.#vectors.get(key)
    if (known !== undefined) return known
    const made = embedExamples(this.#deps, question)
    this.#vectors.set(key, made)
    // Tried again by the next request, unless the circuit is open by then.
    made.catch(() => this.#vectors.delete(key))
    return made
  }
}

/** The same examples under another model, or the same name at another address, are other vectors. */
function examplesKey({ version, classifier, provider }: Of): string {
  return JSON.stringify([version.route, version.digest, classifier.model, provider.kind, provider.baseUrl])
}

async function embedExamples(deps: AskingDeps, question: Of): Promise<readonly Float32Array[]> {
  const texts = question.classifier.examples.map((example) => example.text)
  const vectors: Float32Array[] = []
  for (let from = 0; from < texts.length; from += batchSize) {
    const batch = await embed(deps, question, texts.slice(from, from + batchSize), examplesDeadlineMs)
    vectors.push(...batch.vectors)
  }
  if (vectors.some((vector) => vector.length !== vectors[0]?.length)) {
    throw new ProviderError('invalid_response', 'the vectors are of different lengths')
  }
  return vectors
}

async function embed(
  deps: AskingDeps,
  question: Of,
  input: readonly string[],
  deadlineMs: number,
): Promise<{ readonly vectors: readonly Float32Array[]; readonly usage: Usage }> {
  const client = deps.providers.clientFor(question.provider)
  const call = client.embed?.bind(client)
  if (call === undefined) throw new ProviderError('bad_request', 'the provider has no embeddings')
  return callWithin(deps, question, async () => {
    const answer = await call(modelCallOf(question, { input, encoding_format: 'float' }, deadlineMs))
    return { vectors: readVectors(answer.body, input.length), usage: answer.usage ?? estimate(input) }
  })
}

/** Unit vectors of an answer, in the order of the texts. @throws ProviderError for anything but one finite vector a text */
function readVectors(body: Buffer, count: number): readonly Float32Array[] {
  const fault = (what: string) => new ProviderError('invalid_response', `the embeddings ${what}`)
  const { data } = JSON.parse(body.toString('utf8')) as { data?: unknown }
  if (!Array.isArray(data) || data.length !== count) throw fault('are not one for each text')
  const vectors = new Array<Float32Array | undefined>(count).fill(undefined)
  for (const entry of data as { index?: unknown; embedding?: unknown }[]) {
    const vector = unitVector(entry?.embedding)
    if (vector === null || typeof entry.index !== 'number') throw fault('are no vectors of numbers')
    vectors[entry.index] = vector
  }
  const whole = vectors.filter((vector) => vector !== undefined)
  if (whole.length !== count) throw fault('are not one for each text')
  return whole
}

function unitVector(values: unknown): Float32Array | null {
  if (!Array.isArray(values) || values.length === 0 || values.length > maxDimensions) return null
  if (!values.every((value) => typeof value === 'number' && Number.isFinite(value))) return null
  let squares = 0
  for (const value of values as number[]) squares += value * value
  const norm = Math.sqrt(squares)
  return norm > 0 && Number.isFinite(norm) ? Float32Array.from(values as number[], (value) => value / norm) : null
}

function nearest(
  { examples, minSimilarity }: EmbeddingClassifier,
  vectors: readonly Float32Array[],
  own: Float32Array,
): Finding {
  let best = -1
  let similarity = Number.NEGATIVE_INFINITY
  vectors.forEach((vector, index) => {
    const cosine = dot(vector, own)
    // The first of equals, so that the order of the spec decides.
    if (cosine > similarity) [best, similarity] = [index, cosine]
  })
  const floor = minSimilarity ?? defaultMinSimilarity
  const example = examples[best]
  const confidence = Math.max(0, Math.min(1, similarity))
  if (example === undefined || similarity < floor) {
    return { task: null, confidence, note: `the nearest example is ${similarity.toFixed(3)} near, below ${floor}` }
  }
  return {
    task: example.task ?? null,
    ...(example.rule !== undefined && { rule: example.rule }),
    confidence,
    note: null,
  }
}

function dot(left: Float32Array, right: Float32Array): number {
  let sum = 0
  for (let index = 0; index < left.length; index += 1) sum += (left[index] ?? 0) * (right[index] ?? 0)
  return sum
}

function estimate(input: readonly string[]): Usage {
  return {
    inputTokens: input.reduce((sum, text) => sum + tokensOfCharacters(text.length), 0),
    cachedInputTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
    isEstimated: true,
  }
}
