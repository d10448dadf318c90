import type { DatasetItem } from '#datasets/item.ts'
import { blockIn, hasBlocked } from '#domain/guardrails.ts'
import { type LiveView, quietLive } from '#domain/live.ts'
import { isPromptFault, type PromptTemplate, promptKey, type RenderedPrompt, renderPrompt } from '#domain/prompt.ts'
import type { RequestFacts } from '#domain/request-facts.ts'
import type { RouteSpec, RouteVersion } from '#domain/route.ts'
import { decideTargets } from '#domain/routing.ts'
import { builtinTasks, chargeOf } from '#domain/task.ts'
import { promptSize, promptText } from '#domain/tokens.ts'
import { ProviderError } from '#providers/provider.ts'
import type { TaskClassifier } from '#providers/task-classifier.ts'
import { isWorthAnotherTarget } from '#providers/upstream-errors.ts'
import type { EvalTarget, StoredAnswer } from '#store/eval-work.ts'
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

/**
 * Answers a dataset item as a route version would answer the same request live: rules, constraints and strategy choose the
 * target, and a target that fails is followed by the next. A model target is called directly.
 *
 * Never throws: what went wrong is part of the stored answer.
 */
export async function callTarget(deps: TargetDeps, target: EvalTarget, item: DatasetItem): Promise<StoredAnswer> {
  const startedMs = deps.clock.monotonicMs()
  try {
    return await answerOf(deps, target, item)
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

async function answerOf(deps: TargetDeps, target: EvalTarget, item: DatasetItem): Promise<StoredAnswer> {
  const plan = await planOf(deps, target, item)
  let failure: unknown = new ProviderError('bad_request', plan.refusal ?? 'no target may take this item')
  for (const model of plan.models) {
    try {
      const { answer, usage, costMicroUsd, latencyMs } = await deps.calls.complete(model, plan.fields, plan.timeouts)
      // Intention to treat, as live: an answer that a fallback gave is a failure of the version's first choice.
      const rescued = model !== plan.firstChoice && failure instanceof ProviderError ? failure : null
      return {
        ...nothing,
        errorClass: rescued?.errorClass ?? null,
        error: rescued === null ? null : `${plan.firstChoice ?? 'the first choice'} failed; ${model} answered instead`,
        output: answer.facts.output,
        finishReason: answer.facts.refusal === null ? answer.facts.finishReason : 'content_filter',
        toolCalls: answer.facts.toolCalls.length > 0 ? answer.facts.toolCalls : null,
        model,
        inputTokens: usage.inputTokens,
        outputTokens: usage.outputTokens,
        costMicroUsd: costMicroUsd === null || plan.charge === null ? null : costMicroUsd + plan.charge,
        latencyMs,
      }
    } catch (error) {
      failure = error
      if (error instanceof ProviderError && !isWorthAnotherTarget(error)) break
    }
  }
  throw failure
}

interface CallPlan {
  readonly models: readonly string[]
  /** What the version would try first; null when nothing may. */
  readonly firstChoice: string | null
  readonly fields: Readonly<Record<string, unknown>>
  readonly timeouts: RouteSpec['timeouts']
  readonly refusal: string | null
  /** Micro-dollars that finding the item's task cost; null: an unpriced model found it. */
  readonly charge: number | null
}

async function planOf(deps: TargetDeps, target: EvalTarget, item: DatasetItem): Promise<CallPlan> {
  const fields = { messages: item.messages, ...(item.tools && { tools: item.tools }) }
  if (target.model !== undefined)
    return { models: [target.model], firstChoice: target.model, fields, timeouts: {}, refusal: null, charge: 0 }
  if (target.route === undefined || target.version === undefined) {
    throw new ProviderError('bad_request', `eval target "${target.label}" names neither a model nor a route version`)
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
    models: decision.targets.map((planned) => planned.model),
    firstChoice: decision.firstChoice,
    fields: {
      ...version.spec.parameters,
      ...fields,
      ...(prompt !== null && { messages: [...prompt.messages, ...item.messages] }),
    },
    timeouts: version.spec.timeouts,
    refusal: decision.refusal?.message ?? null,
    charge: chargeOf(task),
  }
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
