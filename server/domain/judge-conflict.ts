import type { EvaluatorRef } from './bar.ts'
import { type ModelRef, modelsOf, type RouteSpec } from './route.ts'

/** Families of models by the vendor that trained them: what a judge may favour, whoever serves it. Matched on the model's name. */
const families: readonly (readonly [vendor: string, name: RegExp])[] = [
  ['openai', /^(gpt|chatgpt|o[1-9](\b|-)|davinci|text-davinci|codex)/],
  ['anthropic', /^claude/],
  ['google', /^(gemini|gemma|palm|bison|text-bison|chat-bison)/],
  ['meta', /^(meta-)?(code)?llama/],
  ['mistral', /^(open-)?(mistral|mixtral|ministral|codestral|magistral|pixtral|devstral)/],
  ['alibaba', /^(qwen|qwq|qvq)/],
  ['deepseek', /^deepseek/],
  ['cohere', /^(command|c4ai|aya)/],
  ['xai', /^grok/],
  ['microsoft', /^(phi|wizardlm)/],
  ['amazon', /^(nova|titan)/],
  ['ai21', /^(jamba|j2)/],
  ['zhipu', /^(glm|chatglm)/],
  ['moonshot', /^(kimi|moonshot)/],
  ['01-ai', /^yi-/],
  ['nvidia', /^nemotron/],
]

/**
 * Who trained a model: by its name, so that `azure/gpt-4o` and `openai/gpt-4o` are of one family; for a name that is not known,
 * the organisation before it (`local/acme/judge-1`: acme), else the provider.
 */
export function vendorOf(model: ModelRef): string {
  const parts = model.toLowerCase().split('/')
  // Cloud catalogues write vendor.model: anthropic.claude-3-5-sonnet-v1:0
  const name = (parts.at(-1) ?? '').replace(/^(?:[a-z0-9]+\.)+(?=[a-z])/, '')
  const known = families.find(([, pattern]) => pattern.test(name))
  if (known !== undefined) return known[0]
  return parts.length > 2 ? (parts[1] ?? '') : (parts[0] ?? '')
}

/** Models that an evaluator's configuration names as judges; no configuration, none. */
export function judgesIn(config: Readonly<Record<string, unknown>> = {}): {
  readonly panel: readonly ModelRef[]
  /** Asked where the panel does not decide. */
  readonly escalate: ModelRef | null
  readonly judges: readonly ModelRef[]
} {
  const several = Array.isArray(config['judges']) ? (config['judges'] as readonly unknown[]) : []
  const panel = [config['judge'], ...several, config['secondJudge']].filter((model) => typeof model === 'string')
  const escalate = typeof config['escalate'] === 'string' ? config['escalate'] : null
  return { panel, escalate, judges: escalate === null ? panel : [...panel, escalate] }
}

/** A judge beside the models it judges. */
export interface JudgeConflict {
  readonly evaluator: string
  readonly judge: ModelRef
  /** `arm`: the judge is one of the models. `vendor`: one of them is of its family: judges favour their own (self-preference). */
  readonly kind: 'arm' | 'vendor'
  /** The models concerned, in order. */
  readonly models: readonly ModelRef[]
}

/**
 * Where judges judge themselves or their own family.
 *
 * @param models  every model whose answers are judged: of both arms, fallbacks included
 */
export function judgeConflicts(
  evaluators: readonly { readonly name: string; readonly judges?: readonly ModelRef[] }[],
  models: readonly ModelRef[],
): readonly JudgeConflict[] {
  const unique = [...new Set(models)]
  return evaluators.flatMap(({ name, judges = [] }) =>
    judges.flatMap((judge): JudgeConflict[] => {
      if (unique.includes(judge)) return [{ evaluator: name, judge, kind: 'arm', models: [judge] }]
      const related = unique.filter((model) => vendorOf(model) === vendorOf(judge))
      return related.length === 0 ? [] : [{ evaluator: name, judge, kind: 'vendor', models: related }]
    }),
  )
}

/** What there is to say about a bar's judges beside the versions they judge, in sentences. */
export function judgeWarnings(evaluators: readonly EvaluatorRef[], specs: readonly RouteSpec[]): readonly string[] {
  const named = evaluators.map(({ name, config }) => ({ name, judges: judgesIn(config).judges }))
  return judgeConflicts(named, specs.flatMap(modelsOf)).map(conflictWords)
}

/** One sentence for people. */
export function conflictWords({ evaluator, judge, kind, models }: JudgeConflict): string {
  if (kind === 'arm')
    return `${evaluator}: ${judge} judges answers of its own; name a judge that serves neither version`
  return `${evaluator}: ${judge} is of the same family as ${models.join(', ')} (${vendorOf(judge)}): judges favour their own`
}
