// B8: what changes when other limits are configured, for the queue and for each of its tenants.
import { describe, expect, it, vi } from 'vitest'
import { LimitMeters, UNTIL_AN_END } from '../../../projections/limits/limitMeters.js'
import { converted, EMPTY, opensAt, started } from '../../../projections/limits/rateMeter.js'

const AT = 1_000_000
const perTenant = (count: number) => ({ perTenant: { rate: { count, perMs: 1_000 } } })
const ofQueue = (count: number) => ({ rate: { count, perMs: 1_000 } })
const metersWith = (limits: Parameters<LimitMeters['configure']>[0]): LimitMeters => {
  const meters = new LimitMeters()
  meters.configure(limits, 1, 0, AT)
  return meters
}
/** How many more may start at once. */
const burst = (opens: () => number, start: () => void): number => {
  let more = 0
  for (; opens() <= AT && more < 100; more++) start()
  return more
}
const tenantBurst = (meters: LimitMeters, tenant: string): number =>
  burst(
    () => meters.tenantOpensAt(tenant, 0, AT),
    () => meters.attemptStarted(tenant, AT),
  )

describe('B8: other limits', () => {
  it('count what each tenant has started already', () => {
    const meters = metersWith(perTenant(2))
    meters.attemptStarted('acme', AT)
    meters.attemptStarted('acme', AT)
    expect(meters.tenantOpensAt('acme', 0, AT)).toBe(AT + 500)
    meters.configure(perTenant(10), 1, 0, AT)
    expect(tenantBurst(meters, 'acme')).toBe(8)
    expect(tenantBurst(meters, 'other')).toBe(10)
    meters.configure(perTenant(1), 1, 0, AT)
    expect(meters.tenantOpensAt('acme', 0, AT)).toBe(AT + 1_000)
  })

  it('count what the queue has started already', () => {
    const meters = metersWith(ofQueue(2))
    meters.attemptStarted(undefined, AT)
    meters.configure(ofQueue(10), 1, 0, AT)
    expect(
      burst(
        () => meters.queueOpensAt(0, AT),
        () => meters.attemptStarted(undefined, AT),
      ),
    ).toBe(9)
  })

  it('forget what was counted when there is no rate in between', () => {
    const meters = metersWith(perTenant(1))
    meters.attemptStarted('acme', AT)
    meters.configure({}, 1, 0, AT)
    expect(meters.list(AT)).toEqual({ queue: undefined, tenants: [] })
    meters.configure(perTenant(1), 1, 0, AT)
    expect(meters.tenantOpensAt('acme', 0, AT)).toBe(AT)
  })

  it('count starts, not the shares that they are kept in: another time for the same count', () => {
    const meters = metersWith({ rate: { count: 4, perMs: 1_000 }, ...perTenant(2) })
    for (let n = 0; n < 2; n++) meters.attemptStarted('acme', AT)
    const slower = { count: 4, perMs: 10_000 }
    meters.configure({ rate: slower, perTenant: { rate: { count: 2, perMs: 10_000 } } }, 1, 0, AT)
    expect(meters.tenantOpensAt('acme', 0, AT)).toBe(AT + 5_000)
    expect(
      burst(
        () => meters.queueOpensAt(0, AT),
        () => meters.attemptStarted(undefined, AT),
      ),
    ).toBe(2)
  })

  it('forgive no part of a start: what is left of one counts as a whole share', () => {
    const third = started(EMPTY, { count: 1, perMs: 3 }, AT)
    const carried = converted(third, { count: 1, perMs: 3 }, { count: 1, perMs: 2 }, AT + 1)
    // Two thirds of a start are left, so one and a third of two shares, so two.
    expect(carried).toEqual({ level: 2, at: AT + 1 })
  })

  it('that are the same change nothing', () => {
    const meters = metersWith({ ...ofQueue(3), ...perTenant(2) })
    meters.attemptStarted('acme', AT)
    const before = meters.list(AT)
    meters.configure({ ...ofQueue(3), ...perTenant(2) }, 1, 0, AT + 100)
    expect(meters.list(AT)).toEqual(before)
    expect(before).toEqual({ queue: [1_000, AT], tenants: [['acme', 1_000, AT]] })
  })
})

