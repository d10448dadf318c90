import type { DatasetItem } from './item.ts'
import { splitItems } from './sample.ts'

/** Share of items by the name of a part; shares sum to 1. */
export type SplitShares = Readonly<Record<string, number>>

/** The slice that names an item's part: reports break results down by it like by any other. */
export const splitSlice = 'split'
/** The same for every dataset: an item keeps its part from version to version, whatever is added. */
const seed = 'split'
const maxParts = 10

/**
 * Reads `tune:0.7,holdout:0.3`.
 *
 *     split = part *("," part)
 *     part  = name ":" share ; name: 1 to 40 letters, digits, "_" or "-"; share: above 0
 */
export function parseSplit(text: string): { readonly shares: SplitShares } | { readonly message: string } {
  const parts = text.split(',')
  if (parts.length < 2 || parts.length > maxParts)
    return { message: `needs 2 to ${maxParts} parts: tune:0.7,holdout:0.3` }
  const shares = new Map<string, number>()
  for (const part of parts) {
    const [, name, number] = /^\s*([A-Za-z0-9_-]{1,40}):(\d*\.?\d+)\s*$/.exec(part) ?? []
    const share = Number(number)
    if (name === undefined || !(share > 0))
      return { message: `has a part that is not NAME:SHARE: ${part.slice(0, 60)}` }
    if (shares.has(name)) return { message: `names "${name}" twice` }
    shares.set(name, share)
  }
  const sum = [...shares.values()].reduce((total, share) => total + share, 0)
  if (Math.abs(sum - 1) > 1e-9) return { message: `has shares that sum to ${Number(sum.toFixed(6))} instead of 1` }
  return { shares: Object.fromEntries(shares) }
}

/** The items, each with its part in the slice `split`, by hash of its id. Who names a part keeps it. */
export function withSplit(items: readonly DatasetItem[], shares: SplitShares): DatasetItem[] {
  const partOf = new Map<DatasetItem, string>()
  for (const [part, members] of Object.entries(splitItems(items, shares, seed))) {
    for (const item of members) partOf.set(item, part)
  }
  return items.map((item) => {
    const part = partOf.get(item)
    if (part === undefined || item.slice?.[splitSlice] !== undefined) return item
    return { ...item, slice: { ...item.slice, [splitSlice]: part } }
  })
}
