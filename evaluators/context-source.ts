import type { Message } from '#datasets/item.ts'
import type { EvalCase } from './evaluator.ts'
import { contentText } from './judge-fence.ts'

/** Where the retrieved context of a case stands: the case's own field, or messages of the request. */
export const contextSources = ['interlock', 'system', 'last_user', 'tool_messages'] as const
export type ContextSource = (typeof contextSources)[number]

/** The passages of the context, in order; [] when there are none. Passages without text are left out. */
export function contextOf(evalCase: EvalCase, source: ContextSource): string[] {
  const messages = evalCase.messages ?? []
  const passages = source === 'interlock' ? (evalCase.context ?? []) : texts(messages, source)
  return passages.filter((passage) => passage.trim() !== '')
}

function texts(messages: readonly Message[], source: Exclude<ContextSource, 'interlock'>): string[] {
  if (source === 'system') return withRole(messages, ['system', 'developer'])
  if (source === 'tool_messages') return withRole(messages, ['tool', 'function']).flatMap(readable)
  return withRole(messages, ['user']).slice(-1)
}

function withRole(messages: readonly Message[], roles: readonly string[]): string[] {
  return messages.filter(({ role }) => roles.includes(role)).map(({ content }) => contentText(content))
}

/** Leaves read of one tool result; more are not looked at. */
const maxLeaves = 10_000

/** A tool's result is often JSON: its strings and numbers become lines "key: value", so that they read as text. */
function readable(result: string): string[] {
  if (!/^\s*[{[]/.test(result)) return [result]
  let value: unknown
  try {
    value = JSON.parse(result)
  } catch {
    return [result]
  }
  const lines: string[] = []
  const open: { key: string; value: unknown }[] = [{ key: '', value }]
  for (let next = open.pop(); next && lines.length < maxLeaves; next = open.pop()) {
    if (typeof next.value === 'object' && next.value !== null) {
      const inner = Object.entries(next.value).map(([key, child]) => ({
        key: Array.isArray(next?.value) ? '' : key,
        value: child,
      }))
      open.push(...inner.reverse())
    } else if (next.value !== null)
      lines.push(next.key === '' ? String(next.value) : `${next.key}: ${String(next.value)}`)
  }
  return [lines.join('\n\n')]
}
