// Counts by priority and type (E1): what has been added, under the kind's name, also from a snapshot and beyond the bound.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KIND_COLUMNS, KINDS_MAX, KindCounts, WAITING } from '../../../projections/measures/kindCounts.js'

const added = fc.array(
  fc.record({
    priority: fc.constantFrom(0, 0, 10, -10, 1_000),
    type: fc.constantFrom(undefined, 'a', 'b', '(others)', '__proto__'),
    column: fc.nat({ max: KIND_COLUMNS.length - 1 }),
    change: fc.constantFrom(1, 1, 2, -1),
  }),
  { maxLength: 60 },
)

describe('counts by kind (E1)', () => {
  it('E1, I6: are the sums of what was added, live and from a snapshot with its tail', () => {
    fc.assert(
      fc.property(added, fc.nat({ max: 60 }), (changes, cut) => {
        let kinds = new KindCounts()
        const sums = new Map<string, number[]>()
        changes.forEach(({ priority, type, column, change }, n) => {
          if (n === cut) {
            const loaded = new KindCounts()
            loaded.load(JSON.parse(JSON.stringify(kinds.snapshot())))
            kinds = loaded
          }
          kinds.add(kinds.numberOf(priority, type), column, change)
          const key = JSON.stringify([priority, type ?? null])
          const row = sums.get(key) ?? KIND_COLUMNS.map(() => 0)
          row[column] = (row[column] ?? 0) + change
          sums.set(key, row)
        })
        const listed = kinds
          .list()
          .map((row) => [
            JSON.stringify([row.priority, row.type ?? null]),
            KIND_COLUMNS.map((name) => row[name]),
          ])
        const expected = [...sums].filter(([, row]) => row.some((n) => n !== 0))
        expect(listed.sort()).toEqual(expected.sort())
      }),
      { numRuns: 300 },
    )
  })

  it('E1: a flood of types is counted in one place, and what is counted there comes back out of it', () => {
    const kinds = new KindCounts()
    const numbers = Array.from({ length: KINDS_MAX + 500 }, (_, n) => kinds.numberOf(0, `type-${n}`))
    for (const number of numbers) kinds.add(number, WAITING, 1)
    expect(kinds.list()).toHaveLength(KINDS_MAX - 1)
    expect(kinds.list().find(({ type }) => type === '(others)')).toMatchObject({ waiting: 502 })
    expect(kinds.list().reduce((sum, { waiting }) => sum + waiting, 0)).toBe(KINDS_MAX + 500)
    for (const number of numbers) kinds.add(number, WAITING, -1)
    expect(kinds.list()).toEqual([])
  })
})
