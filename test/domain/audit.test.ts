import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ChainedEntry, chainHash, chainStart, uncheckedChain, verifyChain } from '#domain/audit.ts'

const details = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
const entry = fc.record({
  at: fc.integer({ min: 0, max: 4e12 }),
  actor: fc.string(),
  action: fc.string(),
  subject: fc.string(),
  details: details as fc.Arbitrary<Record<string, unknown>>,
})

function chain(entries: readonly Omit<ChainedEntry, 'seq' | 'prevHash' | 'hash'>[]): ChainedEntry[] {
  const chained: ChainedEntry[] = []
  for (const [index, one] of entries.entries()) {
    const prevHash = chained.at(-1)?.hash ?? chainStart
    chained.push({ ...one, seq: index + 1, prevHash, hash: chainHash(prevHash, index + 1, one) })
  }
  return chained
}

const chains = fc.array(entry, { minLength: 2, maxLength: 12 }).map(chain)

test('an untouched chain verifies, in any batches, and ends at its last hash', () => {
  fc.assert(
    fc.property(chains, fc.nat(), (entries, cut) => {
      const at = cut % entries.length
      const check = verifyChain(verifyChain(uncheckedChain, entries.slice(0, at)), entries.slice(at))
      expect(check).toEqual({ entries: entries.length, head: entries.at(-1)?.hash, broken: null })
    }),
    { seed: 51 },
  )
})

type Tampering = (entries: ChainedEntry[], at: number, text: string) => ChainedEntry[]
const tamperings: Record<string, Tampering> = {
  'another actor': (entries, at, text) => entries.with(at, { ...entries[at]!, actor: `${entries[at]!.actor}${text}!` }),
  'another time': (entries, at) => entries.with(at, { ...entries[at]!, at: entries[at]!.at + 1 }),
  'other details': (entries, at, text) =>
    entries.with(at, { ...entries[at]!, details: { ...entries[at]!.details, [`${text}+`]: 1 } }),
  'an entry removed (not the last)': (entries, at) => entries.toSpliced(at === entries.length - 1 ? at - 1 : at, 1),
  'an entry removed and the rest renumbered': (entries, at) =>
    entries.toSpliced(at === entries.length - 1 ? at - 1 : at, 1).map((one, index) => ({ ...one, seq: index + 1 })),
  'an entry twice': (entries, at) => entries.toSpliced(at, 0, entries[at]!),
  'two entries swapped': (entries, at) => {
    const other = (at + 1) % entries.length
    return entries.with(at, entries[other]!).with(other, entries[at]!)
  },
  'an entry rewritten with a hash that fits it': (entries, at, text) => {
    const changed = { ...entries[at]!, action: `${entries[at]!.action}${text}!` }
    const rewritten = { ...changed, hash: chainHash(changed.prevHash, changed.seq, changed) }
    // The last one alone can be rewritten: only its hash, kept elsewhere, tells.
    return at === entries.length - 1 ? entries.with(at, changed) : entries.with(at, rewritten)
  },
}

test.each(Object.keys(tamperings))('%s is found, at the place or right after it (E4)', (name) => {
  fc.assert(
    fc.property(chains, fc.nat(), fc.string(), (entries, place, text) => {
      const at = place % entries.length
      const check = verifyChain(uncheckedChain, tamperings[name]!([...entries], at, text))
      expect(check.broken).not.toBeNull()
      expect(check.entries).toBeLessThanOrEqual(at + 1)
    }),
    { seed: 52 },
  )
})

test('an end that was cut off is good in itself, and told by its head', () => {
  fc.assert(
    fc.property(chains, (entries) => {
      const check = verifyChain(uncheckedChain, entries.slice(0, -1))
      expect(check.broken).toBeNull()
      expect(check.head).not.toBe(entries.at(-1)?.hash)
    }),
    { seed: 53 },
  )
})
