import { mathJsonItems, mathJsonPrices } from '#datasets/builtin-data.ts'
import type { DatasetItem } from '#datasets/item.ts'
import type { ControlClient } from './control-client.ts'

/** What the demo's people hold; shown once, as every key is. */
export interface DemoKeys {
  readonly author: string
  readonly approver: string
  readonly gateway: string
  /** Of a script that names a model and passes every route. */
  readonly script: string
}

export const stableModel = 'gpt-4o-2024-05-13'
export const routes = ['math-tutor', 'homework-check'] as const
const evalItemCount = 400

/** The quality bar of both routes: as right as before, valid JSON, no more errors, no more cost. */
const bar = {
  // The recorded prompts show a fenced answer, so the school's application strips one fence: level 1.
  evaluators: [
    { name: 'json_validity', config: { level: 1 } },
    { name: 'numeric', config: { tolerance: 0.001 } },
  ],
  gates: [
    { metric: 'json_validity', maxDrop: 0.03 },
    // The right number is known for the recorded problems only, so correctness is judged before live traffic.
    { metric: 'numeric', maxDrop: 0.08, stages: ['offline'] },
    { metric: 'error_rate', max: 0.05 },
    { metric: 'cost_usd', maxIncrease: 0 },
  ],
}

/** Providers, models, dataset, routes and keys, through the API. @returns the keys and the prompts for live traffic */
export async function seed(
  admin: ControlClient,
  upstreamUrl: string,
): Promise<{ keys: DemoKeys; live: DatasetItem[] }> {
  await admin.send('PUT', '/api/providers/replay', { kind: 'openai', baseUrl: upstreamUrl, region: 'local' })
  for (const price of mathJsonPrices()) {
    await admin.send('PUT', `/api/models/replay/${encodeURIComponent(price.model)}`, {
      contextWindow: price.contextWindow,
      maxOutputTokens: price.maxOutputTokens,
      capabilities: price.capabilities,
      price: { input: price.input, cachedInput: price.cachedInput ?? price.input, output: price.output },
    })
  }
  await admin.sendLines('/api/datasets/maths/versions', mathJsonItems(evalItemCount))
  for (const name of routes) {
    await admin.send('POST', '/api/routes', {
      name,
      owner: 'learning-platform',
      purpose: name === 'math-tutor' ? 'solves problems step by step for students' : 'checks homework answers',
      risk: 'medium',
      spec: { models: [`replay/${stableModel}`] },
      bar,
    })
  }
  const makeKey = async (name: string, role: string, more: object = {}) =>
    (await admin.send<{ key: string }>('POST', '/api/keys', { name, role, ...more })).key
  return {
    keys: {
      author: await makeKey('ada (author)', 'author'),
      approver: await makeKey('grace (approver)', 'approver'),
      gateway: await makeKey('school-app', 'gateway'),
      script: await makeKey('grading-script', 'gateway', {
        routes: [`replay/${stableModel}`],
        metadata: { team: 'exams' },
      }),
    },
    live: mathJsonItems(Number.POSITIVE_INFINITY, evalItemCount),
  }
}
