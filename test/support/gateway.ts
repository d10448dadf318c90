import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import OpenAI from 'openai'
import { lexicalModelDocument } from '#datasets/task-prompts.ts'
import { readLexicalModel } from '#domain/lexical.ts'
import type { Snapshot } from '#domain/snapshot.ts'
import { DecisionBuffer } from '#gateway/decision-buffer.ts'
import { createGateway, type Gateway, type GatewayDeps } from '#gateway/handler.ts'
import { createLog } from '#infra/log.ts'
import { createProviderRegistry } from '#providers/registry.ts'
import type { LiveBatch } from '#store/live-log.ts'
import { testKey } from '#test/support/routing.ts'

export const silentLog = createLog('silent')

export interface RunningGateway {
  readonly url: string
  readonly gateway: Gateway
  readonly server: Server
  /** Everything the live log was given. */
  readonly written: { [K in keyof LiveBatch]: LiveBatch[K][number][] }
  readonly client: OpenAI
  /** Answers of a plain request, without a client in between. */
  post(body: unknown, headers?: Record<string, string>): Promise<Response>
  setSnapshot(snapshot: Snapshot): void
  setLease(isValid: boolean): void
  /** Waits until all requests so far are in the log. */
  settle(): Promise<void>
  close(): Promise<void>
}

/** A gateway on a port of its own with a snapshot given as it is and a log in memory. */
export async function startGateway(snapshot: Snapshot, more: Partial<GatewayDeps> = {}): Promise<RunningGateway> {
  const written: RunningGateway['written'] = {
    assignments: [],
    completions: [],
    samples: [],
    decisions: [],
    shadowCalls: [],
    payloads: [],
  }
  const sink = new DecisionBuffer(
    {
      async write(batch) {
        for (const kind of Object.keys(written) as (keyof LiveBatch)[]) {
          ;(written[kind] as unknown[]).push(...batch[kind])
        }
      },
    },
    silentLog,
  )
  let current = snapshot
  let isLeaseValid = true
  let lastId = 0
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
  const providers = createProviderRegistry({ upstreamAllow: ['127.0.0.0/8'], readEnvironment: () => null, clock })
  const gateway = createGateway({
    table: { current: () => current, isLeaseValid: () => isLeaseValid },
    clock,
    random: () => 0.5,
    newId: (prefix) => {
      lastId += 1
      return `${prefix}_${lastId}`
    },
    providers,
    lexical: readLexicalModel(lexicalModelDocument()),
    sink,
    log: silentLog,
    bootId: 'boot_1',
    ...more,
  })
  const server = createServer((req, res) => {
    if (!gateway.handle(req, res)) res.writeHead(404).end('not the gateway')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    gateway,
    server,
    written,
    client: new OpenAI({ apiKey: testKey, baseURL: `${url}/v1`, maxRetries: 0 }),
    post: (body, headers = {}) =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${testKey}`, ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    setSnapshot: (next) => {
      current = next
    },
    setLease: (isValid) => {
      isLeaseValid = isValid
    },
    settle: async () => {
      await gateway.close()
      await sink.flush()
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await providers.close()
      await sink.close()
    },
  }
}

/** Waits for something that must come true; the test's own time limit ends the wait. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5))
}
