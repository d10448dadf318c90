import { isObject } from '#providers/answer-facts.ts'
import { typeError } from './chat-fields.ts'
import { type ApiError, invalidRequest } from './openai-error.ts'

export type Fields = Readonly<Record<string, unknown>>

/** A field that does not reach the provider as the client wrote it. */
export interface FieldNote {
  /** Path of the field in the client's own dialect: `input[2].content[0]`. */
  readonly field: string
  /** What became of it, for people. */
  readonly detail: string
}

/** Where the notes of one translation are gathered. */
export interface Notes {
  readonly notes: FieldNote[]
  readonly extensions: FieldNote[]
}

/** What a client's request means as a chat completion. */
export interface TranslatedRequest {
  /** What providers that take chat completions as they are get to see. */
  readonly plain: Fields
  /** The same with what only translating adapters understand. */
  readonly extended: Fields
  /** What no provider will see. */
  readonly notes: readonly FieldNote[]
  /** What `extended` has and `plain` has not: lost where the target takes chat completions as they are. */
  readonly extensions: readonly FieldNote[]
}

/**
 * A fault of one field of a request. Thrown by translators and caught by the dialect's reader alone: a request is refused at
 * its first fault, however deep it stands.
 */
export class FieldFault extends Error {
  readonly error: ApiError
  constructor(error: ApiError) {
    super(error.message)
    this.name = 'FieldFault'
    this.error = error
  }
}

/** @param wanted with its article: `a string` */
export function typeFault(path: string, wanted: string, value: unknown): FieldFault {
  return new FieldFault(typeError(path, wanted, value))
}

/** A field that is understood and cannot be honoured. */
export function unsupported(path: string, message: string): FieldFault {
  return new FieldFault(invalidRequest(400, 'unsupported_parameter', message, path))
}

/** A value that is none of those known. */
export function unknownValue(path: string, value: unknown, known: readonly string[]): FieldFault {
  const shown = typeof value === 'string' ? `'${value.slice(0, 64)}'` : typeof value
  const message = `Invalid value for '${path}': ${shown}. Supported: ${known.join(', ')}.`
  return new FieldFault(invalidRequest(400, 'invalid_value', message, path))
}

export function objectAt(value: unknown, path: string): Fields {
  if (isObject(value)) return value
  throw typeFault(path, 'an object', value)
}

export function listAt(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw typeFault(path, 'an array', value)
}

export function textAt(value: unknown, path: string): string {
  if (typeof value === 'string') return value
  throw typeFault(path, 'a string', value)
}

/** null where the field is absent or null. */
export function optionalText(value: unknown, path: string): string | null {
  return value === undefined || value === null ? null : textAt(value, path)
}

/** null where the field is absent or null. */
export function optionalCount(value: unknown, path: string): number | null {
  if (value === undefined || value === null) return null
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw typeFault(path, 'an integer of 0 or more', value)
}

/** null where the field is absent or null. */
export function optionalObject(value: unknown, path: string): Fields | null {
  return value === undefined || value === null ? null : objectAt(value, path)
}

/** The list; empty where the field is absent or null. */
export function optionalList(value: unknown, path: string): readonly unknown[] {
  return value === undefined || value === null ? [] : listAt(value, path)
}

/** The fields that have a value: no `undefined`, no null. */
export function present(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null))
}

/** Runs a translator. @returns its result, or the fault it met */
export function translated<T>(translate: () => T): T | { readonly error: ApiError } {
  try {
    return translate()
  } catch (error) {
    if (error instanceof FieldFault) return { error: error.error }
    throw error
  }
}
