import { describe, expect, it } from 'vitest'
import type { RouteSpec } from '#domain/route.ts'
import { checkSpec } from '#domain/spec-check.ts'
import { aModel, aProvider } from '#test/support/routing.ts'

const catalogue = {
  providers: new Map([
    ['openai', aProvider('openai', 'https://api.example', { region: 'us', dataPolicies: ['no-training'] })],
    ['local', aProvider('local', 'https://local.example', { region: 'eu' })],
  ]),
  models: new Map([
    ['openai/gpt-4o', aModel('openai/gpt-4o')],
    ['openai/gpt-4o-mini', aModel('openai/gpt-4o-mini')],
    ['local/llama', aModel('local/llama', { capabilities: ['streaming'] })],
  ]),
}

const problems = (spec: Partial<RouteSpec> & Record<string, unknown>) =>
  checkSpec({ models: ['openai/gpt-4o'], ...spec } as RouteSpec, catalogue, ['llm_judge', 'exact'])

describe('the check of a spec (D1)', () => {
  it('finds nothing wrong with a full spec', () => {
    const spec: RouteSpec = {
      models: ['openai/gpt-4o', { model: 'openai/gpt-4o-mini', weight: 2 }, { model: 'local/llama', weight: 0 }],
      task: { default: 'generation' },
      constraints: {
        regions: ['us', 'eu'],
        capabilities: ['streaming'],
        maxCostUsd: 0.02,
        providers: { deny: ['local'] },
      },
      rules: [
        { name: 'eu', when: { 'metadata.region': 'eu' }, models: ['openai/gpt-4o'], select: { strategy: 'priority' } },
        { name: 'cheap', when: { inputTokens: { lt: 200 } }, select: { strategy: 'cost', acceptAnyQuality: true } },
      ],
      select: { strategy: 'weighted' },
      fallbacks: ['openai/gpt-4o-mini', { model: 'local/llama', on: ['content_filter', 'context_length'] }],
      retry: { attempts: 2, on: ['timeout', 'rate_limit'] },
      timeouts: { connectMs: 500, firstTokenMs: 10_000, idleMs: 5_000, totalMs: 60_000 },
      parameters: { temperature: 0.2 },
    }
    expect(checkSpec(spec, catalogue)).toEqual([])
  })

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['/models', { models: [] }, /at least one model/],
    ['/models/0', { models: ['openai/gpt-9'] }, /no model "openai\/gpt-9"; known: local\/llama, openai\/gpt-4o,/],
    ['/models/1/model', { models: ['local/llama', { model: 'x/y' }] }, /no model "x\/y"/],
    ['/models/1', { models: ['local/llama', 'local/llama'] }, /twice/],
    ['/models/0/weight', { models: [{ model: 'local/llama', weight: -1 }, 'openai/gpt-4o'] }, /0 \(drained\) or more/],
    ['/models', { models: [{ model: 'local/llama', weight: 0 }] }, /every weight is 0/],
    ['/prompt/name', { prompt: { name: 'p', version: 1 } }, /no prompt "p"; known: none/],
    [
      '/guardrails/blocked/0/pattern',
      { guardrails: { blocked: [{ name: 'a', pattern: '(' }] } },
      /not a usable pattern/,
    ],
    ['/task/classifier/rules', { task: { classifier: { kind: 'rules' } } }, /must be a list of 1 to 200/],
    [
      '/constraints/regions/0',
      { constraints: { regions: ['mars', 'us'] } },
      /no region "mars" in the catalogue; known: eu, us/,
    ],
    [
      '/constraints/dataPolicies/0',
      { models: ['x/y'], constraints: { dataPolicies: ['secret'] } },
      /no data policy "secret"/,
    ],
    ['/constraints/capabilities/0', { models: ['x/y'], constraints: { capabilities: ['telepathy'] } }, /no capability/],
    [
      '/constraints/providers/allow/0',
      { models: ['x/y'], constraints: { providers: { allow: ['acme'] } } },
      /no provider "acme"/,
    ],
    ['/constraints/maxCostUsd', { constraints: { maxCostUsd: 0 } }, /above 0/],
    ['/constraints/maxLatencyMs/p95', { constraints: { maxLatencyMs: { p95: 0 } } }, /milliseconds above 0/],
    ['/constraints/maxLatencyMs/p97', { constraints: { maxLatencyMs: { p97: 5 } } }, /unknown; known: p50, p95, p99/],
    [
      '/constraints/minQuality/metric',
      { constraints: { minQuality: { metric: 'llm_jugde', score: 1 } } },
      /no evaluator "llm_jugde"; known: llm_judge, exact/,
    ],
    ['/constraints/minQuality/score', { constraints: { minQuality: { metric: 'exact', score: 2 } } }, /in 0 to 1/],
    [
      '/constraints/sensitivity/restricted/0',
      { constraints: { sensitivity: { restricted: ['no-trianing'] } } },
      /no data policy "no-trianing"/,
    ],
    ['/models', { models: ['local/llama'], constraints: { regions: ['us'] } }, /every request would be refused/],
    ['/select/strategy', { select: { strategy: 'best' } }, /unknown strategy "best"; known: priority/],
    [
      '/select',
      { select: { strategy: 'cost' } },
      /needs a quality floor: set constraints.minQuality, or acceptAnyQuality/,
    ],
    [
      '/select',
      { select: hybrid({ order: [{ by: 'latency' }, { by: 'cost' }] }) },
      /a hybrid by cost needs a quality floor/,
    ],
    ['/select', { select: hybrid({ weights: { cost: 1 } }) }, /needs a quality floor/],
    ['/rules/0/select', { rules: [{ ...rule('a'), select: { strategy: 'cost' } }] }, /needs a quality floor/],
    ['/select/order', { select: { strategy: 'priority', order: [] } }, /does not belong to strategy "priority"/],
    ['/select/metric', { select: { strategy: 'latency', metric: 'ttfb' } }, /unknown time "ttfb"; known: ttft, total/],
    ['/select/quantile', { select: { strategy: 'latency', quantile: 'p90' } }, /unknown quantile "p90"; known: p50/],
    ['/select/quantile', { select: { strategy: 'quality', quantile: 'p95' } }, /which knows metric/],
    ['/select/metric', { select: { strategy: 'quality', metric: 'ttft' } }, /no evaluator "ttft"/],
    ['/select', { select: hybrid({}) }, /either order or weights/],
    ['/select', { select: hybrid({ order: [{ by: 'quality' }], weights: { quality: 1 } }) }, /either order or weights/],
    ['/select/order', { select: hybrid({ order: [] }) }, /at least one/],
    ['/select/order/0/by', { select: hybrid({ order: [{ by: 'luck' }] }) }, /unknown "luck"; known: cost, latency/],
    [
      '/select/order/0/quantile',
      { select: hybrid({ order: [{ by: 'quality', quantile: 'p95' }] }) },
      /does not go with/,
    ],
    ['/select/order/0/within', { select: hybrid({ order: [{ by: 'quality', within: -1 }] }) }, /0 \(no tolerance\)/],
    ['/select/order/0/min', { select: hybrid({ order: [{ by: 'quality', metric: 'exact', min: 7 }] }) }, /0 to 1/],
    ['/select/order/0', { select: hybrid({ order: [{ by: 'quality', min: 0.7 }] }) }, /names its metric/],
    ['/select/order/0/max', { select: hybrid({ order: [{ by: 'latency', max: 0 }] }) }, /above 0/],
    ['/select/order/0/metric', { select: hybrid({ order: [{ by: 'latency', metric: 'exact' }] }) }, /unknown time/],
    ['/select/weights/luck', { select: hybrid({ weights: { luck: 1 } }) }, /unknown; known: cost/],
    ['/select/weights/cost', { select: hybrid({ weights: { cost: -1, quality: 1 } }) }, /0 \(does not count\)/],
    ['/select/weights', { select: hybrid({ weights: { latency: 0 } }) }, /above 0/],
    ['/fallbacks/0', { fallbacks: ['no/such'] }, /no model "no\/such"/],
    ['/fallbacks/1', { fallbacks: ['local/llama', 'local/llama'] }, /twice/],
    ['/fallbacks/1', { fallbacks: ['local/llama', { model: 'local/llama', on: ['timeout'] }] }, /twice/],
    ['/fallbacks/0/model', { fallbacks: [{ model: 'no/such' }] }, /no model "no\/such"/],
    ['/fallbacks/0/on', { fallbacks: [{ model: 'local/llama', on: [] }] }, /never be tried/],
    [
      '/fallbacks/0/on/1',
      { fallbacks: [{ model: 'local/llama', on: ['timeout', 'bad_luck'] }] },
      /"bad_luck"; known: timeout,/,
    ],
    ['/retry/attempts', { retry: { attempts: 6 } }, /from 1 \(no retry\) to 5/],
    ['/retry/on/1', { retry: { on: ['timeout', 'auth'] } }, /unknown reason "auth"/],
    ['/timeouts/totalMs', { timeouts: { totalMs: 5 } }, /from 100 to 600000/],
    ['/timeouts/firstTokenMs', { timeouts: { firstTokenMs: 9_000, totalMs: 5_000 } }, /longer than totalMs/],
    ['/timeouts/fooMs', { timeouts: { fooMs: 9_000 } }, /unknown; known: connectMs/],
    ['/parameters/stream', { parameters: { stream: true } }, /only the request itself/],
    ['/rules/1/name', { rules: [rule('a'), rule('a')] }, /a rule before this one is named "a"/],
    ['/rules/0', { rules: [{ name: 'a', when: { stream: true } }] }, /changes nothing/],
    ['/rules/0/when/metdata.region', { rules: [{ ...rule('a'), when: { 'metdata.region': 'eu' } }] }, /unknown field/],
    ['/rules/0/models/0', { rules: [{ ...rule('a'), models: ['no/such'] }] }, /no model/],
    ['/rules/0/select/strategy', { rules: [{ ...rule('a'), select: { strategy: 'x' } }] }, /unknown strategy/],
    [
      '/rules/0/models',
      { constraints: { regions: ['us'] }, rules: [{ ...rule('a'), models: ['local/llama'] }] },
      /every request/,
    ],
  ])('reports %s', (path, spec, message) => {
    expect(problems(spec)).toContainEqual({ path, message: expect.stringMatching(message) })
  })

  it.each<[string, RouteSpec['select'], RouteSpec['constraints']]>([
    ['cost behind a floor', { strategy: 'cost' }, { minQuality: { metric: 'exact', score: 0.7 } }],
    ['cost of an author who accepts it', { strategy: 'cost', acceptAnyQuality: true }, undefined],
    ['least-busy', { strategy: 'least-busy' }, { maxLatencyMs: { p95: 4_000 } }],
    ['latency', { strategy: 'latency', metric: 'ttft', quantile: 'p99' }, undefined],
    ['quality', { strategy: 'quality', metric: 'llm_judge' }, { sensitivity: { secret: ['no-training'] } }],
    [
      'a hybrid whose quality holds the cost',
      { strategy: 'hybrid', order: [{ by: 'quality', within: 0.02 }, { by: 'cost' }] },
      undefined,
    ],
    ['a weighted hybrid', { strategy: 'hybrid', weights: { quality: 2, cost: 1, latency: 0.5 } }, undefined],
    [
      'a hybrid with filters',
      {
        strategy: 'hybrid',
        order: [
          { by: 'latency', max: 4_000, quantile: 'p50' },
          { by: 'quality', min: 0.7, metric: 'exact' },
        ],
      },
      undefined,
    ],
  ])('accepts %s', (_, select, constraints) => {
    expect(problems({ ...(select && { select }), ...(constraints && { constraints }) })).toEqual([])
  })

  it('reports every fault at once', () => {
    const found = problems({ models: ['a/b'], select: { strategy: 'best' as never }, retry: { attempts: 0 } })
    expect(found.map((problem) => problem.path)).toEqual(['/models/0', '/select/strategy', '/retry/attempts'])
  })
})

function hybrid(settings: Record<string, unknown>) {
  return { strategy: 'hybrid', ...settings }
}

function rule(name: string) {
  return { name, when: { stream: true }, models: ['openai/gpt-4o'] }
}
