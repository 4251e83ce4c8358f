// A9: which messages make room for new ones, held against sorting all that wait; also beyond what one pass finds.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../domain/batch.js'
import type { Overflow } from '../../domain/queue/index.js'
import * as L from '../../projections/messageTable/layout.js'
import { PartitionState } from '../../projections/partition/index.js'
import { overflowVictims } from '../../src/engine/overflow.js'

const NONE: ReadonlySet<number> = new Set()
const ofMessage = (ordinal: number) => ({ ordinal, callerId: undefined })

class Full {
  readonly state = new PartitionState()
  readonly waiting = new Map<number, number>()

  private add(event: LedgerEvent): void {
    this.state.apply(event, 1_000, 0)
  }

  enqueue(priority: number): void {
    const ordinal = this.state.nextOrdinal
    const event = { payload: '1', priority, notBefore: 0, expiresAt: 0, attributes: undefined }
    this.add({ type: 'MessageEnqueued', ...ofMessage(ordinal), ...event })
    this.waiting.set(ordinal, priority)
  }

  start(ordinal: number, andFinish = false): void {
    const event = { attempt: 1, leaseMs: 9, worker: 'w', claimId: undefined, zone: undefined }
    const fence = this.state.nextFence
    this.add({ type: 'AttemptStarted', ...ofMessage(ordinal), ...event, fence })
    this.waiting.delete(ordinal)
    if (!andFinish) return
    const rest = { result: undefined, followUps: undefined, reconciled: undefined }
    this.add({ type: 'AttemptSucceeded', ...ofMessage(ordinal), fence, ...rest })
  }

  edit(ordinal: number, priority: number): void {
    const event = { payload: '1', priority, notBefore: 0, expiresAt: 0, attributes: undefined, by: undefined }
    this.add({ type: 'MessageEdited', ...ofMessage(ordinal), ...event, cause: 'replaced' })
    this.waiting.set(ordinal, priority)
  }

  victims(overflow: Overflow, count: number, priority = 0, kept = NONE): number[] | undefined {
    const { table } = this.state
    const slots = overflowVictims(this.state, overflow, count, priority, kept)
    return slots?.map((slot) => table.double(slot, L.ORDINAL))
  }

  /** How many doubles of records are read. */
  reads(act: () => void): number {
    const { table } = this.state
    let reads = 0
    const read = table.double.bind(table)
    table.double = (slot, field) => {
      reads++
      return read(slot, field)
    }
    act()
    table.double = read
    return reads
  }

  /** Ordinals of the victims, which are gone then; undefined = there were too few. */
  drop(overflow: Overflow, count: number, priority = 0, kept = NONE): number[] | undefined {
    const ordinals = this.victims(overflow, count, priority, kept)
    for (const ordinal of ordinals ?? []) {
      this.add({ type: 'MessagePurged', ...ofMessage(ordinal), by: undefined, cause: 'overflow' })
      this.waiting.delete(ordinal)
    }
    return ordinals
  }

  expected(overflow: Overflow, count: number, priority = 0, kept = NONE): number[] | undefined {
    const byPriority = overflow === 'dropLowestPriority'
    const chosen = [...this.waiting]
      .filter(([ordinal, own]) => !kept.has(ordinal) && (!byPriority || own < priority))
      .sort(([a, one], [b, other]) => (byPriority && one !== other ? one - other : a - b))
      .slice(0, count)
      .map(([ordinal]) => ordinal)
    return chosen.length < count ? undefined : chosen
  }
}

const overflows = fc.constantFrom<Overflow>('dropOldest', 'dropLowestPriority')
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('enqueue' as const), priority: fc.integer({ min: -3, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('start' as const), at: fc.nat({ max: 30 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('drop' as const),
      count: fc.integer({ min: 1, max: 4 }),
      priority: fc.integer({ min: -3, max: 4 }),
      kept: fc.array(fc.nat({ max: 30 }), { maxLength: 3 }),
    }),
  },
)

