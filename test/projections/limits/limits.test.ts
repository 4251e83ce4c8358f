// Caps and rates (B8) by themselves: the meter against every window there is, the split between partitions, what a
// change of configuration and a snapshot keep.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LimitMeters } from '../../../projections/limits/limitMeters.js'
import { converted, EMPTY, isEmpty, opensAt, started } from '../../../projections/limits/rateMeter.js'
import { shareOf } from '../../../projections/limits/share.js'

const rate = fc.record({
  count: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 1_000_000_000 })),
  perMs: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 366 * 24 * 3_600_000 })),
})
const AT = 1_780_000_000_000

describe('a rate', () => {
  it('B8 allows a burst of count, and in no window more than count and what came in meanwhile', () => {
    const small = fc.record({ count: fc.integer({ min: 1, max: 6 }), perMs: fc.integer({ min: 1, max: 60 }) })
    const gaps = fc.array(fc.nat({ max: 20 }), { maxLength: 120, size: 'max' })
    fc.assert(
      fc.property(small, gaps, (rate, gaps) => {
        let level = EMPTY
        let at = AT
        const times: number[] = []
        for (const gapMs of gaps) {
          at += gapMs
          const fits = times.every(
            (first, n) =>
              times.length - n + 1 <= rate.count + Math.floor(((at - first) * rate.count) / rate.perMs),
          )
          // As strict as the promise, and no stricter.
          expect(opensAt(level, rate, at) <= at).toBe(fits)
          if (!fits) continue
          level = started(level, rate, at)
          times.push(at)
        }
      }),
    )
  })

  it('B8 says when the next start is allowed: then, and not a millisecond before', () => {
    fc.assert(
      fc.property(rate, fc.nat({ max: 50 }), ({ count, perMs }, more) => {
        const rate = { count: Math.min(count, 500), perMs }
        let level = EMPTY
        for (let n = 0; n < rate.count + more; n++) level = started(level, rate, AT)
        const next = opensAt(level, rate, AT)
        expect(next).toBeGreaterThan(AT)
        expect(opensAt(level, rate, next)).toBe(next)
        expect(opensAt(level, rate, next - 1)).toBeGreaterThan(next - 1)
        expect(isEmpty(level, rate, AT + Math.ceil(((rate.count + more) * perMs) / rate.count))).toBe(true)
      }),
    )
  })

  it('B8 loses nothing in a million starts at an odd pace', () => {
    const rate = { count: 100_000, perMs: 1_000 }
    let level = EMPTY
    let allowed = 0
    for (let at = AT; at < AT + 10_000; at++) {
      while (opensAt(level, rate, at) <= at) {
        level = started(level, rate, at)
        allowed++
      }
    }
    expect(allowed).toBe(100_000 + 9_999 * 100)
  })

  it('B8 goes on where it was when another one is configured', () => {
    const [slow, fast] = [
      { count: 2, perMs: 1_000 },
      { count: 10, perMs: 1_000 },
    ]
    const full = started(started(EMPTY, slow, AT), slow, AT)
    const now = converted(full, slow, fast, AT)
    let more = 0
    for (let level = now; opensAt(level, fast, AT) <= AT; more++) level = started(level, fast, AT)
    expect(more).toBe(8)
    expect(
      opensAt(converted(now, fast, { count: 1, perMs: 1_000 }, AT), { count: 1, perMs: 1_000 }, AT),
    ).toBe(AT + 1_000)
  })
})

describe('the share of a partition', () => {
  it('B8 adds up to the limit, and is nothing only for a limit below the number of partitions', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 1, max: 64 }),
        (limit, partitions) => {
          const shares = Array.from({ length: partitions }, (_, partition) =>
            shareOf(limit, partitions, partition),
          )
          expect(shares.reduce((a, b) => a + b)).toBe(limit)
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1)
          expect(Math.min(...shares) === 0).toBe(limit < partitions)
        },
      ),
    )
  })
})

describe('LimitMeters', () => {
  const limits = { rate: { count: 3, perMs: 100 }, perTenant: { rate: { count: 2, perMs: 1_000 } } }
  const metersWith = (given: typeof limits | Record<string, never>): LimitMeters => {
    const meters = new LimitMeters()
    meters.configure(given, 1, 0, AT)
    return meters
  }

  it('I6 B8 answer the same after a snapshot, and leave out what has run empty', () => {
    const meters = metersWith(limits)
    meters.attemptStarted('early', AT)
    meters.attemptStarted('late', AT + 900)
    meters.attemptStarted(undefined, AT + 900)
    const list = meters.list(AT + 950)
    expect(list.tenants.map(([tenant]) => tenant)).toEqual(['late'])
    const other = metersWith(limits)
    other.load(JSON.parse(JSON.stringify(list)) as typeof list)
    for (const at of [AT + 950, AT + 1_000, AT + 5_000]) {
      expect(other.list(at)).toEqual(meters.list(at))
      expect(other.queueOpensAt(0, at)).toBe(meters.queueOpensAt(0, at))
      for (const tenant of ['early', 'late']) {
        expect(other.tenantOpensAt(tenant, 0, at)).toBe(meters.tenantOpensAt(tenant, 0, at))
      }
    }
    expect(meters.list(AT + 10_000)).toEqual({ queue: undefined, tenants: [] })
  })

  it('B8 keep no tenant that no longer matters', () => {
    const meters = metersWith(limits)
    for (let n = 0; n < 50_000; n++) meters.attemptStarted(`t${n}`, AT + n)
    expect((Reflect.get(meters, 'tenantLevels') as Map<string, unknown>).size).toBeLessThan(5_000)
    meters.configure({}, 1, 0, AT + 50_000)
    expect(meters.list(AT + 50_000)).toEqual({ queue: undefined, tenants: [] })
    expect(meters.queueOpensAt(1_000_000, AT)).toBe(AT)
  })
})
