import type { DatasetItem } from '#datasets/item.ts'
import { notOnPath } from '#domain/eval-paths.ts'
import { mayFollow } from '#domain/fallback.ts'
import { blockIn, hasBlocked } from '#domain/guardrails.ts'
import { type LiveView, quietLive } from '#domain/live.ts'
import { isPromptFault, type PromptTemplate, promptKey, type RenderedPrompt, renderPrompt } from '#domain/prompt.ts'
import type { RequestFacts } from '#domain/request-facts.ts'
import type { RouteSpec, RouteVersion } from '#domain/route.ts'
import { decideTargets, type PlannedTarget, type TargetDecision } from '#domain/routing.ts'
import type { Model } from '#domain/snapshot.ts'
import { builtinTasks, chargeOf } from '#domain/task.ts'
import { promptSize, promptText } from '#domain/tokens.ts'
import { ProviderError } from '#providers/provider.ts'
import type { TaskClassifier } from '#providers/task-classifier.ts'
import type { StoredAnswer } from '#store/eval-answers.ts'
import type { EvalTarget } from '#store/eval-work.ts'
import { type AnswerCache, answerKey } from './answer-cache.ts'
import type { CallDeps, ModelCalls } from './model-calls.ts'

export interface TargetDeps extends CallDeps {
  readonly calls: ModelCalls
  readonly tasks: Pick<TaskClassifier, 'identify'>
  /** An immutable version of a route. */
  readonly versionOf: (route: string, version: number) => Promise<RouteVersion>
  /** An immutable version of a prompt. */
  readonly promptOf: (name: string, version: number) => Promise<PromptTemplate>
  /** What is known of the models of a spec (eval-live.ts); absent: nothing. */
  readonly live?: (spec: RouteSpec, task: string | null) => Promise<LiveView>
}

/** Which answer of a target to an item is asked for, and whether an earlier one may stand for it. */
export interface AnswerOrder {
  /** Part of the cache key: answers that must be drawn anew have samples of their own (a repeat, the A/A arm). */
  readonly sample: string
  /** null: nothing may be used again. */
  readonly cache: AnswerCache | null
}

const firstAnswer: AnswerOrder = { sample: '0', cache: null }

/**
 * Answers a dataset item as a route version would answer the same request live: rules, constraints and strategy choose the
 * target, and a target that fails is followed by the next. A model target is called directly; a version's `path` target has
 * one model forced, or models that fail without being called, so that what its fallbacks give is seen before they are needed.
 *
 * Never throws: what went wrong is part of the stored answer.
 */
export async function callTarget(
  deps: TargetDeps,
  target: EvalTarget,
  item: DatasetItem,
  order: AnswerOrder = firstAnswer,
): Promise<StoredAnswer> {
  const startedMs = deps.clock.monotonicMs()
  try {
    return await answerOf(deps, target, item, order)
  } catch (error) {
    const errorClass = error instanceof ProviderError ? error.errorClass : 'invalid_response'
    return {
      ...nothing,
      errorClass,
      error: error instanceof Error ? error.message.slice(0, 500) : 'unknown fault',
      latencyMs: Math.round(deps.clock.monotonicMs() - startedMs),
    }
  }
}

const nothing: StoredAnswer = {
  output: null,
  finishReason: null,
  toolCalls: null,
  model: null,
  errorClass: null,
  error: null,
  inputTokens: null,
  outputTokens: null,
  costMicroUsd: null,
  latencyMs: 0,
}

