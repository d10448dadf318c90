import { createHash } from 'node:crypto'
import type { DatasetItem } from './item.ts'

/**
 * A number in [0, 1) that depends on the seed and the id alone: the same item lands in the same place whatever else is in the
 * dataset, so adding items never reshuffles old ones.
 */
export function hashFraction(seed: string, id: string): number {
  const digest = createHash('sha256').update(`${seed.length}:${seed}:${id}`).digest()
  return digest.readUIntBE(0, 6) / 2 ** 48
}

/**
 * A deterministic sample in the items' own order. With `by`, every stratum gets its share of `count` (largest remainder), and
 * none that fits is left empty: with fewer places than strata the largest strata go first.
 * @param by stratum of an item, e.g. a slice value; default: one stratum
 */
export function sampleItems(
  items: readonly DatasetItem[],
  options: { readonly count: number; readonly seed: string; readonly by?: (item: DatasetItem) => string },
): DatasetItem[] {
  const count = Math.max(0, Math.min(Math.floor(options.count), items.length))
  const strata = Map.groupBy(items, options.by ?? (() => ''))
  const places = allocate(new Map([...strata].map(([name, members]) => [name, members.length])), count)
  const chosen = new Set<DatasetItem>()
  for (const [name, members] of strata) {
    for (const item of inHashOrder(members, options.seed).slice(0, places.get(name) ?? 0)) chosen.add(item)
  }
  return items.filter((item) => chosen.has(item))
}

/** The items ordered by the hash of their ids, lowest first; equal hashes keep their order. */
export function inHashOrder<Item extends { readonly id: string }>(items: readonly Item[], seed: string): Item[] {
  const keyed = items.map((item) => ({ item, key: hashFraction(seed, item.id) }))
  return keyed.sort((left, right) => left.key - right.key).map(({ item }) => item)
}

/**
 * Splits by hash of the id into named parts of about the given shares, e.g. `{ tune: 0.7, holdout: 0.3 }`.
 * @throws RangeError when shares are negative, not finite, or do not sum to 1
 */
export function splitItems<Part extends string>(
  items: readonly DatasetItem[],
  shares: Readonly<Record<Part, number>>,
  seed: string,
): Record<Part, DatasetItem[]> {
  const parts = Object.entries(shares) as [Part, number][]
  const sum = parts.reduce((total, [, share]) => total + share, 0)
  if (parts.some(([, share]) => !(share >= 0)) || Math.abs(sum - 1) > 1e-9) {
    throw new RangeError(`shares must be 0 or more and sum to 1, got ${JSON.stringify(shares)}`)
  }
  const result = Object.fromEntries(parts.map(([part]) => [part, []])) as unknown as Record<Part, DatasetItem[]>
  for (const item of items) {
    const part = partAt(parts, hashFraction(seed, item.id))
    if (part !== undefined) result[part].push(item)
  }
  return result
}

function partAt<Part extends string>(parts: readonly [Part, number][], fraction: number): Part | undefined {
  let edge = 0
  for (const [part, share] of parts) {
    edge += share
    if (fraction < edge) return part
  }
  // rounding may leave the last edge a hair below 1
  return parts.findLast(([, share]) => share > 0)?.[0]
}

/** Places per stratum: one each while they last (largest first), the rest in proportion to the rest, largest remainder. */
function allocate(sizes: ReadonlyMap<string, number>, count: number): Map<string, number> {
  const strata = [...sizes].sort(([nameA, a], [nameB, b]) => b - a || (nameA < nameB ? -1 : 1))
  const places = new Map(strata.map(([name], rank) => [name, rank < count ? 1 : 0]))
  const spare = count - Math.min(count, strata.length)
  const rest = strata.reduce((sum, [, size]) => sum + size - 1, 0)
  if (spare === 0 || rest === 0) return places
  const quotas = strata.map(([name, size]) => ({ name, quota: (spare * (size - 1)) / rest }))
  for (const { name, quota } of quotas) places.set(name, (places.get(name) ?? 0) + Math.floor(quota))
  const byRemainder = quotas.toSorted((a, b) => (b.quota % 1) - (a.quota % 1))
  const left = spare - quotas.reduce((sum, { quota }) => sum + Math.floor(quota), 0)
  for (const { name } of byRemainder.slice(0, left)) places.set(name, (places.get(name) ?? 0) + 1)
  return places
}
