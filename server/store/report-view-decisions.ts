import { type Kysely, sql } from 'kysely'
import type { DecisionRecord } from '#domain/decision.ts'
import { type ExclusionName, exclusionWords } from '#domain/exclusions.ts'
import type { RecordedLive, TargetMeasure } from '#domain/live.ts'
import type { AttemptRow, CandidateRow, DecisionRow, DecisionView, ShadowCopyView } from '#reports/decision-view.ts'
import type { Fact } from '#reports/view-parts.ts'
import { readRequestScores } from './decision-scores.ts'
import { type DecisionFilter, type DecisionPlace, pageSql } from './decision-search.ts'
import { costSentence, decisionSentence, taskSentence } from './decision-words.ts'
import { readDecision } from './decisions.ts'
import { readFeedback } from './feedback.ts'
import type { Tables } from './tables.ts'

type Db = Kysely<Tables>

const pageSize = 50
const maxRouteNames = 200
const maxFeedback = 50

/** Rows of a page of decisions, newest first, and the place where the next one starts (null: this was the last). */
export async function readDecisionRows(
  db: Db,
  filter: DecisionFilter,
  after: DecisionPlace | null,
): Promise<{ readonly items: readonly DecisionRow[]; readonly next: DecisionPlace | null }> {
  const { rows } = await sql<Omit<DecisionRow, 'at'> & { at: Date }>`
    select d.request_id as "requestId", d.at, d.route, d.version, d.arm, d.model, d.rule, d.task, d.status,
      d.error_code as "errorCode", jsonb_array_length(d.attempts) as attempts, d.is_fallback as "isFallback",
      d.cost_micro_usd::float8 as "costMicroUsd", d.cost_micro_usd is null and d.input_tokens is not null as "isUnpriced",
      d.total_ms as "totalMs"
    from (${pageSql(filter, pageSize + 1, after)}) page join decisions d on d.request_id = page.request_id
    order by d.at desc, d.request_id desc`.execute(db)
  const items = rows.slice(0, pageSize).map((row) => ({ ...row, at: row.at.getTime() }))
  const last = rows.length > pageSize ? items.at(-1) : undefined
  return { items, next: last === undefined ? null : { at: last.at, requestId: last.requestId } }
}

/** Names to choose a route from. */
export async function readRouteNames(db: Db): Promise<string[]> {
  const rows = await db.selectFrom('routes').select('name').orderBy('name').limit(maxRouteNames).execute()
  return rows.map((row) => row.name)
}

/** One decision with its attempts, scores and feedback; null when there is none with this id. */
export async function readDecisionView(db: Db, requestId: string): Promise<DecisionView | null> {
  const decision = await readDecision(db, requestId)
  if (decision === null) return null
  const [feedback, scoring, shadow, keyName] = await Promise.all([
    readFeedback(db, requestId),
    readRequestScores(db, requestId, decision.proposal),
    readShadowCopy(db, requestId, decision.proposal),
    readKeyName(db, decision.keyId),
  ])
  const { costMicroUsd, usage, totalMs, status, errorCode, warnings, route } = decision
  return {
    requestId,
    at: decision.at,
    sentence: decisionSentence(decision),
    status,
    errorCode,
    why: whyOf(decision),
    facts: factsOf(decision, keyName),
    usage,
    costMicroUsd,
    costWords: costSentence(decision),
    candidates: candidatesOf(decision),
    hasLive: Object.keys(decision.live.targets).length > 0,
    attempts: decision.attempts.map(attemptRow),
    totalMs,
    warnings,
    metadata: Object.entries(decision.metadata).map(([name, value]) => ({ name, value: String(value) })),
    scoring,
    shadow,
    feedback: feedback.slice(-maxFeedback).reverse(),
    route,
    isDirect: decision.version === null,
    proposalId: decision.proposal,
  }
}

async function readShadowCopy(db: Db, requestId: string, proposalId: string | null): Promise<ShadowCopyView | null> {
  if (proposalId === null) return null
  const row = await db
    .selectFrom('shadow_calls')
    .select(['model', 'status', 'error_class', 'latency_ms', 'cost_micro_usd'])
    .where('proposal_id', '=', proposalId)
    .where('request_id', '=', requestId)
    .executeTakeFirst()
  if (row === undefined) return null
  const { model, status, error_class: errorClass, latency_ms: latencyMs, cost_micro_usd: cost } = row
  return { model, status, errorClass, latencyMs, costMicroUsd: cost === null ? null : Number(cost) }
}

async function readKeyName(db: Db, keyId: string): Promise<string> {
  const row = await db.selectFrom('api_keys').select('name').where('id', '=', keyId).executeTakeFirst()
  return row?.name ?? keyId
}

