import type { EvalCase, JudgeQuestions, Score, Tools } from './evaluator.ts'

/** What is wrong with a configuration. `path` is a JSON pointer below the configuration: `/judge`. */
export interface ConfigProblem {
  readonly path: string
  readonly message: string
}

/** An evaluator kind with its configuration applied: everything costly or fallible is already compiled. */
export interface ConfiguredKind {
  /** Configuration with its defaults filled in: `{}` and `{level: 0}` are the same evaluator and get the same version. */
  readonly config: Readonly<Record<string, unknown>>
  /** What else decides a score beside the code: prompts, coefficients. Part of the version. */
  readonly material?: unknown
  readonly usesJudge?: boolean
  /** Models it may ask. */
  readonly judges?: readonly string[]
  readonly questions?: JudgeQuestions
  readonly score: (evalCase: EvalCase, tools: Tools) => Score | Promise<Score>
  readonly scorePair?: (baseline: EvalCase, candidate: EvalCase, tools: Tools) => Promise<Score>
}

/** One name a bar may use. */
export interface EvaluatorKind {
  readonly name: string
  /** Raise it whenever the same case may get another score: old and new scores must not be mixed. */
  readonly codeVersion: number
  readonly needsReference: boolean
  /** JSON Schema (2020-12, closed) of the configuration; its properties are the known fields. */
  readonly configSchema: {
    readonly type: 'object'
    readonly additionalProperties: false
    readonly properties: Readonly<Record<string, unknown>>
    readonly [keyword: string]: unknown
  }
  /** @param config already valid against `configSchema` */
  configure(config: Readonly<Record<string, unknown>>): ConfiguredKind | { readonly problems: readonly ConfigProblem[] }
}
