import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

/** spin and a C compiler (Debian: spin, gcc) search every interleaving of rollout.pml; without them this is skipped, and said. */
const hasSpin = ['spin', 'gcc'].every((tool) => spawnSync(tool, ['-V']).error === undefined)
const model = new URL('rollout.pml', import.meta.url).pathname
const seconds = 240

/** Searches the model with a mistake in it, or as it is. @returns spin's report */
function search(folder: string, mistake: string | null): string {
  const run = (command: string, args: readonly string[]) => {
    const result = spawnSync(command, args, { cwd: folder, encoding: 'utf8', timeout: seconds * 1_000 })
    if (result.error !== undefined) throw result.error
    return `${result.stdout}${result.stderr}`
  }
  run('spin', ['-a', ...(mistake === null ? [] : [`-D${mistake}`]), model])
  run('gcc', ['-O2', '-DSAFETY', '-DCOLLAPSE', '-DVECTORSZ=2048', '-DMEMLIM=4000', '-o', 'pan', 'pan.c'])
  return run(join(folder, 'pan'), ['-m100000'])
}

describe.skipIf(!hasSpin)('the model of the rollout protocol (D7 to D9, D13)', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'interlock-model-'))
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test(
    'keeps its properties in every interleaving',
    () => {
      const report = search(folder, null)
      expect(report).toContain('errors: 0')
      // A search that was cut short proves nothing.
      expect(report).not.toMatch(/out of memory|max search depth too small|aborting/)
      expect(Number(/(\d+) states, stored/.exec(report)?.[1])).toBeGreaterThan(1_000_000)
    },
    seconds * 1_000,
  )

  test.each([
    ['NOLOCK', 'ended'],
    ['SELFAPPROVE', 'isAuthor'],
    ['NOFREEZE', 'frozen'],
    ['SPLITAUDIT', 'audited'],
    ['NOMONO', 'applied'],
    ['NOLEASE', 'served'],
    ['TIMEPASSES', 'found'],
    ['MISSINGPASS', 'found'],
  ])(
    'finds the mistake %s',
    (mistake, property) => {
      const report = search(folder, mistake)
      expect(report).toMatch(new RegExp(`assertion violated.*${property}`))
    },
    seconds * 1_000,
  )
})
