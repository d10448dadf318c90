import { isPromptFault, promptKey, type RenderedPrompt, renderPrompt } from '#domain/prompt.ts'
import type { RequestFacts } from '#domain/request-facts.ts'
import type { RouteVersion } from '#domain/route.ts'
import type { Refusal, TargetDecision } from '#domain/routing.ts'
import type { Caller, Snapshot } from '#domain/snapshot.ts'
import type { Chat } from './chat-context.ts'
import type { ChatRequest } from './chat-request.ts'

/** A request's prompt under one version: in place, not asked for (both null), or impossible. */
export interface Prompted {
  readonly prompt: RenderedPrompt | null
  readonly refusal: Refusal | null
}

export interface PromptSource {
  readonly snapshot: Pick<Snapshot, 'prompts'>
  readonly caller: Pick<Caller, 'metadata'>
  readonly request: Pick<ChatRequest, 'variables' | 'vectors'>
  readonly facts: Pick<RequestFacts, 'metadata'>
}

const noPrompt: Prompted = { prompt: null, refusal: null }

/**
 * The prompt of a version for one request (B9). A variable's value is what the key forces, else what `interlock.variables`
 * says, else the request's metadata of that name.
 */
export function promptFor({ spec }: Pick<RouteVersion, 'spec'>, source: PromptSource): Prompted {
  // Embeddings have no place for one: the same text must give the same vector.
  if (spec.prompt === undefined || source.request.vectors !== null) return noPrompt
  const key = promptKey(spec.prompt)
  const template = source.snapshot.prompts.get(key)
  if (template === undefined) return refused(503, 'no_eligible_target', `The prompt "${key}" is not known here.`)
  const result = renderPrompt(template, lookupIn(source))
  if (!isPromptFault(result)) return { prompt: result, refusal: null }
  if (result.missing === null) return refused(400, 'prompt_too_long', `The prompt "${key}" is too long once filled in.`)
  const name = result.missing
  const message = `The prompt "${key}" needs the variable "${name}": send it in metadata.${name} or interlock.variables.${name}.`
  return refused(400, 'prompt_variable_missing', message)
}

function lookupIn({ caller, request, facts }: PromptSource): (name: string) => string | undefined {
  const { variables } = request
  return (name) => {
    if (Object.hasOwn(caller.metadata, name)) return caller.metadata[name]
    if (variables !== null && Object.hasOwn(variables, name)) return variables[name]
    return Object.hasOwn(facts.metadata, name) ? facts.metadata[name] : undefined
  }
}

function refused(status: Refusal['status'], code: Refusal['code'], message: string): Prompted {
  return { prompt: null, refusal: { status, code, message } }
}

/** The request as routing sees it with its prompt: the tokens of both count. */
export function withPrompt(facts: RequestFacts, prompt: RenderedPrompt | null): RequestFacts {
  return prompt === null ? facts : { ...facts, inputTokens: facts.inputTokens + prompt.tokens }
}

/** A request under another version: with that version's prompt in place of its own. */
export function promptedAs(
  chat: Chat,
  version: Pick<RouteVersion, 'spec'>,
): { readonly chat: Chat; readonly refusal: Refusal | null } {
  const bare = { ...chat.facts, inputTokens: chat.facts.inputTokens - (chat.prompt?.tokens ?? 0) }
  const { prompt, refusal } = promptFor(version, chat)
  return { chat: { ...chat, prompt, facts: withPrompt(bare, prompt) }, refusal }
}

/** A decision that nothing can be sent by: the version cannot make its prompt. Evidence against it all the same. */
export function withoutPrompt<D extends TargetDecision>(decision: D, refusal: Refusal | null): D {
  return refusal === null ? decision : { ...decision, targets: [], refusal, reason: refusal.message }
}
