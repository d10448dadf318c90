import { checkFields, typeError } from './chat-fields.ts'
import { type ReadResult, readObject, requestOf } from './chat-request.ts'
import { FieldFault, type Fields, translated } from './dialect-fields.ts'
import type { Endpoint } from './endpoint.ts'
import { findFields, type ObjectSpans, removalOf, replaceAll } from './json-edit.ts'
import { errorBody, invalidRequest } from './openai-error.ts'

/** Fields that are for the router alone: providers of embeddings refuse them. */
const ownFields = ['metadata', 'interlock'] as const

/** `POST /v1/embeddings`: bytes pass through both ways. */
export const embeddingsEndpoint: Endpoint = {
  name: 'embeddings',
  read(bytes) {
    const read = readObject(bytes)
    if ('error' in read) return read
    const error = checkFields(read.fields, ['model', 'input'])
    return error === null ? translated(() => requestFor(read.fields, bytes, read.spans)) : { error }
  },
  translationOf: () => null,
  errorBody,
}

function requestFor(fields: Fields, bytes: Buffer, spans: ObjectSpans): ReadResult {
  const { texts, tokens } = inputOf(fields['input'])
  const sent = withoutOwn(bytes, spans)
  // What is embedded stands where a chat has its messages: sizes, rules and guardrails read it there.
  const messages = [{ role: 'user', content: texts.map((text) => ({ type: 'text', text })) }]
  return { request: { ...requestOf(fields, sent.bytes, sent.spans), messages, isStream: false, vectors: { tokens } } }
}

function withoutOwn(bytes: Buffer, spans: ObjectSpans): { readonly bytes: Buffer; readonly spans: ObjectSpans } {
  let left = { bytes, spans }
  for (const name of ownFields) {
    const removal = removalOf(left.spans, name)
    if (removal.length === 0) continue
    const edited = replaceAll(left.bytes, removal)
    left = { bytes: edited, spans: findFields(edited) ?? left.spans }
  }
  return left
}

interface Input {
  readonly texts: readonly string[]
  /** Of inputs that are token ids already. */
  readonly tokens: number
}

/** A text, several, the token ids of one, or of several. @throws FieldFault */
function inputOf(input: unknown): Input {
  if (typeof input === 'string') {
    if (input === '') throw emptyFault('input')
    return { texts: [input], tokens: 0 }
  }
  if (!Array.isArray(input)) throw new FieldFault(typeError('input', 'a string or an array', input))
  if (input.length === 0) throw emptyFault('input')
  const texts: string[] = []
  let tokens = 0
  for (const [index, entry] of input.entries()) {
    if (typeof entry === 'string') texts.push(entry)
    else if (Number.isSafeInteger(entry)) tokens += 1
    else if (Array.isArray(entry) && entry.every((id) => Number.isSafeInteger(id))) tokens += entry.length
    else throw new FieldFault(typeError(`input[${index}]`, 'a string or an array of token ids', entry))
  }
  return { texts, tokens }
}

function emptyFault(name: string): FieldFault {
  return new FieldFault(invalidRequest(400, 'invalid_value', `'${name}' is empty.`, name))
}
