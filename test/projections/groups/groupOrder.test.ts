// Order inside groups against plain sorted lists (B1, B7): who may run, what pause and stepping aside change, what is left
// when a group ends.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GroupOrder } from '../../../projections/groups/groupOrder.js'
import { GROUP } from '../../../projections/messageTable/layout.js'
import { MessageTable } from '../../../projections/messageTable/messageTable.js'

const SLOTS = 30
const NAMES = ['a', 'b', 'c']
const step = fc.record({
  slot: fc.nat({ max: SLOTS - 1 }),
  group: fc.constantFrom(...NAMES),
  what: fc.constantFrom('join', 'join', 'join', 'leave', 'run', 'rest', 'stepAside', 'stepBack', 'pause'),
})
type Member = { name: string; running: boolean; aside: boolean }

describe('GroupOrder', () => {
  it('B1 B7 lets only the first of a group run, while none of it runs and it is not paused', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        const table = new MessageTable()
        // Slots against the order of ordinals, so that the one cannot be taken for the other.
        for (let n = 0; n < SLOTS; n++) table.insert(SLOTS - n)
        const groups = new GroupOrder(table)
        const model = new Map<number, Member>()
        let paused = new Set<string>()
        const runnableOf = (name: string): number => {
          const members = [...model].filter(([, member]) => member.name === name)
          if (paused.has(name) || members.some(([, { running }]) => running)) return -1
          return Math.max(-1, ...members.filter(([, { aside }]) => !aside).map(([slot]) => slot))
        }
        for (const { slot, group, what } of steps) {
          const member = model.get(slot)
          if (what === 'join' && member === undefined) {
            groups.join(slot, group)
            model.set(slot, { name: group, running: false, aside: false })
          } else if (what === 'leave' && member !== undefined && !member.running) {
            const number = groups.leave(slot)
            model.delete(slot)
            assert.equal(
              number > 0,
              [...model.values()].some(({ name }) => name === member.name),
            )
          } else if (what === 'leave' && member === undefined) assert.equal(groups.leave(slot), 0)
          else if (what === 'run' && member?.running === false) {
            groups.run(slot, 1)
            member.running = true
          } else if (what === 'rest' && member?.running === true) {
            groups.run(slot, -1)
            member.running = false
          } else if (what === 'stepAside' && member?.running === false) {
            groups.stepAside(slot)
            member.aside = true
          } else if (what === 'stepBack' && member !== undefined) {
            groups.stepBack(slot)
            member.aside = false
          } else if (what === 'pause') {
            const next = new Set(paused)
            if (!next.delete(group)) next.add(group)
            const isKnown = [...model.values()].some(({ name }) => name === group)
            assert.equal(groups.pause(next).length, isKnown ? 1 : 0)
            paused = next
          }
          for (const [one, { name }] of model) {
            assert.equal(groups.runnable(table.int(one, GROUP)), runnableOf(name))
          }
          assert.equal(groups.size, new Set([...model.values()].map(({ name }) => name)).size)
        }
      }),
      { numRuns: 100 },
    )
  })

  it('B1 puts an old member back without a walk along those that came after it', () => {
    const table = new MessageTable()
    const groups = new GroupOrder(table)
    const slots = Array.from({ length: 1_000 }, (_, n) => table.insert(n + 1))
    for (const slot of slots) groups.join(slot, 'g')
    for (let n = 0; n < 500; n += 2) groups.leave(slots[n] ?? 0)
    let reads = 0
    const double = table.double.bind(table)
    table.double = (slot, field) => {
      reads++
      return double(slot, field)
    }
    for (let n = 498; n >= 0; n -= 2) groups.join(slots[n] ?? 0, 'g')
    expect(reads).toBeLessThan(250 * 4)
    table.double = double
    for (const slot of slots) {
      expect(groups.runnable(table.int(slot, GROUP))).toBe(slot)
      groups.leave(slot)
    }
    expect(groups.size).toBe(0)
  })

  it('B1 has nothing to say of a message that is in no group', () => {
    const table = new MessageTable()
    const groups = new GroupOrder(table)
    const [alone, member] = [table.insert(1), table.insert(2)]
    groups.join(member, 'g')
    groups.run(alone, 1)
    groups.stepAside(alone)
    groups.stepBack(alone)
    expect(groups.leave(alone)).toBe(0)
    groups.setOffered(0, alone)
    expect([groups.offeredOf(0), groups.offeredOf(99)]).toEqual([-1, -1])
    expect([groups.runnable(0), groups.runnable(99)]).toEqual([-1, -1])
    expect(groups.runnable(table.int(member, GROUP))).toBe(member)
  })

  it('B1 says which member is among the ready ones until it leaves, and only that one leaves as such', () => {
    const table = new MessageTable()
    const groups = new GroupOrder(table)
    const slots = [1, 2, 3].map((ordinal) => table.insert(ordinal))
    const [first = 0, second = 0, third = 0] = slots
    for (const slot of slots) groups.join(slot, 'g')
    const number = table.int(first, GROUP)
    expect(groups.offeredOf(number)).toBe(-1)
    groups.setOffered(number, first)
    expect(groups.leave(second)).toBe(number)
    expect(groups.offeredOf(number)).toBe(first)
    expect(groups.leave(first)).toBe(number)
    expect(groups.offeredOf(number)).toBe(-1)
    groups.setOffered(number, third)
    expect(groups.leave(third)).toBe(0)
    expect([groups.offeredOf(number), groups.runnable(number)]).toEqual([-1, -1])
  })

  it('B1 uses the number of a group again when it has ended, for one that knows nothing of it', () => {
    const table = new MessageTable()
    const groups = new GroupOrder(table)
    const numbers = new Set<number>()
    for (let n = 1; n <= 1_000; n++) {
      const slot = table.insert(n)
      groups.join(slot, `g${n}`)
      const number = table.int(slot, GROUP)
      numbers.add(number)
      expect([groups.offeredOf(number), groups.runnable(number)]).toEqual([-1, slot])
      groups.setOffered(number, slot)
      groups.leave(slot)
      expect(groups.runnable(number)).toBe(-1)
    }
    expect([...numbers]).toEqual([1])
  })

  it('B1 keeps its place aside when it steps aside twice, and its place when it steps back twice', () => {
    const table = new MessageTable()
    const groups = new GroupOrder(table)
    const [first, second] = [table.insert(1), table.insert(2)]
    for (const slot of [first, second]) groups.join(slot, 'g')
    const next = (): number => groups.runnable(table.int(second, GROUP))
    for (let n = 0; n < 2; n++) {
      groups.stepAside(first)
      expect(next()).toBe(second)
    }
    for (let n = 0; n < 2; n++) {
      groups.stepBack(first)
      expect(next()).toBe(first)
    }
    groups.stepAside(first)
    groups.leave(first)
    groups.stepBack(first)
    expect(next()).toBe(second)
  })

  it('B1 needs no heap for members that come in order', () => {
    const table = new MessageTable()
    const groups = new GroupOrder(table)
    for (let n = 1; n <= 100; n++) groups.join(table.insert(n), 'g')
    const [, group] = Reflect.get(groups, 'groups') as ReadonlyArray<{ comeBack: unknown } | undefined>
    expect(group?.comeBack).toBeUndefined()
  })
})
