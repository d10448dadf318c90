import { citations } from './citations.ts'
import { contains } from './contains.ts'
import { contentHash, isWithinDepth } from './content-hash.ts'
import { escalation } from './escalation.ts'
import type { EvalCase, Evaluator, Score, Tools } from './evaluator.ts'
import { exact } from './exact.ts'
import { factual } from './factual.ts'
import { format } from './format.ts'
import { grounding } from './grounding.ts'
import { jsonFields } from './json-fields.ts'
import { jsonValidity } from './json-validity.ts'
import { judgeParameters } from './judge-protocol.ts'
import type { ConfigProblem, ConfiguredKind, EvaluatorKind } from './kind.ts'
import { language } from './language.ts'
import { length } from './length.ts'
import { llmJudge } from './llm-judge.ts'
import { looping } from './looping.ts'
import { numeric } from './numeric.ts'
import { piiLeak } from './pii-leak.ts'
import { refusal } from './refusal.ts'
import { regex } from './regex.ts'
import { type CompiledSchema, compileSchema } from './schema-compile.ts'
import { tone } from './tone.ts'
import { toolUse } from './tool-use.ts'
import { truncation } from './truncation.ts'
import { withValidScore } from './valid-score.ts'

const kinds: readonly EvaluatorKind[] = [
  contains,
  exact,
  grounding,
  jsonFields,
  jsonValidity,
  llmJudge,
  numeric,
  regex,
  citations,
  escalation,
  factual,
  format,
  language,
  length,
  looping,
  piiLeak,
  refusal,
  tone,
  toolUse,
  truncation,
]
const kindsByName = new Map(kinds.map((kind) => [kind.name, kind]))

/** Every name a bar or an eval run may use, sorted. */
export const evaluatorNames: readonly string[] = kinds.map(({ name }) => name).sort()

/** JSON Schemas of the configurations by evaluator name, for the served API description. */
export const evaluatorConfigSchemas: Readonly<Record<string, EvaluatorKind['configSchema']>> = Object.fromEntries(
  kinds.map(({ name, configSchema }) => [name, configSchema]),
)

/** A name with its configuration, as a bar writes it. */
export interface EvaluatorRef {
  readonly name: string
  readonly config?: Readonly<Record<string, unknown>>
}

/** Deepest configuration examined; a schema in it may itself be 50 deep. */
const maxConfigDepth = 64

/**
 * Turns what a bar names into evaluators ready to score, or says everything that is wrong with it. Schemas, patterns and
 * prompts are compiled here: a slip in a bar is a problem at registration, never a score of 0.
 *
 * @returns problems with JSON pointers relative to the bar: `/evaluators/0/config/judge`
 */
export function resolveEvaluators(
  refs: readonly EvaluatorRef[],
): { readonly evaluators: Evaluator[] } | { readonly problems: { path: string; message: string }[] } {
  const evaluators: Evaluator[] = []
  const problems: { path: string; message: string }[] = []
  const firstByName = new Map<string, number>()
  refs.forEach((ref, index) => {
    const path = `/evaluators/${index}`
    const first = firstByName.get(ref.name)
    if (first !== undefined) {
      problems.push({
        path: `${path}/name`,
        message: `"${ref.name}" is already /evaluators/${first}: its scores share a name`,
      })
      return
    }
    firstByName.set(ref.name, index)
    const resolved = resolveOne(ref)
    if ('evaluator' in resolved) evaluators.push(resolved.evaluator)
    else problems.push(...resolved.problems.map((problem) => ({ ...problem, path: `${path}${problem.path}` })))
  })
  return problems.length > 0 ? { problems } : { evaluators }
}

function resolveOne(ref: EvaluatorRef): { evaluator: Evaluator } | { problems: readonly ConfigProblem[] } {
  const kind = kindsByName.get(ref.name)
  if (!kind) {
    const message = `no evaluator ${JSON.stringify(ref.name)}; known: ${evaluatorNames.join(', ')}`
    return { problems: [{ path: '/name', message }] }
  }
  const config = ref.config ?? {}
  const problems = configProblems(kind, config)
  const configured = problems.length > 0 ? { problems } : kind.configure(config)
  if ('problems' in configured) {
    return { problems: configured.problems.map(({ path, message }) => ({ path: `/config${path}`, message })) }
  }
  return { evaluator: toEvaluator(kind, configured) }
}

const configValidators = new Map<string, CompiledSchema>()

function configProblems(kind: EvaluatorKind, config: unknown): readonly ConfigProblem[] {
  if (!isWithinDepth(config, maxConfigDepth)) {
    return [{ path: '', message: `nested deeper than ${maxConfigDepth} levels` }]
  }
  const validator = configValidators.get(kind.name) ?? compileSchema(kind.configSchema, true)
  configValidators.set(kind.name, validator)
  const known = Object.keys(kind.configSchema.properties).join(', ') || 'none'
  const problems = validator.violations(config, 0).map(({ keyword, params, instancePath, message }) => {
    const missing = params['missingProperty']
    const unknown = params['additionalProperty']
    if (typeof missing === 'string') return { path: `${instancePath}/${missing}`, message: 'is required' }
    if (typeof unknown === 'string') {
      const fields = instancePath === '' ? `; known: ${known}` : ''
      return { path: `${instancePath}/${unknown}`, message: `unknown field "${unknown}"${fields}` }
    }
    return { path: instancePath, message: configMessage(keyword, params, message) }
  })
  return problems.filter(({ path }, index) => problems.findIndex((other) => other.path === path) === index)
}

function configMessage(keyword: string, params: Record<string, unknown>, message: string | undefined): string {
  if (keyword === 'enum') return `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}`
  if (keyword === 'minProperties') return 'needs at least one of its fields'
  if (keyword === 'pattern' && String(params['pattern']).includes('/')) return 'must look like provider/model'
  if (keyword === 'pattern' && params['pattern'] === '\\S') return 'must not be empty'
  return message ?? 'is not valid'
}

function toEvaluator(kind: EvaluatorKind, configured: ConfiguredKind): Evaluator {
  const { config, material, scorePair, usesJudge = false } = configured
  const judged = usesJudge ? { judge: judgeParameters } : {}
  const evaluator: Evaluator = {
    name: kind.name,
    version: contentHash({ name: kind.name, code: kind.codeVersion, material: material ?? null, config, ...judged }),
    needsReference: kind.needsReference,
    usesJudge,
    ...(configured.judges && { judges: configured.judges }),
    ...(configured.questions && { questions: configured.questions }),
    score: (evalCase: EvalCase, tools: Tools): Promise<Score> =>
      withValidScore(async () => configured.score(evalCase, tools)),
  }
  if (!scorePair) return evaluator
  return {
    ...evaluator,
    scorePair: (baseline, candidate, tools) => withValidScore(() => scorePair(baseline, candidate, tools)),
  }
}
