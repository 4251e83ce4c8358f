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

  start(ordinal: number): void {
    const event = { attempt: 1, leaseMs: 9, worker: 'w', claimId: undefined, zone: undefined }
    this.add({ type: 'AttemptStarted', ...ofMessage(ordinal), ...event, fence: this.state.nextFence })
    this.waiting.delete(ordinal)
  }

  /** Ordinals of the victims, which are gone then; undefined = there were too few. */
  drop(overflow: Overflow, count: number, priority = 0, kept = NONE): number[] | undefined {
    const { table } = this.state
    const slots = overflowVictims(this.state, overflow, count, priority, kept)
    const ordinals = slots?.map((slot) => table.double(slot, L.ORDINAL))
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

  it('asks anew when the queue drops by another rule', () => {
    const full = new Full()
    for (const priority of [5, 1, 3]) full.enqueue(priority)
    expect(full.drop('dropOldest', 1)).toEqual([1])
    expect(full.drop('dropLowestPriority', 1, 9)).toEqual([2])
  })
})
