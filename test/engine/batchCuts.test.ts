// Where a batch may be cut by a log that takes little in one append (R42): between requests, never inside a call.
import { describe, expect, it } from 'vitest'
import type { EventBatch, LedgerEvent } from '../../domain/batch.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn } from '../../src/api/openLedger.js'
import type { AppendLimits, EventLog } from '../../src/ports/eventLog.js'

const watched = (limits?: AppendLimits): Readonly<{ log: EventLog; batches: EventBatch[] }> => {
  const inner = openMemoryLog()
  const batches: EventBatch[] = []
  const log: EventLog = {
    ...inner,
    ...(limits === undefined ? {} : { limits }),
    append: (stream, expected, batch) => {
      if (stream.startsWith('partition-')) batches.push(batch)
      return inner.append(stream, expected, batch)
    },
  }
  return { log, batches }
}

const LIMITS: AppendLimits = { bytesMax: 1_000_000, eventBytes: 640 }
const payloads = (count: number): ReadonlyArray<{ payload: number }> =>
  Array.from({ length: count }, (_, n) => ({ payload: n }))

const isDrop = ({ type }: LedgerEvent): boolean => type === 'MessagePurged'

describe('R42: cuts of a batch', () => {
  it('R42: lie between calls and between settlements, and never inside a call', async () => {
    const { log, batches } = watched(LIMITS)
    const ledger = await openLedgerOn(log, memoryFinishedRegister(), {})
    const orders = await ledger.queue('orders')
    await Promise.all([orders.enqueueBatch(payloads(3)), orders.enqueue(7), orders.enqueueBatch(payloads(4))])
    const enqueues = batches.filter(({ events }) => events.some(({ type }) => type === 'MessageEnqueued'))
    const pieces: number[] = []
    for (const { events, cuts = [] } of enqueues) {
      const first = events.findIndex(({ type }) => type === 'MessageEnqueued')
      const ends = [...new Set([first, ...cuts.filter((cut) => cut > first), events.length])]
      for (let n = 1; n < ends.length; n++) pieces.push((ends[n] ?? 0) - (ends[n - 1] ?? 0))
    }
    expect(pieces.sort()).toEqual([1, 3, 4])
    const before = batches.length
    let left = 8
    await new Promise<void>((resolve) => {
      const worker = orders.process(
        async () => {
          if (--left === 0) void worker.stop().then(() => resolve())
        },
        { concurrency: 8 },
      )
    })
    const settled = batches
      .slice(before)
      .filter(({ events }) => events.some(({ type }) => type === 'AttemptSucceeded'))
    for (const { events, cuts = [] } of settled) {
      const successes = events.flatMap(({ type }, index) => (type === 'AttemptSucceeded' ? [index] : []))
      for (const index of successes) expect(cuts).toContain(index)
    }
    expect(settled.length).toBeGreaterThan(0)
    await ledger.close()
  })

  it('R42, C1: lie between messages that one call drops because maxSize became smaller, and before the call', async () => {
    const { log, batches } = watched(LIMITS)
    const ledger = await openLedgerOn(log, memoryFinishedRegister(), {})
    const orders = await ledger.queue('orders', { overflow: 'dropOldest' })
    await orders.enqueueBatch(payloads(50))
    await orders.configure({ maxSize: 10 })
    await orders.enqueueBatch(payloads(2))
    const { events = [], cuts = [] } = batches.find(({ events }) => events.some(isDrop)) ?? {}
    const drops = events.flatMap((event, index) => (isDrop(event) ? [index] : []))
    expect(drops).toHaveLength(42)
    for (const index of drops) expect(cuts).toContain(index)
    const first = events.findIndex(({ type }) => type === 'MessageEnqueued')
    expect(cuts).toContain(first)
    expect(cuts).not.toContain(first + 1)
    await ledger.close()
  })

  it('R42: are not kept for a log without limits', async () => {
    const { log, batches } = watched()
    const ledger = await openLedgerOn(log, memoryFinishedRegister(), {})
    await (await ledger.queue('orders')).enqueueBatch(payloads(3))
    expect(batches.every((batch) => !('cuts' in batch))).toBe(true)
    await ledger.close()
  })

  it('R42: a call beyond half of what the log takes is refused at the door with the limit, and recorded in no part', async () => {
    const { log, batches } = watched({ bytesMax: 10_000, eventBytes: 640 })
    const ledger = await openLedgerOn(log, memoryFinishedRegister(), {})
    const orders = await ledger.queue('orders')
    const before = batches.length
    await expect(orders.enqueueBatch(payloads(8))).rejects.toMatchObject({ code: 'batch_too_large' })
    expect(batches).toHaveLength(before)
    await orders.enqueueBatch(payloads(7))
    await ledger.close()
  })
})
