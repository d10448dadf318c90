import type { DecisionRecord } from '#domain/decision.ts'

type Decided = Pick<DecisionRecord, 'model' | 'rule' | 'reason' | 'status' | 'isFallback' | 'attempts'>

/** Why this model, in one sentence. */
export function decisionSentence({ model, rule, reason, status, isFallback, attempts }: Decided): string {
  const why = rule === null ? reason : `rule "${rule}": ${reason}`
  if (model === null) return `No model was asked (${reason}).`
  const first = attempts[0]?.model
  if (status === 499) return `${model} was asked; the client left before the answer was whole (${why}).`
  if (status >= 400) return `${model} was asked last and the request failed (${why}).`
  if (isFallback && first !== undefined && first !== model) {
    return `${model} answered as a fallback: ${first} was chosen first (${why}) and did not answer.`
  }
  return `${model} answered (${why}).`
}

/** How the task of the request is known; null: nothing is known of it. */
export function taskSentence({ task, classification }: Pick<DecisionRecord, 'task' | 'classification'>): string | null {
  if (classification === null) return task === null ? null : 'recorded before the origin of tasks was kept'
  const { by, classifier, confidence, note } = classification
  const origin = {
    label: 'named by the request or its key',
    classifier: `identified by the ${classifier ?? 'unknown'} classifier`,
    default: task === null ? 'nobody named it, and the route has no default' : "the route's default",
  }[by]
  const sure = confidence === null ? '' : `, confidence ${(confidence * 100).toFixed(0)} %`
  return `${origin}${sure}${note === null ? '' : `; ${note}`}`
}

/** What the cost was made of. */
export function costSentence(
  decision: Pick<DecisionRecord, 'costMicroUsd' | 'priceVersion' | 'usage' | 'model'>,
): string {
  const { costMicroUsd, priceVersion, usage, model } = decision
  if (costMicroUsd === null)
    return usage === null ? 'nothing was answered' : `unpriced: ${model ?? 'the model'} has no price`
  const tokens = usage?.isEstimated === true ? 'estimated tokens' : "the provider's own token counts"
  return priceVersion === null ? `from ${tokens}` : `price version ${priceVersion}, ${tokens}`
}
