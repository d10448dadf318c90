import { type ModelRef, modelsOf, type RouteSpec } from './route.ts'
import type { Model } from './snapshot.ts'

/** The capability of models that embed. */
export const embeddings = 'embeddings'

const spacePrefix = 'vector-space:'

/**
 * The vector space a model embeds in. Distances mean something within one space only, so vectors of two spaces must never meet
 * in one index.
 *
 * @returns what its capability `vector-space:NAME` says, else the provider's own name of it
 */
export function vectorSpaceOf(model: Pick<Model, 'model' | 'capabilities'>): string {
  const stated = model.capabilities.find((name) => name.startsWith(spacePrefix))
  return stated === undefined ? model.model : stated.slice(spacePrefix.length)
}

/**
 * The one space that a version embeds in: that of the first model in its spec that offers embeddings, be it in the pool, in a
 * rule's or among the fallbacks. The others serve only where they share it.
 *
 * @returns null: no model of the version embeds
 */
export function vectorSpaceOfSpec(spec: RouteSpec, models: ReadonlyMap<ModelRef, Model>): string | null {
  for (const model of modelsOf(spec)) {
    const entry = models.get(model)
    if (entry?.capabilities.includes(embeddings)) return vectorSpaceOf(entry)
  }
  return null
}

/** Whether two versions embed in one space, so that their vectors may be mixed. Two that embed nothing are alike. */
export function embedAlike(a: RouteSpec, b: RouteSpec, models: ReadonlyMap<ModelRef, Model>): boolean {
  return vectorSpaceOfSpec(a, models) === vectorSpaceOfSpec(b, models)
}

/** A model of another space may not answer, whatever failed: its vectors would spoil the index of whoever asks. */
export function excludeByVectorSpace(
  model: Model | undefined,
  space: string,
  exclude: (by: string, detail: string) => void,
): void {
  if (model === undefined || !model.capabilities.includes(embeddings)) return
  const own = vectorSpaceOf(model)
  if (own !== space) exclude('vector_space', `the route embeds in ${space}, this model in ${own}`)
}
