import { recordLive } from '#domain/live.ts'
import { bookOf } from '#domain/quality.ts'
import type { Select } from '#domain/route.ts'
import { decideRoute } from '#domain/routing.ts'
import { plainLabelOf } from '#domain/task.ts'
import { LiveStats } from '#gateway/live-stats.ts'
import { aModel, aProvider, aRollout, aRoute, aSnapshot, aVersion } from '#test/support/routing.ts'

/**
 * Time of one routing decision with 20 candidates, 10 rules and a sticky split, for each strategy, and of what live statistics
 * add to a request: node test/bench/decide.ts
 */
const models = Array.from({ length: 20 }, (_, index) => `acme/m${index}`)
const selects: Record<string, Select> = {
  priority: { strategy: 'priority' },
  weighted: { strategy: 'weighted' },
  'least-busy': { strategy: 'least-busy' },
  cost: { strategy: 'cost', acceptAnyQuality: true },
  latency: { strategy: 'latency' },
  quality: { strategy: 'quality', metric: 'exact' },
  'hybrid, quality then latency then cost': {
    strategy: 'hybrid',
    order: [{ by: 'quality', within: 0.05 }, { by: 'latency', within: 0.1 }, { by: 'cost' }],
  },
  'hybrid, weights': { strategy: 'hybrid', weights: { quality: 2, cost: 1, latency: 1 } },
}

const live = new LiveStats({ nowMs: () => Date.now() })
for (const [index, model] of models.entries()) {
  for (let call = 0; call < 200; call += 1) {
    live.began(model)
    const totalMs = 200 + ((call * 7_919 + index * 104_729) % 1_000)
    live.ended(model, 'eu', { ttftMs: totalMs / 8, totalMs, errorClass: null })
  }
}
live.setQuality(bookOf(models.map((model, at) => ({ model, metric: 'exact', task: null, samples: 100, sum: 60 + at }))))

function specOf(select: Select) {
  return {
    models,
    constraints: {
      dataPolicies: ['no-training'],
      maxCostUsd: 1,
      maxLatencyMs: { p95: 4_000 },
      minQuality: { metric: 'exact', score: 0.5 },
    },
    select,
    rules: Array.from({ length: 10 }, (_, index) => ({
      name: `rule ${index}`,
      when: index === 9 ? { inputTokens: { gt: 10 } } : { 'metadata.team': `team-${index}`, inputTokens: { gt: 10 } },
      constraints: { capabilities: ['streaming'] },
    })),
  }
}

function timesOf(select: Select): number[] {
  const spec = specOf(select)
  const [one, two] = [aVersion('r', 1, spec), aVersion('r', 2, spec)]
  const snapshot = aSnapshot({
    providers: [aProvider('acme', 'https://acme.example/v1', { dataPolicies: ['no-training'] })],
    models: models.map((model) => aModel(model)),
    routes: [aRoute('r', spec, { rollout: aRollout(one, two) })],
  })
  const entry = snapshot.routes.get('r')
  if (entry === undefined) throw new Error('the route is there')
  const quiet = { openCircuits: new Set<string>(), budgetLeftMicroUsd: null, limitedProviders: new Map() }
  const times: number[] = []
  for (let index = 0; index < 30_000; index += 1) {
    const metadata = { session: `s${index}`, team: 'none', region: 'eu' }
    const request = {
      requestId: `req_${index}`,
      metadata,
      inputTokens: 400,
      maxOutputTokens: null,
      hasTools: false,
      hasImages: false,
      wantsJson: false,
      stream: true,
      capabilities: ['streaming'],
      promptMatches: () => false,
    }
    const startedAt = performance.now()
    const view = { ...quiet, targets: live.view(null, 'eu') }
    const decision = decideRoute({
      catalogue: snapshot,
      entry,
      request,
      random: (index * 0.618) % 1,
      live: view,
      taskOf: (version) => plainLabelOf(version.spec, metadata),
      isLeaseValid: true,
    })
    recordLive(view, decision.consulted)
    if (index >= 10_000) times.push((performance.now() - startedAt) * 1_000)
  }
  return times
}

/** On a shared machine the p99 is who else is running: so the p99 of the quietest thousand is told as well. */
function print(name: string, times: readonly number[]): void {
  const blocks = Array.from({ length: Math.floor(times.length / 1_000) }, (_, at) =>
    times.slice(at * 1_000, at * 1_000 + 1_000),
  )
  const quietest = Math.min(...blocks.map((block) => at(block, 0.99)))
  const [p50, p99] = [at(times, 0.5), at(times, 0.99)].map((us) => us.toFixed(1))
  console.log(`${name}: p50 ${p50} us, p99 ${p99} us, p99 of the quietest thousand ${quietest.toFixed(1)} us`)
}

function at(times: readonly number[], share: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? 0
}

console.log('one decision with its record, 20 candidates, 10 rules, quality floor and latency ceiling:')
for (const [name, select] of Object.entries(selects)) print(`  ${name}`, timesOf(select))

const calls = 400_000
const startedAt = performance.now()
for (let call = 0; call < calls; call += 1) {
  const model = models[call % models.length] ?? ''
  live.began(model)
  live.view(null, 'eu')
  live.ended(model, 'eu', { ttftMs: 20 + (call % 900), totalMs: 100 + (call % 9_000), errorClass: null })
}
const each = ((performance.now() - startedAt) * 1_000) / calls
console.log(`live statistics, begin, view and end of one request: ${each.toFixed(2)} us`)
