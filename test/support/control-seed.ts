import type { ControlRig } from '#test/support/control.ts'

/** A bar whose every gate judges live requests and items alike. */
export const aBarBody = {
  evaluators: [{ name: 'json_validity' }],
  gates: [
    { metric: 'json_validity', min: 0.9 },
    { metric: 'error_rate', max: 0.05 },
  ],
}

export const aPlanBody = {
  offline: { datasets: ['support@1'] },
  shadow: { sampleRate: 1, minSamples: 10, maxDuration: '10m' },
  canary: { steps: [10, 50], unit: 'request', minSamples: 10, maxDuration: '10m' },
  approvals: [{ before: 'canary' }],
}

/** Provider `p` with models `p/good` and `p/cheap`, dataset `support@1`, and a route on `p/good`, all through the API. */
export async function seedThroughApi(rig: ControlRig, route = 'support'): Promise<void> {
  await rig.call('PUT', '/api/providers/p', { body: { kind: 'openai', baseUrl: 'https://api.example.com/v1' } })
  for (const model of ['good', 'cheap']) await rig.call('PUT', `/api/models/p/${model}`, { body: {} })
  const raw = '{"id": "1", "messages": [{"role": "user", "content": "hi"}]}'
  await rig.call('POST', '/api/datasets/support/versions', { raw, type: 'application/x-ndjson' })
  const made = await rig.call('POST', '/api/routes', {
    body: { name: route, spec: { models: ['p/good'] }, bar: aBarBody },
  })
  if (made.status !== 201) throw new Error(`the route was not made: ${made.text}`)
}

export function aProposalBody(overrides: object = {}) {
  return { route: 'support', title: 'cheaper', base: 1, spec: { models: ['p/cheap'] }, plan: aPlanBody, ...overrides }
}

/** All items of a list, page by page. */
export async function walkPages(rig: ControlRig, path: string, limit: number): Promise<unknown[]> {
  const items: unknown[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body } = await rig.call(
      'GET',
      `${path}${path.includes('?') ? '&' : '?'}limit=${limit}${cursor && `&cursor=${cursor}`}`,
    )
    items.push(...body.items)
    cursor = body.nextCursor
  }
  return items
}
