// The queues behind "which message is next", each against the plainest thing that does the same.
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
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

describe('the memory of a Fifo', () => {
  type Inside = Readonly<{ chunks: ReadonlyArray<Float64Array>; headAt: number; tailAt: number }>
  const inside = (fifo: Fifo): Inside => fifo as unknown as Inside

  it('is as small as what it holds, however much goes through it', () => {
    for (const held of [0, 1, 3, 4]) {
      const fifo = new Fifo()
      for (let n = 0; n < held; n++) fifo.push(n)
      for (let n = 0; n < 10_000; n++) {
        fifo.push(n)
        fifo.take()
      }
      expect(inside(fifo).chunks.map(({ length }) => length)).toEqual([8])
    }
  })

  it('doubles while it is short, and moves nothing once it is long', () => {
    const fifo = new Fifo()
    for (let n = 1; n <= 2_048; n++) {
      fifo.push(n)
      expect(inside(fifo).chunks.map(({ length }) => length)).toEqual([
        Math.max(8, 2 ** Math.ceil(Math.log2(n))),
      ])
    }
    const [first] = inside(fifo).chunks
    for (let n = 0; n < 8_192; n++) fifo.push(n)
    expect(inside(fifo).chunks.map(({ length }) => length)).toEqual([2_048, 2_048, 2_048, 2_048, 2_048])
    expect(inside(fifo).chunks[0]).toBe(first)
  })

  it('begins at its first place again when it is empty, from whichever end it was emptied', () => {
    const fifo = new Fifo()
    for (const take of [() => fifo.take(), () => fifo.takeLast()]) {
      for (const value of [1, 2, 3]) fifo.push(value)
      fifo.take()
      take()
      take()
      expect([inside(fifo).headAt, inside(fifo).tailAt]).toEqual([0, 0])
    }
  })
})

describe('OrdinalQueue', () => {
  const comeBack = (queue: OrdinalQueue): unknown => Reflect.get(queue, 'comeBack')

  it('gives the least ordinal first, counts all, and sweeps what is not kept, whatever came back', () => {
    const step = fc.oneof(fc.nat({ max: 60 }), fc.constant('take' as const), fc.constant('sweep' as const))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const queue = new OrdinalQueue()
        let model: number[] = []
        for (const one of steps) {
          if (one === 'take') expectSame(queue.take(), model.shift() ?? Number.NaN)
          else if (one === 'sweep') {
            queue.sweep((ordinal) => ordinal % 3 > 0)
            model = [...new Set(model)].filter((ordinal) => ordinal % 3 > 0)
            expect(comeBack(queue)).toBeUndefined()
          } else {
            queue.push(one)
            model.push(one)
            model.sort((a, b) => a - b)
          }
          expectSame(queue.size, model.length)
          expectSame(queue.peek(), model[0] ?? Number.NaN)
        }
      }),
    )
  })

  it('needs no heap for what comes in order, also after it was empty', () => {
    const queue = new OrdinalQueue()
    for (let round = 0; round < 2; round++) {
      for (let n = 1; n <= 50; n++) queue.push(n)
      while (queue.size > 0) queue.take()
    }
    expect(comeBack(queue)).toBeUndefined()
  })
})

describe('what is in a NumberHeap', () => {
  it('is visited once each', () => {
    const heap = new NumberHeap()
    const visited = (): number[] => {
      const values: number[] = []
      heap.forEach((value) => {
        values.push(value)
      })
      return values.sort((a, b) => a - b)
    }
    expect(visited()).toEqual([])
    for (const value of [3, 1, 2, 3]) heap.push(value)
    expect(visited()).toEqual([1, 2, 3, 3])
    heap.take()
    expect(visited()).toEqual([2, 3, 3])
  })

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
    // Each is found under its number, those that were swept too.
    for (const priority of [...kept, 7, -7]) {
      const queue = bands.of(priority)
      expect(bands.find(priority)?.queue).toBe(queue)
      expect(bands.sorted.filter((band) => band.priority === priority).map((band) => band.queue)).toEqual([
        queue,
      ])
      expect(queue.size).toBe(kept.includes(priority) ? 1 : 0)
    }
  })

  it('B2 looks for empty ones only when there are twice as many as were left', () => {
    const bands = new Bands(() => new OrdinalQueue())
    const dropEmpty = vi.spyOn(bands as unknown as { dropEmpty: () => void }, 'dropEmpty')
    for (let priority = 1; priority <= 30; priority++) bands.of(priority).push(1)
    expect(dropEmpty).not.toHaveBeenCalled()
    for (let priority = 31; priority <= 1_000; priority++) bands.of(priority).push(1)
    expect(dropEmpty.mock.calls.length).toBeGreaterThan(3)
    expect(dropEmpty.mock.calls.length).toBeLessThan(8)
  })
})

/** `expect` on each of a million numbers would be most of the run. */
const expectSame = (found: number, wanted: number): void => {
  if (!Object.is(found, wanted)) expect(found).toBe(wanted)
}
