import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { answers, type FakeUpstream, startUpstream } from '#test/support/fake-upstream.ts'
import { type RunningGateway, startGateway } from '#test/support/gateway.ts'
import { aCaller, aModel, aProvider, aRoute, aSnapshot, testKey } from '#test/support/routing.ts'

/** What a test of one dialect stands on. */
export interface DialectWorld {
  /** Answers `Hello there, friend` unless told otherwise. */
  readonly upstream: FakeUpstream
  readonly backup: FakeUpstream
  /** Routes: `support-reply`; `safe`, with a fallback; `blind`, without tools or images; `secret`, not the key's. */
  readonly running: RunningGateway
}

/**
 * A provider, its backup and a gateway before them, the gateway anew for each test: circuits start closed.
 *
 * @param use is given the world before each test
 */
export function useDialectWorld(use: (world: DialectWorld) => void): void {
  let upstream: FakeUpstream
  let backup: FakeUpstream
  let running: RunningGateway
  beforeAll(async () => {
    upstream = await startUpstream()
    backup = await startUpstream(answers('from the backup'))
  })
  afterAll(async () => {
    await upstream.close()
    await backup.close()
  })
  beforeEach(async () => {
    upstream.script.length = 0
    upstream.calls.length = 0
    backup.calls.length = 0
    upstream.otherwise = answers('Hello there, friend')
    running = await startGateway(dialectSnapshot(upstream, backup))
    use({ upstream, backup, running })
  })
  afterEach(() => running.close())
}

/** What the gateway of that world serves. */
export function dialectSnapshot(upstream: FakeUpstream, backup: FakeUpstream) {
  const retry = { attempts: 1 }
  return aSnapshot({
    providers: [aProvider('acme', upstream.baseUrl), aProvider('spare', backup.baseUrl)],
    models: ['acme/large', 'spare/large', aModel('acme/blind', { capabilities: ['streaming'] })],
    routes: [
      aRoute('support-reply', { models: ['acme/large'], retry }),
      aRoute('safe', { models: ['acme/large'], fallbacks: ['spare/large'], retry }),
      aRoute('blind', { models: ['acme/blind'] }),
      aRoute('secret', { models: ['acme/large'] }),
    ],
    callers: { [testKey]: aCaller({ routes: ['support-reply', 'safe', 'blind'] }) },
  })
}

/** A call of a function as chat completions have it. */
export function callOf(id: string, name: string, args: string) {
  return { id, type: 'function', function: { name, arguments: args } }
}