async function answerOf(
  deps: TargetDeps,
  target: EvalTarget,
  item: DatasetItem,
  order: AnswerOrder,
): Promise<StoredAnswer> {
  const plan = await planOf(deps, target, item)
  if (plan.isOffPath)
    return { ...nothing, errorClass: notOnPath, error: plan.refusal ?? 'the item does not take this path' }
  let failure: unknown = new ProviderError('bad_request', plan.refusal ?? 'no target may take this item')
  let failed: PlannedTarget | null = null
  let isForced = false
  for (const next of plan.targets) {
    // As live: what may follow depends on how the one before failed.
    if (failed !== null && failure instanceof ProviderError) {
      if (!mayFollow({ failure, failed, next, models: plan.models })) continue
    }
    const { model } = next
    if (target.failing?.includes(model)) {
      failure = new ProviderError(
        target.failure ?? 'server_error',
        `${model} was made to fail, and no fallback may follow`,
      )
      failed = next
      isForced = true
      continue
    }
    try {
      const answer = await answerBy(deps, model, plan, order)
      // Intention to treat, as live: an answer that a fallback gave is a failure of the version's first choice. A failure that
      // was forced is not one.
      const rescued = model !== plan.firstChoice && failure instanceof ProviderError && !isForced ? failure : null
      if (rescued === null) return answer
      const words = `${plan.firstChoice ?? 'the first choice'} failed; ${model} answered instead`
      return { ...answer, errorClass: rescued.errorClass, error: words, cacheKey: null }
    } catch (error) {
      failure = error
      failed = next
      isForced = false
    }
  }
  throw failure
}

async function answerBy(deps: TargetDeps, model: string, plan: CallPlan, order: AnswerOrder): Promise<StoredAnswer> {
  const fetchIt = async (cacheKey: string | null): Promise<StoredAnswer> => {
    const { answer, usage, costMicroUsd, latencyMs } = await deps.calls.complete(model, plan.fields, plan.timeouts)
    const { facts } = answer
    const isFiltered = facts.refusal !== null || facts.finishReason === 'content_filter'
    return {
      ...nothing,
      output: facts.output,
      finishReason: facts.refusal === null ? facts.finishReason : 'content_filter',
      toolCalls: facts.toolCalls.length > 0 ? facts.toolCalls : null,
      model,
      inputTokens: usage.inputTokens,
      outputTokens: usage.outputTokens,
      costMicroUsd: costMicroUsd === null || plan.charge === null ? null : costMicroUsd + plan.charge,
      latencyMs,
      // A provider's filter may well let the same question pass tomorrow: such an answer is never used again.
      cacheKey: isFiltered ? null : cacheKey,
    }
  }
  if (order.cache === null) return fetchIt(null)
  const catalogue = await deps.catalogue()
  const provider = catalogue.providers.get(catalogue.models.get(model)?.provider ?? '')
  const key = answerKey({ digest: plan.digest, model, provider, fields: plan.fields, sample: order.sample })
  return order.cache.answer(key, () => fetchIt(key))
}

interface CallPlan {
  readonly targets: readonly PlannedTarget[]
  /** Of the catalogue: a prompt too long for one goes on to a larger one only. */
  readonly models: ReadonlyMap<string, Model>
  /** What the version would try first; null when nothing may. */
  readonly firstChoice: string | null
  readonly fields: Readonly<Record<string, unknown>>
  readonly timeouts: RouteSpec['timeouts']
  readonly refusal: string | null
  /** The target forces a path that this item does not take: nothing is asked, and nothing failed. */
  readonly isOffPath: boolean
  /** Micro-dollars that finding the item's task cost; null: an unpriced model found it. */
  readonly charge: number | null
  /** Of the route version; null: the model is addressed directly. */
  readonly digest: string | null
}

async function planOf(deps: TargetDeps, target: EvalTarget, item: DatasetItem): Promise<CallPlan> {
  const fields = { messages: item.messages, ...(item.tools && { tools: item.tools }) }
  if (target.route === undefined || target.version === undefined) {
    if (target.model === undefined) {
      throw new ProviderError('bad_request', `eval target "${target.label}" names neither a model nor a route version`)
    }
    return { ...directTo(target.model), fields, timeouts: {}, refusal: null, isOffPath: false, charge: 0, digest: null }
  }
  const version = await deps.versionOf(target.route, target.version)
  const asked = factsOf(item)
  const prompt = await promptFor(deps, version, { ...asked.metadata, ...item.variables })
  const request = prompt === null ? asked : { ...asked, inputTokens: asked.inputTokens + prompt.tokens }
  refuseBlocked(version, [promptText(item.messages), ...Object.values(item.variables ?? {})])
  const catalogue = await deps.catalogue()
  const messages = item.messages
  const task = await deps.tasks.identify({ version, catalogue, facts: asked, messages, scope: 'eval runs' })
  const decision = decideTargets({
    catalogue,
    version,
    request,
    task,
    random: deps.random(),
    live: (await deps.live?.(version.spec, task.task)) ?? quietLive(),
  })
  return {
    ...pathOf(target, decision),
    models: catalogue.models,
    fields: {
      ...version.spec.parameters,
      ...fields,
      ...(prompt !== null && { messages: [...prompt.messages, ...item.messages] }),
    },
    timeouts: version.spec.timeouts,
    charge: chargeOf(task),
    digest: version.digest,
  }
}

