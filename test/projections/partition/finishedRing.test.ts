import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FinishedRing } from '../../../projections/partition/finishedRing.js'

const PLACES_MAX = 65_536

it('R60: knows each of the last messages as if it had had all its places from the beginning', () => {
  const step = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 30_000 }))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const ring = new FinishedRing()
      const byPlace = new Map<number, number>()
      let ordinal = 0
      for (const by of steps) {
        ordinal += by
        ring.add(ordinal, 'cancelled', ordinal * 3)
        byPlace.set(ordinal % PLACES_MAX, ordinal)
      }
      for (let o = 1; o <= ordinal; o += 1 + Math.floor(ordinal / 5_000)) {
        const isKnown = byPlace.get(o % PLACES_MAX) === o
        expect(ring.find(o)).toEqual(
          isKnown ? { tag: 'Finished', ordinal: o, outcome: 'cancelled', fence: o * 3 } : undefined,
        )
      }
      for (const known of byPlace.values()) expect(ring.find(known)?.ordinal).toBe(known)
      expect(ring.find(0)).toBeUndefined()
    }),
    { numRuns: 60 },
  )
})
