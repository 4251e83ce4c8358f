// The queues behind "which message is next", each against the plainest thing that does the same.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Bands } from '../../../projections/ready/bands.js'
import { Fifo } from '../../../projections/ready/fifo.js'
import { KeyedHeap } from '../../../projections/ready/keyedHeap.js'
import { NumberHeap } from '../../../projections/ready/numberHeap.js'
import { OrdinalQueue } from '../../../projections/ready/ordinalQueue.js'

describe('Fifo', () => {
  it('gives back what was pushed, in order, over any number of chunks', () => {
    const push = fc.record({ push: fc.integer({ min: 1, max: 5_000 }) })
    const take = fc.record({ take: fc.integer({ min: 1, max: 5_000 }) })
    const takeLast = fc.record({ takeLast: fc.integer({ min: 1, max: 5_000 }) })
    fc.assert(
      fc.property(fc.array(fc.oneof(push, take, takeLast), { maxLength: 12 }), (steps) => {
        const fifo = new Fifo()
        let [first, last] = [0, 0]
        for (const step of steps) {
          if ('push' in step) for (let n = 0; n < step.push; n++) fifo.push(++last)
          else if ('take' in step) {
            for (let n = 0; n < step.take; n++) expectSame(fifo.take(), first < last ? ++first : Number.NaN)
          } else {
            for (let n = 0; n < step.takeLast; n++) {
              expectSame(fifo.takeLast(), first < last ? last-- : Number.NaN)
            }
          }
          expectSame(fifo.size, last - first)
          expectSame(fifo.peek(), first < last ? first + 1 : Number.NaN)
          expectSame(fifo.lastPushed(), first < last ? last : Number.NaN)
        }
      }),
      { numRuns: 60 },
    )
  })
})

describe('NumberHeap', () => {
  it('gives the least number first', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat({ max: 100 })), { maxLength: 300 }), (steps) => {
        const heap = new NumberHeap()
        const model: number[] = []
        for (const value of steps) {
          if (value === null) expectSame(heap.take(), model.shift() ?? Number.NaN)
          else {
            heap.push(value)
            model.push(value)
            model.sort((a, b) => a - b)
          }
          expectSame(heap.peek(), model[0] ?? Number.NaN)
          expectSame(heap.size, model.length)
        }
      }),
    )
  })
})

describe('KeyedHeap', () => {
  it('gives the least key first, and of equal keys the least value', () => {
    const entry = fc.tuple(fc.nat({ max: 20 }), fc.nat({ max: 50 }))
    fc.assert(
      fc.property(fc.array(fc.option(entry), { maxLength: 300 }), (steps) => {
        const heap = new KeyedHeap()
        const model: Array<readonly [key: number, value: number]> = []
        for (const step of steps) {
          if (step === null) {
            heap.drop()
            model.shift()
          } else {
            heap.push(...step)
            model.push(step)
            model.sort(([k, v], [l, w]) => k - l || v - w)
          }
          expectSame(heap.key(), model[0]?.[0] ?? Number.NaN)
          expectSame(heap.value(), model[0]?.[1] ?? Number.NaN)
          expectSame(heap.size, model.length)
        }
      }),
    )
  })
})

describe('Bands', () => {
  it('B2 keeps no more priorities than have entries, whatever numbers callers use', () => {
    const bands = new Bands(() => new OrdinalQueue())
    for (let priority = -1_000; priority <= 1_000; priority++) {
      bands.of(priority).push(1)
      if (priority % 500 !== 0) bands.of(priority).take()
    }
    expect(bands.sorted.length).toBeLessThan(40)
    const kept = bands.sorted.filter(({ queue }) => queue.size > 0).map(({ priority }) => priority)
    expect(kept).toEqual([1_000, 500, 0, -500, -1_000])
  })
})

/** `expect` on each of a million numbers would be most of the run. */
const expectSame = (found: number, wanted: number): void => {
  if (!Object.is(found, wanted)) expect(found).toBe(wanted)
}
