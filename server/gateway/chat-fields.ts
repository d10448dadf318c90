import { type ApiError, invalidRequest } from './openai-error.ts'

type Fields = Readonly<Record<string, unknown>>
type Check = (value: unknown, name: string) => ApiError | null

const maxMetadataKeys = 16
const maxVariables = 64
const maxVariableLength = 32_768

/** Fields whose type matters to routing or that providers treat differently when wrong. Others pass through unseen. */
const checks: ReadonlyMap<string, Check> = new Map(
  Object.entries({
    model: (value, name) => (isText(value, 256) ? null : typeError(name, 'a non-empty string', value)),
    messages: checkMessages,
    stream: optional('boolean'),
    temperature: optional('number'),
    top_p: optional('number'),
    frequency_penalty: optional('number'),
    presence_penalty: optional('number'),
    max_tokens: optionalCount,
    max_completion_tokens: optionalCount,
    n: optionalCount,
    user: optional('string'),
    tools: optional('array'),
    functions: optional('array'),
    response_format: optional('object'),
    stream_options: optional('object'),
    metadata: checkMetadata,
    interlock: checkInterlock,
  } satisfies Record<string, Check>),
)

/** The first fault among the known fields of a request, in OpenAI's words; null: none. */
export function checkFields(fields: Fields, required: readonly string[] = ['model', 'messages']): ApiError | null {
  for (const name of required) {
    if (!Object.hasOwn(fields, name)) {
      return invalidRequest(400, 'missing_required_parameter', `Missing required parameter: '${name}'.`, name)
    }
  }
  for (const name of Object.keys(fields)) {
    const error = checks.get(name)?.(fields[name], name) ?? null
    if (error !== null) return error
  }
  return null
}

function optional(kind: 'boolean' | 'number' | 'string' | 'array' | 'object'): Check {
  const article = kind === 'array' || kind === 'object' ? 'an' : 'a'
  return (value, name) =>
    value === null || kindOf(value) === kind ? null : typeError(name, `${article} ${kind}`, value)
}

function optionalCount(value: unknown, name: string): ApiError | null {
  if (value === null || (Number.isSafeInteger(value) && (value as number) >= 0)) return null
  return typeError(name, 'an integer of 0 or more', value)
}

function checkMessages(value: unknown, name: string): ApiError | null {
  if (!Array.isArray(value)) return typeError(name, 'an array', value)
  if (value.length === 0) return invalidRequest(400, 'empty_array', `Invalid '${name}': empty array.`, name)
  for (const [index, message] of value.entries()) {
    if (kindOf(message) !== 'object') return typeError(`${name}[${index}]`, 'an object', message)
    const { role, content } = message as Fields
    if (typeof role !== 'string') return typeError(`${name}[${index}].role`, 'a string', role)
    const isContent = content === undefined || content === null || typeof content === 'string' || Array.isArray(content)
    if (!isContent) return typeError(`${name}[${index}].content`, 'a string or an array', content)
  }
  return null
}

function checkMetadata(value: unknown, name: string): ApiError | null {
  if (value === null) return null
  if (kindOf(value) !== 'object') return typeError(name, 'an object of strings', value)
  const entries = Object.entries(value as Fields)
  if (entries.length > maxMetadataKeys) {
    return invalidRequest(
      400,
      'object_above_max_properties',
      `'${name}' may hold ${maxMetadataKeys} keys at most.`,
      name,
    )
  }
  for (const [key, entry] of entries) {
    if (key.length > 64)
      return invalidRequest(400, 'string_above_max_length', `A key of '${name}' is longer than 64 characters.`, name)
    if (typeof entry !== 'string') return typeError(`${name}.${key}`, 'a string', entry)
    if (entry.length > 512) {
      return invalidRequest(
        400,
        'string_above_max_length',
        `'${name}.${key}' is longer than 512 characters.`,
        `${name}.${key}`,
      )
    }
  }
  return null
}

function checkInterlock(value: unknown, name: string): ApiError | null {
  if (value === null) return null
  if (kindOf(value) !== 'object') return typeError(name, 'an object', value)
  const { context, schema, reference, variables, ...unknown } = value as Fields
  const [first] = Object.keys(unknown)
  if (first !== undefined) {
    const message = `Unknown parameter: '${name}.${first.slice(0, 64)}'. Known: context, schema, reference, variables.`
    return invalidRequest(400, 'unknown_parameter', message, `${name}.${first.slice(0, 64)}`)
  }
  const isList = context === undefined || (Array.isArray(context) && context.every((text) => typeof text === 'string'))
  if (!isList) return typeError(`${name}.context`, 'an array of strings', context)
  if (schema !== undefined && kindOf(schema) !== 'object') return typeError(`${name}.schema`, 'an object', schema)
  if (reference !== undefined && typeof reference !== 'string')
    return typeError(`${name}.reference`, 'a string', reference)
  return variables === undefined ? null : checkVariables(variables, `${name}.variables`)
}

/** Values of a prompt's variables. */
function checkVariables(value: unknown, name: string): ApiError | null {
  if (kindOf(value) !== 'object') return typeError(name, 'an object of strings', value)
  const entries = Object.entries(value as Fields)
  if (entries.length > maxVariables) {
    const message = `'${name}' may hold ${maxVariables} keys at most.`
    return invalidRequest(400, 'object_above_max_properties', message, name)
  }
  for (const [key, entry] of entries) {
    const at = `${name}.${key.slice(0, 64)}`
    if (typeof entry !== 'string') return typeError(at, 'a string', entry)
    if (entry.length > maxVariableLength) {
      const message = `'${at}' is longer than ${maxVariableLength} characters.`
      return invalidRequest(400, 'string_above_max_length', message, at)
    }
  }
  return null
}

function isText(value: unknown, maxLength: number): boolean {
  return typeof value === 'string' && value !== '' && value.length <= maxLength
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

/** A value of the wrong type, in OpenAI's words. @param wanted with its article: `a string` */
export function typeError(param: string, wanted: string, value: unknown): ApiError {
  const got = value === undefined ? 'nothing' : `${kindOf(value) === 'null' ? '' : 'a value of type '}${kindOf(value)}`
  return invalidRequest(
    400,
    'invalid_type',
    `Invalid type for '${param}': expected ${wanted}, but got ${got} instead.`,
    param,
  )
}
