import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import type { Problem } from '#domain/errors.ts'
import type { FromSchema } from './from-schema.ts'
import { describeErrors } from './schema-problems.ts'

export type Checked<T> = { readonly value: T } | { readonly problems: readonly Problem[] }
export type Validator<T> = (value: unknown) => Checked<T>

/** Keywords of ours in schemas. expects: the sentence after "must be"; isSecret: the value is never shown. */
const ownKeywords = ['x-expects', 'x-secret', 'x-spans-slashes', 'example'] as const

/**
 * Compiles a closed JSON Schema (2020-12) once; the validator lists every problem with its exact place.
 *
 * @throws when the schema itself is wrong: at start, never for a request
 */
export function compile<const S>(schema: S): Validator<FromSchema<S>> {
  const validate = ajv({ coerceTypes: false }).compile(schema as object)
  return (value) => {
    if (validate(value)) return { value: value as FromSchema<S> }
    return { problems: describeErrors((validate.errors ?? []) as ErrorObject[]) }
  }
}

/** As `compile`, for query parameters: texts that are numbers or booleans count as such. The value is a copy. */
export function compileQuery<const S>(schema: S): Validator<FromSchema<S>> {
  const validate = ajv({ coerceTypes: true }).compile(schema as object)
  return (value) => {
    const copy: unknown = structuredClone(value)
    if (validate(copy)) return { value: copy as FromSchema<S> }
    return { problems: describeErrors((validate.errors ?? []) as ErrorObject[]) }
  }
}

function ajv(options: { readonly coerceTypes: boolean }): Ajv2020 {
  const instance = new Ajv2020({
    ...options,
    allErrors: true,
    verbose: true,
    ownProperties: true,
    allowUnionTypes: true,
    strictTypes: false,
    strictRequired: false,
  })
  instance.addVocabulary([...ownKeywords])
  return instance
}
