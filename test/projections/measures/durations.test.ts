// Durations as a histogram (E1): what it answers, held against all the durations themselves.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Durations } from '../../../projections/measures/durations.js'

/** From nothing to beyond the last bucket's beginning (19 days), each magnitude alike; and the edges of the buckets. */
const ms = fc.oneof(
  fc.nat({ max: 70 }),
  fc.tuple(fc.nat({ max: 999 }), fc.integer({ min: 0, max: 8 })).map(([n, power]) => n * 10 ** power),
  fc
    .tuple(fc.nat({ max: 95 }), fc.constantFrom(-1, 0, 1))
    .map(([b, by]) => Math.max(0, Math.ceil(1.25 ** b) + by)),
)
const noted = (all: ReadonlyArray<number>): Durations => {
  const durations = new Durations()
  for (const one of all) durations.note(one)
  return durations
}
const exact = (all: ReadonlyArray<number>, q: number): number =>
  [...all].sort((a, b) => a - b)[Math.max(0, Math.ceil(q * all.length) - 1)] ?? 0
const LAST_BUCKET_FROM = 1.25 ** 94

describe('durations (E1)', () => {
  it('E1: a quantile is at most a quarter more than it is, and never less', () => {
    fc.assert(
      fc.property(fc.array(ms, { maxLength: 80 }), fc.constantFrom(0, 0.01, 0.5, 0.95, 0.99, 1), (all, q) => {
        const answer = noted(all).quantile(q)
        const truth = exact(all, q)
        expect(answer).toBeGreaterThanOrEqual(truth)
        if (truth < LAST_BUCKET_FROM) expect(answer).toBeLessThanOrEqual(1.25 * truth)
        expect(answer).toBeLessThanOrEqual(Math.max(0, ...all))
      }),
      { numRuns: 500 },
    )
  })

  it('E1: count, average and maximum are exact, and nothing is zero', () => {
    fc.assert(
      fc.property(fc.array(ms, { maxLength: 60 }), (all) => {
        const { count, averageMs, maxMs } = noted(all).view()
        const sum = all.reduce((total, one) => total + one, 0)
        expect([count, averageMs, maxMs]).toEqual([
          all.length,
          all.length === 0 ? 0 : sum / all.length,
          Math.max(0, ...all),
        ])
      }),
    )
    expect(new Durations().view()).toEqual({
      count: 0,
      averageMs: 0,
      p50Ms: 0,
      p95Ms: 0,
      p99Ms: 0,
      maxMs: 0,
    })
  })

  it('E1: those of two partitions merged are those of one that had both', () => {
    fc.assert(
      fc.property(fc.array(ms, { maxLength: 40 }), fc.array(ms, { maxLength: 40 }), (one, other) => {
        const merged = noted(one)
        merged.merge(noted(other))
        expect(merged.snapshot()).toEqual(noted([...one, ...other]).snapshot())
        expect(merged.view()).toEqual(noted([...one, ...other]).view())
      }),
    )
  })

  it('I6: a snapshot as JSON, and what is noted after it, is the whole', () => {
    fc.assert(
      fc.property(fc.array(ms, { maxLength: 40 }), fc.array(ms, { maxLength: 40 }), (before, after) => {
        const loaded = new Durations()
        loaded.load(JSON.parse(JSON.stringify(noted(before).snapshot())))
        for (const one of after) loaded.note(one)
        expect(loaded.view()).toEqual(noted([...before, ...after]).view())
      }),
    )
  })
})
