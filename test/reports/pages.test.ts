import { describe, expect, it } from 'vitest'
import { renderPage } from '#reports/render.ts'
import type { PageName, PageViews } from '#reports/views.ts'
import { anOverview, aShell } from '#test/reports/factories.ts'
import { hostile, pages } from '#test/reports/pages.ts'
import { aProposal } from '#test/reports/proposal-factories.ts'
import { aRoute } from '#test/reports/route-factories.ts'

const names = Object.keys(pages)

/** Hashes in asset addresses change with every style; the page does not. */
function withoutHashes(html: string): string {
  return html.replace(/\?v&#x3D;[0-9a-f]+/g, '?v&#x3D;HASH')
}

function renderNamed(name: string): string {
  return pages[name]?.() ?? ''
}

/** Opening tags in order, without their attributes' values. */
function tags(html: string): string[] {
  return [...html.matchAll(/<([a-z][a-z0-9]*)/g)].map((match) => match[1] ?? '')
}

describe('pages (E1)', () => {
  it.each(names)('%s is the HTML that was reviewed', async (name) => {
    await expect(withoutHashes(renderNamed(name))).toMatchFileSnapshot(`../golden/${name}.html`)
  })

  it.each(names)('%s has one h1, a main landmark, a title, and a skip link that leads to it', (name) => {
    const html = renderNamed(name)
    const headings = html.match(/<h1[ >]/g) ?? []
    expect(headings.length).toBe(1)
    expect(html).toContain('<main id="main"')
    expect(html).toContain('href="#main"')
    expect(html).toMatch(/<title>[^<]+ · Interlock<\/title>/)
  })

  it.each(names)('%s holds no inline script, style or handler', (name) => {
    const html = renderNamed(name)
    expect(html.includes('<style')).toBe(false)
    const scripts = html.match(/<script[^>]*>/g) ?? []
    expect(scripts.filter((tag) => !/^<script src="\/assets\/live\.js\?v&#x3D;[0-9a-f]+" defer>$/.test(tag))).toEqual(
      [],
    )
    expect(html.match(/<[^>"]*(?:"[^"]*"[^>"]*)*\s(?:on[a-z]+|style)\s*=/g)).toBeNull()
  })

  it.each(names)('%s never uses an id twice, and every reference of a label or description finds its id', (name) => {
    const html = renderNamed(name)
    const ids = [...html.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1])
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
    const references = [...html.matchAll(/\s(?:for|aria-labelledby|aria-describedby)="([^"]+)"/g)].map(
      (match) => match[1],
    )
    expect(references.filter((id) => !ids.includes(id))).toEqual([])
  })

  it.each(names)('%s gives every header cell a scope and every data table a caption', (name) => {
    const html = renderNamed(name)
    expect(html.match(/<th(?![^>]*scope=)[ >]/g)).toBeNull()
    expect((html.match(/<table/g) ?? []).length).toBe((html.match(/<caption/g) ?? []).length)
  })

  it.each(names)('%s gives every drawn chart a title', (name) => {
    const drawn = renderNamed(name).match(/<svg[^>]*role="img"[^>]*>(?!<title>[^<]+<\/title>)/g)
    expect(drawn).toBeNull()
  })

  it.each(names)('%s closes every element it opens', (name) => {
    const html = renderNamed(name)
    const voids = new Set(['meta', 'link', 'input', 'path', 'circle', 'rect', 'use', 'br', 'hr'])
    const open: string[] = []
    for (const [, isEnd, tag, isSelfClosed] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)(?:"[^"]*"|[^>"])*?(\/?)>/g)) {
      if (tag === undefined || (voids.has(tag) && isEnd === '')) continue
      if (isEnd === '/') expect(open.pop()).toBe(tag)
      else if (isSelfClosed === '') open.push(tag)
    }
    expect(open).toEqual([])
  })
})

describe('hostile text', () => {
  const clean = 'plain words'
  const hostilePages = names.filter((name) => name.endsWith('-hostile'))

  it.each(hostilePages)('%s opens no element and no attribute from it', (name) => {
    const html = renderNamed(name)
    expect(html).not.toContain('<img')
    expect(html).not.toMatch(/<script>/)
    expect(html).not.toMatch(/href="javascript:/i)
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  })

  it.each(hostilePages)('%s writes out its bidi, control, zero-width and tag characters', (name) => {
    const html = renderNamed(name)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: controls are what must not be there
    expect(html).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u200b\u202a-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]/u)
    expect(html).toContain('‹U+202E›')
    expect(html).toContain('‹U+001B›')
    expect(html).toContain('‹U+E0041›')
  })

  it('has the same elements in a proposal as harmless text has', () => {
    const render = (text: string) =>
      renderPage('proposal', { ...aProposal(), title: text, author: text, description: text }, aShell())
    expect(tags(render(hostile))).toEqual(tags(render(clean)))
  })

  it('cannot choose where the login leads to', () => {
    const html = renderNamed('login-refused')
    expect(html).not.toContain('javascript:')
    expect(html).toContain('name="next" value="#"')
  })
})

describe('renderPage', () => {
  it('refuses a view that lacks a field its page shows', () => {
    const { routes: _, ...incomplete } = anOverview()
    expect(() => renderPage('overview', incomplete as PageViews['overview'], aShell())).not.toThrow(/undefined/)
    const { title: __, ...noTitle } = aProposal()
    expect(() => renderPage('proposal', noTitle as PageViews['proposal'], aShell())).toThrow(/title/)
  })

  it('refuses a state the pages do not know, naming those they do', () => {
    const view = aProposal({ status: 'levitating' as never })
    expect(() => renderPage('proposal', view, aShell())).toThrow(/no proposal "levitating"; known: queued, offline/)
  })

  it('refuses an unknown page by name', () => {
    expect(() => renderPage('nowhere' as PageName, aRoute() as never, aShell())).toThrow(
      /no page "nowhere"; known: overview/,
    )
  })

  it('shows how old the numbers are when they are older than they should be', () => {
    expect(renderNamed('overview-stale')).toContain('These numbers are 42.0\u00a0s old.')
    expect(renderNamed('overview')).not.toContain('These numbers are')
  })

  it('puts the form token of the session into every form that changes something', () => {
    const html = renderNamed('proposal-inconclusive')
    const forms = html.match(/<form[^>]*method="post"/g) ?? []
    const tokens = html.match(/name="csrf" value="csrf-token-of-the-session"/g) ?? []
    expect(forms.length).toBeGreaterThan(2)
    expect(tokens.length).toBe(forms.length)
  })

  it('keeps a button one may not use visible, disabled, with the reason', () => {
    const html = renderNamed('proposal-inconclusive')
    expect(html).toMatch(
      /<button[^>]*disabled[^>]*aria-describedby="why-abort"[^>]*>Abort<\/button>\s*<p[^>]*id="why-abort">Needs the role operator/,
    )
  })

  it('never tells inconclusive or blocked as good', () => {
    const html = renderPage('proposal', aProposal(), aShell())
    expect(html).not.toMatch(/tone-good[^>]*>(?:<svg[^>]*>.*?<\/svg>)?(Inconclusive|Blocked)/)
    expect(html).toMatch(/tone-warn">(?:<svg[^>]*>.*?<\/svg>)?Inconclusive/)
  })
})
