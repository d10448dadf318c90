import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Deviation, isAllowed, roomOf, roomRules, violation } from '#test/support/room-rules.ts'
import {
  filesBelow,
  findCycle,
  importsOf,
  readSource,
  readText,
  root,
  type SourceFile,
  topLevelFolders,
  withoutComments,
} from '#test/support/source-tree.ts'

/**
 * Where a file may do what its room may not, each with the reason. An entry that is no longer needed fails the test.
 */
const deviations: readonly Deviation[] = [
  {
    file: 'datasets/replay-*.ts',
    uses: 'node:http',
    reason: 'it is a server: recorded answers of real models for the demo and tests, without a network',
  },
  {
    file: 'datasets/replay-*.ts',
    uses: 'node:zlib',
    reason: 'recordings of answers are kept compressed, and read once at start',
  },
  {
    file: 'evaluators/deadline.ts',
    uses: 'node:vm',
    reason: "the engine's watchdog is what ends a schema or pattern of a stranger that would run for minutes",
  },
  {
    file: 'datasets/upload-*.ts',
    uses: 'node:worker_threads',
    reason: 'a file of 32 MiB takes seconds to read, and requests are served meanwhile',
  },
  {
    file: 'evaluators/schema-*.ts',
    uses: 'node:worker_threads',
    reason: 'schemas come from strangers: neither the time nor the memory they take may be that of requests',
  },
  {
    file: 'server/domain/pattern.ts',
    uses: 're2js',
    reason: 'a pattern search in linear time is part of deciding a route; the package is pure: no I/O, clock or state',
  },
  {
    file: 'runners/demo/traffic.ts',
    uses: 'undici',
    reason: 'plays the application of the demo: an HTTP client from outside, two routes at an even rate on two cores',
  },
]

/** Functions that are one flat list: splitting them would only hide its order. */
const longByNature: readonly Omit<Deviation, 'uses'>[] = [
  { file: 'migrations/*.ts', reason: 'a migration is a list of statements, read and reviewed from top to bottom' },
  { file: 'reports/helpers.ts', reason: 'the table of every helper a template may call, one line each' },
]

/** Files that read the clock or a random source themselves, each with the reason; everything else is handed both. */
const clockReaders: readonly Deviation[] = [
  {
    file: 'datasets/replay-*.ts',
    uses: 'performance.now, Date.now',
    reason: 'plays a recording back at the speed it was recorded with; it belongs to no decision',
  },
  {
    file: 'runners/demo/demo.ts',
    uses: 'performance.now',
    reason: 'prints how many seconds into the story a line was told; it decides nothing',
  },
]

const folders = ['server', 'evaluators', 'runners', 'datasets', 'reports', 'migrations', 'test']
const sources = filesBelow(folders, ['.ts']).map(readSource)
const product = sources.filter((file) => !file.path.startsWith('test/'))