/**
 * The targets to try; a forced model is the only one, and must be one that the version's constraints let take the item. An item
 * whose first choice does not fail, or that nothing is left for, does not take a path of failures.
 */
function pathOf(
  { model: forced, failing = [] }: EvalTarget,
  decision: TargetDecision,
): Pick<CallPlan, 'targets' | 'firstChoice' | 'refusal' | 'isOffPath'> {
  const { targets, firstChoice } = decision
  const refusal = decision.refusal?.message ?? null
  if (forced === undefined && failing.length === 0) return { targets, firstChoice, refusal, isOffPath: false }
  if (forced !== undefined) {
    // A fallback waits for the failure of others: forced, it waits for none.
    const own = targets.filter(({ model }) => model === forced).map(({ on: _, ...target }) => target)
    const why = decision.excluded.find((exclusion) => exclusion.model === forced)?.detail
    const words = `${forced} may not take this item${why === undefined ? '' : `: ${why}`}`
    return { targets: own, firstChoice: forced, refusal: words, isOffPath: own.length === 0 }
  }
  const isFailing = (model: string | undefined) => model !== undefined && failing.includes(model)
  const isOffPath = !isFailing(targets[0]?.model) || targets.every(({ model }) => isFailing(model))
  return { targets, firstChoice, refusal, isOffPath }
}

function directTo(model: string): Pick<CallPlan, 'targets' | 'models' | 'firstChoice'> {
  const provider = model.slice(0, model.indexOf('/'))
  return { targets: [{ model, provider, isFallback: false }], models: new Map(), firstChoice: model }
}

/** The version's prompt as it is filled in live. @throws ProviderError naming the variable that the item lacks */
async function promptFor(
  deps: TargetDeps,
  { spec }: RouteVersion,
  values: Readonly<Record<string, string>>,
): Promise<RenderedPrompt | null> {
  if (spec.prompt === undefined) return null
  const key = promptKey(spec.prompt)
  const template = await deps.promptOf(spec.prompt.name, spec.prompt.version)
  const rendered = renderPrompt(template, (name) => (Object.hasOwn(values, name) ? values[name] : undefined))
  if (!isPromptFault(rendered)) return rendered
  const fault = rendered.missing === null ? 'is too long once filled in' : `needs the variable "${rendered.missing}"`
  throw new ProviderError('bad_request', `the prompt "${key}" ${fault}`)
}

/** What the version's own guardrails would turn away live is no answer here. */
function refuseBlocked({ spec }: RouteVersion, texts: readonly string[]): void {
  const block = hasBlocked(spec.guardrails) ? blockIn(spec.guardrails, texts) : null
  if (block !== null)
    throw new ProviderError('content_filter', `the rule "${block.rule}" of the route blocks this item`)
}

function factsOf(item: DatasetItem): RequestFacts {
  const tools = item.tools ?? null
  const { tokens, hasImages } = promptSize(item.messages, tools)
  const hasTools = tools !== null && tools.length > 0
  let text: string | undefined
  return {
    requestId: item.id,
    metadata: metadataOf(item),
    inputTokens: tokens,
    maxOutputTokens: null,
    hasTools,
    hasImages,
    wantsJson: item.schema !== undefined,
    stream: false,
    capabilities: [...(hasTools ? ['tools'] : []), ...(hasImages ? ['vision'] : [])],
    promptMatches: (pattern) => {
      text ??= promptText(item.messages)
      return pattern.test(text)
    },
  }
}

/** An item's slices are its metadata; its task may also be a tag: `task:NAME`, or the name of a built-in task. */
function metadataOf({ slice = {}, tags = [] }: DatasetItem): Readonly<Record<string, string>> {
  const task =
    tags.find((tag) => tag.startsWith('task:'))?.slice('task:'.length) ?? tags.find((tag) => builtinTasks.includes(tag))
  return task === undefined ? slice : { task, ...slice }
}
