import { RE2JS } from 're2js'

/** A search over text in time linear in its length: patterns come from people, text from anyone. */
export interface Pattern {
  readonly source: string
  /** True where the pattern occurs anywhere in the text. */
  test(text: string): boolean
}

/** A pattern that the linear-time engine cannot run. */
export interface PatternFault {
  readonly fault: string
}

/** Longest pattern accepted, in characters: the compiled program grows with it. */
export const maxPatternLength = 1_000

/**
 * Compiles an RE2 pattern: no look-around and no back-references, which have no linear-time form.
 *
 * @returns the pattern, or what is wrong with it
 */
export function compilePattern(source: string): Pattern | PatternFault {
  if (source.length > maxPatternLength) return { fault: `is longer than ${maxPatternLength} characters` }
  try {
    const compiled = RE2JS.compile(source)
    return { source, test: (text) => compiled.test(text) }
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    return { fault: `is not a usable pattern (${words}); look-around and back-references are not supported` }
  }
}

export function isFault(result: Pattern | PatternFault): result is PatternFault {
  return 'fault' in result
}