describe('A9: making room', () => {
  it('drops the oldest, or the lowest priority and of these the oldest, whatever happens between two calls', () => {
    fc.assert(
      fc.property(overflows, fc.array(step, { maxLength: 60 }), (overflow, steps) => {
        const full = new Full()
        for (const one of steps) {
          if (one.do === 'enqueue') full.enqueue(one.priority)
          else if (one.do === 'start') {
            if (full.waiting.has(one.at)) full.start(one.at)
          } else {
            const kept = new Set(one.kept)
            const expected = full.expected(overflow, one.count, one.priority, kept)
            expect(full.drop(overflow, one.count, one.priority, kept)).toEqual(expected)
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it.each<Overflow>(['dropOldest', 'dropLowestPriority'])(
    'goes on where one pass has ended: %s',
    (overflow) => {
      const full = new Full()
      for (let n = 0; n < 5_000; n++) full.enqueue((n * 7_919) % 101)
      for (let n = 0; n < 40; n++) {
        const expected = full.expected(overflow, 100, 101)
        expect(full.drop(overflow, 100, 101)).toEqual(expected)
      }
    },
  )

  it('takes more at once than one pass keeps', () => {
    const full = new Full()
    for (let n = 0; n < 4_000; n++) full.enqueue((n * 7_919) % 11)
    const expected = full.expected('dropLowestPriority', 3_000, 100)
    expect(full.drop('dropLowestPriority', 3_000, 100)).toEqual(expected)
  })

  it('changes nothing when there are too few, and never drops what runs or has as high a priority', () => {
    const full = new Full()
    for (const priority of [1, 0, 2]) full.enqueue(priority)
    full.start(2)
    expect(full.drop('dropLowestPriority', 2, 2)).toBeUndefined()
    expect(full.drop('dropLowestPriority', 1, 1)).toBeUndefined()
    expect(full.drop('dropLowestPriority', 1, 2)).toEqual([1])
    expect(full.drop('dropOldest', 2)).toBeUndefined()
    expect(full.drop('dropOldest', 1, 0, new Set([3]))).toBeUndefined()
    expect(full.drop('dropOldest', 1)).toEqual([3])
  })

  it.each<Overflow>(['dropOldest', 'dropLowestPriority'])(
    'finds the first to go wherever they stand: newer ones may stand where older ones have gone: %s',
    (overflow) => {
      const full = new Full()
      for (let n = 0; n < 4_000; n++) full.enqueue((n * 7_919) % 13)
      for (let ordinal = 1; ordinal <= 2_500; ordinal++) full.start(ordinal, true)
      for (let n = 0; n < 2_500; n++) full.enqueue((n * 7_919) % 13)
      for (const count of [1, 10, 1_000, 1_500]) {
        const expected = full.expected(overflow, count, 13)
        expect(full.drop(overflow, count, 13)).toEqual(expected)
      }
    },
  )

  it.each<Overflow>(['dropOldest', 'dropLowestPriority'])(
    'takes more than one pass keeps, also beside many that must stay: %s',
    (overflow) => {
      const full = new Full()
      for (let n = 0; n < 3_000; n++) full.enqueue(0)
      const kept = new Set(Array.from({ length: 600 }, (_, n) => n + 1))
      const expected = full.expected(overflow, 1_500, 1, kept)
      expect(full.drop(overflow, 1_500, 1, kept)).toEqual(expected)
      expect(full.drop(overflow, 3, 1)).toEqual([1, 2, 3])
    },
  )

  it('goes back to those that had to stay, in their order', () => {
    const full = new Full()
    for (let n = 0; n < 6; n++) full.enqueue(0)
    expect(full.drop('dropOldest', 1, 0, new Set([1, 2, 3]))).toEqual([4])
    expect(full.drop('dropOldest', 2)).toEqual([1, 2])
    expect(full.drop('dropOldest', 2)).toEqual([3, 5])
  })

  it('looks through all that wait once in a thousand drops, and when more than a thousand have come', () => {
    const full = new Full()
    for (let n = 0; n < 3_000; n++) full.enqueue(1)
    const looked = (overflow: Overflow): boolean => full.reads(() => full.drop(overflow, 1, 2)) >= 2_000
    expect(looked('dropLowestPriority')).toBe(true)
    expect(looked('dropLowestPriority')).toBe(false)
    for (let n = 0; n < 1_024; n++) full.enqueue(1)
    expect(looked('dropLowestPriority')).toBe(false)
    for (let n = 0; n < 1_025; n++) full.enqueue(1)
    expect(looked('dropLowestPriority')).toBe(true)
    let passes = 0
    for (let n = 0; n < 2_000; n++) {
      if (looked('dropOldest')) passes++
    }
    expect(passes).toBe(2)
  })

  it('by priority weighs each that came since the last pass once, wherever it stands, and whatever became of it', () => {
    const full = new Full()
    for (let n = 0; n < 3; n++) full.enqueue(5)
    expect(full.drop('dropLowestPriority', 1, 9)).toEqual([1])
    // It stands where the first has gone.
    full.enqueue(1)
    expect(full.drop('dropLowestPriority', 1, 9)).toEqual([4])
    full.enqueue(0)
    full.enqueue(2)
    full.enqueue(0)
    full.start(5, true)
    full.start(7)
    expect(full.drop('dropLowestPriority', 1, 9)).toEqual([6])
    expect(full.drop('dropLowestPriority', 2, 9)).toEqual([2, 3])
  })

  it('by priority drops no newer one before others that no pass has kept', () => {
    for (const before of [1, 1_024]) {
      const full = new Full()
      for (let n = 0; n < 3_000; n++) full.enqueue(0)
      expect(full.drop('dropLowestPriority', before, 9)).toHaveLength(before)
      full.enqueue(5)
      for (let ordinal = before + 1; ordinal <= 1_030; ordinal++) {
        expect(full.drop('dropLowestPriority', 1, 9)).toEqual([ordinal])
      }
    }
  })

  it('leaves one alone whose priority was raised since the last pass, unless its age decides', () => {
    for (const overflow of ['dropOldest', 'dropLowestPriority'] as const) {
      const full = new Full()
      for (const priority of [1, 1, 2, 3]) full.enqueue(priority)
      expect(full.drop(overflow, 1, 9)).toEqual([1])
      full.edit(2, 8)
      expect(full.drop(overflow, 1, 9)).toEqual([overflow === 'dropOldest' ? 2 : 3])
    }
  })

  it('asks anew when the queue drops by another rule', () => {
    const full = new Full()
    for (const priority of [5, 1, 3]) full.enqueue(priority)
    expect(full.drop('dropOldest', 1)).toEqual([1])
    expect(full.drop('dropLowestPriority', 1, 9)).toEqual([2])
  })
})
