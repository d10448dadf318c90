import { costAtPrice, type TokenSums } from './savings.ts'
import type { Price } from './snapshot.ts'

/** From here on a use of a model is worth routing. Documented in docs/savings-and-inventory.md; a test compares. */
export const inventoryThresholds = {
  /** Requests a day. */
  volumePerDay: 100,
  /** Share of all that was spent, 0..1. */
  spendShare: 0.1,
  /** Another priced model would cost at most this part for the same tokens, 0..1. */
  cheaperRatio: 0.5,
  /** Share of the requests that are simple tasks on the dearest model of the catalogue, 0..1. */
  simpleShare: 0.2,
} as const

/** Tasks that small models usually do as well as large ones. */
export const simpleTasks: ReadonlySet<string> = new Set([
  'classification',
  'extraction',
  'rewriting',
  'summarization',
  'translation',
])

export interface UsageFacts {
  readonly kind: 'route' | 'direct'
  readonly requests: number
  readonly requestsPerDay: number
  /** Of priced requests, micro-dollars; null: none is priced. */
  readonly costMicroUsd: number | null
  /** Of the priced requests. */
  readonly tokens: TokenSums
  /** Cost of everything in the report, micro-dollars. */
  readonly allCostMicroUsd: number
  /** Requests of `simpleTasks` that the dearest model answered. */
  readonly simpleOnDearest: number
}

export interface PricedModel {
  readonly model: string
  readonly price: Price
}

export interface Finding {
  readonly code: 'volume' | 'spend' | 'cheaper_model' | 'simple_on_strong' | 'past_routes'
  readonly sentence: string
}

/**
 * Whether routing would pay here, and why: much traffic that costs much and either has a much cheaper model to try or spends a
 * strong one on simple tasks. No finding says that a cheaper model is good enough: that is what a proposal proves.
 */
export function routingFindings(
  usage: UsageFacts,
  catalogue: readonly PricedModel[],
): { readonly isCandidate: boolean; readonly findings: readonly Finding[] } {
  const findings: Finding[] = []
  const { volumePerDay, spendShare, simpleShare } = inventoryThresholds
  const isBusy = usage.requestsPerDay >= volumePerDay
  if (isBusy) findings.push({ code: 'volume', sentence: `${whole(usage.requestsPerDay)} requests a day` })
  const spent = usage.allCostMicroUsd === 0 ? 0 : (usage.costMicroUsd ?? 0) / usage.allCostMicroUsd
  const isDear = spent >= spendShare
  if (isDear) findings.push({ code: 'spend', sentence: `${percent(spent)} of all that was spent` })
  const cheaper = cheaperModel(usage, catalogue)
  if (cheaper !== null) {
    const sentence = `${cheaper.model} would cost ${percent(cheaper.ratio)} of it for the same tokens`
    findings.push({ code: 'cheaper_model', sentence })
  }
  const simple = usage.requests === 0 ? 0 : usage.simpleOnDearest / usage.requests
  const isWasted = simple >= simpleShare
  if (isWasted) {
    findings.push({ code: 'simple_on_strong', sentence: `${percent(simple)} are simple tasks on the dearest model` })
  }
  if (usage.kind === 'direct' && usage.requests > 0) {
    findings.push({
      code: 'past_routes',
      sentence: 'passes every route: no bar watches it and nothing can be rolled back',
    })
  }
  return { isCandidate: isBusy && isDear && (cheaper !== null || isWasted), findings }
}

/** The thresholds in sentences, for the page and the API. */
export function inventoryRules(): string[] {
  const { volumePerDay, spendShare, cheaperRatio, simpleShare } = inventoryThresholds
  return [
    `much traffic: ${volumePerDay} requests a day or more`,
    `much money: ${percent(spendShare)} or more of all that was spent`,
    `and either a priced model that would cost ${percent(cheaperRatio)} or less for the same tokens, or ${percent(simpleShare)} or more of the requests being simple tasks (${[...simpleTasks].join(', ')}) on the dearest model of the catalogue`,
  ]
}

function cheaperModel(
  usage: UsageFacts,
  catalogue: readonly PricedModel[],
): { readonly model: string; readonly ratio: number } | null {
  const cost = usage.costMicroUsd
  if (cost === null || cost === 0) return null
  const cheapest = catalogue
    .map(({ model, price }) => ({ model, ratio: costAtPrice(price, usage.tokens) / cost }))
    .sort((a, b) => a.ratio - b.ratio || (a.model < b.model ? -1 : 1))[0]
  return cheapest !== undefined && cheapest.ratio <= inventoryThresholds.cheaperRatio ? cheapest : null
}

/** The dearest model for a usual prompt of three input tokens to one output token; null: nothing is priced. */
export function dearestModel(catalogue: readonly PricedModel[]): string | null {
  const blend = (price: Price) => 3 * price.input + price.output
  const sorted = [...catalogue].sort((a, b) => blend(b.price) - blend(a.price) || (a.model < b.model ? -1 : 1))
  return sorted[0]?.model ?? null
}

function percent(ratio: number): string {
  const value = ratio * 100
  return `${value < 10 && value > 0 ? Number(value.toPrecision(2)) : Math.round(value)} %`
}

function whole(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}
