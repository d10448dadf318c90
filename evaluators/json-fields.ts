import { finishNote, scoreOfUnreadableAnswer } from './answer.ts'
import { isWithinDepth } from './content-hash.ts'
import { withDeadline } from './deadline.ts'
import type { EvalCase, Score } from './evaluator.ts'
import { type FieldResult, matchFields, sumUp } from './field-match.ts'
import { RulePlace, ruleProblems } from './field-rules.ts'
import { extractJson } from './json-extract.ts'
import { maxJsonDepth } from './json-scan.ts'
import type { EvaluatorKind } from './kind.ts'
import { compileSchema, InvalidSchemaError, maxSchemaDepth } from './schema-compile.ts'

/** Fields listed in a score: what is not right first. The rest is counted. */
const maxListed = 50
/** Longest answer and reference that are compared, in UTF-16 code units. */
const maxLength = 200_000
/** Pairing the elements of arrays takes time with the square of their number. */
const compareLimitMs = 500
const shortAnswer = 4_096
const maxShown = 200

interface Settings {
  readonly level: number
  readonly schema: unknown
}

/**
 * The fields of a JSON answer against those expected: F1 over the weights of fields that match, are wrong, missing or invented.
 * 0 when a critical field is not right, or no JSON stands at the permitted level. Expected is `expect.json_fields` of the case,
 * else its reference read as JSON. How a field is compared is said by `x-eval` in the schema: the case's own, else the
 * configured one.
 */
export const jsonFields: EvaluatorKind = {
  name: 'json_fields',
  codeVersion: 1,
  needsReference: true,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: {
      schema: { type: 'object' },
      level: { type: 'integer', minimum: 0, maximum: 2 },
    },
  },
  configure(config) {
    const level = typeof config['level'] === 'number' ? config['level'] : 0
    const schema = config['schema']
    if (schema !== undefined) {
      try {
        compileSchema(schema, true)
      } catch (error) {
        if (error instanceof InvalidSchemaError) return { problems: [{ path: '/schema', message: error.message }] }
        throw error
      }
      const problems = ruleProblems(schema)
      if (problems.length > 0) return { problems: problems.map((message) => ({ path: '/schema', message })) }
    }
    return {
      config: { level, schema: schema ?? null },
      score: (evalCase) => scoreFields(evalCase, { level, schema }),
    }
  },
}

function scoreFields(evalCase: EvalCase, settings: Settings): Score {
  const expected = expectedOf(evalCase)
  if ('status' in expected) return expected
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  const schema = evalCase.schema ?? settings.schema
  const [problem] = evalCase.schema === undefined ? [] : ownProblems(evalCase.schema)
  if (problem !== undefined) return { status: 'errored', reason: `the schema of the case cannot be used: ${problem}` }
  if (evalCase.output.length > maxLength) {
    return { status: 'scored', value: 0, reason: `the answer has more than ${maxLength} characters` }
  }
  const extraction = extractJson(evalCase.output)
  if (!('value' in extraction) || extraction.level > settings.level) {
    const reason = `no JSON at level ${settings.level}: ${extraction.error}${finishNote(evalCase)}`
    return { status: 'scored', value: 0, reason, details: { level: extraction.level, fields: [] } }
  }
  if (!isWithinDepth(extraction.value, maxJsonDepth)) {
    return { status: 'scored', value: 0, reason: `the JSON is nested deeper than ${maxJsonDepth} levels` }
  }
  const compare = () => matchFields(extraction.value, expected.value, new RulePlace(schema))
  const isShort = extraction.text.length <= shortAnswer
  const fields = isShort ? compare() : withDeadline('comparing the fields', compareLimitMs, compare)
  return toScore(fields, extraction.level)
}

function expectedOf(evalCase: EvalCase): { readonly value: unknown } | Score {
  const own = evalCase.expect?.['json_fields']
  const { reference } = evalCase
  if (own === undefined && (reference === undefined || reference.trim() === '')) {
    return { status: 'not_applicable', reason: 'the case has no expected value: expect.json_fields or a reference' }
  }
  try {
    const value: unknown = own === undefined ? JSON.parse(reference ?? '') : own
    if (typeof value === 'object' && value !== null && isWithinDepth(value, maxJsonDepth)) return { value }
    return { status: 'errored', reason: 'the expected value must be a JSON object or array' }
  } catch {
    return { status: 'errored', reason: 'the reference of the case is not JSON' }
  }
}

function ownProblems(schema: object): readonly string[] {
  if (!isWithinDepth(schema, maxSchemaDepth)) return [`it is nested deeper than ${maxSchemaDepth} levels`]
  return ruleProblems(schema)
}

function toScore(fields: readonly FieldResult[], level: number): Score {
  const { precision, recall, f1 } = sumUp(fields)
  const off = fields.filter(({ outcome }) => outcome !== 'match')
  const critical = off.find(({ isCritical }) => isCritical)
  const shown = [...off, ...fields.filter(({ outcome }) => outcome === 'match')].slice(0, maxListed)
  const count = (outcome: FieldResult['outcome']) => fields.filter((field) => field.outcome === outcome).length
  const details = {
    level,
    precision,
    recall,
    f1,
    fieldCount: fields.length,
    counts: {
      match: count('match'),
      wrong: count('wrong'),
      missing: count('missing'),
      invented: count('invented'),
    },
    fields: shown.map(({ got, want, ...field }) => ({
      ...field,
      ...(got === undefined ? {} : { got: shortened(got) }),
      ...(want === undefined ? {} : { want: shortened(want) }),
    })),
  }
  if (critical) {
    const reason = `the critical field ${critical.path || 'at the top'} is ${critical.outcome}`
    return { status: 'scored', value: 0, reason, details }
  }
  const [first] = off
  const reason = first
    ? `${count('match')} of ${fields.length} fields match; ${first.path || 'the answer'} is ${first.outcome}`
    : `all ${fields.length} fields match`
  return { status: 'scored', value: f1, reason, details }
}

function shortened(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > maxShown ? `${text.slice(0, maxShown).toWellFormed()}…` : text
}
