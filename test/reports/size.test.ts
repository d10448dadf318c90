import { describe, expect, it } from 'vitest'
import { renderPage } from '#reports/render.ts'
import { aCase, anAnswer, anEvalRun } from '#test/reports/eval-run-factories.ts'
import { aShell } from '#test/reports/factories.ts'

/** The largest report there can be: the page is bounded whatever the run's size, so 10,000 items look like this. */
function largestReport(): string {
  const words = Array.from({ length: 120 }, (_, index) => `"word${index % 37}":`).join(' ')
  const text = (seed: number) => ({ text: words.slice(seed, seed + 790), isCut: true, totalChars: 9000 })
  const one = (position: number) =>
    aCase({
      position,
      itemId: `item-${position}`,
      input: Array.from({ length: 2 }, (_, index) => ({
        role: index % 2 === 0 ? 'user' : 'assistant',
        content: { ...text(index), text: words.slice(0, 500) },
      })),
      context: Array.from({ length: 3 }, () => ({ ...text(1), text: words.slice(0, 250) })),
      baseline: anAnswer('', { output: text(0) }),
      candidate: anAnswer('', { output: text(7) }),
    })
  const view = anEvalRun({
    regressions: Array.from({ length: 20 }, (_, index) => one(index)),
    improvements: Array.from({ length: 3 }, (_, index) => one(100 + index)),
    slices: Array.from({ length: 4 }, (_, index) => {
      const [row] = anEvalRun().slices[0]!.rows
      return { dimension: `dimension ${index}`, rows: Array.from({ length: 7 }, () => row!), hiddenCount: 30 }
    }),
  })
  return renderPage('eval-run', view, aShell())
}

describe('the largest eval report', () => {
  it('is at most 300 KB and 3,000 elements', () => {
    const html = largestReport()
    expect(Buffer.byteLength(html)).toBeLessThanOrEqual(300 * 1024)
    expect((html.match(/<[a-z]/g) ?? []).length).toBeLessThanOrEqual(3000)
  })
})
