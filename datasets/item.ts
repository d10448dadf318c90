/** A chat message as the OpenAI API writes it; other fields are kept. */
export interface Message {
  readonly role: string
  readonly content: string | readonly unknown[] | null
  readonly [field: string]: unknown
}

/** One case of a dataset. */
export interface DatasetItem {
  readonly id: string
  readonly messages: readonly Message[]
  readonly reference?: string
  readonly context?: readonly string[]
  readonly schema?: Readonly<Record<string, unknown>>
  readonly tools?: readonly unknown[]
  readonly expectedToolCalls?: readonly unknown[]
  /** What a right answer shows, by evaluator: `{refusal: 'refuse', factual: {facts: [...]}}`. That evaluator checks its shape. */
  readonly expect?: Readonly<Record<string, unknown>>
  readonly tags?: readonly string[]
  /** What the item shares with others (a document, a conversation): their scores hang together, and statistics say so. */
  readonly cluster?: string
  /** Values for the prompt of the route under test, as `interlock.variables` gives them live. */
  readonly variables?: Readonly<Record<string, string>>
  readonly slice?: Readonly<Record<string, string>>
}
