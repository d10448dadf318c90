import type { Warning } from '#domain/decision.ts'
import { type Fields, isObject } from './answer-facts.ts'
import type { ChatCall } from './provider.ts'

/** Read by the gateway itself or by every translation: never a warning. */
const readByAll: readonly string[] = ['model', 'messages', 'stream', 'stream_options', 'metadata', 'interlock']

/** Members of a message: those that are read, and those of an answer that is sent back and says nothing new. */
const readMembers: readonly string[] = [
  'role',
  'content',
  'refusal',
  'tool_calls',
  'tool_call_id',
  'function_call',
  'audio',
  'thinking_blocks',
  'is_error',
  'cache_control',
  'reasoning_content',
  'annotations',
]

/** Why a field of OpenAI's is not honoured, where the reason is the same everywhere. Adapters know better or map it. */
const reasons: Readonly<Record<string, string>> = {
  audio: 'answers in audio are not offered: the answer is text',
  frequency_penalty: 'the provider has no such penalty',
  logit_bias: 'the provider cannot weigh single tokens',
  logprobs: 'the provider reports no log probabilities in this form',
  modalities: 'the answer is text only',
  moderation: 'the provider moderates by its own rules',
  n: 'the provider gives one answer: only one choice is returned',
  parallel_tool_calls: 'the model may call several tools at once',
  prediction: 'predicted output is not offered',
  presence_penalty: 'the provider has no such penalty',
  prompt_cache_key: 'the provider routes to its caches by itself',
  prompt_cache_options: 'the provider keeps its caches by its own rules',
  prompt_cache_retention: 'the provider keeps its caches by its own rules',
  reasoning_effort: 'the provider has no such setting',
  safety_identifier: 'the provider takes no name of the end user',
  seed: 'the provider cannot repeat a sample',
  service_tier: 'the tier is the provider’s own choice',
  store: 'the provider does not keep answers',
  top_logprobs: 'the provider reports no log probabilities in this form',
  user: 'the provider takes no name of the end user',
  verbosity: 'the provider has no such setting',
  web_search_options: 'searching the web is not offered through this gateway',
}

/** True where a value asks for nothing that leaving the field out would not give. */
function isNeutral(name: string, value: unknown): boolean {
  if (value === null || value === undefined) return true
  switch (name) {
    case 'n':
      return value === 1
    case 'frequency_penalty':
    case 'presence_penalty':
    case 'top_logprobs':
      return value === 0
    case 'logprobs':
    case 'store':
      return value === false
    case 'parallel_tool_calls':
      return value === true
    case 'service_tier':
      return value === 'auto' || value === 'default'
    case 'verbosity':
      return value === 'medium'
    case 'modalities':
      return Array.isArray(value) && value.every((kind) => kind === 'text')
    case 'logit_bias':
    case 'prediction':
      return isObject(value) && Object.keys(value).length === 0
    case 'functions':
    case 'tools':
      return Array.isArray(value) && value.length === 0
    default:
      return false
  }
}

/** What a provider cannot honour of one request (B2): every field is mapped, warned of, or makes the target unusable. */
export class FieldWarnings {
  readonly #model: string
  readonly #fields: Fields
  readonly #warnings: Warning[] = []

  constructor(call: Pick<ChatCall, 'provider' | 'model'>, fields: Fields) {
    this.#model = `${call.provider.name}/${call.model}`
    this.#fields = fields
  }

  add(field: string, detail: string): void {
    const isKnown = this.#warnings.some((warning) => warning.field === field && warning.detail === detail)
    if (!isKnown) this.#warnings.push({ model: this.#model, field, detail })
  }

  /** Members of messages that no translation reads. */
  addMembers(messages: unknown): void {
    for (const message of Array.isArray(messages) ? (messages as unknown[]) : []) {
      if (!isObject(message)) continue
      for (const [name, value] of Object.entries(message)) {
        if (value === null || value === '' || readMembers.includes(name)) continue
        if (name === 'name' && message['role'] === 'tool') continue
        const reason = name === 'name' ? 'participants have no names here' : 'the member is not known here'
        this.add(`messages.${name.slice(0, 64)}`, reason)
      }
    }
  }

  /** @returns all warnings, with one for every field of the request that is not among the mapped and asks for something */
  of(mapped: readonly string[]): readonly Warning[] {
    for (const [name, value] of Object.entries(this.#fields)) {
      if (readByAll.includes(name) || mapped.includes(name) || isNeutral(name, value)) continue
      const reason = Object.hasOwn(reasons, name) ? reasons[name] : undefined
      this.add(name.slice(0, 64), reason ?? 'the field is not known here and was not sent')
    }
    return this.#warnings
  }
}
