import type { Usage } from '#domain/decision.ts'
import { promptText, tokensOfCharacters } from '#domain/tokens.ts'
import type { TokenCounter } from '#infra/token-counter.ts'
import type { AnswerFacts } from '#providers/provider.ts'
import type { Chat } from './chat-context.ts'
import { usageOf } from './outcome.ts'

/** As much of a text as is counted; the rest is taken to be like it. */
const countedCharacters = 65_536
/** Tokens of the chat format: for each message, and for the answer's beginning (OpenAI's cookbook). */
const perMessage = 4
const perAnswer = 3
/** A prompt shorter than this says little about how its answer splits into tokens. */
const tellingCharacters = 200

type Estimated = Pick<Chat, 'request' | 'facts' | 'prompt'>

/** Whether an answer's usage has to be estimated: the provider sent none. */
export function needsEstimate(facts: AnswerFacts | null): facts is AnswerFacts {
  return facts !== null && facts.usage === null && facts.isVectors !== true
}

/**
 * What an answer used when its provider did not count, by a tokenizer and marked as estimated (B4). Where the text of a stream
 * was not kept, its characters are taken to split as those of the prompt. Called after the answer was sent. Never fails: without
 * a count, four characters are a token.
 */
export async function estimatedUsage(
  counter: TokenCounter | undefined,
  chat: Estimated,
  facts: AnswerFacts,
): Promise<Usage | null> {
  const byLength = usageOf(facts, chat.facts.inputTokens)
  if (counter === undefined || byLength === null) return byLength
  const input = inputTextOf(chat)
  const output = facts.output === '' ? '' : facts.output + toolTextOf(facts)
  const counts = await counter.count([head(input), head(output)])
  if (counts === null) return byLength
  const [inputCount = 0, outputCount = 0] = counts
  const messages = chat.request.messages.length + (chat.prompt?.messages.length ?? 0)
  const inputTokens = scaled(inputCount, input.length) + messages * perMessage + perAnswer + imageTokensOf(chat, input)
  const perCharacter = input.length < tellingCharacters ? 0.25 : inputCount / head(input).length
  const outputTokens =
    output === '' ? Math.ceil(facts.outputCharacters * perCharacter) : scaled(outputCount, output.length)
  return { ...byLength, inputTokens, outputTokens }
}

function head(text: string): string {
  return text.slice(0, countedCharacters)
}

/** @param count tokens of the counted part of `length` characters */
function scaled(count: number, length: number): number {
  return length <= countedCharacters ? count : Math.ceil((count * length) / countedCharacters)
}

function inputTextOf({ request, prompt }: Estimated): string {
  const tools = request.fields['tools'] ?? request.fields['functions']
  const calls = request.messages.flatMap((message) => {
    const made = (message as { tool_calls?: unknown } | null)?.tool_calls
    return made === undefined ? [] : [JSON.stringify(made)]
  })
  return [
    ...(prompt?.messages.map(({ content }) => content) ?? []),
    promptText(request.messages),
    ...calls,
    ...(tools === undefined ? [] : [JSON.stringify(tools)]),
  ].join('\n')
}

function toolTextOf({ toolCalls }: AnswerFacts): string {
  return toolCalls.length === 0 ? '' : JSON.stringify(toolCalls)
}

/** What the request was estimated at beyond its text: images, each a fixed count. */
function imageTokensOf({ facts }: Estimated, text: string): number {
  return facts.hasImages ? Math.max(0, facts.inputTokens - tokensOfCharacters(text.length)) : 0
}
