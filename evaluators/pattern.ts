import { RE2JS } from 're2js'

/** Longest pattern accepted, in characters. */
const maxPatternLength = 2_000

/**
 * A linear-time pattern with the part of RegExp's face that ajv uses. `toString` matters: ajv keeps compiled patterns under
 * that key, and without it every pattern of a schema would silently be the first one.
 */
export interface LinearPattern {
  test(text: string): boolean
  toString(): string
}

export class UnsupportedPatternError extends Error {
  readonly code = 'UNSUPPORTED_PATTERN'
  constructor(pattern: string, cause: unknown) {
    const detail = cause instanceof Error ? cause.message.replace(/^error parsing regexp: /, '') : String(cause)
    super(
      `pattern ${JSON.stringify(pattern.slice(0, 120))} cannot be used: ${detail} ` +
        '(patterns run in linear time: no look-around, no back-references, no repeat above 1000)',
      { cause },
    )
    this.name = 'UnsupportedPatternError'
  }
}

/**
 * Compiles an ECMAScript pattern (unicode mode) for a search anywhere in the text.
 * @throws UnsupportedPatternError  bad syntax, or a construct that needs backtracking
 */
export function compilePattern(pattern: string): LinearPattern {
  if (pattern.length > maxPatternLength) {
    throw new UnsupportedPatternError(pattern, `longer than ${maxPatternLength} characters`)
  }
  const compiled = parse(pattern)
  const key = `/${pattern}/u`
  return { test: (text) => compiled.test(text), toString: () => key }
}

function parse(pattern: string): RE2JS {
  try {
    return RE2JS.compile(RE2JS.translateRegExp(pattern.replaceAll('\\p{Letter}', '\\p{L}')))
  } catch (cause) {
    throw new UnsupportedPatternError(pattern, cause)
  }
}

/** The shape ajv's `code.regExp` option wants: a function with the source text it would have in generated code. */
export const linearRegExp: { (pattern: string, flags: string): LinearPattern; code: string } = Object.assign(
  (pattern: string) => compilePattern(pattern),
  { code: 'linearRegExp' },
)
