import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { renderStandalone } from '#reports/standalone.ts'
import { anEvalRun } from '#test/reports/eval-run-factories.ts'
import { now } from '#test/reports/factories.ts'
import { hostile } from '#test/reports/pages.ts'
import { aProposal } from '#test/reports/proposal-factories.ts'

const of = (path: string, title = 'A copy') => ({
  shell: { title, generatedAt: now },
  origin: 'https://interlock.example.com',
  path,
})
const files = {
  proposal: () => renderStandalone('proposal', aProposal({ actions: [] }), of('/proposals/prp_7Hq2')),
  'eval-run': () => renderStandalone('eval-run', anEvalRun(), of('/eval-runs/run_1')),
  hostile: () =>
    renderStandalone('proposal', aProposal({ title: hostile, description: hostile }), of('/proposals/p', hostile)),
}

describe.each(Object.entries(files))('the file of a %s (E3)', (_name, render) => {
  const html = render()

  it('holds its styles under a policy that lets in these alone', () => {
    const css = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? ''
    const hash = createHash('sha256').update(css).digest('base64')
    expect(css.length).toBeGreaterThan(10_000)
    expect(html).toContain(`content="default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'`)
    expect(html.indexOf('Content-Security-Policy')).toBeLessThan(html.indexOf('<style>'))
    expect(html.match(/<style/g)?.length).toBe(1)
  })

  it('loads nothing: no script, no form, no frame, no address in src, and no path of its own', () => {
    expect(html).not.toMatch(/<script|<form|<iframe|<object|<embed|<button|\ssrc=|@import|url\(/)
    expect(html).not.toMatch(/href="\//)
    expect(html).toMatch(/<link rel="icon" href="data:image\/svg\+xml;base64,/)
  })

  it('says what it is a copy of, and leads back there', () => {
    expect(html).toMatch(/A copy of <a href="https:\/\/interlock\.example\.com\/(proposals|eval-runs)\/\w+">/)
    expect(html).toContain('<a class="brand" href="https://interlock.example.com/">')
  })

  it('has its charts and at most 1.5 MB', () => {
    expect(html).toMatch(/<svg[^>]*role="img"/)
    expect(Buffer.byteLength(html)).toBeLessThanOrEqual(1.5 * 1024 * 1024)
  })
})

describe('an origin that is none', () => {
  it('cannot leave the attribute it stands in', () => {
    const where = { ...of('/proposals/p'), origin: 'http://x"><script>alert(1)</script>' }
    expect(renderStandalone('proposal', aProposal({ actions: [] }), where)).not.toContain('<script')
  })
})
