import { finishNote, scoreOfUnreadableAnswer } from './answer.ts'
import type { EvalCase, Score } from './evaluator.ts'
import type { EvaluatorKind } from './kind.ts'
import { compilePattern, type LinearPattern, UnsupportedPatternError } from './pattern.ts'

/**
 * The pattern matches somewhere in the answer: 1 or 0. Patterns run in linear time (RE2 syntax: inline flags such as `(?i)`,
 * no look-around, no back-references); `^` and `$` are the ends of the answer unless `(?m)` is given.
 */
export const regex: EvaluatorKind = {
  name: 'regex',
  codeVersion: 1,
  needsReference: false,
  configSchema: {
    type: 'object',
    additionalProperties: false,
    properties: { pattern: { type: 'string', minLength: 1 } },
    required: ['pattern'],
  },
  configure(config) {
    const pattern = String(config['pattern'])
    try {
      const compiled = compilePattern(pattern)
      return { config: { pattern }, score: (evalCase) => scoreRegex(evalCase, compiled) }
    } catch (error) {
      if (error instanceof UnsupportedPatternError) return { problems: [{ path: '/pattern', message: error.message }] }
      throw error
    }
  },
}

function scoreRegex(evalCase: EvalCase, pattern: LinearPattern): Score {
  const unreadable = scoreOfUnreadableAnswer(evalCase)
  if (unreadable) return unreadable
  if (pattern.test(evalCase.output)) return { status: 'scored', value: 1, reason: 'the pattern matches' }
  return { status: 'scored', value: 0, reason: `the pattern matches nowhere${finishNote(evalCase)}` }
}
