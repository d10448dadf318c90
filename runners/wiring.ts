import type { Catalogue } from '#domain/constraints.ts'
import type { PromptTemplate } from '#domain/prompt.ts'
import type { RouteVersion } from '#domain/route.ts'
import type { ChatPort } from '#evaluators/evaluator.ts'
import type { Deps } from '#server/deps.ts'
import type { Database } from '#store/database.ts'
import { readPromptVersion } from '#store/prompts.ts'
import { readVersion } from '#store/routes.ts'
import { loadSnapshot } from '#store/snapshot.ts'
import { callTarget } from './call-target.ts'
import { evalLive } from './eval-live.ts'
import { evalTaskClassifier } from './eval-tasks.ts'
import { judgeReplies } from './judge-replies.ts'
import { type CallDeps, ModelCalls } from './model-calls.ts'
import type { RunnerDeps } from './runner-deps.ts'

/**
 * Answers of a run under way at once in one process: as many as its providers take now, and twice as many again that wait for a
 * place, are scored or are being stored, so that no provider waits for an evaluator or the database.
 */
const evalWidth = { least: 16, most: 512, reserve: 8 } as const
/** Immutable versions kept; an eval run needs two. */
const keptVersions = 100

/** Puts the runners together from a process's dependencies. */
export function wireRunners(deps: Deps): RunnerDeps {
  const { clock, random, database, table, providers, tokens } = deps
  const catalogue = async (): Promise<Catalogue> => table.current() ?? (await loadSnapshot(database.db))
  const callDeps: CallDeps = { catalogue, clientOf: (provider) => providers.clientFor(provider), clock, random, tokens }
  const calls = new ModelCalls(callDeps)
  const tasks = evalTaskClassifier(deps)
  const promptOf = remembered((name: string, version: number) => promptIn(database.db, name, version))
  const versionOf = remembered((route: string, version: number) => versionIn(database.db, route, version))
  const live = evalLive(database.db, clock)
  const targetDeps = { ...callDeps, calls, tasks, versionOf, promptOf, live }
  return {
    rollout: deps.rollout,
    bootId: deps.identity.bootId,
    random,
    chat: judgePort(calls),
    catalogue,
    replies: judgeReplies({ db: database.db, catalogue, clock }),
    callTarget: (target, item, order) => callTarget(targetDeps, target, item, order),
    evalConcurrency: () => widthFor(calls.capacity()),
    retention: { decisionsMs: deps.config.decisionRetentionMs },
  }
}

function widthFor(capacity: number): number {
  return Math.max(evalWidth.least, Math.min(evalWidth.most, 3 * capacity + evalWidth.reserve))
}

/** Immutable things are read once. */
function remembered<T>(read: (name: string, version: number) => Promise<T>) {
  const known = new Map<string, T>()
  return async (name: string, version: number): Promise<T> => {
    const key = `${name} ${version}`
    const kept = known.get(key)
    if (kept !== undefined) return kept
    const value = await read(name, version)
    if (known.size >= keptVersions) known.clear()
    known.set(key, value)
    return value
  }
}

async function versionIn(db: Database, route: string, version: number): Promise<RouteVersion> {
  const read = await readVersion(db, route, version)
  if (read === null) throw new Error(`route "${route}" has no version ${version}`)
  return read
}

async function promptIn(db: Database, name: string, version: number): Promise<PromptTemplate> {
  const read = await readPromptVersion(db, name, version)
  if (read === null) throw new Error(`prompt "${name}" has no version ${version}`)
  return read
}

/** Judges reach any model of the catalogue. */
function judgePort(calls: ModelCalls): ChatPort {
  return {
    complete: async (request) => {
      const { answer, costMicroUsd } = await calls.complete(request.model, {
        messages: request.messages,
        ...(request.responseFormat && { response_format: request.responseFormat }),
        ...(request.temperature !== undefined && { temperature: request.temperature }),
        ...(request.maxTokens !== undefined && { max_tokens: request.maxTokens }),
      })
      return { text: answer.facts.output, finishReason: answer.facts.finishReason, costMicroUsd }
    },
  }
}
