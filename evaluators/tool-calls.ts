import { scanJson } from './json-scan.ts'

/** A call as a model made it. `arguments` null: they cannot be read, and `fault` says why. */
export interface MadeCall {
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>> | null
  readonly fault: string | null
}

/** Deepest nesting of arguments that is looked at. */
const maxDepth = 32

/**
 * Reads calls in the OpenAI form (`{function: {name, arguments: "<JSON>"}}`) or flat (`{name, arguments}`); arguments may be
 * a JSON text or an object. An absent or empty text is no arguments, as providers send it for tools without parameters.
 */
export function readCalls(calls: readonly unknown[]): MadeCall[] {
  return calls.map((call) => {
    const body = isObject(call) && isObject(call['function']) ? call['function'] : call
    if (!isObject(body) || typeof body['name'] !== 'string') return unreadable('', 'the call names no function')
    return readArguments(body['name'], body['arguments'])
  })
}

function readArguments(name: string, given: unknown): MadeCall {
  if (given === undefined || given === null || given === '') return { name, arguments: {}, fault: null }
  if (isObject(given)) return { name, arguments: given, fault: null }
  if (typeof given !== 'string') return unreadable(name, 'the arguments are no JSON object')
  let value: unknown
  try {
    value = JSON.parse(given)
  } catch {
    return unreadable(name, 'the arguments are no JSON')
  }
  if (!isObject(value)) return unreadable(name, 'the arguments are no JSON object')
  const scan = scanJson(given)
  if (scan.depth > maxDepth) return unreadable(name, `the arguments are nested deeper than ${maxDepth} levels`)
  const [twice] = scan.duplicateKeys
  return twice === undefined
    ? { name, arguments: value, fault: null }
    : unreadable(name, `the key ${twice} is given twice`)
}

function unreadable(name: string, fault: string): MadeCall {
  return { name, arguments: null, fault }
}

export interface ToolDefinition {
  readonly name: string
  /** JSON Schema of the arguments; null: it takes any. */
  readonly parameters: object | null
}

/** Function tools of a request, OpenAI form or flat; others (web search, ...) have no arguments to check and are left out. */
export function readTools(tools: readonly unknown[]): ToolDefinition[] {
  return tools.flatMap((tool) => {
    const body = isObject(tool) && isObject(tool['function']) ? tool['function'] : tool
    if (!isObject(body) || typeof body['name'] !== 'string') return []
    return [{ name: body['name'], parameters: isObject(body['parameters']) ? body['parameters'] : null }]
  })
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
