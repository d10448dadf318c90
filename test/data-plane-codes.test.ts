import { expect, test } from 'vitest'
import { filesBelow, readText } from '#test/support/source-tree.ts'

/** `invalidRequest(400, 'code'`, `serverError(502, 'code'`, `code: 'code'`, and the codes of a refusal by routing. */
const written = /(?:(?:invalidRequest|serverError)\(\s*\d+,\s*|\bcode: )'([a-z_]+)'/g

test('docs/data-plane.md lists every code that the data plane answers with, once, and no other (E5)', () => {
  const sources = filesBelow(['server/gateway'], ['.ts']).map(readText).join('\n')
  const refusals = /interface Refusal \{[\s\S]*?\n\}/.exec(readText('server/domain/routing.ts'))?.[0] ?? ''
  const served = [
    ...[...sources.matchAll(written)].map((match) => match[1]),
    ...[...refusals.matchAll(/'([a-z_]+)'/g)].map((match) => match[1]),
    // Passed on from a provider that found no counterpart.
    'unsupported_by_provider',
  ]
  expect(served.length).toBeGreaterThan(30)
  const table = readText('docs/data-plane.md').split('## Codes')[1] ?? ''
  const documented = [...table.matchAll(/^\| (`[^|]+`) \| \d{3} \|/gm)].flatMap((row) =>
    [...(row[1] ?? '').matchAll(/`([a-z_]+)`/g)].map((match) => match[1]),
  )
  expect(documented.toSorted()).toEqual([...new Set(served)].toSorted())
})
