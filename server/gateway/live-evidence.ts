import { unitHash } from '#domain/bucket.ts'
import type { Attempt, DecisionRecord, Warning } from '#domain/decision.ts'
import { promptKey } from '#domain/prompt.ts'
import { redactValue } from '#domain/redaction.ts'
import { storable } from '#domain/storable.ts'
import type { CompletionRow, SettledScores } from '#store/live-log.ts'
import type { Chat, GatewayDeps } from './chat-context.ts'
import { defaultTimeouts } from './forward.ts'
import { type ArmResult, outcomeOf } from './outcome.ts'
import { sampleOf } from './sample.ts'

/** How long scoring may take before an observation is settled without it, milliseconds. */
const scoringAllowanceMs = 60_000
const sampleKeptMs = 3_600_000

const nothingAnswered: SettledScores = { values: {}, missing: {}, failed: true }

type EvidenceDeps = Pick<GatewayDeps, 'sink' | 'bootId' | 'clock'>

/** Writes down that a request is evidence, before anything is answered: what is assigned and never answered counts too. */
export function recordAssignment(deps: EvidenceDeps, chat: Chat): void {
  const { rollout, unit, arm, version } = chat.decision
  if (rollout === null || (rollout.stage === 'shadow' && !chat.isMirrored)) return
  const totalMs = version.spec.timeouts?.totalMs ?? defaultTimeouts.totalMs
  const mirrorMs = chat.isMirrored ? (rollout.candidate.spec.timeouts?.totalMs ?? defaultTimeouts.totalMs) * 2 : 0
  deps.sink.push('assignments', {
    proposalId: rollout.proposal,
    requestId: chat.requestId,
    stage: rollout.stage,
    step: rollout.step,
    shareBp: rollout.shareBp,
    arm: chat.isMirrored ? 'pair' : arm,
    unit: unit === null ? null : unitHash(rollout.salt, unit),
    bootId: deps.bootId,
    assignedAtMs: chat.atMs,
    deadlineAtMs: chat.atMs + totalMs + mirrorMs + scoringAllowanceMs,
  })
}

/** What came of an assignment in canary or bake. */
export function recordCompletion(deps: EvidenceDeps, chat: Chat, result: ArmResult): void {
  const { rollout, arm, isScored } = chat.decision
  if (rollout === null || chat.isMirrored || rollout.stage === 'shadow') return
  const mayScore = isScored && canBeScored(result)
  const scores = isScored && hasFailed(result) ? nothingAnswered : null
  push(deps, chat, {
    [arm]: outcomeOf(result),
    [`${arm}Scores`]: scores,
    isScored: !mayScore,
  })
  if (mayScore && result.facts !== null) pushSample(deps, chat, arm, sampleOf(chat.request, result.facts))
}

/** Both answers of a mirrored request. */
export function recordPair(deps: EvidenceDeps, chat: Chat, baseline: ArmResult, candidate: ArmResult): void {
  const { isScored } = chat.decision
  const arms = { baseline, candidate }
  const scorable = (['baseline', 'candidate'] as const).filter((arm) => isScored && canBeScored(arms[arm]))
  push(deps, chat, {
    baseline: outcomeOf(baseline),
    candidate: outcomeOf(candidate),
    baselineScores: isScored && hasFailed(baseline) ? nothingAnswered : null,
    candidateScores: isScored && hasFailed(candidate) ? nothingAnswered : null,
    isScored: scorable.length === 0,
  })
  const samples = scorable.map((arm) => {
    const { facts } = arms[arm]
    return facts === null ? {} : sampleOf(chat.request, facts)
  })
  const [first, second] = samples
  if (first === undefined) return
  // Where one arm failed its scores are settled already; the other's answer is scored alone.
  if (second === undefined) pushSample(deps, chat, scorable[0] ?? 'baseline', first)
  else pushSample(deps, chat, 'pair', { pair: true, baseline: first, candidate: second })
}

/** A client that left halfway shows nothing about the answer's quality. */
function canBeScored(result: ArmResult): boolean {
  return result.error === null && result.facts !== null
}

function hasFailed(result: ArmResult): boolean {
  return result.error !== null && !(result.error.errorClass === 'client_closed' && result.ttftMs !== null)
}

function push(
  deps: EvidenceDeps,
  chat: Chat,
  row: Partial<Omit<CompletionRow, 'isScored'>> & { readonly isScored: boolean },
): void {
  deps.sink.push('completions', {
    proposalId: chat.decision.rollout?.proposal ?? '',
    requestId: chat.requestId,
    baseline: null,
    candidate: null,
    baselineScores: null,
    candidateScores: null,
    ...row,
  })
}