describe('B8: caps', () => {
  it('open with the end of an attempt, of the queue and of each tenant', () => {
    const meters = metersWith({ concurrencyMax: 2, perTenant: { concurrencyMax: 1 } })
    expect([0, 1, 2, 3].map((running) => meters.queueOpensAt(running, AT))).toEqual([
      AT,
      AT,
      UNTIL_AN_END,
      UNTIL_AN_END,
    ])
    expect([0, 1, 2].map((running) => meters.tenantOpensAt('acme', running, AT))).toEqual([
      AT,
      UNTIL_AN_END,
      UNTIL_AN_END,
    ])
    expect(meters.tenantOpensAt(undefined, 9, AT)).toBe(AT)
  })
})

describe('B8: an instant at which one more may start', () => {
  const rate = { count: 2, perMs: 1_000 }
  it('is now when it may, never earlier', () => {
    expect(opensAt(EMPTY, rate, AT)).toBe(AT)
    expect(opensAt(started(EMPTY, rate, AT), rate, AT)).toBe(AT)
    expect(opensAt(started(started(EMPTY, rate, AT), rate, AT), rate, AT)).toBe(AT + 500)
  })

  it('is not brought nearer by a clock that goes back', () => {
    const full = started(started(EMPTY, rate, AT), rate, AT)
    expect(opensAt(full, rate, AT - 100)).toBe(AT - 100 + 500)
  })
})

describe('B8: the meters of tenants', () => {
  const levels = (meters: LimitMeters): number =>
    (Reflect.get(meters, 'tenantLevels') as ReadonlyMap<string, unknown>).size

  it('are kept while they count, however many there are, and not looked through for each start', () => {
    const meters = metersWith(perTenant(2))
    const sweep = vi.spyOn(meters as unknown as { sweep: () => void }, 'sweep')
    for (let n = 0; n < 20_000; n++) meters.attemptStarted(`t${n}`, AT)
    expect(meters.list(AT).tenants).toHaveLength(20_000)
    expect(sweep.mock.calls.length).toBeGreaterThan(2)
    expect(sweep.mock.calls.length).toBeLessThan(10)
    expect(tenantBurst(meters, 't0')).toBe(1)
  })

  it('are gone when tenants have no rate any more, and when others are loaded', () => {
    const meters = metersWith(perTenant(2))
    meters.attemptStarted('acme', AT)
    meters.load({ queue: undefined, tenants: [['other', 1_000, AT]] })
    expect(meters.list(AT).tenants).toEqual([['other', 1_000, AT]])
    meters.configure({}, 1, 0, AT)
    expect(levels(meters)).toBe(0)
  })

  it('are listed by name, whoever started first', () => {
    const meters = metersWith(perTenant(5))
    for (const tenant of ['b', 'c', 'a', 'd']) meters.attemptStarted(tenant, AT)
    expect(meters.list(AT).tenants.map(([tenant]) => tenant)).toEqual(['a', 'b', 'c', 'd'])
  })
})

describe('B8, 4.1: a greater share after a resize', () => {
  it('I6: leaves of a tenant whose starts are long over what it leaves of one who never started', () => {
    const limits = { perTenant: { rate: { count: 9, perMs: 300 } } }
    const [knew, never] = [new LimitMeters(), new LimitMeters()]
    for (const meters of [knew, never]) meters.configure(limits, 3, 1, AT)
    knew.attemptStarted('acme', AT)
    // As a snapshot keeps it: who has nothing left is not in it.
    never.load(knew.list(AT + 300_000))
    for (const meters of [knew, never]) meters.configure(limits, 1, 0, AT + 300_000)
    expect(knew.list(AT + 300_000)).toEqual(never.list(AT + 300_000))
    expect(knew.list(AT + 300_000)).toEqual({
      queue: undefined,
      tenants: [],
      floor: [1_800, AT + 300_000],
    })
    knew.attemptStarted('acme', AT + 300_000)
    expect(knew.list(AT + 300_000).tenants).toEqual([['acme', 2_100, AT + 300_000]])
  })
})
