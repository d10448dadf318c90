import { describe, expect, it } from 'vitest'
import { replayUpstream } from '#cli/replay-upstream.ts'
import { mathJsonDir } from '#datasets/builtin-data.ts'

function run(...args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const stop = new AbortController()
  const listening = Promise.withResolvers<string>()
  const io = {
    out: (line: string) => {
      out.push(line)
      listening.resolve(line)
    },
    err: (line: string) => err.push(line),
    signal: stop.signal,
  }
  return { out, err, stop, line: listening.promise, code: replayUpstream(args, io) }
}

describe('interlock replay-upstream', () => {
  it('prints one line with its address, serves, and ends with 0 when told to', async () => {
    const command = run('--data', mathJsonDir(), '--port', '0', '--latency-scale', '0')
    const url = /http:\/\/127\.0\.0\.1:\d+\/v1/.exec(await command.line)?.[0]
    const models = (await (await fetch(`${url}/models`)).json()) as { data: unknown[] }
    expect(models.data).toHaveLength(9)
    command.stop.abort()
    expect(await command.code).toBe(0)
    expect(command.out).toHaveLength(1)
    await expect(fetch(`${url}/models`)).rejects.toThrow()
  })

  it('prints one JSON object with --json', async () => {
    const command = run('--data', mathJsonDir(), '--port', '0', '--json')
    const event = JSON.parse(await command.line) as { event: string; port: number; url: string; models: string[] }
    expect(event).toMatchObject({ event: 'listening', url: `http://127.0.0.1:${event.port}` })
    expect(event.models).toContain('gpt-4o-mini-2024-07-18')
    command.stop.abort()
    expect(await command.code).toBe(0)
  })

  it.each<[string[], RegExp]>([
    [[], /--data DIR is missing/],
    [['--data', 'x'], /--port N is missing/],
    [['--data', 'x', '--port', 'http'], /"http" is not a port/],
    [['--data', 'x', '--port', '70000'], /"70000" is not a port/],
    [['--data', 'x', '--port', '0', '--latency-scale', 'fast'], /"fast" is not a number/],
    [['--data', 'x', '--port', '0', '--latency-scale=-1'], /"-1" is not a number/],
    [['--data', 'x', '--port', '0', '--speed', '2'], /--speed/],
    [['--data', 'x', '--port', '0', 'stray'], /stray/],
    [['--data', '/nowhere/at/all', '--port', '0'], /no folder "\/nowhere\/at\/all"/],
  ])('ends with 2 and a reason for %j', async (args, message) => {
    const command = run(...args)
    expect(await command.code).toBe(2)
    expect(command.err.join('\n')).toMatch(message)
    expect(command.out).toEqual([])
  })

  it('ends with 1 when the port is taken', async () => {
    const first = run('--data', mathJsonDir(), '--port', '0', '--json')
    const { port } = JSON.parse(await first.line) as { port: number }
    const second = run('--data', mathJsonDir(), '--port', String(port))
    expect(await second.code).toBe(1)
    expect(second.err.join()).toMatch(/EADDRINUSE/)
    first.stop.abort()
    await first.code
  })
})
