import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { answers } from '#http/error-handler.ts'

const document = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')
const rows = [...document.matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \| (.+?) \| (.+?) \|$/gm)]

test('docs/errors.md lists every code once, with the status it is answered with, a meaning and a way out (E5)', () => {
  const documented = rows.map(([, code, status]) => `${code} ${status}`).sort()
  const served = Object.entries(answers).map(([code, { status }]) => `${code} ${status}`)
  expect(documented).toEqual(served.sort())
})

test('every code has a title of its own, so that no two problems look the same', () => {
  const titles = Object.values(answers).map(({ title }) => title)
  expect(new Set(titles).size).toBe(titles.length)
})
