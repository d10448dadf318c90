import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { assets, assetUrl } from '#reports/assets.ts'
import { aDecision, aDecisionsView } from '#test/reports/decision-factories.ts'
import { anEvalRun } from '#test/reports/eval-run-factories.ts'
import { anOverview } from '#test/reports/factories.ts'
import { aProposal } from '#test/reports/proposal-factories.ts'
import { aRoute } from '#test/reports/route-factories.ts'
import { anInventory, aSavings } from '#test/reports/savings-factories.ts'

const folder = new URL('../../reports/', import.meta.url)

function filesIn(path: string, ending: string): { name: string; text: string }[] {
  return readdirSync(new URL(path, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => ({ name, text: readFileSync(new URL(`${path}${name}`, folder), 'utf8') }))
}

const templates = filesIn('templates/', '.hbs')

describe('templates', () => {
  it.each(templates)('$name escapes everything: no triple or ampersand braces', ({ text }) => {
    expect(text).not.toMatch(/\{\{\{|\{\{&/)
  })

  it.each(templates)('$name quotes every attribute that holds a value', ({ text }) => {
    expect(text).not.toMatch(/\s[a-z-]+=\{\{/)
  })

  it.each(templates)('$name writes no address without the url helpers', ({ text }) => {
    const addresses = [...text.matchAll(/\s(?:href|src|action|formaction)="([^"]*\{\{[^"]*)"/g)].map(
      (match) => match[1],
    )
    for (const address of addresses) expect(address).toMatch(/^#[\w-]*\{\{prefix\}\}|^\{\{(safeUrl|path|asset) /)
  })

  it.each(templates)('$name uses bodyText, which keeps quotes, in text nodes only', ({ text }) => {
    expect(text).not.toMatch(/="[^"]*\{\{bodyText/)
  })

  it.each(templates)('$name has no inline script, style or handler', ({ text }) => {
    expect(text).not.toMatch(/<script(?! src="\{\{asset 'live\.js'\}\}" defer>)|<style|\sstyle=|\son[a-z]+=/)
  })

  it('makes HTML outside the templates in one place only', () => {
    const makers = filesIn('', '.ts').filter(({ text }) => text.includes('SafeString'))
    expect(makers.map(({ name }) => name)).toEqual(['markup.ts'])
  })

  it('has no helper whose name a view uses for a field: the helper would hide the field', () => {
    const text = readFileSync(new URL('helpers.ts', folder), 'utf8')
    const helpers = [...text.matchAll(/^ {4}(\w+)[:,(]/gm)].map((match) => match[1] ?? '')
    const fields = new Set<string>()
    const collect = (value: unknown): void => {
      if (Array.isArray(value)) value.forEach(collect)
      else if (typeof value === 'object' && value !== null) {
        for (const [key, part] of Object.entries(value)) {
          fields.add(key)
          collect(part)
        }
      }
    }
    collect([
      anOverview(),
      aRoute(),
      aProposal(),
      anEvalRun(),
      aDecisionsView(),
      aDecision(),
      anInventory(),
      aSavings(),
    ])
    expect(helpers.length).toBeGreaterThan(30)
    expect(helpers.filter((name) => fields.has(name))).toEqual([])
  })
})

describe('assets', () => {
  it('fetch nothing from elsewhere', () => {
    for (const [, asset] of assets())
      expect(asset.body.toString('utf8').replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(
        /https?:|\/\/[a-z]+\./,
      )
  })

  it('have an address that changes with their content', () => {
    const style = assets().get('/assets/style.css')
    expect(assetUrl('style.css')).toBe(`/assets/style.css?v=${style?.etag.slice(1, 17)}`)
    expect(() => assetUrl('other.css')).toThrow(/no asset "other.css"; known: \/assets\/style.css/)
  })

  it('keep the client script free of ways to run text as code', () => {
    const script = assets().get('/assets/live.js')?.body.toString('utf8') ?? ''
    expect(script).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|outerHTML\s*=[^=]/)
  })

  it('define every colour of the dark scheme that the light one defines, but for sizes and fonts', () => {
    const css = assets().get('/assets/style.css')?.body.toString('utf8') ?? ''
    const [light = '', dark = ''] = css.split('@media screen and (prefers-color-scheme: dark)')
    const names = (text: string) =>
      [...text.slice(0, text.indexOf('\n}')).matchAll(/(--[a-z-]+): (?:#|rgb|none|0 1px)/g)].map((match) => match[1])
    expect(names(dark)).toEqual(names(light))
  })
})
