import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { Agent } from 'undici'
import { lexicalModelDocument } from '#datasets/task-prompts.ts'
import { readLexicalModel } from '#domain/lexical.ts'
import type { RouteSpec } from '#domain/route.ts'
import { DecisionBuffer } from '#gateway/decision-buffer.ts'
import { createGateway } from '#gateway/handler.ts'
import { idMaker } from '#infra/ids.ts'
import { createMetrics } from '#infra/metrics.ts'
import { createProviderRegistry } from '#providers/registry.ts'
import { silentLog } from '#test/support/gateway.ts'
import { aModel, aProvider, aRoute, aSnapshot } from '#test/support/routing.ts'

/** The reference: what node:http and undici cost, and nothing else. */
export function barePassThrough(upstream: string): Server {
  const agent = new Agent({ connections: 512, pipelining: 1 })
  return createServer((req, res) => {
    const chunks: Buffer[] = []
    req.on('data', (chunk: Buffer) => chunks.push(chunk))
    req.on('end', () => {
      agent.dispatch(
        {
          origin: upstream,
          path: '/v1/chat/completions',
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: Buffer.concat(chunks),
        },
        {
          onRequestStart() {},
          onResponseStart(_controller, status, headers) {
            const type = String(headers['content-type'])
            const length = headers['content-length']
            res.writeHead(status, {
              'content-type': type,
              ...(length !== undefined && { 'content-length': String(length) }),
            })
          },
          onResponseData(_controller, chunk) {
            res.write(chunk)
          },
          onResponseEnd() {
            res.end()
          },
          onResponseError() {
            res.destroy()
          },
        },
      )
    })
  })
}

/** Ten rules, none of which matches until the last; metrics are counted; the log is turned into JSON, as it is for the database. */
export function wholeGateway(upstream: string): Server {
  const spec: RouteSpec = {
    models: Array.from({ length: 3 }, (_, index) => `acme/m${index}`),
    rules: Array.from({ length: 10 }, (_, index) => ({
      name: `rule ${index}`,
      when: index === 9 ? { inputTokens: { gt: 10 } } : { 'metadata.team': `team-${index}`, inputTokens: { gt: 10 } },
      select: { strategy: 'priority' },
    })),
  }
  const snapshot = aSnapshot({
    providers: [aProvider('acme', `${upstream}/v1`)],
    models: spec.models.map((model) => aModel(String(model))),
    routes: [aRoute('bench', spec)],
  })
  const clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() }
  const written = { bytes: 0 }
  const write = async (batch: unknown) => {
    written.bytes += JSON.stringify(batch).length
  }
  const gateway = createGateway({
    table: { current: () => snapshot, isLeaseValid: () => true },
    clock,
    random: Math.random,
    newId: idMaker(clock.nowMs, randomBytes),
    providers: createProviderRegistry({ upstreamAllow: ['127.0.0.0/8'], readEnvironment: () => null, clock }),
    lexical: readLexicalModel(lexicalModelDocument()),
    sink: new DecisionBuffer({ write }, silentLog),
    log: silentLog,
    observer: createMetrics(() => null).observer,
    bootId: 'boot',
  })
  return createServer((req, res) => void gateway.handle(req, res))
}
