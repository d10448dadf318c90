import { finishNote, isTruncated, scoreOfUnreadableAnswer } from './answer.ts'
import { DeadlineExceededError } from './deadline.ts'
import type { EvalCase, Score } from './evaluator.ts'
import { type FieldError, maxListedErrors, toFieldErrors, validShare } from './field-credit.ts'
import { type Extraction, extractJson } from './json-extract.ts'
import { type JsonScan, maxJsonDepth, scanJson } from './json-scan.ts'
import type { EvaluatorKind } from './kind.ts'
import { SchemaCache } from './schema-cache.ts'
import { type CompiledSchema, compileSchema, InvalidSchemaError } from './schema-compile.ts'

const levelNames = { 0: 'as it stands', 1: 'in a code fence', 2: 'inside other text', 4: 'nowhere' } as const

/** Schemas of items and requests, shared by all configurations: they are compiled by content. */
const itemSchemas = new SchemaCache(256)

/**
 * The answer is JSON and satisfies its schema: the case's own (item or request), else the configured one, else none.
 *
 * 1: valid. Between 0 and 1: parses at the permitted level and violates the schema; the share of fields that are right.
 * 0: does not parse at the permitted level. errored: the case's own schema cannot be used, which is no fault of the answer.
 */
export const jsonValidity: EvaluatorKind = {
  name: 'json_validity',
  codeVersion: 1,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      schema: { type: ['object', 'boolean'] },
      level: { type: 'integer', minimum: 0, maximum: 2 },
    },
  },
  configure(config) {
    const level = typeof config['level'] === 'number' ? config['level'] : 0
    const schema = config['schema']
    try {
      const compiled = schema === undefined ? null : compileSchema(schema, true)
      const full = { level, schema: schema ?? null }
      return { config: full, score: (evalCase) => scoreJson(evalCase, level, compiled) }
    } catch (error) {
      if (error instanceof InvalidSchemaError) return { problems: [{ path: '/schema', message: error.message }] }
      throw error
    }
  },
}

function scoreJson(evalCase: EvalCase, permittedLevel: number, configured: CompiledSchema | null): Score {
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  const own = evalCase.schema === undefined ? null : itemSchemas.get(evalCase.schema)
  if (own && 'error' in own) return { status: 'errored', reason: `the schema of the case cannot be used: ${own.error}` }
  const extraction = extractJson(evalCase.output)
  if (extraction.level > permittedLevel || extraction.level === 4) {
    return notJson(evalCase, extraction, permittedLevel)
  }
  const scan = scanJson(extraction.text)
  if (scan.depth > maxJsonDepth) return tooDeep(extraction, scan)
  return judgeValue(evalCase, extraction, { scan, schema: own?.schema ?? configured })
}

type Found = Extract<Extraction, { level: 0 | 1 | 2 }>

function judgeValue(
  evalCase: EvalCase,
  extraction: Found,
  { scan, schema }: { scan: JsonScan; schema: CompiledSchema | null },
): Score {
  const errors = violations(extraction, schema)
  if (typeof errors === 'string') return { status: 'errored', reason: errors }
  const details = {
    level: extraction.level,
    draft: schema?.draft ?? null,
    errors: errors.slice(0, maxListedErrors),
    errorCount: errors.length,
    duplicateKeys: scan.duplicateKeys,
    unsafeNumbers: scan.unsafeNumbers,
    loneSurrogates: scan.loneSurrogates,
    truncated: isTruncated(evalCase),
  }
  const first = errors[0]
  if (!first) return { status: 'scored', value: 1, reason: validReason(extraction, schema, scan), details }
  const value = validShare(extraction.value, errors)
  const more = errors.length > 1 ? ` and ${errors.length - 1} more` : ''
  const where = first.path === '' ? 'the answer' : first.path
  const reason = `valid JSON that breaks its schema: ${where} ${first.message}${more}${finishNote(evalCase)}`
  return { status: 'scored', value, reason, details }
}

/** Violations, or the sentence that says why there is no verdict. */
function violations(extraction: Found, schema: CompiledSchema | null): readonly FieldError[] | string {
  if (!schema) return []
  try {
    return toFieldErrors(schema.violations(extraction.value, extraction.text.length))
  } catch (error) {
    if (error instanceof DeadlineExceededError) return error.message
    // a schema whose references loop without consuming the answer overflows the stack
    if (error instanceof RangeError) return 'the schema refers to itself without end'
    throw error
  }
}

function validReason(extraction: Found, schema: CompiledSchema | null, scan: JsonScan): string {
  const place = extraction.level === 0 ? '' : ` (${levelNames[extraction.level]})`
  const notes = [
    scan.duplicateKeys.length > 0 ? `the key ${scan.duplicateKeys[0]} occurs twice` : null,
    scan.unsafeNumbers.length > 0 ? `the number at ${scan.unsafeNumbers[0] || 'the top'} loses digits` : null,
    scan.loneSurrogates.length > 0 ? `broken Unicode at ${scan.loneSurrogates[0] || 'the top'}` : null,
  ].filter((note) => note !== null)
  const base = schema ? `valid JSON that satisfies its schema${place}` : `valid JSON${place}`
  return notes.length === 0 ? base : `${base}; but ${notes.join(', ')}`
}

function notJson(evalCase: EvalCase, extraction: Extraction, permittedLevel: number): Score {
  const found =
    extraction.level === 4
      ? 'not JSON'
      : `JSON only ${levelNames[extraction.level]} (level ${extraction.level}, permitted ${permittedLevel})`
  const reason = `${found}: ${extraction.error}${finishNote(evalCase)}`
  const details = {
    level: extraction.level,
    errors: [],
    parseError: extraction.error,
    truncated: isTruncated(evalCase),
  }
  return { status: 'scored', value: 0, reason, details }
}

function tooDeep(extraction: Found, scan: JsonScan): Score {
  const reason = `the JSON is nested ${scan.depth} levels deep; the limit is ${maxJsonDepth}`
  return { status: 'scored', value: 0, reason, details: { level: extraction.level, errors: [], depth: scan.depth } }
}
