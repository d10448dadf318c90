import type { Problem } from './errors.ts'
import { pointer } from './pointer.ts'
import { type Lookup, parseTemplate, renderTemplate, type Template, templateLimits } from './prompt-template.ts'
import { tokensOfCharacters } from './tokens.ts'

/** A version of a named prompt: messages that are placed before a request's own (B9). Immutable. */
export interface PromptTemplate {
  readonly name: string
  readonly version: number
  /** sha256 of the canonical JSON of the messages, hex. */
  readonly digest: string
  readonly messages: readonly PromptMessage[]
}

export interface PromptMessage {
  readonly role: string
  /** In a version: a template (prompt-template.ts). In a rendering: the text. */
  readonly content: string
}

/** Roles a prompt's messages may have; `assistant` shows an example answer. */
export const promptRoles = ['system', 'developer', 'user', 'assistant'] as const

export const maxPromptMessages = 32
/** UTF-16 code units of all messages of a version. */
const maxPromptCharacters = 131_072
const maxVariables = 64

/** A prompt version as decisions and snapshots name it. */
export function promptKey(prompt: { readonly name: string; readonly version: number }): string {
  return `${prompt.name}@${prompt.version}`
}

/** A prompt with its values in place. */
export interface RenderedPrompt {
  readonly messages: readonly PromptMessage[]
  /** The messages as JSON, joined by commas: spliced in front of a request's own without reading those. */
  readonly json: string
  /** Estimate, as for a request's own messages. */
  readonly tokens: number
}

/** Why a request cannot be given its prompt. */
export interface PromptFault {
  /** A variable that the prompt uses and the request does not give; null: the rendering would be too long. */
  readonly missing: string | null
}

interface Compiled {
  readonly messages: readonly { readonly role: string; readonly template: Template }[]
  /** Set where no variable is used: rendered once. */
  readonly constant: RenderedPrompt | null
}

const compiledPrompts = new WeakMap<PromptTemplate, Compiled>()

/** What is wrong with a prompt's messages; paths below the list. */
export function checkPromptMessages(messages: readonly PromptMessage[]): Problem[] {
  if (messages.length === 0) return [{ path: '', message: 'needs at least one message' }]
  const problems = messages.flatMap((message, index) => {
    const result = parseTemplate(message.content)
    const found = 'problems' in result ? result.problems : []
    if (message.content === '') found.push({ path: '', message: 'must not be empty' })
    return found.map((problem) => ({ ...problem, path: pointer('', index, 'content') }))
  })
  const characters = messages.reduce((sum, message) => sum + message.content.length, 0)
  if (characters > maxPromptCharacters) {
    problems.push({ path: '', message: `has ${characters} characters, at most ${maxPromptCharacters} are allowed` })
  }
  if (problems.length > 0) return problems
  const count = variablesOf(messages).length
  return count > maxVariables
    ? [{ path: '', message: `uses ${count} variables, at most ${maxVariables} are allowed` }]
    : []
}

/** Every variable a prompt mentions, sorted. */
export function variablesOf(messages: readonly PromptMessage[]): string[] {
  return [...new Set(messages.flatMap(({ content }) => templateOf(content).names))].sort()
}

/** Fills a prompt in; a version without variables is rendered once for as long as its snapshot lives. */
export function renderPrompt(prompt: PromptTemplate, lookup: Lookup): RenderedPrompt | PromptFault {
  const compiled = compiledOf(prompt)
  if (compiled.constant !== null) return compiled.constant
  return render(compiled, lookup)
}

export function isPromptFault(result: RenderedPrompt | PromptFault): result is PromptFault {
  return 'missing' in result
}

function compiledOf(prompt: PromptTemplate): Compiled {
  const known = compiledPrompts.get(prompt)
  if (known !== undefined) return known
  const messages = prompt.messages.map(({ role, content }) => ({ role, template: templateOf(content) }))
  const isConstant = messages.every(({ template }) => template.names.length === 0)
  const rendered = isConstant ? render({ messages, constant: null }, () => undefined) : null
  const compiled = { messages, constant: rendered === null || isPromptFault(rendered) ? null : rendered }
  compiledPrompts.set(prompt, compiled)
  return compiled
}

/** A version is checked before it is stored: a text that does not parse all the same stands for itself. */
function templateOf(content: string): Template {
  const result = parseTemplate(content)
  return 'template' in result ? result.template : { pieces: [{ kind: 'text', text: content }], names: [] }
}

function render(compiled: Compiled, lookup: Lookup): RenderedPrompt | PromptFault {
  const messages: PromptMessage[] = []
  let left: number = templateLimits.renderedCharacters
  for (const { role, template } of compiled.messages) {
    const rendered = renderTemplate(template, lookup, left)
    if ('missing' in rendered) return { missing: rendered.missing }
    if ('tooLong' in rendered) return { missing: null }
    left -= rendered.text.length
    messages.push({ role, content: rendered.text })
  }
  return {
    messages,
    json: messages.map((message) => JSON.stringify(message)).join(','),
    tokens: tokensOfCharacters(templateLimits.renderedCharacters - left),
  }
}

/** The keys (`name@version`) of prompts: a set of them, or a map by them. */
export interface KnownPrompts {
  has(key: string): boolean
  keys(): Iterable<string>
}

/** Whether a spec's prompt exists. */
export function checkPromptRef(
  prompt: { readonly name: string; readonly version: number } | undefined,
  known: KnownPrompts,
): Problem[] {
  if (prompt === undefined || known.has(promptKey(prompt))) return []
  const keys = [...known.keys()]
  const versions = keys.filter((key) => key.slice(0, key.lastIndexOf('@')) === prompt.name)
  if (versions.length > 0) {
    const message = `prompt "${prompt.name}" has no version ${prompt.version}; known: ${shown(versions)}`
    return [{ path: '/prompt/version', message }]
  }
  const names = [...new Set(keys.map((key) => key.slice(0, key.lastIndexOf('@'))))]
  return [{ path: '/prompt/name', message: `no prompt "${prompt.name}"; known: ${shown(names)}` }]
}

function shown(names: readonly string[]): string {
  if (names.length === 0) return 'none'
  const sorted = [...names].sort()
  return sorted.length > 12 ? `${sorted.slice(0, 12).join(', ')} and ${sorted.length - 12} more` : sorted.join(', ')
}
