/** Why a model could not be chosen, in words that follow its name. A test compares with what routing writes. */
export const exclusionWords = {
  budget: 'the budget has too little left',
  capability: 'lacks what the request needs',
  circuit_open: 'rests after failures',
  context_length: 'has too short a context',
  data_policy: 'does not keep to a data policy',
  drained: 'is drained: its weight is 0',
  fallback_condition: 'is no fallback for this error',
  key_models: 'is not allowed to the key',
  max_cost: 'would cost too much',
  max_latency: 'answers too slowly',
  min_quality: 'is not shown to be good enough',
  provider_denied: 'its provider is not allowed',
  rate_limit: 'its provider is at a limit',
  region: 'is in another region',
  sensitivity: 'may not see such data',
  unknown_model: 'is not in the catalogue',
  unpriced: 'has no price',
  vector_space: 'embeds in another vector space',
} as const

export type ExclusionName = keyof typeof exclusionWords
export const exclusionNames = Object.keys(exclusionWords) as ExclusionName[]
