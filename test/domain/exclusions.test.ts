import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { exclusionNames, exclusionWords } from '#domain/exclusions.ts'

const folder = new URL('../../server/domain/', import.meta.url)

/** Reasons that routing writes: `exclude('name', ...)`, and `by: 'name'` beside a model. */
function written(): Set<string> {
  const names = new Set<string>()
  for (const file of readdirSync(folder)) {
    const text = readFileSync(new URL(file, folder), 'utf8')
    for (const match of text.matchAll(/exclude\('([a-z_]+)'/g)) names.add(match[1] ?? '')
    for (const match of text.matchAll(/model,\s*by: '([a-z_]+)'/g)) names.add(match[1] ?? '')
  }
  return names
}

test('every reason routing excludes by has words and can be looked for, and there are no others (B7)', () => {
  expect([...written()].sort()).toEqual([...exclusionNames].sort())
})

test('words follow a model: they begin small and end without a full stop', () => {
  for (const words of Object.values(exclusionWords)) expect(words).toMatch(/^[a-z].*[^.]$/)
})
