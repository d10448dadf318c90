import type { EvalCase, Score } from './evaluator.ts'
import { type CompiledSchema, compileSchema } from './schema-compile.ts'

/** What an item expects of its answer: its value, or the score of an item whose expectation is itself at fault; null: none. */
export type Expectation<T> = { readonly value: T } | { readonly fault: Score } | null

/**
 * Reads `expect.<name>` of a case, checked against a schema that is compiled at first use.
 *
 * An item's broken expectation makes its score `errored`: it is nobody's answer that is wrong.
 *
 * @param prepare  turns the checked value into what scoring needs, once per item object; throws an Error with what is wrong
 */
export function expectationReader<T>(
  name: string,
  schema: Readonly<Record<string, unknown>>,
  prepare: (value: never) => T,
): (evalCase: EvalCase) => Expectation<T> {
  let compiled: CompiledSchema | undefined
  const known = new WeakMap<object, Expectation<T>>()
  const read = (value: unknown): Expectation<T> => {
    compiled ??= compileSchema(schema, true)
    const [violation] = compiled.violations(value, 0)
    if (violation) {
      const inner = violation.params['additionalProperty'] ?? violation.params['missingProperty']
      const values = violation.params['allowedValues']
      const more = Array.isArray(values) ? `: ${values.join(', ')}` : typeof inner === 'string' ? ` ("${inner}")` : ''
      return fault(`/expect/${name}${violation.instancePath} ${violation.message ?? 'is wrong'}${more}`)
    }
    try {
      return { value: prepare(value as never) }
    } catch (error) {
      return fault(`/expect/${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return (evalCase) => {
    const value = evalCase.expect?.[name]
    if (value === undefined) return null
    if (typeof value !== 'object' || value === null) return read(value)
    const earlier = known.get(value)
    if (earlier !== undefined) return earlier
    const expectation = read(value)
    known.set(value, expectation)
    return expectation
  }
}

function fault(reason: string): { fault: Score } {
  return { fault: { status: 'errored', reason: reason.slice(0, 300) } }
}
