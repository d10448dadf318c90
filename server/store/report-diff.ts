import type { RouteSpec } from '#domain/route.ts'
import { diffSpecs } from '#domain/route-diff.ts'
import type { DiffView, JsonDiffLine } from '#reports/view-parts.ts'
import { prettyJson, sentence } from './report-words.ts'

const maxLines = 60
const maxJsonLines = 400

/** What changes between two versions of a route, in words and as a line diff of the two documents. */
export function diffView(
  route: string,
  from: { readonly version: number; readonly spec: RouteSpec },
  to: { readonly version: number; readonly spec: RouteSpec },
): DiffView {
  return {
    route,
    fromVersion: from.version,
    toVersion: to.version,
    lines: diffSpecs(from.spec, to.spec)
      .slice(0, maxLines)
      .map((change) => ({
        kind: change.kind,
        path: change.path,
        sentence: sentence(change.words),
        before: change.kind === 'added' ? null : short(change.from),
        after: change.kind === 'removed' ? null : short(change.to),
      })),
    json: lineDiff(prettyJson(from.spec).split('\n'), prettyJson(to.spec).split('\n')).slice(0, maxJsonLines),
  }
}

function short(value: unknown): string | null {
  if (value === undefined) return null
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 160 ? `${text.slice(0, 160)}…` : text
}

/** Longest common subsequence of lines: specs are short, so the table is small; past that only the ends are compared. */
function lineDiff(before: readonly string[], after: readonly string[]): JsonDiffLine[] {
  const head = commonHead(before, after)
  const tail = commonHead([...before.slice(head)].reverse(), [...after.slice(head)].reverse())
  const a = before.slice(head, before.length - tail)
  const b = after.slice(head, after.length - tail)
  const middle = a.length * b.length > 250_000 ? replaced(a, b) : aligned(a, b)
  return [...same(before.slice(0, head)), ...middle, ...same(before.slice(before.length - tail))]
}

function commonHead(a: readonly string[], b: readonly string[]): number {
  let count = 0
  while (count < a.length && count < b.length && a[count] === b[count]) count += 1
  return count
}

function same(lines: readonly string[]): JsonDiffLine[] {
  return lines.map((text) => ({ kind: 'same', text }))
}

function replaced(a: readonly string[], b: readonly string[]): JsonDiffLine[] {
  return [
    ...a.map((text): JsonDiffLine => ({ kind: 'removed', text })),
    ...b.map((text): JsonDiffLine => ({ kind: 'added', text })),
  ]
}

function aligned(a: readonly string[], b: readonly string[]): JsonDiffLine[] {
  const width = b.length + 1
  const common = new Uint16Array((a.length + 1) * width)
  const at = (i: number, j: number) => common[i * width + j] ?? 0
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      common[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const lines: JsonDiffLine[] = []
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ kind: 'same', text: a[i] ?? '' })
      i += 1
      j += 1
    } else if (i < a.length && (j >= b.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ kind: 'removed', text: a[i] ?? '' })
      i += 1
    } else {
      lines.push({ kind: 'added', text: b[j] ?? '' })
      j += 1
    }
  }
  return lines
}
