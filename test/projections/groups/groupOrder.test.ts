// Order inside groups against plain sorted lists (B1): who is the head, who may run, what is left when a group ends.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { GroupOrder } from '../../../projections/groups/groupOrder.js'
import { MessageTable } from '../../../projections/messageTable/messageTable.js'

const SLOTS = 30
const step = fc.record({
  slot: fc.nat({ max: SLOTS - 1 }),
  group: fc.constantFrom('a', 'b', 'c'),
  what: fc.constantFrom('join', 'join', 'leave', 'run', 'rest'),
})
type Member = { name: string; running: boolean }

describe('GroupOrder', () => {
  it('B1 lets only the first of a group run, and only while none of it runs', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
        const table = new MessageTable()
        // Slots against the order of ordinals, so that the one cannot be taken for the other.
        for (let n = 0; n < SLOTS; n++) table.insert(SLOTS - n)
        const groups = new GroupOrder(table)
        const model = new Map<number, Member>()
        const membersOf = (name: string): number[] =>
          [...model]
            .filter(([, member]) => member.name === name)
            .map(([slot]) => slot)
            .sort((a, b) => b - a)
        for (const { slot, group, what } of steps) {
          const member = model.get(slot)
          if (what === 'join' && member === undefined) {
            groups.join(slot, group)
            model.set(slot, { name: group, running: false })
          } else if (what === 'leave' && member?.running !== true) {
            const head = groups.leave(slot)
            model.delete(slot)
            assert.equal(head, member === undefined ? -1 : (membersOf(member.name)[0] ?? -1))
          } else if (what === 'run' && member?.running === false) {
            groups.run(slot, 1)
            member.running = true
          } else if (what === 'rest' && member?.running === true) {
            groups.run(slot, -1)
            member.running = false
          }
          for (let one = 0; one < SLOTS; one++) {
            const of = model.get(one)
            const members = of === undefined ? [] : membersOf(of.name)
            const free = members.every((other) => model.get(other)?.running !== true)
            assert.equal(groups.headOf(one), members[0] ?? -1)
            assert.equal(groups.mayRun(one), of === undefined || (members[0] === one && free))
          }
          assert.equal(groups.size, new Set([...model.values()].map(({ name }) => name)).size)
        }
      }),
      { numRuns: 60 },
    )
  })
})
