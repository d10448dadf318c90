import { Ajv, type ErrorObject } from 'ajv'
import type { DatasetItem } from './item.ts'
import { expectationNames, itemFields, itemLimits, itemSchema, messageRoles } from './item-schema.ts'
import { findValueFault, pointerSegment } from './text-faults.ts'

/**
 * One thing wrong with an upload. `path` is a JSON pointer whose first part is the row, from 1 (a line of JSONL; a record of
 * CSV, the header being row 1), the rest the place in the item or the column. `line` is the physical line; 0: the whole file.
 */
export interface Problem {
  readonly path: string
  readonly line: number
  readonly message: string
}

export type ParsedItems = { readonly items: DatasetItem[] } | { readonly problems: Problem[] }

/** Reading stops at this many problems. */
export const maxProblems = 50

/** Where a row stands, and how a place inside the item is called there. */
export interface Row {
  readonly row: number
  readonly line: number
  /** JSON pointer of the row in its file; absent: `/ROW`. */
  readonly at?: string
  readonly rename?: (path: string) => string
}

/** Takes rows as they are read and keeps either all items or the first problems. */
export class Collector {
  readonly #items: DatasetItem[] = []
  readonly #problems: Problem[] = []
  readonly #rowOfId = new Map<string, number>()

  get isFull(): boolean {
    return this.#problems.length >= maxProblems
  }

  report({ row, line, at, rename }: Row, path: string, message: string): void {
    this.reportAt(`${at ?? `/${row}`}${rename?.(path) ?? path}`, line, message)
  }

  /** @param path  JSON pointer into the file. @param line  0: the whole file */
  reportAt(path: string, line: number, message: string): void {
    if (!this.isFull) this.#problems.push({ path, line, message })
  }

  accept(row: Row, value: unknown): void {
    const fault = findValueFault(value)
    if (fault !== null) {
      this.report(row, fault.path, fault.message)
      return
    }
    if (!validate(value)) {
      for (const { path, message } of describeErrors(validate.errors ?? [])) this.report(row, path, message)
      return
    }
    const item = value as DatasetItem
    const earlier = this.#rowOfId.get(item.id)
    if (earlier !== undefined) {
      this.report(row, '/id', `id ${quote(item.id)} is already used in row ${earlier}; ids are unique in a dataset`)
      return
    }
    this.#rowOfId.set(item.id, row.row)
    this.#items.push(item)
    if (this.#items.length === itemLimits.items + 1) {
      this.report(row, '', `more than ${itemLimits.items} items in one dataset`)
    }
  }

  result(): ParsedItems {
    if (this.#problems.length > 0) return { problems: this.#problems }
    if (this.#items.length === 0) return { problems: [{ path: '', line: 0, message: 'the file holds no items' }] }
    return { items: this.#items }
  }
}

const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(itemSchema)

function describeErrors(errors: readonly ErrorObject[]): { path: string; message: string }[] {
  // the branches of if/then/else and propertyNames report themselves; the wrapper adds nothing
  const telling = errors.filter((error) => error.keyword !== 'if' && error.keyword !== 'propertyNames')
  return telling.map((error) => ({ path: errorPath(error), message: errorMessage(error) }))
}

function errorPath(error: ErrorObject): string {
  const { additionalProperty, missingProperty } = error.params as Record<string, string | undefined>
  const inner = additionalProperty ?? missingProperty
  return inner === undefined ? error.instancePath : `${error.instancePath}/${pointerSegment(inner)}`
}

function errorMessage(error: ErrorObject): string {
  const params = error.params as Record<string, unknown>
  if (error.keyword === 'additionalProperties') {
    const known = error.instancePath === '/expect' ? expectationNames : itemFields
    return `unknown field ${quote(String(params['additionalProperty']))}; known: ${known.join(', ')}`
  }
  if (error.keyword === 'required') return `is missing`
  if (error.keyword === 'enum') return `must be one of ${messageRoles.join(', ')}`
  if (error.keyword === 'type') return `must be ${String(params['type']).replaceAll(',', ' or ')}`
  if (error.keyword === 'pattern') return 'must not hold control characters'
  return error.message ?? `breaks ${error.keyword}`
}

/** What the parser says, without the piece of source it quotes: uploads may hold personal text. */
export function jsonFault(error: unknown): string {
  const message = error instanceof Error ? error.message : 'unreadable'
  const unexpected = /^Unexpected token '.{1,2}'/su.exec(message)
  return unexpected?.[0] ?? message.replace(/ \(line \d+ column \d+\)$/, '')
}

export function tooLong(chars: number): string {
  return `${chars} characters; an item may have ${itemLimits.itemChars}`
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
