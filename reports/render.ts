import { readdirSync, readFileSync } from 'node:fs'
import Handlebars from 'handlebars'
import { assetUrl } from './assets.ts'
import { registerHelpers } from './helpers.ts'
import type { PageName, PageViews, Shell } from './views.ts'
import { visibleView } from './visible.ts'

type Template = Handlebars.TemplateDelegate<{
  shell: Shell
  view: unknown
  page: PageName
  isLive: boolean
  isStandalone: boolean
}>

const pageNames = [
  'overview',
  'route',
  'proposal',
  'eval-run',
  'datasets',
  'dataset',
  'decisions',
  'decision',
  'inventory',
  'savings',
  'labels',
  'gateways',
  'audit',
  'keys',
  'login',
  'error',
] as const
const strict = { strict: true, preventIndent: true } as const
const folder = new URL('./templates/', import.meta.url)
let compiled: ReadonlyMap<PageName, Template> | null = null

/**
 * The HTML document of a page. Pure but for reading its own templates once.
 *
 * Every string of the view is escaped, and invisible or direction-changing characters in it are written out.
 *
 * @throws when a view lacks a field its template names, or holds a state the pages do not know
 */
export function renderPage<N extends PageName>(page: N, view: PageViews[N], shell: Shell): string {
  compiled ??= compileAll()
  const template = compiled.get(page)
  if (template === undefined) throw new Error(`no page "${page}"; known: ${pageNames.join(', ')}`)
  return template({
    page,
    view: visibleView(view),
    shell: visibleView({ staleSeconds: 0, liveUrl: '', exportUrl: '', sourceUrl: '', ...shell }),
    isLive: shell.liveUrl !== undefined,
    isStandalone: shell.sourceUrl !== undefined,
  })
}

function compileAll(): ReadonlyMap<PageName, Template> {
  const engine = Handlebars.create()
  registerHelpers(engine)
  engine.registerHelper('asset', (name: string) => assetUrl(name))
  const partials = new URL('partials/', folder)
  for (const file of readdirSync(partials).filter((name) => name.endsWith('.hbs'))) {
    engine.registerPartial(file.slice(0, -4), engine.compile(readFileSync(new URL(file, partials), 'utf8'), strict))
  }
  return new Map(
    pageNames.map((name) => [
      name,
      engine.compile(readFileSync(new URL(`${name}.hbs`, folder), 'utf8'), strict) as Template,
    ]),
  )
}
