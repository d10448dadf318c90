import type { Problem } from './errors.ts'
import { isObject } from './json-value.ts'
import { compilePattern, isFault, type Pattern } from './pattern.ts'
import { pointer } from './pointer.ts'
import type { RequestFacts } from './request-facts.ts'
import type { Condition, ConditionOperator } from './route.ts'

/** The request as rules see it, with the task found for it. */
export interface Subject {
  readonly facts: RequestFacts
  readonly task: string | null
}

export type Predicate = (subject: Subject) => boolean

type FieldKind = 'text' | 'number' | 'flag' | 'pattern'

/** Fields of `when`; `metadata.NAME` besides. */
const fields: Readonly<Record<string, { readonly kind: FieldKind; readonly read: (s: Subject) => unknown }>> = {
  task: { kind: 'text', read: (s) => s.task ?? undefined },
  inputTokens: { kind: 'number', read: (s) => s.facts.inputTokens },
  hasTools: { kind: 'flag', read: (s) => s.facts.hasTools },
  hasImages: { kind: 'flag', read: (s) => s.facts.hasImages },
  wantsJson: { kind: 'flag', read: (s) => s.facts.wantsJson },
  stream: { kind: 'flag', read: (s) => s.facts.stream },
  promptMatches: { kind: 'pattern', read: (s) => s.facts.promptMatches },
}

const operators: readonly ConditionOperator[] = ['eq', 'ne', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'exists']
const combinators: readonly string[] = ['all', 'any', 'not']
/** Deepest nesting of `all`, `any` and `not`. */
const maxDepth = 8

interface Compiled {
  readonly predicate: Predicate
  readonly problems: readonly Problem[]
}

const never: Predicate = () => false
const compiledConditions = new WeakMap<Condition, Predicate>()

/** The test of a rule's `when`, compiled once per condition object. Fields side by side are all required. */
export function predicateOf(condition: Condition): Predicate {
  const known = compiledConditions.get(condition)
  if (known !== undefined) return known
  const { predicate } = compileCondition(condition, '', 0)
  compiledConditions.set(condition, predicate)
  return predicate
}

/** What is wrong with a condition: unknown fields and operators, operands of the wrong kind, unusable patterns. */
export function checkCondition(condition: unknown, path: string): readonly Problem[] {
  return compileCondition(condition, path, 0).problems
}

/** Every name that a condition compares the task with (`task` or `metadata.task`), each with its place; faulty parts are passed over. */
export function tasksIn(
  condition: unknown,
  path: string,
  depth = 0,
): { readonly task: string; readonly path: string }[] {
  if (!isObject(condition) || depth > maxDepth) return []
  return Object.entries(condition).flatMap(([name, test]) => {
    const at = pointer(path, name)
    if (name === 'not') return tasksIn(test, at, depth + 1)
    if (name === 'all' || name === 'any') {
      return Array.isArray(test) ? test.flatMap((item, index) => tasksIn(item, pointer(at, index), depth + 1)) : []
    }
    return name === 'task' || name === 'metadata.task' ? comparedNames(test, at) : []
  })
}

function comparedNames(test: unknown, path: string): { readonly task: string; readonly path: string }[] {
  if (typeof test === 'string') return [{ task: test, path }]
  if (!isObject(test)) return []
  return Object.entries(test).flatMap(([operator, operand]) => {
    const at = pointer(path, operator)
    if (typeof operand === 'string') return [{ task: operand, path: at }]
    if (!Array.isArray(operand)) return []
    return operand.flatMap((value, index) =>
      typeof value === 'string' ? [{ task: value, path: pointer(at, index) }] : [],
    )
  })
}

function compileCondition(condition: unknown, path: string, depth: number): Compiled {
  if (!isObject(condition)) return faulty(path, 'must be an object of fields and of all, any, not')
  if (depth > maxDepth) return faulty(path, `is nested deeper than ${maxDepth} levels`)
  const parts = Object.entries(condition).map(([name, test]) => compilePart(name, test, pointer(path, name), depth))
  if (parts.length === 0) return faulty(path, 'names no field: it would always hold')
  const predicates = parts.map((part) => part.predicate)
  return {
    predicate: (subject) => predicates.every((holds) => holds(subject)),
    problems: parts.flatMap((part) => part.problems),
  }
}

function compilePart(name: string, test: unknown, path: string, depth: number): Compiled {
  if (name === 'not') return negated(compileCondition(test, path, depth + 1))
  if (name === 'all' || name === 'any') return compileList(name, test, path, depth)
  const field = fieldNamed(name)
  if (field === null) {
    return faulty(
      path,
      `unknown field "${name}"; known: ${[...Object.keys(fields), 'metadata.NAME', ...combinators].join(', ')}`,
    )
  }
  const tests = isObject(test) ? Object.entries(test) : [['eq', test] as const]
  if (tests.length === 0) return faulty(path, `names no operator; known: ${operators.join(', ')}`)
  const parts = tests.map(([operator, operand]) => {
    const at = isObject(test) ? pointer(path, operator) : path
    return compileTest({ name, ...field }, operator, operand, at)
  })
  const predicates = parts.map((part) => part.predicate)
  return {
    predicate: (subject) => predicates.every((holds) => holds(subject)),
    problems: parts.flatMap((part) => part.problems),
  }
}

