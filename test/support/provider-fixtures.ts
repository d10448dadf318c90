import { readFileSync } from 'node:fs'
import type { Json } from '#test/support/json.ts'

/** A recorded answer; where each comes from is in test/fixtures/providers/README.md. */
export interface Fixture {
  readonly name: string
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly request?: Json
  readonly body?: Json
  readonly stream?: string
}

/** The fixtures of one kind of provider, by name; an unknown name is an error. */
export function fixturesOf(kind: string): (name: string) => Fixture {
  const lines = readFileSync(`test/fixtures/providers/${kind}.jsonl`, 'utf8').trim().split('\n')
  const fixtures = lines.map((line) => JSON.parse(line) as Fixture)
  return (name) => {
    const found = fixtures.find((fixture) => fixture.name === name)
    if (found === undefined) throw new Error(`no fixture "${name}"; known: ${fixtures.map((f) => f.name).join(', ')}`)
    return found
  }
}
