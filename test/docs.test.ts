import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { exitCodes } from '#cli/io.ts'
import { filesBelow, readText, root } from '#test/support/source-tree.ts'

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...filesBelow(['docs', 'datasets', 'evaluators', 'server', 'runners', 'reports', 'test'], ['.md']),
]

describe('the documentation', () => {
  test('links to files that exist', () => {
    const broken = pages.flatMap((page) =>
      [...readText(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map((match) => match[1] ?? '')
        .filter((target) => !existsSync(join(root, dirname(page), target)))
        .map((target) => `${page}: ${target}`),
    )
    expect(broken).toEqual([])
  })

  test('names files of the tree that exist', () => {
    // `server/domain/bucket.ts`, `domain/bar-check`, `runners/reconcile`
    const pattern = /`((?:server\/)?(?:[a-z]+\/)+[a-z0-9_-]+)(\.[a-z]+)?`/g
    const rooms =
      /^(?:server|domain|infra|providers|store|http|rollout|gateway|control|cli|runners|evaluators|datasets|reports|migrations|test|docs)\//
    const unknown = pages.flatMap((page) =>
      [...readText(page).matchAll(pattern)]
        .map((match) => ({ base: match[1] ?? '', ending: match[2] ?? '' }))
        .filter(({ base }) => rooms.test(base))
        .filter(({ base, ending }) => !isInTree(base, ending))
        .map(({ base, ending }) => `${page}: ${base}${ending}`),
    )
    expect(unknown).toEqual([])
  })

  test('lists every variable of the environment that a process reads, and no other', () => {
    const schema = /const schema = \{[\s\S]*?\n\} as const/.exec(readText('server/infra/config.ts'))?.[0] ?? ''
    const known = [...schema.matchAll(/^ {4}([A-Z_]+):/gm)].map((match) => match[1])
    expect(known.length).toBeGreaterThan(5)
    expect(firstCells(readText('docs/operations.md'), /^[A-Z_]+$/).sort()).toEqual(known.sort())
    const inReadme = firstCells(readText('README.md'), /^[A-Z_]+$/)
    expect(inReadme.filter((name) => !known.includes(name))).toEqual([])
  })

  test('names every command of the program in the README', () => {
    const commands = /commands[^{]*\{([\s\S]*?)^\}/m.exec(readText('runners/commands.ts'))?.[1] ?? ''
    const own = [...commands.matchAll(/^ {2}(?:'([a-z-]+)'|([a-z-]+)): ?\{/gm)].map((match) => match[1] ?? match[2])
    const client = [...readText('server/cli/client-commands.ts').matchAll(/^ {2}([a-z-]+): \{ summary/gm)]
    const names = [...own, ...client.map((match) => match[1])]
    expect(names).toEqual(expect.arrayContaining(['serve', 'demo', 'score', 'propose', 'status']))
    const table = readText('README.md').split('## Commands')[1]?.split('\n## ')[0] ?? ''
    expect(names.filter((name) => !new RegExp(`\`(?:[^\`]* )?${name}[ \`]`).test(table))).toEqual([])
  })

  test('gives the exit codes as they are', () => {
    const text = readText('README.md').split('Exit codes')[1]?.split('\n\n')[0] ?? ''
    const told = [...text.matchAll(/\b(\d) [a-z]/g)].map((match) => Number(match[1]))
    expect(told).toEqual(Object.values(exitCodes))
  })

  test('numbers its decisions without a gap, each with context, choice, price and an example', () => {
    const names = readdirSync(join(root, 'docs/decisions')).sort()
    expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(names.map((_, index) => index + 1))
    for (const name of names) {
      const page = readText(`docs/decisions/${name}`)
      expect(page, name).toMatch(new RegExp(`^# ${name.slice(0, 4)} `))
      for (const part of ['**Context.**', '**Choice.**', '**What we gave up.**', '| preferred | discouraged |']) {
        expect(page.includes(part), `${name} lacks ${part}`).toBe(true)
      }
    }
  })
})

/** First cells of all table rows that hold one code word, or several with commas between. */
function firstCells(page: string, pattern: RegExp): string[] {
  const cells = [...page.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap((match) => (match[1] ?? '').split(', '))
  return cells.map((cell) => cell.replaceAll('`', '')).filter((name) => pattern.test(name))
}

/** A file or folder by its path from the root, or from server/; `room/file` and `room/file.function` mean `room/file.ts`. */
function isInTree(base: string, ending: string): boolean {
  if (base === 'runners/entry') return true
  const isFunction = !['.ts', '.md', '.hbs', '.css', '.jsonl'].includes(ending)
  const ends = isFunction ? ['.ts', ''] : [ending]
  return [base, `server/${base}`].some((place) => ends.some((end) => existsSync(join(root, place + end))))
}