/** Older records know neither waits nor the cost of an attempt. */
function attemptRow({ waitMs = 0, costMicroUsd = null, ...attempt }: DecisionRecord['attempts'][number]): AttemptRow {
  return { ...attempt, waitMs, costMicroUsd }
}

function whyOf(decision: DecisionRecord): Fact[] {
  const { classification, live } = decision
  return present([
    ['Rule', decision.rule ?? 'none matched: the pool of the version'],
    ['Task', decision.task ?? 'not known'],
    ['Known how', taskSentence(decision)],
    ['Identifying it', classification?.call === undefined ? null : callWords(classification.call)],
    ['Strategy', decision.reason],
    ['Budget left', live.budgetLeftMicroUsd === null ? null : `$${(live.budgetLeftMicroUsd / 1e6).toFixed(2)}`],
    ['Resting models', live.openCircuits.length === 0 ? null : live.openCircuits.join(', ')],
  ])
}

function callWords(call: NonNullable<NonNullable<DecisionRecord['classification']>['call']>): string {
  if (call.isCached) return `${call.model}, from its cache`
  const cost = call.costMicroUsd === null ? 'cost unknown' : `$${(call.costMicroUsd / 1e6).toFixed(6)}`
  return `${call.model}${call.isAnswered ? '' : ' did not answer'}, ${Math.round(call.waitMs)} ms, ${cost}`
}

function factsOf(decision: DecisionRecord, keyName: string): Fact[] {
  const { version, versionDigest } = decision
  const digest = versionDigest === null ? '' : ` (${versionDigest.slice(0, 12)})`
  return present([
    ['Request', decision.requestId],
    ['Version', version === null ? 'none: the model was addressed directly' : `v${version}${digest}`],
    ['Arm', decision.arm],
    ['Bucket', decision.bucket === null ? null : `${decision.bucket} of 10,000`],
    ['Prompt', decision.promptVersion],
    ['Endpoint', `${decision.endpoint}, ${decision.isStream ? 'streamed' : 'at once'}`],
    ['Key', keyName],
    ['Snapshot', `epoch ${decision.snapshotEpoch}`],
  ])
}

function present(facts: readonly (readonly [string, string | null])[]): Fact[] {
  return facts.flatMap(([name, value]) => (value === null ? [] : [{ name, value }]))
}

/** In order of preference, then fallbacks that were tried, then the excluded. */
function candidatesOf(decision: DecisionRecord): CandidateRow[] {
  const { eligible, excluded, attempts, live, status } = decision
  const tried = [...new Set(attempts.map((attempt) => attempt.model))]
  const answering = status < 400 ? attempts.findLast((attempt) => attempt.errorClass === null)?.model : undefined
  const chosen = [...new Set([...eligible, ...tried])]
  const rows = chosen.map((model, index): CandidateRow => {
    const isFallback = !eligible.includes(model)
    const state =
      model === answering ? 'answered' : tried.includes(model) ? 'tried' : index === 0 ? 'first' : 'eligible'
    return { model, state, reason: stateWords(state, isFallback, index), detail: null, live: liveWords(live, model) }
  })
  return [
    ...rows,
    ...excluded.map(
      ({ model, by, detail }): CandidateRow => ({
        model,
        state: 'excluded',
        reason: Object.hasOwn(exclusionWords, by) ? exclusionWords[by as ExclusionName] : by.replaceAll('_', ' '),
        detail,
        live: liveWords(live, model),
      }),
    ),
  ]
}

function stateWords(state: CandidateRow['state'], isFallback: boolean, index: number): string {
  const place = isFallback ? 'a fallback' : index === 0 ? 'first choice' : `choice ${index + 1}`
  if (state === 'tried') return `${place}, asked without an answer that counted`
  return state === 'eligible' ? `${place}, not needed` : place
}

/** What was measured of a model when it was consulted; null: nothing of it was read. */
function liveWords(live: RecordedLive, model: string): string | null {
  const measure: Partial<TargetMeasure> | undefined = live.targets[model]
  if (measure === undefined) return null
  const { inFlight, totalMs, ttftMs, samples, quality, cachedShare } = measure
  const scores = Object.entries(quality ?? {}).map(
    ([metric, { score, low, high, samples: n }]) =>
      `${metric} ${score.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}, n ${n})`,
  )
  const parts = [
    inFlight === undefined ? null : `${inFlight} under way`,
    totalMs === undefined || totalMs === null ? null : `total p95 ${Math.round(totalMs.p95)} ms`,
    ttftMs === undefined || ttftMs === null ? null : `first token p95 ${Math.round(ttftMs.p95)} ms`,
    samples === undefined ? null : `${samples} answers measured`,
    cachedShare === undefined || cachedShare === null ? null : `${Math.round(cachedShare * 100)} % of prompts cached`,
    ...scores,
  ]
  const known = parts.filter((part) => part !== null)
  return known.length === 0 ? 'nothing measured' : known.join(', ')
}