describe('the tree', () => {
  test('has exactly these top-level folders', () => {
    expect(topLevelFolders()).toEqual([...folders, '.ci', 'docs'].sort())
  })

  test('has no barrel, no drawer, no default export and no require', () => {
    const names = sources.filter(({ path }) => /\/(index|utils?|helpers?|lib|common|misc|shared)\.ts$/.test(path))
    expect(names.map(({ path }) => path).filter((path) => path !== 'reports/helpers.ts')).toEqual([])
    expect(matches(sources, /^export default\b|^module\.exports\b|\bcreateRequire\b|\brequire\(/m)).toEqual([])
  })

  test('has no file over 400 lines and no function over 60', () => {
    const files = [...sources, ...filesBelow(['reports', 'server'], ['.hbs', '.css', '.js']).map(readSource)]
    expect(files.filter(({ lines }) => lines > 400).map(({ path, lines }) => `${path}: ${lines}`)).toEqual([])
    expect(product.flatMap(longFunctions).filter(outside(longByNature.map(({ file }) => file)))).toEqual([])
  })

  test('speaks the words of the glossary', () => {
    const withoutStrings = product.map((file) => ({ ...file, code: file.code.replace(/'[^'\n]*'/g, "''") }))
    expect(matches(withoutStrings, /\b(variant|challenger|treatment|grader)s?\b/i)).toEqual([])
  })
})

describe('imports', () => {
  test('are `./file.ts` inside a room and `#room/file.ts` across rooms', () => {
    const faults = sources.flatMap((file) =>
      file.imports.filter((edge) => isMisspelt(file, edge.specifier, edge.file)).map((edge) => violation(file, edge)),
    )
    expect(faults).toEqual([])
  })

  test('lead to files that exist', () => {
    const known = new Set(sources.map(({ path }) => path))
    const others = sources.filter(({ path }) => path !== 'test/architecture.test.ts')
    const faults = others.flatMap((file) =>
      file.imports.filter((edge) => edge.file !== null && !known.has(edge.file)).map((edge) => violation(file, edge)),
    )
    expect(faults).toEqual([])
  })

  test.each(roomRules)('of $name are what its rule allows', (rule) => {
    const faults = product
      .filter((file) => roomOf(file.path) === rule.name)
      .flatMap((file) =>
        file.imports
          .filter((edge) => !isAllowed(rule, edge) && !deviates(file, edge))
          .map((edge) => violation(file, edge)),
      )
    expect(faults).toEqual([])
  })

  test('of product files never reach into test/, and packages are dependencies, not development tools', () => {
    const { dependencies } = JSON.parse(readText('package.json')) as { dependencies: Record<string, string> }
    const faults = product.flatMap((file) =>
      file.imports
        .filter(
          (edge) =>
            edge.file?.startsWith('test/') ||
            (edge.package !== null && !edge.package.startsWith('node:') && !(edge.package in dependencies)),
        )
        .map((edge) => violation(file, edge)),
    )
    expect(faults).toEqual([])
  })

  test('form no cycle: not between files, not between rooms, not between top-level folders', () => {
    expect(findCycle(graphOf(sources, (path) => path))).toBeNull()
    expect(findCycle(graphOf(product, (path) => roomOf(path)))).toBeNull()
    expect(findCycle(graphOf(product, (path) => path.split('/')[0] ?? null))).toBeNull()
  })

  test('every room has a rule, and every deviation is still needed and says why', () => {
    const rooms = new Set(product.map((file) => roomOf(file.path)))
    expect([...rooms].filter((room) => !roomRules.some((rule) => rule.name === room))).toEqual([])
    const stale = deviations.filter(
      ({ file, uses }) =>
        !product.some((source) => isLike(source.path, file) && source.imports.some((edge) => edge.package === uses)),
    )
    expect(stale).toEqual([])
    expect([...deviations, ...clockReaders].filter(({ reason }) => reason.length < 30)).toEqual([])
  })
})

describe('purity', () => {
  test('only infra/config.ts reads the environment; the program hands it on', () => {
    const readers = ['server/infra/config.ts', 'runners/interlock.ts']
    expect(matches(product, /\bprocess\.env\b|\bprocess\[|\bfrom 'node:process'/).filter(outside(readers))).toEqual([])
  })

  test('only deps.ts reads the clock and a random source; everything else is handed both', () => {
    const pattern =
      /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.(?:now|timeOrigin)\b|\bprocess\.hrtime\b/
    const readers = ['server/deps.ts', ...clockReaders.map(({ file }) => file)]
    expect(matches(product, pattern).filter(outside(readers))).toEqual([])
  })

  test('the domain hashes, and does nothing else with node:crypto; it neither waits nor logs', () => {
    const domain = product.filter((file) => roomOf(file.path) === 'server/domain')
    const names = domain.flatMap(({ code }) =>
      [...code.matchAll(/import \{([^}]*)\} from 'node:crypto'/g)].map((match) => match[1]?.trim()),
    )
    expect([...new Set(names)].filter((name) => name !== 'createHash' && name !== 'hash')).toEqual([])
    expect(matches(domain, /\basync\b|\bawait\b|\bPromise\b|\bsetTimeout\b|\bconsole\b|\bprocess\b/)).toEqual([])
  })

  test('only the entry points handle signals and end the process', () => {
    const faults = matches(product, /\bprocess\.(?:on|once|exit)\(|\bprocess\.exitCode\b/)
    const entries = ['runners/interlock.ts', 'runners/serve.ts', 'server/store/migrate-command.ts']
    expect(faults.filter(outside(entries))).toEqual([])
  })
})

describe('templates', () => {
  const templates = filesBelow(['reports'], ['.hbs']).map((path) => ({ path, text: readText(path) }))

  test('print text escaped, quote every attribute, and hold no script and no style', () => {
    expect(templates.length).toBeGreaterThan(0)
    expect(templates.flatMap(({ path, text }) => templateFaults(text).map((fault) => `${path}: ${fault}`))).toEqual([])
  })
})

describe('docs/architecture.md', () => {
  test('shows the rule of every room as it is kept here', () => {
    const page = readText('docs/architecture.md')
    const rows = [...page.matchAll(/^\| `([a-z/]+)` \|([^|]*)\|([^|]*)\|$/gm)].map((match) => ({
      name: match[1],
      rooms: quoted(match[2] ?? ''),
      packages: quoted(match[3] ?? ''),
    }))
    const rules = roomRules.map(({ name, rooms, typesOf = [], packages }) => ({
      name,
      rooms: [...rooms, ...typesOf],
      packages,
    }))
    expect(rows).toEqual(rules)
  })
})

describe('this test', () => {
  const read = (code: string) =>
    importsOf('server/store/a.ts', withoutComments(code), { '#domain/*': './server/domain/*' })

  test('sees every form of import, and none in comments', () => {
    const edges = read(
      [
        "import type { A } from '#domain/a.ts'",
        "import {\n  b,\n} from './b.ts'",
        "import './c.ts'",
        "export * from './d.ts'",
        "export type { E } from './e.ts'",
        "const f = await import('./f.ts')",
        "new Worker(new URL('./g.ts', import.meta.url))",
        "import * as pg from 'pg'",
        "import m, { n } from '@scope/m/deep.js'",
        "// import './no.ts'",
        "/*\nimport './no.ts'\n*/",
        " * import { x } from './no.ts'",
      ].join('\n'),
    )
    expect(edges.map((edge) => edge.file ?? edge.package).sort()).toEqual([
      '@scope/m',
      'pg',
      'server/domain/a.ts',
      ...['b', 'c', 'd', 'e', 'f', 'g'].map((name) => `server/store/${name}.ts`),
    ])
    expect(edges.filter((edge) => edge.isTypeOnly).map((edge) => edge.specifier)).toEqual(['#domain/a.ts', './e.ts'])
  })

  test('sees an import that its room may not make', () => {
    const check = (path: string, code: string) => {
      const rule = roomRules.find(({ name }) => name === roomOf(path))
      const aliases = { '#reports/*': './reports/*', '#gateway/*': './server/gateway/*', '#test/*': './test/*' }
      return importsOf(path, code, aliases).map((edge) => rule !== undefined && isAllowed(rule, edge))
    }
    expect(
      check('server/domain/a.ts', "import { randomBytes } from 'node:crypto'\nimport { join } from 'node:path'"),
    ).toEqual([true, false])
    expect(check('server/store/a.ts', "import type { V } from '#reports/views.ts'")).toEqual([true])
    expect(check('server/store/a.ts', "import { render } from '#reports/render.ts'")).toEqual([false])
    expect(check('runners/reconcile.ts', "import { chat } from '#gateway/chat.ts'")).toEqual([false])
    expect(check('runners/serve.ts', "import { a } from '#test/support/a.ts'")).toEqual([false])
    expect(
      check('datasets/load.ts', "import { readFile } from 'node:fs/promises'\nimport net from 'node:net'"),
    ).toEqual([true, false])
  })

  test('sees what a template may not hold', () => {
    expect(
      templateFaults('<p class="a {{b}}" title="x=y on=z">{{#if (eq a "b")}} hidden{{/if}}{{> part name="c"}}</p>'),
    ).toEqual([])
    expect(templateFaults('{{{answer}}}')).toEqual(['unescaped output'])
    expect(templateFaults('{{&answer}}')).toEqual(['unescaped output'])
    expect(templateFaults('<a title={{name}}>')).toEqual(['unquoted attribute'])
    expect(templateFaults('<script>go()</script>')).toEqual(['inline script'])
    expect(templateFaults('<p style="color: red">')).toEqual(['inline style'])
    expect(templateFaults('<p onclick="go()">')).toEqual(['event attribute'])
    expect(templateFaults('<a href="javascript:go()">')).toEqual(['script address'])
  })

  test('finds a cycle however long, and none in a tree', () => {
    const graph = (edges: Record<string, string[]>) =>
      new Map(Object.entries(edges).map(([node, next]) => [node, new Set(next)]))
    expect(findCycle(graph({ a: ['b'], b: ['c'], c: ['d'], d: ['b'] }))).toEqual(['b', 'c', 'd', 'b'])
    expect(findCycle(graph({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }))).toBeNull()
  })

  test('reads real files: the tree is not empty', () => {
    expect(product.length).toBeGreaterThan(50)
    expect(readFileSync(join(root, 'package.json'), 'utf8')).toContain('"interlock"')
  })
})

/** A relative import that leaves its room, or an alias that stays in its folder or takes the long way round. */
function isMisspelt(file: SourceFile, specifier: string, target: string | null): boolean {
  if (specifier.startsWith('../') || specifier.includes('/../')) return true
  if (target === null) return specifier.startsWith('.') || specifier.startsWith('#')
  if (specifier.startsWith('./')) return !isSameRoom(file.path, target)
  if (/^#server\/[^/]+\//.test(specifier)) return true
  return isSameRoom(file.path, target) && !file.path.startsWith('test/') && folder(file.path) === folder(target)
}

function isSameRoom(from: string, to: string): boolean {
  const inRunners = from.startsWith('runners/') && to.startsWith('runners/')
  return inRunners || roomOf(from) === roomOf(to)
}

function folder(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function deviates(file: SourceFile, edge: { readonly package: string | null }): boolean {
  return deviations.some((deviation) => isLike(file.path, deviation.file) && deviation.uses === edge.package)
}

/** `pattern` is a path in which `*` stands for part of a file's name. */
function isLike(path: string, pattern: string): boolean {
  const [before = '', after] = pattern.split('*')
  if (after === undefined) return path === pattern
  return path.startsWith(before) && path.endsWith(after) && !path.slice(before.length).includes('/')
}

function outside(paths: readonly string[]): (match: string) => boolean {
  return (match) => !paths.some((path) => isLike(match.slice(0, match.indexOf(':')), path))
}

/** `path:line: text` of every line of code that matches. */
function matches(files: readonly SourceFile[], pattern: RegExp): string[] {
  const oneLine = new RegExp(pattern.source, pattern.flags.replace('g', ''))
  return files.flatMap(({ path, code }) =>
    code.split('\n').flatMap((line, index) => (oneLine.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  )
}

/** Functions and methods longer than 60 lines. The formatter puts the closing brace below the first letter of the head. */
function longFunctions({ path, code }: SourceFile): string[] {
  const lines = code.split('\n')
  return lines.flatMap((line, start) => {
    const head =
      /^(\s*)(?:export )?(?:async )?(?:function\b|(?:static |async |get |#)*\w+\([^)]*\)?.*\{$|const \w+ = .*=> \{$)/.exec(
        line,
      )
    if (head === null || /^\s*(?:if|for|while|switch|catch|return|describe|test)\b/.test(line)) return []
    const length = lines.slice(start + 1).findIndex((next) => next.startsWith(`${head[1]}}`)) + 2
    return length > 60 ? [`${path}:${start + 1}: ${length} lines`] : []
  })
}

function graphOf(files: readonly SourceFile[], nameOf: (path: string) => string | null): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>()
  for (const file of files) {
    const from = nameOf(file.path)
    if (from === null) continue
    const targets = graph.get(from) ?? new Set()
    graph.set(from, targets)
    for (const edge of file.imports) {
      const to = edge.file === null ? null : nameOf(edge.file)
      if (to !== null && to !== from) targets.add(to)
    }
  }
  return graph
}

const templateRules: readonly (readonly [string, RegExp, 'text' | 'markup'])[] = [
  ['unescaped output', /\{\{\{|\{\{&/, 'text'],
  ['script address', /javascript:/i, 'text'],
  ['unquoted attribute', /<[^>]*\s[\w-]+=(?!"")/, 'markup'],
  ['inline script', /<script(?![^>]*\ssrc=)[^>]*>/i, 'markup'],
  ['inline style', /<style|\sstyle=/i, 'markup'],
  ['event attribute', /<[^>]*\son\w+=/i, 'markup'],
]

function templateFaults(text: string): string[] {
  const markup = markupOf(text)
  return templateRules.filter(([, pattern, of]) => pattern.test(of === 'text' ? text : markup)).map(([name]) => name)
}

/** A template without its expressions and the values of quoted attributes; three braces stay visible. */
function markupOf(template: string): string {
  return template
    .replace(/\{\{!--[\s\S]*?--\}\}/g, '')
    .replace(/(?<!\{)\{\{(?![{&])[^}]*\}\}(?!\})/g, '')
    .replace(/="[^"<]*"/g, '=""')
}

function quoted(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '')
}
