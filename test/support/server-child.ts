import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export const adminKey = 'test-admin-key-0123456789abcdef-0123456789'

export interface ServerChild {
  readonly url: string
  readonly process: ChildProcess
  /** Ends it as a power cut would. */
  kill(): Promise<void>
  /** Asks it to end and waits; the exit code. */
  stop(): Promise<number | null>
}

/** A server in a process of its own, so that a test can kill it. Resolves when it says that it is ready. */
export async function startServerChild(env: Readonly<Record<string, string>>): Promise<ServerChild> {
  const root = join(import.meta.dirname, '..', '..')
  const child = spawn(process.execPath, [join(root, 'runners', 'interlock.ts'), 'serve'], {
    cwd: root,
    env: {
      PATH: process.env['PATH'] ?? '',
      PORT: '0',
      INTERLOCK_ADMIN_KEY: adminKey,
      INTERLOCK_UPSTREAM_ALLOW: '127.0.0.0/8',
      INTERLOCK_LOG_LEVEL: 'warn',
      INTERLOCK_TICK_MS: '200',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  let errors = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-4_000)
  })
  const url = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const match = /ready on (http:\S+)/.exec(text)
      if (match?.[1] !== undefined) resolve(match[1])
    })
    child.on('exit', (code) => reject(new Error(`the server ended with ${code} before it was ready: ${errors}`)))
  })
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
    return child.exitCode
  }
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  return { url, process: child, kill, stop }
}
