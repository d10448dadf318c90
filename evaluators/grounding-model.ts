import { readFileSync } from 'node:fs'
import { type FeatureName, type Features, featureNames } from './grounding-features.ts'

/** A logistic regression over raw features: P(supported) = 1 / (1 + exp(-(bias + Σ weight × feature))). */
export interface GroundingModel {
  readonly bias: number
  readonly weights: Readonly<Record<FeatureName, number>>
}

/** The coefficients in use, made by grounding-train.ts; what they reach is in grounding-model.card.md. */
export const groundingModel: GroundingModel = readModel()

function readModel(): GroundingModel {
  const text = readFileSync(new URL('./grounding-model.json', import.meta.url), 'utf8')
  const model = JSON.parse(text) as GroundingModel
  const missing = featureNames.find((name) => !Number.isFinite(model.weights[name]))
  if (missing || !Number.isFinite(model.bias)) {
    throw new Error(`grounding-model.json has no weight for "${missing ?? 'bias'}": train it again`)
  }
  return model
}

/** What a claim copied word for word scores: there is nothing left to estimate but whether the context is read rightly. */
const verbatim = 0.99

/** Estimated probability that a person finds the claim supported by its context, for equally many of either kind. */
export function supportProbability(features: Features, model: GroundingModel = groundingModel): number {
  if (features.run === 1 && features.anchored === 1) return verbatim
  const logit = featureNames.reduce((sum, name) => sum + model.weights[name] * features[name], model.bias)
  return 1 / (1 + Math.exp(-logit))
}
