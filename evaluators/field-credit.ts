import type { ErrorObject } from 'ajv'
import { escapePointer } from './json-scan.ts'

/** One violation, at the place in the answer where it is. `path` is a JSON pointer, '' the whole answer. */
export interface FieldError {
  readonly path: string
  readonly keyword: string
  readonly message: string
}

/** Violations listed in a score; the rest is counted. */
export const maxListedErrors = 50

/** The validator's errors in our words; a missing or surplus property is reported at its own path. */
export function toFieldErrors(violations: readonly ErrorObject[]): FieldError[] {
  const seen = new Set<string>()
  const errors: FieldError[] = []
  for (const violation of violations) {
    const error = toFieldError(violation)
    const key = `${error.path}\n${error.keyword}\n${error.message}`
    if (seen.has(key)) continue
    seen.add(key)
    errors.push(error)
  }
  return errors
}

function toFieldError(violation: ErrorObject): FieldError {
  const { keyword, params, instancePath } = violation
  const child = params['missingProperty'] ?? params['additionalProperty'] ?? params['unevaluatedProperty']
  const path = typeof child === 'string' ? `${instancePath}/${escapePointer(child)}` : instancePath
  return { path, keyword, message: messageOf(violation) }
}

function messageOf({ keyword, params, message }: ErrorObject): string {
  if (keyword === 'required') return 'is missing'
  if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties') return 'is not a known field'
  if (keyword === 'enum') return `must be one of ${JSON.stringify(params['allowedValues']).slice(0, 200)}`
  if (keyword === 'const') return `must be ${JSON.stringify(params['allowedValue']).slice(0, 200)}`
  if (keyword === 'false schema') return 'is not allowed'
  return message ?? `violates ${keyword}`
}

/** Leaves counted at most: beyond that the share is of the first ones. */
const maxLeaves = 100_000

/**
 * Share of fields that are right, in [0, 1). A field is a leaf of the answer (a scalar, an empty object or array) or a
 * required property that is missing (the empty object it is missing from is no field). A leaf is wrong when an error is reported at it or at anything around it; an error about
 * a container as a whole with all of its leaves right (too few items) counts as one wrong field more.
 *
 * @param errors  at least one
 */
export function validShare(value: unknown, errors: readonly FieldError[]): number {
  const missing = new Set<string>()
  const wrong = new Set<string>()
  const loose = new Set<string>()
  for (const { path, keyword } of errors) {
    if (keyword === 'required') missing.add(path)
    else if (isAboutWhole(keyword)) loose.add(path)
    else wrong.add(path)
  }
  const emptied = new Set([...missing].map(parentOf))
  const leaves = leafPaths(value).filter((leaf) => !emptied.has(leaf))
  const bad = leaves.filter((leaf) => loose.has(leaf) || isUnder(leaf, wrong))
  const blamed = new Set([...bad, ...missing].flatMap(withAncestors))
  const extra = [...loose].filter((path) => !blamed.has(path)).length
  const total = leaves.length + missing.size + extra
  const share = (leaves.length - bad.length) / total
  return Math.min(share, 1 - 1 / (total + 1))
}

/** Keywords that blame a container, not any single field in it. */
function isAboutWhole(keyword: string): boolean {
  return /^(anyOf|oneOf|not|if|contains|minContains|maxContains|minItems|maxItems|uniqueItems|minProperties|maxProperties|dependencies|dependentRequired|propertyNames)$/.test(
    keyword,
  )
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** The path and every path above it, up to '' . */
function withAncestors(path: string): string[] {
  const paths = [path]
  for (let at = path; at !== ''; ) {
    at = parentOf(at)
    paths.push(at)
  }
  return paths
}

function isUnder(leaf: string, paths: ReadonlySet<string>): boolean {
  return paths.size > 0 && withAncestors(leaf).some((path) => paths.has(path))
}

/** JSON pointers of all leaves. Recursive: the depth of answers is limited before. */
function leafPaths(value: unknown): string[] {
  const leaves: string[] = []
  collectLeaves(value, '', leaves)
  return leaves
}

function collectLeaves(value: unknown, path: string, leaves: string[]): void {
  if (leaves.length >= maxLeaves) return
  const children = typeof value === 'object' && value !== null ? Object.entries(value) : []
  if (children.length === 0) leaves.push(path)
  for (const [key, child] of children) collectLeaves(child, `${path}/${escapePointer(key)}`, leaves)
}
