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
  checkSpec({ models: ['openai/gpt-4o'], ...spec } as RouteSpec, catalogue)

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
      fallbacks: ['openai/gpt-4o-mini'],
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
    ['/prompt', { prompt: { name: 'p', version: 1 } }, /not available yet/],
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
    [
      '/constraints/maxLatencyMs',
      { constraints: { maxLatencyMs: { p95: 1 } } },
      /latency limits are not available yet/,
    ],
    [
      '/constraints/minQuality',
      { constraints: { minQuality: { metric: 'm', score: 1 } } },
      /quality floors are not available/,
    ],
    ['/models', { models: ['local/llama'], constraints: { regions: ['us'] } }, /every request would be refused/],
    ['/select/strategy', { select: { strategy: 'best' } }, /unknown strategy "best"; known: priority/],
    [
      '/select/strategy',
      { select: { strategy: 'latency' } },
      /"latency" is not available yet; available: priority, weighted, cost/,
    ],
    ['/select', { select: { strategy: 'cost' } }, /needs a quality floor/],
    ['/select/order', { select: { strategy: 'priority', order: [] } }, /belongs to strategy "hybrid"/],
    ['/fallbacks/0', { fallbacks: ['no/such'] }, /no model "no\/such"/],
    ['/fallbacks/1', { fallbacks: ['local/llama', 'local/llama'] }, /twice/],
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
    ['/rules/0/select/strategy', { rules: [{ ...rule('a'), select: { strategy: 'hybrid' } }] }, /not available yet/],
    [
      '/rules/0/models',
      { constraints: { regions: ['us'] }, rules: [{ ...rule('a'), models: ['local/llama'] }] },
      /every request/,
    ],
  ])('reports %s', (path, spec, message) => {
    expect(problems(spec)).toContainEqual({ path, message: expect.stringMatching(message) })
  })

  it('reports every fault at once', () => {
    const found = problems({ models: ['a/b'], select: { strategy: 'best' as never }, retry: { attempts: 0 } })
    expect(found.map((problem) => problem.path)).toEqual(['/models/0', '/select/strategy', '/retry/attempts'])
  })
})

function rule(name: string) {
  return { name, when: { stream: true }, models: ['openai/gpt-4o'] }
}
