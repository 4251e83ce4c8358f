// The queues behind "which message is next", each against the plainest thing that does the same.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Fifo } from '../../../projections/ready/fifo.js'
import { NumberHeap } from '../../../projections/ready/numberHeap.js'
import { ReadyBands } from '../../../projections/ready/readyBands.js'

describe('Fifo', () => {
  it('gives back what was pushed, in order, over any number of chunks', () => {
    const push = fc.record({ push: fc.integer({ min: 1, max: 5_000 }) })
    const take = fc.record({ take: fc.integer({ min: 1, max: 5_000 }) })
    fc.assert(
      fc.property(fc.array(fc.oneof(push, take), { maxLength: 12 }), (steps) => {
        const fifo = new Fifo()
        let [first, last] = [0, 0]
        for (const step of steps) {
          if ('push' in step) for (let n = 0; n < step.push; n++) fifo.push(++last)
          else {
            for (let n = 0; n < step.take; n++) expectSame(fifo.take(), first < last ? ++first : Number.NaN)
          }
          expectSame(fifo.size, last - first)
          expectSame(fifo.peek(), first < last ? first + 1 : Number.NaN)
          expectSame(fifo.last(), first < last ? last : Number.NaN)
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

describe('ReadyBands', () => {
  const priority = fc.constantFrom(-10, 0, 3, 10)
  const ordinal = fc.nat({ max: 60 })
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constant('push' as const), priority, ordinal) },
    { weight: 2, arbitrary: fc.tuple(fc.constant('take' as const), priority, ordinal) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('drop' as const), priority, ordinal) },
  )

  it('B2 takes the highest priority first, and inside it the least ordinal', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const bands = new ReadyBands()
        const model: Array<readonly [priority: number, ordinal: number]> = []
        const sort = (): unknown => model.sort(([p, a], [q, b]) => q - p || a - b)
        for (const [what, of, value] of steps) {
          if (what === 'push') {
            bands.push(of, value)
            model.push([of, value])
            sort()
          } else if (what === 'take') expectSame(bands.take(), model.shift()?.[1] ?? Number.NaN)
          else {
            bands.dropHead(of, value)
            const head = model.findIndex(([p]) => p === of)
            if (head >= 0 && model[head]?.[1] === value) model.splice(head, 1)
          }
          expectSame(bands.peek(), model[0]?.[1] ?? Number.NaN)
        }
      }),
    )
  })

  it('B1 keeps the order of ordinals when one comes back before all that wait', () => {
    const bands = new ReadyBands()
    for (const n of [1, 2, 3, 4]) bands.push(0, n)
    expect(bands.take()).toBe(1)
    expect(bands.take()).toBe(2)
    bands.push(0, 1)
    bands.push(0, 5)
    expect([bands.take(), bands.take(), bands.take(), bands.take(), bands.take()]).toEqual([
      1,
      3,
      4,
      5,
      Number.NaN,
    ])
  })
})

/** `expect` on each of a million numbers would be most of the run. */
const expectSame = (found: number, wanted: number): void => {
  if (!Object.is(found, wanted)) expect(found).toBe(wanted)
}
