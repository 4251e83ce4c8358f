// The heap of due times against a Map that is searched: adding, moving either way, removing from anywhere.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SlotHeap } from '../../../projections/dueTimes/slotHeap.js'
import { MessageTable } from '../../../projections/messageTable/messageTable.js'

const SLOTS = 400
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ slot: fc.nat({ max: SLOTS - 1 }), wakeAt: fc.nat({ max: 500 }) }),
  },
  { weight: 1, arbitrary: fc.record({ remove: fc.nat({ max: SLOTS - 1 }) }) },
  { weight: 1, arbitrary: fc.constant({ takeFirst: true as const }) },
)

describe('SlotHeap', () => {
  it('has the slot that is due first on top, after any additions, moves and removals', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600, size: 'max' }), (steps) => {
        const table = new MessageTable()
        for (let n = 0; n < SLOTS; n++) table.insert(n + 1)
        const heap = new SlotHeap(table)
        const model = new Map<number, number>()
        for (const taken of steps) {
          if ('slot' in taken) {
            heap.set(taken.slot, taken.wakeAt)
            model.set(taken.slot, taken.wakeAt)
          } else {
            const slot = 'remove' in taken ? taken.remove : heap.peek()
            if (slot >= 0) heap.remove(slot)
            model.delete(slot)
          }
          const least = Math.min(...model.values(), Number.POSITIVE_INFINITY)
          if (heap.nextAt() !== least) expect(heap.nextAt()).toBe(least)
          if (heap.size !== model.size) expect(heap.size).toBe(model.size)
          if (model.size > 0 && model.get(heap.peek()) !== least) expect(heap.peek()).toBe(least)
        }
        expect([...heap.members()].sort()).toEqual([...model.keys()].sort())
        // Emptied from the top it is sorted.
        const order: number[] = []
        while (heap.size > 0) {
          order.push(heap.nextAt())
          heap.remove(heap.peek())
        }
        expect(order).toEqual([...model.values()].sort((a, b) => a - b))
        expect(heap.peek()).toBe(-1)
      }),
      { numRuns: 80 },
    )
  })
})
