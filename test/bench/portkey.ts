import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const version = '1.15.2'

export interface Portkey {
  readonly process: ChildProcess
  readonly port: number
}

/**
 * Starts `@portkey-ai/gateway` from npm, which is installed into a temporary folder outside the project and kept there for the
 * next run. @returns why it cannot be compared, where that is so
 */
export async function startPortkey(): Promise<Portkey | { readonly reason: string }> {
  const folder = join(tmpdir(), `interlock-bench-portkey-${version}`)
  const program = join(folder, 'node_modules/@portkey-ai/gateway/build/start-server.js')
  try {
    if (!existsSync(program)) install(folder)
    const port = await freePort()
    const child = spawn(process.execPath, [program, '--headless', `--port=${port}`], { stdio: 'ignore' })
    for (let tries = 0; tries < 100; tries += 1) {
      if (child.exitCode !== null) return { reason: `it ended with code ${child.exitCode}` }
      const isUp = await fetch(`http://127.0.0.1:${port}/`).then(
        () => true,
        () => false,
      )
      if (isUp) return { process: child, port }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    child.kill()
    return { reason: 'it did not listen within ten seconds' }
  } catch (error) {
    return { reason: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) }
  }
}

function install(folder: string): void {
  mkdirSync(folder, { recursive: true })
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', '--prefix', folder]
  execFileSync('npm', ['install', ...options, `@portkey-ai/gateway@${version}`], { timeout: 180_000, stdio: 'pipe' })
}

/** Headers by which it is told where to send a request. */
export function portkeyHeaders(upstream: string): Record<string, string> {
  return {
    authorization: 'Bearer none',
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `${upstream}/v1`,
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
