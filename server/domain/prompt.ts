/** A version of a named prompt: messages that are placed before a request's own (B9). Immutable. */
export interface PromptTemplate {
  readonly name: string
  readonly version: number
  /** sha256 of the canonical JSON of the messages, hex. */
  readonly digest: string
  readonly messages: readonly { readonly role: string; readonly content: string }[]
}

/** A prompt version as decisions and snapshots name it. */
export function promptKey(prompt: { readonly name: string; readonly version: number }): string {
  return `${prompt.name}@${prompt.version}`
}
