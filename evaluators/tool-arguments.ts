import { isObject } from './tool-calls.ts'

export const comparisons = ['exact', 'text', 'bfcl', 'number', 'set', 'any'] as const

/** How one argument is compared. `tolerance` is absolute and for numbers. */
export interface Comparison {
  readonly compare: (typeof comparisons)[number]
  readonly tolerance?: number
}

export const defaultComparison: Comparison = { compare: 'text' }

/**
 * True when a value is as good as the one expected. `exact`: equal JSON. `text` (default): strings apart from case, white space and
 * separators, except that digits stay apart ("2024/05/01" is "2024-05-01", "1.5" is not "15"). `bfcl`: as the Berkeley leaderboard
 * does, without any of " ,./-_*^". `number`: within the tolerance, numbers in strings too. `set`: arrays in any order. `any`: present.
 * Objects and arrays are compared through; a number never equals a string but under `number`.
 */
export function isSameValue(got: unknown, wanted: unknown, comparison: Comparison): boolean {
  const { compare, tolerance = 0 } = comparison
  if (compare === 'any') return true
  if (compare === 'number') {
    const [a, b] = [numberOf(got), numberOf(wanted)]
    if (a !== null && b !== null)
      return Math.abs(a - b) <= tolerance + Number.EPSILON * Math.max(Math.abs(a), Math.abs(b))
  }
  if (typeof got === 'string' && typeof wanted === 'string') return sameText(got, wanted, compare)
  if (Array.isArray(got) && Array.isArray(wanted)) return sameList(got, wanted, comparison)
  if (isObject(got) && isObject(wanted)) {
    const keys = Object.keys(got)
    if (keys.length !== Object.keys(wanted).length) return false
    return keys.every((key) => Object.hasOwn(wanted, key) && isSameValue(got[key], wanted[key], comparison))
  }
  return Object.is(got, wanted) || (typeof got === 'number' && got === wanted)
}

function sameText(got: string, wanted: string, compare: Comparison['compare']): boolean {
  if (compare === 'exact') return got === wanted
  if (compare === 'bfcl') return bfclText(got) === bfclText(wanted)
  return foldText(got) === foldText(wanted)
}

function sameList(got: readonly unknown[], wanted: readonly unknown[], comparison: Comparison): boolean {
  if (got.length !== wanted.length) return false
  if (comparison.compare !== 'set') return got.every((value, index) => isSameValue(value, wanted[index], comparison))
  const open = [...wanted]
  return got.every((value) => {
    const at = open.findIndex((other) => isSameValue(value, other, comparison))
    if (at >= 0) open.splice(at, 1)
    return at >= 0
  })
}

/** Case, quotation marks and separators aside; between digits every separator becomes one mark, and a leading minus stays. */
function foldText(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[‘’“”"'`]/g, '')
    .replace(/(?<=\d)[ ,./\-_*^]+(?=\d)/g, '·')
    .replace(/(?<!^)[-]|[ ,./_*^]/g, '')
    .replace(/\s/gu, '')
}

/** `standardize_string` of bfcl_eval/eval_checker/ast_eval/ast_checker.py. */
function bfclText(text: string): string {
  return text
    .replace(/[ ,./\-_*^]/g, '')
    .toLowerCase()
    .replace(/'/g, '"')
}

function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value.replace(/,(?=\d{3})/g, '')) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : null
}
