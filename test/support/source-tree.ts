import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix, relative, sep } from 'node:path'

export const root = join(import.meta.dirname, '..', '..')

export interface ImportEdge {
  /** As written. */
  readonly specifier: string
  readonly isTypeOnly: boolean
  /** Path from the root for files of ours; null for packages and builtins. */
  readonly file: string | null
  /** Name of the package or builtin (`pg`, `node:fs`); null for files of ours. */
  readonly package: string | null
  readonly line: number
}

export interface SourceFile {
  /** From the root, with forward slashes. */
  readonly path: string
  readonly text: string
  /** The text with comments blanked out; strings stay. */
  readonly code: string
  readonly lines: number
  readonly imports: readonly ImportEdge[]
}

/** Folders that hold what a run or an installation leaves behind. */
const skipped = new Set(['node_modules', '.cache', 'output', 'golden', 'fixtures'])

/** Every file with one of the endings below the given top-level folders, in order of path. */
export function filesBelow(folders: readonly string[], endings: readonly string[]): string[] {
  return folders.flatMap((folder) => walk(join(root, folder), endings)).sort()
}

function walk(directory: string, endings: readonly string[]): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : walk(path, endings)
    return endings.some((ending) => entry.name.endsWith(ending)) ? [relative(root, path).split(sep).join('/')] : []
  })
}

export function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

export function readSource(path: string): SourceFile {
  const text = readText(path)
  const code = withoutComments(text)
  const { imports: aliases } = JSON.parse(readText('package.json')) as { imports: Record<string, string> }
  return { path, text, code, lines: text.split('\n').length - 1, imports: importsOf(path, code, aliases) }
}

/**
 * Blanks comments out. Good enough for this tree, whose formatter puts a comment either on lines of its own or behind code:
 * a `//` inside a string or a regular expression is left alone unless white space stands before and after it.
 */
export function withoutComments(text: string): string {
  const blank = (comment: string) => comment.replace(/[^\n]/g, ' ')
  return text.replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, blank).replace(/(?:^[ \t]*|[ \t])\/\/(?:[ \t].*)?$/gm, blank)
}

/** `import type? ... from 'x'`, `export type? ... from 'x'`, `import 'x'`, `import('x')`, `new URL('./x.ts', import.meta.url)` */
const patterns: readonly RegExp[] = [
  /^import\s+(type\s+)?[\w*{}\s,$]+?\s+from\s+'([^']+)'/gm,
  /^export\s+(type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[\w\s,$]*\})\s*from\s+'([^']+)'/gm,
  /^import\s+()'([^']+)'/gm,
  /\bimport\(\s*()['"`]([^'"`]+)['"`]/g,
  /\bnew URL\(()'(\.[^']+\.ts)',\s*import\.meta\.url\)/g,
]

export function importsOf(path: string, code: string, aliases: Readonly<Record<string, string>>): ImportEdge[] {
  return patterns.flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match) => {
      const specifier = match[2] ?? ''
      const file = resolve(path, specifier, aliases)
      return {
        specifier,
        isTypeOnly: Boolean(match[1]?.startsWith('type')),
        file,
        package: file === null ? packageOf(specifier) : null,
        line: code.slice(0, match.index).split('\n').length,
      }
    }),
  )
}

function resolve(from: string, specifier: string, aliases: Readonly<Record<string, string>>): string | null {
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(from), specifier))
  if (!specifier.startsWith('#')) return null
  const alias = Object.keys(aliases).find((key) => specifier.startsWith(key.slice(0, -1)))
  if (alias === undefined) return specifier
  return posix.normalize(`${aliases[alias]?.slice(0, -1)}${specifier.slice(alias.length - 1)}`)
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier
  const parts = specifier.split('/')
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
}

/** One cycle of a directed graph as the nodes along it, or null. */
export function findCycle(graph: ReadonlyMap<string, ReadonlySet<string>>): string[] | null {
  const done = new Set<string>()
  const visit = (node: string, trail: readonly string[]): string[] | null => {
    if (trail.includes(node)) return [...trail.slice(trail.indexOf(node)), node]
    if (done.has(node)) return null
    for (const next of graph.get(node) ?? []) {
      const cycle = visit(next, [...trail, node])
      if (cycle !== null) return cycle
    }
    done.add(node)
    return null
  }
  for (const node of graph.keys()) {
    const cycle = visit(node, [])
    if (cycle !== null) return cycle
  }
  return null
}

/** Names of the folders at the root that belong to the project. */
export function topLevelFolders(): string[] {
  const entries = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  const isOurs = (name: string) => name === '.ci' || !(name.startsWith('.') || name === 'node_modules')
  return entries
    .map((entry) => entry.name)
    .filter(isOurs)
    .sort()
}
