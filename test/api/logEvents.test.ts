// The log as a list of events: its order, its pages, and whom each event is about.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { RefusedError, UnavailableError } from '../../src/api/errors.js'
import { openLedger, openLedgerOn } from '../../src/api/openLedger.js'
import type { Ledger, LogEvent } from '../../src/api/types/index.js'
import { SparseLog } from '../support/sparseLog.js'

let ledger: Ledger
beforeEach(async () => {
  ledger = await openLedger({ log: { kind: 'memory' } })
})
afterEach(() => ledger.close())

const pages = async (limit: number, of = ledger): Promise<ReadonlyArray<LogEvent>> => {
  const events: LogEvent[] = []
  for (let from = 0; ; ) {
    const page = await of.events({ from, limit })
    events.push(...page.events)
    if (page.atEnd) return events
    expect(page.next).toBeGreaterThan(from)
    from = page.next
  }
}

describe('the events of the log', () => {
  it('come in the order of the log without a gap, whatever the size of the page', async () => {
    const orders = await ledger.queue('orders')
    await orders.enqueueBatch([1, 2, 3, 4, 5].map((payload) => ({ payload })))
    const all = await pages(500)
    expect(all.map(({ position }) => position)).toEqual(all.map((_, index) => index))
    for (const limit of [1, 2, 3]) expect(await pages(limit)).toEqual(all)
    expect((await ledger.stats()).log.position).toBe(all.length - 1)
  })

  it('F1: have the positions that the log gave them, gaps and all, and pages may end inside of a batch', async () => {
    const sparse = await openLedgerOn(new SparseLog().port, memoryFinishedRegister(), { logging: false })
    const orders = await sparse.queue('orders')
    await orders.enqueueBatch([1, 2, 3, 4, 5].map((payload) => ({ payload })))
    const all = await pages(500, sparse)
    expect(all.filter(({ type }) => type === 'MessageEnqueued')).toHaveLength(5)
    expect(all.map(({ position }) => position)).toEqual(all.map((_, index) => 10 * (index + 1)))
    for (const limit of [1, 2, 3]) expect(await pages(limit, sparse)).toEqual(all)
    await sparse.close()
  })

  it('say which queue and message they are about, by an id that finds the history', async () => {
    const orders = await ledger.queue('orders')
    await orders.enqueue({ n: 1 }, { id: 'mine' })
    await orders.pause({ who: 'ann' })
    const events = await pages(500)
    expect(events.every(({ queue }) => queue === 'orders')).toBe(true)
    const enqueued = events.find(({ type }) => type === 'MessageEnqueued')
    expect(enqueued).toMatchObject({ id: 'orders.0.1', stream: 'partition-orders~1.0' })
    const { stream: _stream, queue: _queue, id = '', ...entry } = enqueued as LogEvent
    expect(await ledger.history(id)).toEqual([entry])
    expect(events.find(({ type }) => type === 'QueuePaused')?.id).toBeUndefined()
  })

  it('beyond the end are none, and the same position is where to go on', async () => {
    expect(await ledger.events({ from: 10 })).toEqual({ events: [], next: 10, atEnd: true })
  })

  it('are refused for a position or a limit that is none, and unavailable once the log is closed', async () => {
    await expect(ledger.events({ from: -1 })).rejects.toBeInstanceOf(RefusedError)
    await expect(ledger.events({ limit: 501 })).rejects.toMatchObject({ code: 'invalid' })
    await ledger.close()
    await expect(ledger.events()).rejects.toBeInstanceOf(UnavailableError)
  })
})
