import { rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '#infra/config.ts'
import { type RunningServer, startServer } from '#runners/server-process.ts'
import { embeddedDirectory } from '#test/support/database.ts'
import { startServerChild } from '#test/support/server-child.ts'

describe('a server process', () => {
  const directories: string[] = []
  const running: RunningServer[] = []
  let squatter: Server
  beforeAll(async () => {
    squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve))
  })
  afterEach(async () => {
    for (const server of running.splice(0)) await server.close()
  })
  afterAll(() => {
    squatter.close()
    for (const directory of directories) rmSync(directory, { recursive: true, force: true })
  })
  function directory(): string {
    directories.push(embeddedDirectory())
    return directories.at(-1) as string
  }

  test('that finds its port taken ends by itself: nothing it started keeps it alive', async () => {
    const port = String((squatter.address() as AddressInfo).port)
    const child = startServerChild({ PORT: port, HOST: '127.0.0.1', INTERLOCK_DATA_DIR: directory() })
    await expect(child).rejects.toThrow(/the server ended with 2 before it was ready: .*EADDRINUSE/s)
  })

  test('has a name of its own on a host where ports are chosen by the system (D13)', async () => {
    for (let count = 0; count < 2; count += 1) {
      const config = { ...readConfig({ PORT: '0' }), dataDirectory: directory(), logLevel: 'silent' as const }
      running.push(await startServer(config))
    }
    const names = running.map(({ deps }) => deps.identity.id)
    expect(new Set(names).size).toBe(2)
  })
})
