// Another number of partitions while a queue works (§4.1, F2, ADR 0013), as a program asks for it.
import { describe, expect, it } from 'vitest'
import { controlOperations } from '../../src/api/queue/control.js'
import type { Queue, QueueOptions } from '../../src/api/types/index.js'
import { TestLedger, TestQueue } from '../support/ledger.js'

const opened = async (
  settings: QueueOptions<unknown> = {},
): Promise<{ test: TestLedger; orders: Queue<unknown> }> => {
  const test = await TestLedger.open()
  return { test, orders: await test.done(test.ledger.queue<unknown>('orders', settings)) }
}
const partitionOf = (id: string): number => Number(id.split('.')[1])
const claimed = async (test: TestLedger, orders: Queue<unknown>, max = 10) =>
  test.done(orders.claim({ worker: 'w', max }))
const acked = async (test: TestLedger, orders: Queue<unknown>): Promise<unknown[]> => {
  const done: unknown[] = []
  for (;;) {
    const messages = await claimed(test, orders)
    if (messages.length === 0) return done
    for (const { payload } of messages) done.push(payload)
    await test.done(
      orders.settle(messages.map(({ leaseToken }) => ({ leaseToken, outcome: 'ack' as const }))),
    )
  }
}

describe('4.1: a queue that is resized', () => {
  it('takes new messages in new partitions, and hands out the old ones first', async () => {
    const { test, orders } = await opened({ partitions: 2 })
    for (const n of [1, 2, 3]) await test.done(orders.enqueue(n))
    const view = await test.done(orders.resize(3, { who: 'ada' }))
    expect(view.config.partitions).toBe(3)
    const later = []
    for (const n of [4, 5, 6]) later.push(await test.done(orders.enqueue(n)))
    expect(new Set(later.map(({ id }) => partitionOf(id)))).toEqual(new Set([2, 3, 4]))
    expect((await acked(test, orders)).toSorted()).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('keeps a group where its members are, until none is left', async () => {
    const { test, orders } = await opened({ partitions: 2 })
    const first = await test.done(orders.enqueue('a1', { group: 'a' }))
    await test.done(orders.resize(4))
    const second = await test.done(orders.enqueue('a2', { group: 'a' }))
    const other = await test.done(orders.enqueue('b1', { group: 'b' }))
    expect(partitionOf(second.id)).toBe(partitionOf(first.id))
    expect(partitionOf(other.id)).toBeGreaterThanOrEqual(2)
    expect(await acked(test, orders)).toEqual(expect.arrayContaining(['a1', 'a2', 'b1']))
    expect(partitionOf((await test.done(orders.enqueue('a3', { group: 'a' }))).id)).toBeGreaterThanOrEqual(2)
  })

  it('goes on as it was over a restart', async () => {
    const { test, orders } = await opened({ partitions: 1 })
    await test.done(orders.enqueue('kept', { group: 'a' }))
    await test.done(orders.resize(2))
    await test.restart()
    const again = await test.done(test.ledger.queue('orders'))
    expect((await test.done(again.view())).config.partitions).toBe(2)
    expect(partitionOf((await test.done(again.enqueue('also', { group: 'a' }))).id)).toBe(0)
    expect(partitionOf((await test.done(again.enqueue('new'))).id)).toBeGreaterThanOrEqual(1)
    expect((await acked(test, again)).toSorted()).toEqual(['also', 'kept', 'new'])
  })

  it('A8: lists go on where they were, over partitions that are opened meanwhile', async () => {
    const { test, orders } = await opened({ partitions: 2 })
    const enqueue = async (payload: unknown): Promise<void> => {
      await test.clock.advance(10)
      await test.done(orders.enqueue(payload))
    }
    for (const n of [1, 2, 3, 4]) await enqueue(n)
    for (const sort of ['oldest', 'newest'] as const) {
      const first = await test.done(orders.list({ sort, limit: 2 }))
      await test.done(orders.resize(sort === 'oldest' ? 3 : 1))
      await enqueue(sort)
      const rest = await test.done(
        orders.list({ sort, limit: 100, ...(first.cursor === undefined ? {} : { cursor: first.cursor }) }),
      )
      const payloads = [...first.messages, ...rest.messages].map(({ payload }) => payload)
      expect(payloads).toEqual(sort === 'oldest' ? [1, 2, 3, 4, 'oldest'] : ['oldest', 4, 3, 2, 1])
    }
  })

  it('R65: is refused while a node of the cluster would not understand it, and says what to do', async () => {
    const queue = await TestQueue.open()
    const { resize } = controlOperations({ engine: queue.engine, clusterLevel: () => 1 })
    await expect(resize(2)).rejects.toMatchObject({
      code: 'cluster_too_old',
      message: expect.stringContaining('update the older ones'),
    })
    expect(queue.engine.control.layouts).toHaveLength(1)
    await queue.clock.settled(controlOperations({ engine: queue.engine, clusterLevel: () => 2 }).resize(2))
    expect(queue.engine.control.layouts).toHaveLength(2)
  })
})
