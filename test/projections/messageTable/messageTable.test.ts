// The small tables inside the message table, against a Map.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MessageTable } from '../../../projections/messageTable/messageTable.js'
import { Names } from '../../../projections/messageTable/names.js'
import { OrdinalIndex } from '../../../projections/messageTable/ordinalIndex.js'

describe('OrdinalIndex', () => {
  const ordinal = fc.oneof(
    fc.nat({ max: 300 }),
    fc.nat({ max: 20_000 }),
    fc.constantFrom(2 ** 31 - 1, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER),
  )
  it('finds what was set and not deleted', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), ordinal), { maxLength: 400 }), (steps) => {
        const index = new OrdinalIndex()
        const model = new Map<number, number>()
        steps.forEach(([set, of], slot) => {
          if (set) {
            index.set(of, slot)
            model.set(of, slot)
          } else {
            index.delete(of)
            model.delete(of)
          }
          for (const near of [of, of + 1, of ^ 64]) {
            if (near >= 0) expect(index.slotOf(near)).toBe(model.get(near) ?? -1)
          }
        })
        for (const [, of] of steps) expect(index.slotOf(of)).toBe(model.get(of) ?? -1)
      }),
    )
  })

  it('uses pages again, so that a queue that runs for ever does not grow', () => {
    const index = new OrdinalIndex()
    for (let of = 1; of < 200_000; of++) {
      index.set(of, of % 100)
      if (of > 100) index.delete(of - 100)
    }
    expect(index.slotOf(199_999)).toBe(99)
    expect(index.slotOf(199_899)).toBe(-1)
    expect(index.capacity).toBe(64 * 64)
  })
})

describe('Names', () => {
  it('gives a name one number as long as somebody holds it', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 5 })), { maxLength: 200 }), (steps) => {
        const names = new Names()
        const held: number[] = []
        for (const [hold, n] of steps) {
          if (hold) {
            const number = names.hold(`name-${n}`)
            expect(number).toBeGreaterThan(0)
            expect(names.name(number)).toBe(`name-${n}`)
            held.push(number)
          } else {
            const number = held.splice(n % Math.max(1, held.length), 1)[0]
            if (number !== undefined) names.drop(number)
          }
          for (const number of held) expect(names.list()[number]).toBe(names.name(number))
        }
      }),
    )
  })

  it('R60 forgets names that nobody holds, and keeps those that somebody does', () => {
    const names = new Names()
    const kept = names.hold('kept')
    for (let n = 0; n < 100_000; n++) names.drop(names.hold(`worker-${n}`))
    expect(names.name(kept)).toBe('kept')
    expect(names.list().length).toBeLessThan(5_000)
  })

  it('R60 does not look through all held names at each new one', () => {
    const names = new Names()
    let looked = 0
    const counted = new Proxy((names as unknown as { names: string[] }).names, {
      get: (target, key, receiver) => {
        looked++
        return Reflect.get(target, key, receiver)
      },
    })
    Object.assign(names, { names: counted })
    for (let n = 0; n < 20_000; n++) names.hold(`worker-${n}`)
    expect(looked).toBeLessThan(20_000 * 5)
  })

  it('reads number 0 as no name, and dropping it is nothing', () => {
    const names = new Names()
    names.drop(0)
    expect(names.name(0)).toBe('')
    expect(names.name(99)).toBe('')
  })
})

describe('MessageTable', () => {
  it('gives freed places out again, empty', () => {
    const table = new MessageTable()
    const [a, b] = [table.insert(1), table.insert(2)]
    table.setCold(a, { callerId: 'x', wishes: { group: 'g' } })
    table.setWorker(a, 'w')
    table.remove(a)
    expect(table.slotOf(1)).toBe(-1)
    const again = table.insert(3)
    expect(again).toBe(a)
    expect(table.read(again)).toEqual({
      tag: 'Waiting',
      ordinal: 3,
      callerId: undefined,
      wishes: {},
      priority: 0,
      enqueuedAt: 0,
      expiresAt: 0,
      attempts: 0,
      firstStartedAt: 0,
      previousDelayMs: 0,
      failureType: undefined,
      dueAt: 0,
      inDoubt: false,
    })
    expect([table.size, table.slotCount, table.slotOf(2)]).toEqual([2, 2, b])
  })

  it('I8 refuses an ordinal that is there', () => {
    const table = new MessageTable()
    table.insert(1)
    expect(() => table.insert(1)).toThrow(/I8 ordinal 1/)
  })
})

describe('R60 the records of a queue', () => {
  it('take a few kilobytes while there are few, and keep what is in them as the room grows', () => {
    const table = new MessageTable()
    const bytes = () => table.chunks.reduce((sum, { doubles }) => sum + doubles.byteLength, 0)
    table.insert(7)
    expect(bytes()).toBeLessThan(10_000)
    for (let ordinal = 8; ordinal < 5_000; ordinal++) table.insert(ordinal)
    expect(table.chunks).toHaveLength(2)
    for (let ordinal = 7; ordinal < 5_000; ordinal++) expect(table.read(ordinal - 7).ordinal).toBe(ordinal)
  })
})
