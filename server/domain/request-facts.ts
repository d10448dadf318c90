import type { Pattern } from './pattern.ts'

/** What routing may know about a request. Built once per request; holds no secret and no prompt text. */
export interface RequestFacts {
  readonly requestId: string
  /** From body, headers and key, the key's values having won. */
  readonly metadata: Readonly<Record<string, string>>
  /** Estimate: characters over four. */
  readonly inputTokens: number
  /** Most output tokens the request asks for; null when it names no limit. */
  readonly maxOutputTokens: number | null
  /** How many answers it asks for (`n`), each of `maxOutputTokens`; absent: one. */
  readonly answers?: number
  readonly hasTools: boolean
  readonly hasImages: boolean
  /** The request asks for JSON (`json_object` or `json_schema`). */
  readonly wantsJson: boolean
  readonly stream: boolean
  /** What a model must offer to answer it: of `streaming`, `tools`, `json_schema`, `vision`, `embeddings`. */
  readonly capabilities: readonly string[]
  /** Models its key may reach, by whatever route; absent: all. */
  readonly allowedModels?: readonly string[]
  /** Searches the text of the messages; called only by rules that ask. */
  readonly promptMatches: (pattern: Pattern) => boolean
}

/** A request that asks for nothing: where only places are judged. */
export const anyRequest: RequestFacts = {
  requestId: '',
  metadata: {},
  inputTokens: 0,
  maxOutputTokens: null,
  hasTools: false,
  hasImages: false,
  wantsJson: false,
  stream: false,
  capabilities: [],
  promptMatches: () => false,
}

/** The facts as the decision log keeps them: with these, the version and the random number a decision can be made again. */
export interface RecordedFacts {
  readonly inputTokens: number
  /** Of `inputTokens`, those of the route's prompt; absent: none. */
  readonly promptTokens?: number
  readonly maxOutputTokens: number | null
  /** Absent: one. */
  readonly answers?: number
  readonly hasTools: boolean
  readonly hasImages: boolean
  readonly wantsJson: boolean
  readonly capabilities: readonly string[]
  /** Models its key could reach; absent: all. */
  readonly allowedModels?: readonly string[]
  /** Patterns that rules asked about, with the answer. */
  readonly patterns: Readonly<Record<string, boolean>>
}

/** Facts of a recorded request. A pattern the record does not hold counts as not found: the rule was never reached then. */
export function factsOfRecord(record: {
  readonly requestId: string
  readonly metadata: Readonly<Record<string, string>>
  readonly isStream: boolean
  readonly facts: RecordedFacts
}): RequestFacts {
  const { patterns, ...facts } = record.facts
  return {
    ...facts,
    requestId: record.requestId,
    metadata: record.metadata,
    stream: record.isStream,
    promptMatches: (pattern) => Object.hasOwn(patterns, pattern.source) && patterns[pattern.source] === true,
  }
}
