import { hash } from 'node:crypto'
import type { Budget } from '#domain/budget.ts'
import { canonicalDigest } from '#domain/canonical.ts'
import type { GuardrailSettings } from '#domain/guardrails.ts'
import type { PayloadSetting } from '#domain/payload.ts'
import { type PromptTemplate, promptKey } from '#domain/prompt.ts'
import type { Limits } from '#domain/rate-limit.ts'
import type { RouteSpec, RouteVersion } from '#domain/route.ts'
import type { Caller, LiveRollout, Model, Provider, RouteEntry, Snapshot } from '#domain/snapshot.ts'

export const testKey = 'il-test-key-0123456789-0123456789'

export function aProvider(name: string, baseUrl: string, more: Partial<Provider> = {}): Provider {
  return { name, kind: 'openai', baseUrl, credential: null, region: null, dataPolicies: [], limits: {}, ...more }
}

export function aModel(name: string, more: Partial<Model> = {}): Model {
  const slash = name.indexOf('/')
  return {
    provider: name.slice(0, slash),
    model: name.slice(slash + 1),
    contextWindow: null,
    maxOutputTokens: null,
    capabilities: ['streaming', 'tools', 'json_schema', 'vision'],
    price: { input: 1_000_000, cachedInput: null, output: 2_000_000 },
    priceVersion: 1,
    ...more,
  }
}

export function aVersion(route: string, version: number, spec: RouteSpec): RouteVersion {
  return { route, version, spec, digest: canonicalDigest(spec) }
}

export function aRoute(name: string, spec: RouteSpec, more: Partial<RouteEntry> = {}): RouteEntry {
  return { name, owner: 'team', stable: aVersion(name, 1, spec), rollout: null, ...more }
}

export function aRollout(
  baseline: RouteVersion,
  candidate: RouteVersion,
  more: Partial<LiveRollout> = {},
): LiveRollout {
  return {
    proposal: 'prop_1',
    stage: 'canary',
    step: 0,
    baseline,
    candidate,
    shareBp: 5_000,
    mirrorRate: 0,
    scoreRate: 1,
    unit: 'session',
    salt: 'salt',
    hasEvaluators: true,
    ...more,
  }
}

export function aCaller(more: Partial<Caller> = {}): Caller {
  return {
    keyId: 'key_1',
    name: 'app',
    principal: 'app',
    role: 'gateway',
    metadata: {},
    routes: null,
    models: null,
    expiresAtMs: null,
    ...more,
  }
}

export function aSnapshot(parts: {
  readonly providers?: readonly Provider[]
  readonly models?: readonly (Model | string)[]
  readonly routes?: readonly RouteEntry[]
  readonly callers?: Readonly<Record<string, Caller>>
  readonly prompts?: readonly PromptTemplate[]
  readonly guardrails?: GuardrailSettings
  readonly payloads?: Readonly<Record<string, PayloadSetting>>
  /** By `scope:name`. */
  readonly budgets?: Readonly<Record<string, readonly Budget[]>>
  readonly limits?: Readonly<Record<string, Limits>>
}): Snapshot {
  const models = (parts.models ?? []).map((model) => (typeof model === 'string' ? aModel(model) : model))
  const callers = parts.callers ?? { [testKey]: aCaller() }
  return {
    epoch: 7,
    digest: 'digest',
    providers: new Map((parts.providers ?? []).map((provider) => [provider.name, provider])),
    models: new Map(models.map((model) => [`${model.provider}/${model.model}`, model])),
    routes: new Map((parts.routes ?? []).map((route) => [route.name, route])),
    prompts: new Map((parts.prompts ?? []).map((prompt) => [promptKey(prompt), prompt])),
    guardrails: parts.guardrails ?? {},
    payloads: new Map(Object.entries(parts.payloads ?? {})),
    budgets: new Map(Object.entries(parts.budgets ?? {})),
    limits: new Map(Object.entries(parts.limits ?? {})),
    callers: new Map(Object.entries(callers).map(([key, caller]) => [hash('sha256', key), caller])),
  }
}
