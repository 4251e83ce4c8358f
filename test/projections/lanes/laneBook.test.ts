// B8: which lane a message belongs to, also after its tenant was away so long that it was forgotten.
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { Wishes } from '../../../domain/message/index.js'
import { type Lane, LaneBook } from '../../../projections/lanes/laneBook.js'

const sameTenant = (lane: Lane, wishes: Wishes): void => {
  expect(lane.tenant.name).toBe(wishes.tenant)
  expect(lane.gate).toBe(wishes.gate)
  expect(lane.zones).toEqual([
    ...(wishes.zone === undefined ? [] : [wishes.zone]),
    ...(wishes.fallbackZones ?? []),
  ])
}

/** A lane with a message in it. */
const held = (book: LaneBook, wishes: Wishes): Lane => {
  const lane = book.find(wishes)
  lane.messages++
  return lane
}

describe('B8: the lanes of a partition', () => {
  it('are found again by what their messages name, whoever came and went meanwhile', () => {
    const gone: Lane[] = []
    const book = new LaneBook((lane) => gone.push(lane))
    const kept: Array<readonly [Wishes, Lane]> = []
    for (let n = 0; n < 3_000; n++) {
      const tenant = `t${n}`
      const wishes: Wishes =
        n % 3 === 0 ? { tenant } : n % 3 === 1 ? { tenant, gate: 'ftp' } : { tenant, zone: 'eu' }
      const lane = book.find(wishes)
      sameTenant(lane, wishes)
      if (n % 50 < 2) {
        lane.messages++
        kept.push([wishes, lane])
      }
    }
    expect(gone.length).toBeGreaterThan(2_000)
    for (const [wishes, lane] of kept) {
      expect(book.find(wishes)).toBe(lane)
      expect(book.at(lane.number)).toBe(lane)
      expect(gone).not.toContain(lane)
    }
    // Those who were forgotten begin anew, with numbers of their own.
    for (let n = 0; n < 3_000; n += 7) {
      const lane = book.find({ tenant: `t${n}` })
      sameTenant(lane, { tenant: `t${n}` })
      expect(book.at(lane.number)).toBe(lane)
    }
  })

  it('have numbers of their own, and those of one tenant share it as long as one of them is known', () => {
    const names = fc.option(fc.constantFrom('a', 'b', 'c'), { nil: undefined })
    const wish = fc.record({ tenant: names, gate: names, zone: names })
    fc.assert(
      fc.property(fc.array(wish, { maxLength: 40 }), fc.nat({ max: 600 }), (wishes, others) => {
        const book = new LaneBook(() => undefined)
        const held = new Map<string, Lane>()
        for (const [n, one] of wishes.entries()) {
          const given = Object.fromEntries(
            Object.entries(one).filter(([, name]) => name !== undefined),
          ) as Wishes
          const lane = book.find(given)
          sameTenant(lane, given)
          const key = JSON.stringify([one.tenant, one.gate, one.zone])
          expect(held.get(key) ?? lane).toBe(lane)
          lane.messages++
          held.set(key, lane)
          for (let m = 0; m < others / 10; m++) book.find({ tenant: `x${n}-${m}` })
        }
        const lanes = [...new Set(held.values())]
        expect(new Set(lanes.map(({ number }) => number)).size).toBe(lanes.length)
        const tenants = new Set(lanes.map(({ tenant }) => tenant))
        expect(new Set([...tenants].map(({ name }) => name)).size).toBe(tenants.size)
        expect(new Set([...tenants].map(({ number }) => number)).size).toBe(tenants.size)
      }),
    )
  })

  it('is one for all that name no tenant, gate or zone, whatever else they name', () => {
    const book = new LaneBook(() => undefined)
    expect(book.unnamed.number).toBe(0)
    expect(book.at(0)).toBe(book.unnamed)
    expect(book.find({})).toBe(book.unnamed)
    expect(book.find({ type: 'mail', group: 'g', timeoutMs: 5 })).toBe(book.unnamed)
    // Nobody in it, and still there.
    for (let n = 0; n < 2_000; n++) book.find({ tenant: `t${n}` })
    expect(book.find({})).toBe(book.unnamed)
    expect(book.at(0)).toBe(book.unnamed)
  })

  it('are as many as there are different wishes: no two names run together', () => {
    const book = new LaneBook(() => undefined)
    const wishes: Wishes[] = [
      { tenant: 'a' },
      { gate: 'a' },
      { zone: 'a' },
      { fallbackZones: ['a'] },
      { tenant: 'ab', gate: 'c' },
      { tenant: 'a', gate: 'bc' },
      { tenant: 'a', zone: 'bc' },
      { gate: 'a', zone: 'bc' },
      { gate: 'ab', zone: 'c' },
      { zone: 'a', fallbackZones: ['b', 'c'] },
      { zone: 'a', fallbackZones: ['bc'] },
      { zone: 'ab', fallbackZones: ['c'] },
      { fallbackZones: ['a', 'b', 'c'] },
      { tenant: 'a', fallbackZones: ['b'] },
      { gate: 'a', fallbackZones: ['b'] },
    ]
    const lanes = wishes.map((one) => book.find(one))
    expect(new Set(lanes).size).toBe(wishes.length)
    for (const [n, one] of wishes.entries()) {
      const lane = book.find(one)
      expect(lane).toBe(lanes[n])
      expect(lane).not.toBe(book.unnamed)
      sameTenant(lane, one)
    }
  })

  it('leave nothing behind: numbers are used again, and nobody who is gone is found by his', () => {
    const gone = new Set<Lane>()
    const book = new LaneBook((lane) => gone.add(lane))
    let [lowest, highest] = [0, 0]
    for (let n = 0; n < 5_000; n++) {
      const { number, tenant } = book.find({ tenant: `t${n}`, ...(n % 2 === 0 ? { gate: 'ftp' } : {}) })
      lowest = Math.min(lowest, number, tenant.number)
      highest = Math.max(highest, number, tenant.number)
    }
    expect(gone.size).toBeGreaterThan(4_000)
    expect([lowest, highest < 600]).toEqual([0, true])
    expect([...gone].filter((lane) => book.at(lane.number) === lane)).toEqual([])
  })

  it('keep a tenant as long as one lane of it is known, and tell two who come back from each other', () => {
    const book = new LaneBook(() => undefined)
    const kept = held(book, { tenant: 'kept' })
    book.find({ tenant: 'kept', gate: 'ftp' })
    const former = book.find({ tenant: 'former' }).tenant
    for (let n = 0; n < 600; n++) book.find({ tenant: `x${n}` })
    expect(book.find({ tenant: 'kept', gate: 'ftp' }).tenant).toBe(kept.tenant)
    const others = Array.from({ length: 600 }, (_, n) => held(book, { tenant: `y${n}` }))
    const again = book.find({ tenant: 'former' }).tenant
    expect(again).not.toBe(former)
    const numbers = [...others.map(({ tenant }) => tenant.number), kept.tenant.number, again.number]
    expect(new Set(numbers).size).toBe(numbers.length)
  })

  it('are looked through only when as many have come as there are, so that each costs the same', () => {
    const book = new LaneBook(() => undefined)
    const sweep = vi.spyOn(book as unknown as { sweep: () => void }, 'sweep')
    for (let n = 0; n < 20_000; n++) held(book, { tenant: `t${n}` })
    expect(sweep.mock.calls.length).toBeLessThan(10)
    expect(sweep.mock.calls.length).toBeGreaterThan(4)
  })

  it('are at most so many: whoever comes then shares the unnamed one until there is room', () => {
    const gone: Lane[] = []
    const LANES_MAX = 300
    const book = new LaneBook((lane) => gone.push(lane), LANES_MAX)
    // The unnamed one is one of them.
    const lanes = Array.from({ length: LANES_MAX - 1 }, (_, n) => held(book, { tenant: `t${n}` }))
    expect(new Set(lanes).size).toBe(LANES_MAX - 1)
    expect(lanes).not.toContain(book.unnamed)
    expect(book.find({ tenant: 'late' })).toBe(book.unnamed)
    for (const lane of lanes) lane.messages--
    for (let n = 0; n < 1_000; n++) book.find({ tenant: `later${n}` })
    expect(gone.length).toBeGreaterThan(0)
    expect(book.find({ tenant: 'late' })).not.toBe(book.unnamed)
  })
})
