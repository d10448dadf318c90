import { DeadlineExceededError } from './deadline.ts'
import { type FieldError, maxListedErrors, toFieldErrors, validShare } from './field-credit.ts'
import { type ExtractionLevel, extractJson } from './json-extract.ts'
import { type JsonScan, maxJsonDepth, scanJson } from './json-scan.ts'
import type { SchemaCache } from './schema-cache.ts'
import type { SchemaDraft } from './schema-draft.ts'

/** An answer to be examined. Plain data: it may cross to another thread. */
export interface JsonJob {
  readonly output: string
  readonly permittedLevel: number
  /** JSON text of the schema with the key it is kept under; null: none. */
  readonly schema: { readonly key: string; readonly text: string } | null
}

/** What was found. Plain data. */
export type JsonFinding =
  /** No verdict: the schema cannot be used, or the work took too long. */
  | { readonly kind: 'unusable' | 'failed'; readonly reason: string }
  | { readonly kind: 'not_json'; readonly level: ExtractionLevel; readonly error: string | null }
  | { readonly kind: 'too_deep'; readonly level: ExtractionLevel; readonly depth: number }
  | JsonVerdict

export interface JsonVerdict {
  readonly kind: 'judged'
  readonly level: 0 | 1 | 2
  readonly scan: JsonScan
  /** An object or array without content satisfies most schemas and says nothing. */
  readonly isEmpty: boolean
  readonly draft: SchemaDraft | null
  /** At most 50; `errorCount` has them all. */
  readonly errors: readonly FieldError[]
  readonly errorCount: number
  /** 1 without errors, else the share of fields that are right. */
  readonly share: number
}

/** Extracts, scans and validates one answer. Never throws for what an answer or a schema holds. */
export function judgeJson(job: JsonJob, schemas: SchemaCache): JsonFinding {
  const entry = job.schema === null ? null : schemas.get(job.schema.key, job.schema.text)
  if (entry && 'error' in entry) return { kind: 'unusable', reason: entry.error }
  const extraction = extractJson(job.output)
  if (!('value' in extraction) || extraction.level > job.permittedLevel) {
    return { kind: 'not_json', level: extraction.level, error: extraction.error }
  }
  const { level } = extraction
  const { depth, duplicateKeys, unsafeNumbers, loneSurrogates } = scanJson(extraction.text)
  if (depth > maxJsonDepth) return { kind: 'too_deep', level, depth }
  try {
    const all = toFieldErrors(entry?.schema.violations(extraction.value, extraction.text.length) ?? [])
    return {
      kind: 'judged',
      level,
      scan: { depth, duplicateKeys, unsafeNumbers, loneSurrogates },
      isEmpty: isEmpty(extraction.value),
      draft: entry?.schema.draft ?? null,
      errors: all.slice(0, maxListedErrors),
      errorCount: all.length,
      share: all.length === 0 ? 1 : validShare(extraction.value, all),
    }
  } catch (error) {
    if (error instanceof DeadlineExceededError) return { kind: 'failed', reason: error.message }
    // a schema whose references loop without consuming the answer overflows the stack
    if (error instanceof RangeError) return { kind: 'failed', reason: 'the schema refers to itself without end' }
    throw error
  }
}

function isEmpty(value: unknown): boolean {
  return value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)
}
