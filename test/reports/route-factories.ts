import type { RouteView } from '#reports/views.ts'
import { anAction, aProposalSummary, aThreshold, aTraffic, day, hour, now } from '#test/reports/factories.ts'
import { aDiff } from '#test/reports/proposal-factories.ts'

export function aRoute(over: Partial<RouteView> = {}): RouteView {
  return {
    name: 'support-reply',
    owner: 'support-platform',
    purpose: 'Answers to customers',
    risk: 'medium',
    createdAt: now - 30 * day,
    createdBy: 'mara',
    stableVersion: 1,
    previousVersion: null,
    specWords: [
      'Asks openai/gpt-4o.',
      'If that fails on a timeout, a rate limit, a server error or the connection, tries twice, then asks local/llama.',
      'Gives up after 60 s, or when no token came for 10 s.',
      'Sets temperature to 0.2 where the request does not.',
    ],
    specJson: JSON.stringify(
      { models: ['openai/gpt-4o'], fallbacks: ['local/llama'], parameters: { temperature: 0.2 } },
      null,
      2,
    ),
    bar: {
      version: 1,
      gates: [
        { metric: 'json_validity', unit: 'score', threshold: aThreshold({ min: 0.98 }), stages: [] },
        { metric: 'llm_judge', unit: 'score', threshold: aThreshold({ maxDrop: 0.03 }), stages: [] },
        { metric: 'error_rate', unit: 'rate', threshold: aThreshold({ max: 0.02 }), stages: [] },
        {
          metric: 'latency_p95_ms',
          unit: 'ms',
          threshold: aThreshold({ max: 4000, maxIncrease: 0.25 }),
          stages: ['shadow', 'canary', 'bake'],
        },
        { metric: 'cost_usd', unit: 'usd', threshold: aThreshold({ maxIncrease: 0 }), stages: [] },
      ],
      evaluators: [
        { name: 'json_validity', sentence: 'schema of the request' },
        { name: 'llm_judge', sentence: 'pairwise, judged by openai/gpt-4o' },
      ],
      alpha: 0.05,
      maxMissing: 0.05,
      requiredStages: ['offline', 'shadow', 'canary'],
    },
    versions: [
      {
        version: 2,
        state: 'candidate',
        createdAt: now - 5 * hour,
        createdBy: 'mara',
        digest: '9f2c4a1b77d0e5a3',
        models: ['openai/gpt-4o', 'openai/gpt-4o-mini'],
        proposalId: 'prp_7Hq2',
        proposalStatus: 'canary',
      },
      {
        version: 1,
        state: 'stable',
        createdAt: now - 30 * day,
        createdBy: 'mara',
        digest: '1c00ffee1234abcd',
        models: ['openai/gpt-4o'],
        proposalId: null,
        proposalStatus: null,
      },
    ],
    rollout: aProposalSummary(),
    diff: aDiff(),
    traffic: aTraffic(),
    proposals: [aProposalSummary()],
    rollback: anAction('rollback', {
      url: '/routes/support-reply/rollback',
      effect: 'Ends the open rollout: every gateway sends all requests to v1 within a second.',
    }),
    ...over,
  }
}
