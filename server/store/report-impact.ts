import type { Impact, ImpactProblem } from '#domain/impact.ts'
import type { ForecastView, ImpactProblemView, ImpactView } from '#reports/impact-view.ts'
import type { StoredImpact } from './impact.ts'

/** A stored preview as the proposal page shows it. */
export function impactView({ at, windowMs, impact }: StoredImpact): ImpactView {
  const { requests, changed, moves, byRule, byTeam, byTask, byRegion, unknowable } = impact
  return {
    at,
    windowDays: Math.round(windowMs / 86_400_000),
    requests,
    changed,
    ...headline(impact),
    moves: moves.map(({ from, to, requests: count }) => ({
      from: from ?? 'refused',
      to: to ?? 'refused',
      requests: count,
    })),
    groups: [
      { name: 'rule', rows: byRule },
      { name: 'team', rows: byTeam },
      { name: 'task', rows: byTask },
      { name: 'region', rows: byRegion },
    ],
    problems: [
      ...impact.broken.map((problem) => problemView('broken', problem)),
      ...impact.lost.map((problem) => problemView('lost', problem)),
    ],
    unknowable,
    cost: costView(impact.cost),
    latency: latencyView(impact.latency),
  }
}

function headline(impact: Impact): Pick<ImpactView, 'verdict' | 'sentence'> {
  const { requests, changed, lostRequests, brokenRequests } = impact
  if (requests === 0) {
    return { verdict: 'waiting', sentence: 'No request was recorded yet: what it would touch cannot be told.' }
  }
  if (brokenRequests > 0) {
    const share = percent(brokenRequests / requests)
    return { verdict: 'fail', sentence: `${share} of requests could go where the stable version may not send them.` }
  }
  if (lostRequests > 0) {
    return { verdict: 'fail', sentence: `${percent(lostRequests / requests)} of requests would find no model.` }
  }
  const share = changed === 0 ? 'No request' : `${percent(changed / requests)} of requests`
  return { verdict: 'pass', sentence: `${share} would change model; none is lost and no policy is left.` }
}

function problemView(kind: ImpactProblemView['kind'], problem: ImpactProblem): ImpactProblemView {
  const { by, model, detail, requests, examples } = problem
  const whose = model === null ? '' : `${model}: `
  return { kind, sentence: `${whose}${by.replaceAll('_', ' ')} (${detail})`, requests, examples }
}

function costView(cost: Impact['cost']): ForecastView {
  const left = cost.unpriced === 0 ? '' : `; ${cost.unpriced} left out, for want of a price or a model`
  const note = `from the tokens as recorded, ${cost.requests} requests${left}`
  return { before: cost.beforeMicroUsd, after: cost.afterMicroUsd, ...changeView(cost), note }
}

function latencyView(latency: Impact['latency']): ForecastView {
  const { covered } = latency
  const note =
    covered === 0
      ? 'the models were not measured enough'
      : `from what the models took elsewhere, ${percent(covered)} of requests`
  return { before: latency.beforeMs, after: latency.afterMs, ...changeView(latency), note }
}

function changeView({ change, low, high }: Pick<Impact['cost'], 'change' | 'low' | 'high'>) {
  return { change, interval: low === null || high === null ? null : ([low, high] as const) }
}

function percent(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(3))} %`
}
