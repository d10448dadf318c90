import { quietLive } from '#domain/live.ts'
import { decideRoute } from '#domain/routing.ts'
import { aModel, aProvider, aRollout, aRoute, aSnapshot, aVersion } from '#test/support/routing.ts'

/** Time of one routing decision with 20 candidates, 10 rules and a sticky split, microseconds: node test/bench/decide.ts */
const spec = {
  models: Array.from({ length: 20 }, (_, index) => `acme/m${index}`),
  constraints: { dataPolicies: ['no-training'], maxCostUsd: 1 },
  select: { strategy: 'cost' as const, acceptAnyQuality: true },
  rules: Array.from({ length: 10 }, (_, index) => ({
    name: `rule ${index}`,
    when: index === 9 ? { inputTokens: { gt: 10 } } : { 'metadata.team': `team-${index}`, inputTokens: { gt: 10 } },
    constraints: { capabilities: ['streaming'] },
  })),
}
const [one, two] = [aVersion('r', 1, spec), aVersion('r', 2, spec)]
const snapshot = aSnapshot({
  providers: [aProvider('acme', 'https://acme.example/v1', { dataPolicies: ['no-training'] })],
  models: spec.models.map((model) => aModel(model)),
  routes: [aRoute('r', spec, { rollout: aRollout(one, two) })],
})
const entry = snapshot.routes.get('r')
if (entry === undefined) throw new Error('the route is there')
const live = quietLive()
const taskOf = () => ({ task: null, by: 'default', classifier: null, confidence: null, note: null }) as const
const times: number[] = []
for (let index = 0; index < 60_000; index += 1) {
  const request = {
    requestId: `req_${index}`,
    metadata: { session: `s${index}`, team: 'none' },
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
  decideRoute({ catalogue: snapshot, entry, request, random: 0.4, live, taskOf, isLeaseValid: true })
  if (index >= 10_000) times.push((performance.now() - startedAt) * 1_000)
}
times.sort((a, b) => a - b)
const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(1)
console.log(`one decision, 20 candidates, 10 rules: p50 ${at(0.5)} us, p99 ${at(0.99)} us`)