/** What the request asks of whoever sees it: its judges are held to it too. */
function policyOf({ decision, facts }: Chat): object {
  const { spec } = decision.version
  const rule = (spec.rules ?? []).find(({ name }) => name === decision.rule)
  const sensitivity = Object.hasOwn(facts.metadata, 'sensitivity') ? facts.metadata['sensitivity'] : undefined
  return {
    constraints: [spec.constraints, rule?.constraints].filter((one) => one !== undefined),
    ...(sensitivity !== undefined && { sensitivity }),
  }
}

function pushSample(deps: EvidenceDeps, chat: Chat, arm: 'baseline' | 'candidate' | 'pair', payload: object): void {
  const text = JSON.stringify({ ...payload, policy: policyOf(chat) })
  const now = deps.clock.nowMs()
  deps.sink.push(
    'samples',
    {
      proposalId: chat.decision.rollout?.proposal ?? '',
      requestId: chat.requestId,
      arm,
      payload: text,
      createdAtMs: now,
      expiresAtMs: now + sampleKeptMs,
    },
    text.length * 2,
  )
}

/** How a request ended, for the decision log. */
export interface Ending {
  readonly model: string | null
  readonly provider: string | null
  readonly attempts: readonly Attempt[]
  readonly isFallback: boolean
  /** What the reason has to add once the request has ended; null: nothing. */
  readonly note: string | null
  /** HTTP status sent to the client; 499: it had gone. */
  readonly status: number
  readonly errorCode: string | null
  readonly usage: ArmResult['usage']
  readonly costMicroUsd: number | null
  readonly priceVersion: number | null
  readonly warnings: readonly Warning[]
  readonly ttftMs: number | null
  readonly totalMs: number
}

/** A provider's own code of a bad request is passed on and logged: it may be anything. */
const longestCode = 100

type Metadata = DecisionRecord['metadata']
const noMetadata: Metadata = {}

function isEmpty(metadata: Metadata): boolean {
  for (const _ in metadata) return false
  return true
}

/** Adds a request to the decision log (B7): what was decided, why, and what came of it; no prompt, no answer. */
export function recordDecision(deps: EvidenceDeps, chat: Chat, ending: Ending): DecisionRecord {
  const { decision, facts, isDirect } = chat
  const { prompt } = decision.version.spec
  const record: DecisionRecord = {
    requestId: chat.requestId,
    at: chat.atMs,
    route: decision.version.route,
    version: isDirect ? null : decision.version.version,
    versionDigest: isDirect ? null : decision.version.digest,
    promptVersion: prompt === undefined ? null : promptKey(prompt),
    proposal: decision.rollout?.proposal ?? null,
    arm: decision.arm,
    bucket: decision.bucket,
    rule: decision.rule,
    task: decision.task,
    classification: decision.classification,
    reason: ending.note === null ? decision.reason : `${decision.reason}; ${ending.note}`,
    random: chat.random,
    snapshotEpoch: chat.snapshot.epoch,
    eligible: decision.eligible,
    excluded: decision.excluded,
    isStream: chat.request.isStream,
    endpoint: chat.endpoint.name,
    keyId: chat.caller.keyId,
    metadata: isEmpty(facts.metadata) ? noMetadata : (redactValue(facts.metadata) as Metadata),
    facts: {
      inputTokens: facts.inputTokens,
      maxOutputTokens: facts.maxOutputTokens,
      hasTools: facts.hasTools,
      hasImages: facts.hasImages,
      wantsJson: facts.wantsJson,
      capabilities: facts.capabilities,
      patterns: chat.patterns,
      ...(facts.answers !== undefined && { answers: facts.answers }),
      ...(facts.allowedModels !== undefined && { allowedModels: facts.allowedModels }),
      ...(chat.prompt !== null && { promptTokens: chat.prompt.tokens }),
    },
    live: chat.live,
    // Field by field: spreading takes longer than all that is above.
    model: ending.model,
    provider: ending.provider,
    attempts: ending.attempts,
    isFallback: ending.isFallback,
    status: ending.status,
    errorCode: ending.errorCode === null ? null : storable(ending.errorCode).slice(0, longestCode),
    usage: ending.usage,
    costMicroUsd: ending.costMicroUsd,
    priceVersion: ending.priceVersion,
    warnings: ending.warnings,
    ttftMs: ending.ttftMs,
    totalMs: ending.totalMs,
  }
  deps.sink.push('decisions', record)
  return record
}
