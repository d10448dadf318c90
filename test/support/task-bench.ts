import type { DecisionRecord } from '#domain/decision.ts'
import type { RouteSpec } from '#domain/route.ts'
import type { GatewayDeps } from '#gateway/handler.ts'
import { answers, type Behaviour, type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aCaller, aModel, aProvider, aRollout, aRoute, aSnapshot, aVersion, testKey } from '#test/support/routing.ts'

export const otherKey = 'il-other-key-0123456789-0123456789'

/** A vector by keywords, so that texts about one thing are near each other. */
function vectorOf(text: string): number[] {
  const words = ['sql', 'refund', 'poem']
  return [...words.map((word) => text.toLowerCase().split(word).length - 1), 0.01]
}

const embeds: Behaviour = (call, res) => {
  const input = call.body['input'] as string[]
  const data = input.map((text, index) => ({ object: 'embedding', index, embedding: vectorOf(text) }))
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ object: 'list', data, model: 'e', usage: { prompt_tokens: 8, total_tokens: 8 } }))
}

const rules = [
  { name: 'code', when: { task: 'code' }, models: ['acme/coder'] },
  { name: 'money', when: { task: 'refund' }, models: ['acme/large'] },
]
export const base = { models: ['acme/small'], rules } satisfies RouteSpec
const examples = [
  { text: 'write an SQL query', task: 'code' },
  { text: 'I want a refund', task: 'refund' },
]
/** No test is to fail because the machine was busy for the 300 ms that a request waits by default. */
const deadlineMs = 5_000
export const byExamples = { kind: 'embedding', model: 'tasks/e', examples, deadlineMs } as const
export const byModel = {
  kind: 'model',
  model: 'tasks/cheap',
  tasks: ['code', 'generation', 'refund'],
  deadlineMs,
} as const

interface Candidate {
  readonly candidate?: RouteSpec
  readonly rollout?: Parameters<typeof aRollout>[2]
}

/** A route `r` behind a gateway: provider `acme` answers users, `tasks` (eu, no training) identifies tasks. */
export class TaskBench {
  readonly acme: FakeUpstream
  readonly tasks: FakeUpstream
  #running: RunningGateway | null = null

  private constructor(acme: FakeUpstream, tasks: FakeUpstream) {
    this.acme = acme
    this.tasks = tasks
  }

  static async open(): Promise<TaskBench> {
    return new TaskBench(await startUpstream(), await startUpstream())
  }

  reset(): void {
    for (const upstream of [this.acme, this.tasks]) {
      upstream.script.length = 0
      upstream.calls.length = 0
    }
    this.acme.otherwise = answers('ok')
    this.tasks.otherwise = embeds
  }

  async stop(): Promise<void> {
    await this.#running?.close()
    this.#running = null
  }

  async close(): Promise<void> {
    await this.acme.close()
    await this.tasks.close()
  }

  get running(): RunningGateway {
    if (this.#running === null) throw new Error('no gateway was started')
    return this.#running
  }

  snapshotOf(spec: RouteSpec, { candidate, rollout = {} }: Candidate = {}) {
    const stable = aVersion('r', 1, spec)
    return aSnapshot({
      providers: [
        aProvider('acme', this.acme.baseUrl, { region: 'us' }),
        aProvider('tasks', this.tasks.baseUrl, { region: 'eu', dataPolicies: ['no-training'] }),
      ],
      models: [
        ...['acme/small', 'acme/coder', 'acme/large'].map((name) => aModel(name)),
        aModel('tasks/e', { capabilities: [], contextWindow: 100 }),
        aModel('tasks/cheap', { capabilities: [] }),
        aModel('tasks/unpriced', { capabilities: [], price: null }),
      ],
      routes: [
        aRoute('r', spec, {
          stable,
          rollout: candidate === undefined ? null : aRollout(stable, aVersion('r', 2, candidate), rollout),
        }),
      ],
      callers: { [testKey]: aCaller({ routes: ['r', 'acme/small'] }), [otherKey]: aCaller({ keyId: 'key_2' }) },
    })
  }

  async start(spec: RouteSpec, more: Candidate = {}, deps: Partial<GatewayDeps> = {}): Promise<void> {
    this.#running = await startGateway(this.snapshotOf(spec, more), deps)
  }

  /** Sends one request and returns its record. */
  async ask(content: unknown, more: Record<string, unknown> = {}, headers: Record<string, string> = {}) {
    const response = await this.running.post({ model: 'r', messages: [{ role: 'user', content }], ...more }, headers)
    const body = (await response.json()) as { error?: { code: string; message: string; param: string } }
    await this.running.settle()
    return { status: response.status, body, record: this.running.written.decisions.at(-1) as DecisionRecord }
  }
}
