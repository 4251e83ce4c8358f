// F4, E7: the totals of a ledger, read from a topic: each event once, gaps and repeats named, queues as labels within bounds.
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../../domain/batch.js'
import type { MessageEnqueued } from '../../../domain/message/index.js'
import { LedgerTotals, QUEUES_MAX } from '../../../projections/topic/ledgerTotals.js'
import { OTHERS } from '../../../projections/topic/streamTotals.js'

const enqueued = (ordinal: number): MessageEnqueued => ({
  type: 'MessageEnqueued',
  ordinal,
  callerId: undefined,
  payload: '1',
  priority: 0,
  notBefore: 0,
  expiresAt: 0,
  attributes: undefined,
})
const hear = (
  totals: LedgerTotals,
  stream: string,
  revision: number,
  event: LedgerEvent,
  mayBeginAnywhere = false,
) => totals.hear({ stream, revision, at: 1_000, event }, mayBeginAnywhere)
const deleted = (queue: string, generation: number): LedgerEvent => ({
  type: 'QueueDeleted',
  queue,
  generation,
  by: undefined,
})

describe('totals of a ledger (E7, F4)', () => {
  it('name a gap and count on, name a repeat and do not count it', () => {
    const totals = new LedgerTotals()
    const stream = 'partition-a~1.0'
    expect(hear(totals, stream, 0, enqueued(1))).toBeUndefined()
    expect(hear(totals, stream, 2, enqueued(3))).toEqual({ type: 'Gap', stream, expected: 1, found: 2 })
    expect(hear(totals, stream, 2, enqueued(3))).toEqual({ type: 'Repeat', stream, expected: 3, found: 2 })
    expect(hear(totals, stream, 1, enqueued(2))).toEqual({ type: 'Repeat', stream, expected: 3, found: 1 })
    const [queue] = totals.queues()
    expect(queue?.counts.enqueued).toBe(2)
    expect(queue?.live).toBeUndefined()
  })

  it('begin anywhere only where that is allowed, and then know no live messages', () => {
    const stream = 'partition-a~1.0'
    expect(hear(new LedgerTotals(), stream, 5, enqueued(9))).toMatchObject({ type: 'Gap', expected: 0 })
    const totals = new LedgerTotals()
    expect(hear(totals, stream, 5, enqueued(9), true)).toBeUndefined()
    expect(totals.queues()[0]?.live).toBeUndefined()
  })

  it('go on over generations of a queue; what a deleted one held is no longer live', () => {
    const totals = new LedgerTotals()
    hear(totals, 'partition-a~1.0', 0, enqueued(1))
    hear(totals, 'ledger', 0, deleted('a', 1))
    hear(totals, 'partition-a~2.0', 0, enqueued(1))
    const [queue] = totals.queues()
    expect([queue?.counts.enqueued, queue?.live]).toEqual([2, { waiting: 1, processing: 0, dead: 0 }])
    expect(totals.events.get('QueueDeleted')).toBe(1)
    const kept = totals.snapshot().partitions['partition-a~1.0']?.totals
    expect([kept?.counts.enqueued, kept?.enqueuedAt]).toEqual([1, []])
  })

  it('have bounded labels: queues beyond the bound are one', () => {
    const totals = new LedgerTotals()
    for (let n = 0; n < QUEUES_MAX + 5; n++) hear(totals, `partition-q${n}~1.0`, 0, enqueued(1))
    const queues = totals.queues()
    expect(queues).toHaveLength(QUEUES_MAX + 1)
    expect(queues.find(({ queue }) => queue === OTHERS)?.counts.enqueued).toBe(5)
  })

  it('come back from a snapshot as JSON with heads, so that what was counted is known', () => {
    const totals = new LedgerTotals()
    hear(totals, 'partition-a~1.0', 0, enqueued(1))
    hear(totals, 'ledger', 0, deleted('b', 3))
    const loaded = new LedgerTotals()
    loaded.load(JSON.parse(JSON.stringify(totals.snapshot())))
    expect(loaded.snapshot()).toEqual(totals.snapshot())
    expect(hear(loaded, 'partition-a~1.0', 0, enqueued(1))).toMatchObject({ type: 'Repeat' })
    expect(hear(loaded, 'partition-a~1.0', 1, enqueued(2))).toBeUndefined()
  })
})
