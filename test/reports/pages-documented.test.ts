import { readdirSync, readFileSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const folder = new URL('../../docs/', import.meta.url)
const text = readFileSync(new URL('pages.md', folder), 'utf8')
const screens = readdirSync(new URL('screens/', folder))

describe('docs/pages.md (E1)', () => {
  it('has a section for every address of a page', () => {
    const files = ['report-pages', 'dataset-pages', 'label-pages', 'record-pages', 'oversight-pages', 'key-pages']
    const sources = files.map((name) => readFileSync(new URL(`../server/control/${name}.ts`, folder), 'utf8'))
    const addresses = sources.flatMap((source) => [...source.matchAll(/page\(router, deps, '([^']+)'/g)])
    const expected = addresses.map((match) => (match[1] ?? '').replace(/:name/, 'NAME').replace(/:id/, 'ID'))
    expect(expected.length).toBeGreaterThan(15)
    expect(expected.filter((address) => !text.includes(`\`${address}\``))).toEqual([])
  })

  it('shows every screen there is, with words for those who do not see it, and no other', () => {
    const shown = [...text.matchAll(/!\[([^\]]+)\]\(screens\/([^)]+)\)/g)]
    expect(shown.map((match) => match[2]).sort()).toEqual(screens.sort())
    expect(shown.filter((match) => (match[1] ?? '').length < 8)).toEqual([])
  })

  it('keeps its screens small: 150 KB each', () => {
    expect(screens.filter((name) => statSync(new URL(`screens/${name}`, folder)).size > 150 * 1024)).toEqual([])
  })
})
