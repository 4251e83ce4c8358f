// B8: what may stand in the limits of a queue, and the words of each refusal.
import { isLeft, right } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import { configure, LimitsCodec, limitsProblem } from '../../../domain/queue/index.js'

const YEAR_MS = 31_622_400_000
const rate = { count: 5, perMs: 1_000 }
const cap = 'a whole number from 1 to 1000000'
const count = 'a whole number from 1 to 1000000000'
const perMs = `a whole number from 1 to ${YEAR_MS}`
const ofQueue = 'concurrencyMax, rate, perTenant'
const ofTenant = 'concurrencyMax, rate'

describe('B8: limits', () => {
  it.each([
    {},
    { concurrencyMax: 1 },
    { concurrencyMax: 1_000_000, rate: { count: 1, perMs: 1 } },
    { rate: { count: 1_000_000_000, perMs: YEAR_MS }, perTenant: {} },
    { perTenant: { concurrencyMax: 3, rate } },
    { concurrencyMax: undefined, rate: undefined, perTenant: undefined },
  ])('may be %j', (limits) => {
    expect(limitsProblem(limits)).toBeUndefined()
    expect(LimitsCodec.is(limits)).toBe(true)
    expect(LimitsCodec.decode(limits)).toEqual(right(limits))
  })

  it.each([
    [null, 'limits', `an object with ${ofQueue}`],
    [[], 'limits', `an object with ${ofQueue}`],
    ['many', 'limits', `an object with ${ofQueue}`],
    [{ concurrency: 3 }, 'limits.concurrency', `one of ${ofQueue}`],
    [{ concurrencyMax: 0 }, 'limits.concurrencyMax', cap],
    [{ concurrencyMax: 1_000_001 }, 'limits.concurrencyMax', cap],
    [{ concurrencyMax: 1.5 }, 'limits.concurrencyMax', cap],
    [{ concurrencyMax: '5' }, 'limits.concurrencyMax', cap],
    [{ rate: 5 }, 'limits.rate', 'an object with count and perMs'],
    [{ rate: { ...rate, per: 'minute' } }, 'limits.rate', 'an object with count and perMs'],
    [{ rate: { count: 0, perMs: 1 } }, 'limits.rate.count', count],
    [{ rate: { count: 1_000_000_001, perMs: 1 } }, 'limits.rate.count', count],
    [{ rate: { count: 1 } }, 'limits.rate.perMs', perMs],
    [{ rate: { count: 1, perMs: YEAR_MS + 1 } }, 'limits.rate.perMs', perMs],
    [{ rate, concurrencyMax: 0 }, 'limits.concurrencyMax', cap],
    [{ perTenant: 3 }, 'limits.perTenant', `an object with ${ofTenant}`],
    [{ perTenant: { perTenant: {} } }, 'limits.perTenant.perTenant', `one of ${ofTenant}`],
    [{ perTenant: { concurrencyMax: 0 } }, 'limits.perTenant.concurrencyMax', cap],
    [{ perTenant: { rate: { count: 1, perMs: 0 } } }, 'limits.perTenant.rate.perMs', perMs],
  ])('are not %j: %s accepts %s', (limits, field, accepted) => {
    expect(limitsProblem(limits)).toEqual({ field, accepted })
    expect(LimitsCodec.is(limits)).toBe(false)
    const decoded = LimitsCodec.decode(limits)
    expect(isLeft(decoded) && decoded.left.map(({ message }) => message)).toEqual([
      `${field}: accepted is ${accepted}`,
    ])
    expect(configure({ limits } as never)).toMatchObject({ left: { field, accepted, value: limits } })
  })

  it('have one text, in whatever order they were written', () => {
    const turned = {
      perTenant: { rate: { perMs: 1_000, count: 5 }, concurrencyMax: 2 },
      rate,
      concurrencyMax: 1,
    }
    expect(JSON.stringify(LimitsCodec.encode(turned))).toBe(
      '{"concurrencyMax":1,"rate":{"count":5,"perMs":1000},"perTenant":{"concurrencyMax":2,"rate":{"count":5,"perMs":1000}}}',
    )
    expect(LimitsCodec.encode({})).toStrictEqual({})
    expect(LimitsCodec.encode({ perTenant: {} })).toStrictEqual({ perTenant: {} })
  })

  it.each([
    ['limits.concurrencyMax', (n: number) => ({ concurrencyMax: n })],
    ['limits.rate.count', (n: number) => ({ rate: { count: n, perMs: 1 } })],
    ['limits.perTenant.concurrencyMax', (n: number) => ({ perTenant: { concurrencyMax: n } })],
    ['limits.perTenant.rate.count', (n: number) => ({ perTenant: { rate: { count: n, perMs: 1 } } })],
  ])('give each of several partitions a share of at least one: %s', (field, limits) => {
    expect(configure({ partitions: 4, limits: limits(4) })._tag).toBe('Right')
    expect(configure({ partitions: 4, limits: limits(3) })).toMatchObject({
      left: { field, value: 3, accepted: 'at least 4, one for each partition' },
    })
  })
})