function compileList(name: 'all' | 'any', list: unknown, path: string, depth: number): Compiled {
  if (!Array.isArray(list) || list.length === 0) return faulty(path, 'must be a list of at least one condition')
  const parts = list.map((item, index) => compileCondition(item, pointer(path, index), depth + 1))
  const predicates = parts.map((part) => part.predicate)
  return {
    predicate:
      name === 'all'
        ? (subject) => predicates.every((holds) => holds(subject))
        : (subject) => predicates.some((holds) => holds(subject)),
    problems: parts.flatMap((part) => part.problems),
  }
}

interface Field {
  readonly name: string
  readonly kind: FieldKind
  readonly read: (subject: Subject) => unknown
}

function compileTest(field: Field, operator: string, operand: unknown, path: string): Compiled {
  if (!operators.includes(operator as ConditionOperator)) {
    return faulty(path, `unknown operator "${operator}"; known: ${operators.join(', ')}`)
  }
  if (operator === 'exists') return compileExists(field, operand, path)
  if (operator === 'in' || operator === 'nin') {
    if (!Array.isArray(operand) || operand.length === 0)
      return faulty(path, `${operator} needs a list of at least one value`)
    const parts = operand.map((value, index) => compileEquals(field, value, pointer(path, index)))
    const predicates = parts.map((part) => part.predicate)
    const isAny: Predicate = (subject) => predicates.some((holds) => holds(subject))
    const problems = parts.flatMap((part) => part.problems)
    return operator === 'in' ? { predicate: isAny, problems } : negated({ predicate: isAny, problems })
  }
  if (operator === 'eq') return compileEquals(field, operand, path)
  if (operator === 'ne') return negated(compileEquals(field, operand, path))
  return compileOrder(field, operator as 'gt' | 'gte' | 'lt' | 'lte', operand, path)
}

function compileExists(field: Field, operand: unknown, path: string): Compiled {
  if (typeof operand !== 'boolean') return faulty(path, 'exists needs true or false')
  if (field.kind === 'pattern') return faulty(path, `${field.name} has no exists: it needs a pattern`)
  return sound((subject) => (field.read(subject) !== undefined) === operand)
}

function compileEquals(field: Field, operand: unknown, path: string): Compiled {
  if (field.kind === 'pattern') return compileMatch(operand, path)
  const wanted = { text: 'string', number: 'number', flag: 'boolean' }[field.kind]
  if (typeof operand !== wanted || Number.isNaN(operand))
    return faulty(path, `${field.name} is compared with a ${wanted}`)
  return sound((subject) => field.read(subject) === operand)
}

function compileMatch(operand: unknown, path: string): Compiled {
  if (typeof operand !== 'string') return faulty(path, 'promptMatches needs a pattern')
  const pattern: Pattern | { fault: string } = compilePattern(operand)
  if (isFault(pattern)) return faulty(path, `"${operand.slice(0, 80)}" ${pattern.fault}`)
  return sound((subject) => subject.facts.promptMatches(pattern))
}

function compileOrder(field: Field, operator: 'gt' | 'gte' | 'lt' | 'lte', operand: unknown, path: string): Compiled {
  const isOrdered = field.kind === 'number' || field.name.startsWith('metadata.')
  if (!isOrdered) return faulty(path, `${field.name} has no order; use eq, ne, in, nin or exists`)
  if (typeof operand !== 'number' || !Number.isFinite(operand)) return faulty(path, `${operator} needs a number`)
  const holds = comparisons[operator]
  return sound((subject) => {
    const value = field.read(subject)
    if (value === undefined || value === '') return false
    return holds(Number(value), operand)
  })
}

/** NaN (metadata that is no number) compares false with everything. */
const comparisons: Readonly<Record<'gt' | 'gte' | 'lt' | 'lte', (left: number, right: number) => boolean>> = {
  gt: (left, right) => left > right,
  gte: (left, right) => left >= right,
  lt: (left, right) => left < right,
  lte: (left, right) => left <= right,
}

function fieldNamed(name: string): Omit<Field, 'name'> | null {
  if (Object.hasOwn(fields, name)) return fields[name] ?? null
  if (!name.startsWith('metadata.') || name.length === 'metadata.'.length) return null
  const key = name.slice('metadata.'.length)
  return {
    kind: 'text',
    read: (s) => (Object.hasOwn(s.facts.metadata, key) ? s.facts.metadata[key] : undefined),
  }
}

function negated({ predicate, problems }: Compiled): Compiled {
  return { predicate: (subject) => !predicate(subject), problems }
}

function sound(predicate: Predicate): Compiled {
  return { predicate, problems: [] }
}

function faulty(path: string, message: string): Compiled {
  return { predicate: never, problems: [{ path, message }] }
}
