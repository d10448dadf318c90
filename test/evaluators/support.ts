import type { ChatPort, EvalCase, Evaluator, Score, Tools } from '#evaluators/evaluator.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'

/** The one evaluator of that name, or an error that lists the problems. */
export function evaluator(name: string, config?: Record<string, unknown>): Evaluator {
  const resolved = resolveEvaluators([config ? { name, config } : { name }])
  if ('problems' in resolved) throw new Error(JSON.stringify(resolved.problems))
  return resolved.evaluators[0]!
}

/** Problems of a bar with this one evaluator; [] when it is accepted. */
export function problemsOf(name: string, config?: unknown): { path: string; message: string }[] {
  const ref = { name, ...(config === undefined ? {} : { config: config as Record<string, unknown> }) }
  const resolved = resolveEvaluators([ref])
  return 'problems' in resolved ? resolved.problems : []
}

export function aCase(fields: Partial<EvalCase> = {}): EvalCase {
  return { id: 'case-1', output: 'an answer', ...fields }
}

/** Tools without a judge: any call is an error. Random numbers from a small fixed generator. */
export function tools(chat: ChatPort['complete'] = async () => Promise.reject(new Error('no judge here'))): Tools {
  let state = 12_345
  return {
    chat: { complete: chat },
    random: () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return state / 2 ** 32
    },
  }
}

export function scoreOf(
  name: string,
  config: Record<string, unknown> | undefined,
  fields: Partial<EvalCase>,
): Promise<Score> {
  return evaluator(name, config).score(aCase(fields), tools())
}

/** The value of a scored case; any other status fails the test with its reason. */
export async function scoredValue(
  name: string,
  config: Record<string, unknown> | undefined,
  fields: Partial<EvalCase>,
): Promise<number> {
  const score = await scoreOf(name, config, fields)
  if (score.status !== 'scored') throw new Error(`${score.status}: ${score.reason}`)
  return score.value
}
