// Messages that wait for a closed gate longer than their queue allows, and failure types that wait for a gate (C15).
import { describe, expect, it } from 'vitest'
import type { Queue, QueueOptions } from '../../src/api/types/index.js'
import { calls, TestLedger } from '../support/ledger.js'

const MINUTE_MS = 60_000
const opened = async (
  settings: QueueOptions<unknown>,
): Promise<{ test: TestLedger; orders: Queue<unknown> }> => {
  const test = await TestLedger.open()
  return { test, orders: await test.done(test.ledger.queue<unknown>('orders', settings)) }
}
const stateOf = async (test: TestLedger, orders: Queue<unknown>, id: string) =>
  (await test.done(orders.message(id)))?.state
const reasons = async (test: TestLedger, orders: Queue<unknown>): Promise<string[]> => {
  const { messages } = await test.done(orders.deadLetters())
  return messages.map(({ id, reason }) => `${id} ${reason}`)
}

describe('C15: a bounded wait for a gate', () => {
  it('ends among the dead letters, counted from when the message could have run but for the gate', async () => {
    const { test, orders } = await opened({ gateWaitMaxMs: 10 * MINUTE_MS, partitions: 2 })
    await test.done(orders.gate('bank').close())
    await test.done(orders.enqueue(1, { id: 'early', gate: 'bank' }))
    await test.done(orders.enqueue(2, { id: 'later', gate: 'bank', delayMs: 5 * MINUTE_MS }))
    await test.done(orders.enqueue(3, { id: 'other', gate: 'shop' }))
    await test.done(orders.enqueue(4, { id: 'free' }))
    await test.clock.advance(10 * MINUTE_MS - 1)
    expect(await reasons(test, orders)).toEqual([])
    await test.clock.advance(MINUTE_MS + 1)
    expect(await reasons(test, orders)).toEqual(['early waitedTooLong'])
    await test.clock.advance(5 * MINUTE_MS)
    expect((await reasons(test, orders)).sort()).toEqual(['early waitedTooLong', 'later waitedTooLong'])
    expect(await stateOf(test, orders, 'other')).toBe('pending')
    expect(await stateOf(test, orders, 'free')).toBe('pending')
    const [early] = (await test.done(orders.deadLetters())).messages
    expect(early).toMatchObject({ attempts: 0 })
  })

  it('begins when the gate is closed, however long the message has been waiting by then', async () => {
    const { test, orders } = await opened({ gateWaitMaxMs: 10 * MINUTE_MS })
    await test.done(orders.enqueue(1, { id: 'old', gate: 'bank' }))
    // One that is closed all the time: looks go on because of it.
    await test.done(orders.gate('shop').close())
    await test.clock.advance(60 * MINUTE_MS)
    await test.done(orders.gate('bank').close())
    await test.clock.advance(9 * MINUTE_MS)
    expect(await stateOf(test, orders, 'old')).toBe('pending')
    await test.done(orders.gate('bank').open())
    await test.clock.advance(9 * MINUTE_MS)
    await test.done(orders.gate('bank').close())
    await test.clock.advance(9 * MINUTE_MS)
    expect(await stateOf(test, orders, 'old')).toBe('pending')
    await test.clock.advance(2 * MINUTE_MS)
    expect(await stateOf(test, orders, 'old')).toBe('dead-lettered')
  })

  it('R19: is not over sooner because the wall clock was put back', async () => {
    const { test, orders } = await opened({ gateWaitMaxMs: 10 * MINUTE_MS })
    // One that has been closed for long: looks go on because of it.
    await test.done(orders.gate('shop').close())
    await test.clock.advance(30 * MINUTE_MS)
    test.clock.jumpWall(-5 * MINUTE_MS)
    await test.done(orders.gate('bank').close())
    await test.done(orders.enqueue(1, { id: 'early', gate: 'bank' }))
    await test.clock.advance(9 * MINUTE_MS)
    expect(await stateOf(test, orders, 'early')).toBe('pending')
    await test.clock.advance(3 * MINUTE_MS)
    expect(await stateOf(test, orders, 'early')).toBe('dead-lettered')
  })

  it('goes on over a restart from when the gate was closed', async () => {
    const { test, orders } = await opened({ gateWaitMaxMs: 10 * MINUTE_MS })
    await test.done(orders.gate('bank').close())
    await test.done(orders.enqueue(1, { id: 'a', gate: 'bank' }))
    await test.clock.advance(9 * MINUTE_MS)
    await test.restart()
    await test.clock.advance(2 * MINUTE_MS)
    const again = await test.done(test.ledger.queue('orders'))
    expect(await stateOf(test, again, 'a')).toBe('dead-lettered')
  })

  it('does not run while the queue or the group is paused, nor without a bound', async () => {
    const { test, orders } = await opened({ gateWaitMaxMs: MINUTE_MS })
    await test.done(orders.gate('bank').close())
    await test.done(orders.enqueue(1, { id: 'a', gate: 'bank', group: 'g' }))
    await test.done(orders.pauseGroup('g'))
    await test.clock.advance(5 * MINUTE_MS)
    expect(await stateOf(test, orders, 'a')).toBe('pending')
    await test.done(orders.pause())
    await test.done(orders.resumeGroup('g'))
    await test.clock.advance(5 * MINUTE_MS)
    expect(await stateOf(test, orders, 'a')).toBe('pending')
    await test.done(orders.configure({ gateWaitMaxMs: 0 }))
    await test.done(orders.resume())
    await test.clock.advance(5 * MINUTE_MS)
    expect(await stateOf(test, orders, 'a')).toBe('pending')
    await test.done(orders.configure({ gateWaitMaxMs: MINUTE_MS }))
    await test.clock.advance(2 * MINUTE_MS)
    expect(await stateOf(test, orders, 'a')).toBe('dead-lettered')
  })

  it('takes thousands in steps, and leaves neither timers nor work behind', async () => {
    const { test, orders } = await opened({ gateWaitMaxMs: MINUTE_MS })
    const timers = test.clock.timerCount
    await test.done(orders.gate('bank').close())
    const items = Array.from({ length: 2_500 }, (_, payload) => ({ payload, gate: 'bank' }))
    for (const some of calls(items)) await test.done(orders.enqueueBatch(some))
    await test.clock.advance(3 * MINUTE_MS)
    expect(await test.done(orders.stats())).toMatchObject({ dead: 2_500, pending: 0 })
    await test.done(orders.gate('bank').open())
    expect(test.clock.timerCount).toBeLessThanOrEqual(timers)
    await test.done(test.ledger.close())
    expect(test.troubles).toEqual([])
  })
})

describe('C15: a failure type that waits for a gate', () => {
  it('is retried when the gate is open, and burns no attempt while it is closed', async () => {
    const failures = {
      RESOURCE: { kind: 'fixed' as const, delayMs: 1_000, retriesMax: 3, jitter: 'none' as const },
    }
    const { test, orders } = await opened({ failures, waitFor: { RESOURCE: 'printer' } })
    const { id } = await test.done(orders.enqueue('label'))
    const [message] = await test.done(orders.claim({ worker: 'w' }))
    await test.done(orders.gate('printer').close())
    const failed = {
      leaseToken: message?.leaseToken ?? '',
      outcome: 'fail' as const,
      failure: { type: 'RESOURCE' },
    }
    await test.done(orders.settle([failed]))
    await test.clock.advance(MINUTE_MS)
    expect(await test.done(orders.claim({ worker: 'w' }))).toEqual([])
    expect(await test.done(orders.message(id))).toMatchObject({ attempts: 1 })
    await test.done(orders.gate('printer').open())
    expect(await test.done(orders.claim({ worker: 'w' }))).toMatchObject([{ payload: 'label', attempt: 2 }])
  })
})
