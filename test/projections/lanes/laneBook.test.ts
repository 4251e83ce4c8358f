// B8: which lane a message belongs to, also after its tenant was away so long that it was forgotten.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
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
})
