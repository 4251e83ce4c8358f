// From the number of a message to its record, and along the numbers in both directions: as a plain Map would.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OrdinalIndex } from '../../../projections/messageTable/ordinalIndex.js'

type Step = 1 | -1
/** Dense ones, neighbours of page edges, and lone survivors far apart, also beyond 32 bits. */
const ordinal = fc.oneof(
  fc.integer({ min: 1, max: 200 }),
  fc.tuple(fc.nat({ max: 90 }), fc.constantFrom(-1, 0, 1)).map(([page, by]) => Math.max(1, page * 64 + by)),
  fc.tuple(fc.nat({ max: 40 }), fc.nat({ max: 3 })).map(([far, by]) => far * 100_003 + by + 1),
  fc.nat({ max: 3 }).map((by) => 2 ** 33 + by),
)
const changes = fc.array(fc.tuple(ordinal, fc.boolean()), { maxLength: 120 })

const indexOf = (made: ReadonlyArray<readonly [number, boolean]>) => {
  const index = new OrdinalIndex()
  const plain = new Map<number, number>()
  made.forEach(([number, isThere], slot) => {
    if (isThere) {
      index.set(number, slot)
      plain.set(number, slot)
    } else {
      index.delete(number)
      plain.delete(number)
    }
  })
  return { index, plain }
}
const walked = (index: OrdinalIndex, from: number, step: Step, max = Number.POSITIVE_INFINITY) => {
  const seen: Array<readonly [number, number]> = []
  index.walk(from, step, (number, slot) => {
    seen.push([number, slot])
    return seen.length < max
  })
  return seen
}
const expected = (plain: ReadonlyMap<number, number>, from: number, step: Step) =>
  [...plain]
    .filter(([number]) => (step === 1 ? number >= from : number <= from))
    .sort(([a], [b]) => (a - b) * step)

describe('the index of ordinals', () => {
  it('finds what is there, and nothing else, whatever came and went', () => {
    fc.assert(
      fc.property(changes, ordinal, (made, other) => {
        const { index, plain } = indexOf(made)
        for (const number of [other, ...made.map(([one]) => one)]) {
          expect(index.slotOf(number)).toBe(plain.get(number) ?? -1)
        }
      }),
    )
  })

  it('A7: walks upwards and downwards from any number, dense or sparse', () => {
    fc.assert(
      fc.property(changes, ordinal, fc.constantFrom<Step>(1, -1), (made, from, step) => {
        const { index, plain } = indexOf(made)
        expect(walked(index, from, step)).toEqual(expected(plain, from, step))
      }),
      { numRuns: 300 },
    )
  })

  it('A7: walks from before the first and from beyond the last', () => {
    const { index, plain } = indexOf([5, 64, 65, 127, 128, 700, 90_000].map((number) => [number, true]))
    for (const from of [
      0,
      1,
      5,
      6,
      63,
      64,
      128,
      129,
      699,
      700,
      701,
      90_000,
      90_001,
      10 ** 9,
      Number.MAX_SAFE_INTEGER,
    ]) {
      for (const step of [1, -1] as const)
        expect(walked(index, from, step)).toEqual(expected(plain, from, step))
    }
    expect(walked(new OrdinalIndex(), 1, 1)).toEqual([])
    expect(walked(new OrdinalIndex(), 9, -1)).toEqual([])
  })

  it('A7: stops walking when it is told to', () => {
    const { index } = indexOf([1, 2, 3, 400].map((number) => [number, true]))
    expect(walked(index, 1, 1, 2)).toEqual([
      [1, 0],
      [2, 1],
    ])
    expect(walked(index, 900, -1, 1)).toEqual([[400, 3]])
  })

  it('R58: uses the room of what is gone again, so that a long history of few messages stays small', () => {
    const index = new OrdinalIndex()
    for (let number = 1; number <= 50_000; number++) {
      index.set(number, number)
      index.delete(number - 100)
    }
    expect(index.capacity).toBeLessThanOrEqual(64 * 64)
    expect(walked(index, 1, 1)).toHaveLength(100)
  })

  it('does nothing when what is not there goes', () => {
    const { index } = indexOf([[70, true]])
    index.delete(71)
    index.delete(700)
    expect(index.slotOf(70)).toBe(0)
    index.delete(70)
    index.delete(70)
    index.set(71, 5)
    expect([index.slotOf(70), index.slotOf(71)]).toEqual([-1, 5])
  })

  it('R59: finds and walks a hundred and fifty thousand over the edges of its segments, and forgets them', () => {
    const index = new OrdinalIndex()
    const count = 150_000
    for (let number = 1; number <= count; number++) index.set(number, number * 2)
    for (let number = 1; number <= count; number += 997) expect(index.slotOf(number)).toBe(number * 2)
    expect(walked(index, 65_530, 1, 12)).toEqual(
      Array.from({ length: 12 }, (_, i) => [65_530 + i, (65_530 + i) * 2]),
    )
    for (let number = 1; number <= count; number++) if (number % 65_536 !== 0) index.delete(number)
    expect(walked(index, 1, 1)).toEqual([
      [65_536, 131_072],
      [131_072, 262_144],
    ])
    // Freed pages are used again, in whatever segment they are.
    for (let number = count + 1; number <= 2 * count; number++) index.set(number, number)
    expect(walked(index, count, 1)).toHaveLength(count)
  })
})
