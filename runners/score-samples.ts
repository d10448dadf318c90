import type { Message } from '#datasets/item.ts'
import type { Bar } from '#domain/bar.ts'
import type { Catalogue } from '#domain/constraints.ts'
import type { MissingReason } from '#domain/evidence.ts'
import type { EvalCase, Evaluator, Score } from '#evaluators/evaluator.ts'
import { resolveEvaluators } from '#evaluators/registry.ts'
import { inTransaction } from '#store/database.ts'
import { claimSamples, type LiveSample, removeSamples, renewSamples } from '#store/live-samples.ts'
import { type ScoredSample, settleScores } from '#store/observations.ts'
import { readProposal } from '#store/proposals.ts'
import { policedChat, type SamplePolicy } from './policed-chat.ts'
import type { RunnerDeps } from './runner-deps.ts'
import { scoreOne, settle } from './score-answer.ts'

const batchSize = 200
/** A claim outlives its worker by at most this; a living worker renews it at a third of it. */
const claimMs = 15_000

/** One side of a live sample as the gateway stored it, redacted. */
interface SampledAnswer {
  readonly messages: readonly Message[]
  readonly output: string
  readonly finishReason?: string | null
  readonly toolCalls?: readonly unknown[]
  readonly context?: readonly string[]
  readonly reference?: string
  readonly schema?: Record<string, unknown>
}

/**
 * Scores live answers of a proposal and removes their texts (D6): nothing of a prompt or an answer outlives its score.
 *
 * @returns number of samples scored; a full batch means that more may wait
 */
export async function scoreSamples(deps: RunnerDeps, proposalId: string): Promise<number> {
  const { db, clock, log } = deps.rollout
  const proposal = await readProposal(db, proposalId)
  if (proposal === null) return 0
  const resolved = resolveEvaluators((proposal.bar as Bar).evaluators)
  if ('problems' in resolved) {
    log.error({ proposalId, problems: resolved.problems }, 'the bar names evaluators that cannot be used')
    return 0
  }
  const nowMs = clock.nowMs()
  const samples = await claimSamples(db, { proposalId, nowMs, untilMs: nowMs + claimMs, limit: batchSize })
  if (samples.length === 0) return 0
  const ids = samples.map((sample) => sample.id)
  const renewal = setInterval(() => {
    renewSamples(db, ids, clock.nowMs() + claimMs).catch((error: Error) =>
      log.warn({ proposalId, reason: error.message }, 'claims could not be renewed'),
    )
  }, claimMs / 3)
  const catalogue = await deps.catalogue()
  const scored: ScoredSample[] = await Promise.all(
    samples.map((sample) => scoreSample(askingFor(deps, sample, catalogue), resolved.evaluators, sample)),
  ).finally(() => clearInterval(renewal))
  await inTransaction(db, async (tx) => {
    await settleScores(tx, scored)
    await removeSamples(tx, ids)
  })
  deps.rollout.ring({ name: 'advance-proposal', id: proposalId })
  return samples.length
}

/** A sample of an older gateway says nothing of places: it was held to none. */
function askingFor(deps: RunnerDeps, sample: LiveSample, catalogue: Catalogue): Asking {
  const { policy } = sample.payload as { readonly policy?: SamplePolicy }
  const chat = policy === undefined ? deps.chat : policedChat(deps.chat, policy, catalogue)
  return { chat, random: deps.random }
}

type Asking = Pick<RunnerDeps, 'chat' | 'random'>

async function scoreSample(deps: Asking, evaluators: readonly Evaluator[], sample: LiveSample): Promise<ScoredSample> {
  const head = { proposalId: sample.proposalId, requestId: sample.requestId }
  if (sample.arm !== 'pair') {
    const scores = await scoreAlone(deps, evaluators, caseOf(sample.requestId, sample.payload as SampledAnswer))
    return { ...head, baseline: null, candidate: null, [sample.arm]: scores }
  }
  const pair = sample.payload as { readonly baseline: SampledAnswer; readonly candidate: SampledAnswer }
  const [baselineCase, candidateCase] = [
    caseOf(sample.requestId, pair.baseline),
    caseOf(sample.requestId, pair.candidate),
  ]
  const single = evaluators.filter((evaluator) => evaluator.scorePair === undefined)
  const baseline = await scoreAlone(deps, single, baselineCase)
  const candidate = await scoreAlone(deps, single, candidateCase)
  for (const evaluator of evaluators) {
    if (evaluator.scorePair === undefined) continue
    const score = await settle(
      evaluator.scorePair(baselineCase, candidateCase, { chat: deps.chat, random: deps.random }),
    )
    put(candidate, evaluator.name, score)
    put(baseline, evaluator.name, score.status === 'scored' ? { ...score, value: 1 - score.value } : score)
  }
  return { ...head, baseline, candidate }
}

interface Scores {
  readonly values: Record<string, number>
  readonly missing: Record<string, MissingReason>
}

async function scoreAlone(deps: Asking, evaluators: readonly Evaluator[], evalCase: EvalCase): Promise<Scores> {
  const scores: Scores = { values: {}, missing: {} }
  const results = await scoreOne(evaluators, evalCase, { chat: deps.chat, random: deps.random })
  for (const { evaluator, score } of results) put(scores, evaluator.name, score)
  return scores
}

function put(scores: Scores, name: string, score: Score): void {
  if (score.status === 'scored') scores.values[name] = score.value
  else scores.missing[name] = score.status === 'not_applicable' ? 'not_applicable' : 'infrastructure'
}

function caseOf(id: string, answer: SampledAnswer): EvalCase {
  const { finishReason, ...rest } = answer
  return { id, finishReason: finishReason ?? null, ...rest }
}
