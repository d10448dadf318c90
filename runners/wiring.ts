import type { Catalogue } from '#domain/constraints.ts'
import type { RouteVersion } from '#domain/route.ts'
import type { ChatPort } from '#evaluators/evaluator.ts'
import type { Deps } from '#server/deps.ts'
import { readVersion } from '#store/routes.ts'
import { loadSnapshot } from '#store/snapshot.ts'
import { callTarget } from './call-target.ts'
import { evalTaskClassifier } from './eval-tasks.ts'
import { type CallDeps, ModelCalls } from './model-calls.ts'
import type { RunnerDeps } from './runner-deps.ts'

/** Answers of eval runs fetched at once in one process; providers have their own limits below it. */
const evalConcurrency = 32
/** Immutable versions kept; an eval run needs two. */
const keptVersions = 100

/** Puts the runners together from a process's dependencies. */
export function wireRunners(deps: Deps): RunnerDeps {
  const { clock, random, database, table, providers } = deps
  const catalogue = async (): Promise<Catalogue> => table.current() ?? (await loadSnapshot(database.db))
  const callDeps: CallDeps = { catalogue, clientOf: (provider) => providers.clientFor(provider), clock, random }
  const calls = new ModelCalls(callDeps)
  const tasks = evalTaskClassifier(deps)
  const versions = new Map<string, RouteVersion>()
  const versionOf = async (route: string, version: number): Promise<RouteVersion> => {
    const key = `${route} ${version}`
    const known = versions.get(key)
    if (known !== undefined) return known
    const read = await readVersion(database.db, route, version)
    if (read === null) throw new Error(`route "${route}" has no version ${version}`)
    if (versions.size >= keptVersions) versions.clear()
    versions.set(key, read)
    return read
  }
  return {
    rollout: deps.rollout,
    bootId: deps.identity.bootId,
    random,
    chat: judgePort(calls),
    callTarget: (target, item) => callTarget({ ...callDeps, calls, tasks, versionOf }, target, item),
    evalConcurrency,
    retention: { decisionsMs: deps.config.decisionRetentionMs },
  }
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
