import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeCursor, encodeCursor, pageOf } from '#http/cursor.ts'

test('a cursor leads back to its place', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4e12 }), fc.string(), (at, id) => {
      fc.pre(!id.includes('\u0000'))
      expect(decodeCursor(encodeCursor([at, id]), ['number', 'string'])).toEqual([at, id])
    }),
    { seed: 41 },
  )
})

test('any other text is refused as a cursor, and never crashes', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String(),
        fc.json().map((text) => Buffer.from(text).toString('base64url')),
      ),
      (text) => {
        let place: readonly unknown[] | undefined
        try {
          place = decodeCursor(text, ['number', 'string'])
        } catch (error) {
          expect(error).toMatchObject({ code: 'VALIDATION_FAILED', problems: [{ path: '?cursor' }] })
          return
        }
        expect(place?.map((part) => typeof part)).toEqual(['number', 'string'])
      },
    ),
    { seed: 42, numRuns: 500 },
  )
})

test('the pages of a list hold every row once, in order, and the last has no cursor', () => {
  fc.assert(
    fc.property(fc.nat({ max: 40 }), fc.integer({ min: 1, max: 7 }), (count, limit) => {
      const rows = Array.from({ length: count }, (_, index) => index)
      const seen: number[] = []
      let cursor: string | undefined
      do {
        const after = decodeCursor(cursor, ['number'])?.[0] ?? -1
        const found = rows.filter((row) => row > after).slice(0, limit + 1)
        const page = pageOf(found, limit, { item: (row) => row, place: (row) => [row] })
        seen.push(...page.items)
        cursor = page.nextCursor ?? undefined
      } while (cursor !== undefined)
      expect(seen).toEqual(rows)
    }),
    { seed: 43 },
  )
})
