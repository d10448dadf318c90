import { finishNote, isTruncated, scoreOfUnreadableAnswer } from './answer.ts'
import { canonicalJson, contentHash, isWithinDepth } from './content-hash.ts'
import type { EvalCase, Score } from './evaluator.ts'
import { type JsonFinding, type JsonJob, type JsonVerdict, judgeJson } from './json-judge.ts'
import { maxJsonDepth } from './json-scan.ts'
import type { EvaluatorKind } from './kind.ts'
import { SchemaCache } from './schema-cache.ts'
import { compileSchema, InvalidSchemaError, maxSchemaBytes, maxSchemaDepth } from './schema-compile.ts'
import { SchemaThread } from './schema-thread.ts'

const levelNames = {
  0: 'as it stands',
  1: 'in a code fence',
  2: 'inside other text',
  3: 'once mended',
  4: 'nowhere',
} as const

/** One thread for all configurations: schemas are compiled once by content. */
const thread = new SchemaThread()
/** Answers up to this length without a schema are examined at once: that takes less than handing them over. */
const shortAnswer = 65_536
const noSchemas = new SchemaCache(0)

interface Settings {
  readonly level: number
  /** Findings that JSON.parse keeps silent about count as faults. */
  readonly isStrict: boolean
  readonly schema: JsonJob['schema']
}

/**
 * The answer is JSON and satisfies its schema: the case's own (item or request), else the configured one, else none.
 *
 * 1: valid. Between 0 and 1: parses at the permitted level and violates the schema; the share of fields that are right.
 * 0: does not parse at the permitted level; with `strict` also a key given twice, a number that loses digits, broken Unicode.
 * errored: the case's own schema cannot be used, which is no fault of the answer.
 */
export const jsonValidity: EvaluatorKind = {
  name: 'json_validity',
  codeVersion: 2,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      schema: { type: ['object', 'boolean'] },
      level: { type: 'integer', minimum: 0, maximum: 2 },
      strict: { type: 'boolean' },
    },
  },
  configure(config) {
    const level = typeof config['level'] === 'number' ? config['level'] : 0
    const isStrict = config['strict'] === true
    const schema = config['schema']
    try {
      if (schema !== undefined) compileSchema(schema, true)
    } catch (error) {
      if (error instanceof InvalidSchemaError) return { problems: [{ path: '/schema', message: error.message }] }
      throw error
    }
    const settings = { level, isStrict, schema: schema === undefined ? null : handleOf(schema) }
    return {
      config: { level, strict: isStrict, schema: schema ?? null },
      score: (evalCase) => scoreJson(evalCase, settings),
    }
  },
}

function handleOf(schema: unknown): NonNullable<JsonJob['schema']> {
  return { key: contentHash(schema), text: canonicalJson(schema) }
}

const handles = new WeakMap<object, NonNullable<JsonJob['schema']> | { readonly error: string }>()

/** The case's own schema, ready to be handed over, or why it cannot be. */
function ownHandle(schema: object): NonNullable<JsonJob['schema']> | { readonly error: string } {
  const known = handles.get(schema)
  if (known) return known
  const handle = isWithinDepth(schema, maxSchemaDepth)
    ? handleOf(schema)
    : { error: `the schema is nested deeper than ${maxSchemaDepth} levels` }
  const bounded =
    'text' in handle && handle.text.length > maxSchemaBytes
      ? { error: `the schema has ${handle.text.length} characters; the limit is ${maxSchemaBytes}` }
      : handle
  handles.set(schema, bounded)
  return bounded
}

async function scoreJson(evalCase: EvalCase, settings: Settings): Promise<Score> {
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  const own = evalCase.schema === undefined ? settings.schema : ownHandle(evalCase.schema)
  if (own && 'error' in own) return { status: 'errored', reason: `the schema of the case cannot be used: ${own.error}` }
  const job = { output: evalCase.output, permittedLevel: settings.level, schema: own }
  const isSmall = own === null && evalCase.output.length <= shortAnswer
  return toScore(evalCase, isSmall ? judgeJson(job, noSchemas) : await thread.judge(job), settings)
}

function toScore(evalCase: EvalCase, finding: JsonFinding, settings: Settings): Score {
  switch (finding.kind) {
    case 'unusable':
      return { status: 'errored', reason: `the schema of the case cannot be used: ${finding.reason}` }
    case 'failed':
      return { status: 'errored', reason: finding.reason }
    case 'not_json':
      return notJson(evalCase, finding, settings.level)
    case 'too_deep': {
      const reason = `the JSON is nested ${finding.depth} levels deep; the limit is ${maxJsonDepth}`
      const details = { level: finding.level, errors: [], depth: finding.depth }
      return { status: 'scored', value: 0, reason, details }
    }
    case 'judged':
      return judged(evalCase, finding, settings)
  }
}

function judged(evalCase: EvalCase, finding: JsonVerdict, { isStrict }: Settings): Score {
  const { level, scan, draft, errors, errorCount, isEmpty } = finding
  const details = {
    level,
    draft,
    errors,
    errorCount,
    duplicateKeys: scan.duplicateKeys,
    unsafeNumbers: scan.unsafeNumbers,
    loneSurrogates: scan.loneSurrogates,
    isEmpty,
    truncated: isTruncated(evalCase),
  }
  const notes = scanNotes(finding)
  if (isStrict && notes.length > 0) {
    return { status: 'scored', value: 0, reason: `JSON that parsers read differently: ${notes.join(', ')}`, details }
  }
  const [first] = errors
  if (!first) return { status: 'scored', value: 1, reason: validReason(finding, notes), details }
  const more = errorCount > 1 ? ` and ${errorCount - 1} more` : ''
  const where = first.path === '' ? 'the answer' : first.path
  const reason = `valid JSON that breaks its schema: ${where} ${first.message}${more}${finishNote(evalCase)}`
  return { status: 'scored', value: finding.share, reason, details }
}

function scanNotes({ scan }: JsonVerdict): string[] {
  const place = (path: string | undefined) => path || 'the top'
  return [
    ...(scan.duplicateKeys.length > 0 ? [`the key ${scan.duplicateKeys[0]} occurs twice`] : []),
    ...(scan.unsafeNumbers.length > 0 ? [`the number at ${place(scan.unsafeNumbers[0])} loses digits`] : []),
    ...(scan.loneSurrogates.length > 0 ? [`broken Unicode at ${place(scan.loneSurrogates[0])}`] : []),
  ]
}

function validReason({ level, draft, isEmpty }: JsonVerdict, notes: readonly string[]): string {
  const place = level === 0 ? '' : ` (${levelNames[level]})`
  const all = isEmpty ? ['it is empty', ...notes] : notes
  const base = draft === null ? `valid JSON${place}` : `valid JSON that satisfies its schema${place}`
  return all.length === 0 ? base : `${base}; but ${all.join(', ')}`
}

function notJson(
  evalCase: EvalCase,
  { level, error }: Extract<JsonFinding, { kind: 'not_json' }>,
  permittedLevel: number,
): Score {
  const found =
    level >= 3
      ? `not JSON${level === 3 ? ', though close to it' : ''}`
      : `JSON only ${levelNames[level]} (level ${level}, permitted ${permittedLevel})`
  const details = { level, errors: [], parseError: error, truncated: isTruncated(evalCase) }
  return { status: 'scored', value: 0, reason: `${found}: ${error}${finishNote(evalCase)}`, details }
}
