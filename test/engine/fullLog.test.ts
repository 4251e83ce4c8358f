// A log without room (R07): messages are refused before anything is decided, so that whatever ends messages goes on, and all
// of it comes back by itself.
import { describe, expect, it } from 'vitest'
import { ack, failureOf, message, right, TestLedger, TestQueue } from '../support/ledger.js'

const LONG_MS = 300_000

const withRoom = async (roomBytes: () => number): Promise<TestQueue> => {
  const queue = await TestQueue.open()
  Object.assign(queue.log.port, { growthRoomBytes: roomBytes })
  return queue
}

describe('R07: a log that is full', () => {
  it('R07: refuses a message for good, and records the acks of the same turn', async () => {
    let roomBytes = Number.POSITIVE_INFINITY
    const queue = await withRoom(() => roomBytes)
    await queue.enqueued(message(1))
    const held = await queue.one()
    roomBytes = 0
    const refused = queue.enqueue(message(2))
    const acked = queue.settle(ack(held))
    expect(failureOf(await queue.clock.settled(refused))).toEqual({
      kind: 'unavailable',
      reason: 'the log is full, but for what ends messages',
    })
    expect(right(await queue.clock.settled(acked)).value).toMatchObject([{ _tag: 'Right' }])
    expect(queue.troubles).toEqual([])
    roomBytes = Number.POSITIVE_INFINITY
    await queue.enqueued(message(3))
    await queue.assertReplayAgrees()
  })

  it('R07: takes what fits the room that is left, attributes and wide characters included', async () => {
    const queue = await withRoom(() => 20_000)
    await queue.enqueued(message('x'.repeat(5_000)))
    const headers = { note: '€'.repeat(6_000) }
    for (const large of [message('€'.repeat(6_000)), message(1, { attributes: { headers } })])
      expect(failureOf(await queue.clock.settled(queue.enqueue(large)))).toMatchObject({
        kind: 'unavailable',
      })
  })

  it('R07: a partition that the log threw back tries again for as long as the log is full', async () => {
    let roomBytes = 0
    const queue = await TestQueue.open()
    queue.log.always = 'full'
    Object.assign(queue.log.port, { growthRoomBytes: () => roomBytes })
    await queue.clock.settled(queue.engine.look(0, (state) => state.size))
    const moved = queue.claim({ waitMs: LONG_MS })
    roomBytes = Number.POSITIVE_INFINITY
    const refused = queue.enqueue(message(1))
    await queue.clock.settled(refused)
    await queue.clock.settled(moved)
    roomBytes = 0
    await queue.clock.advance(LONG_MS)
    expect(queue.troubles.length).toBeGreaterThan(20)
    expect(queue.troubles.every(({ final }) => !final)).toBe(true)
    queue.log.heal()
    roomBytes = Number.POSITIVE_INFINITY
    await queue.clock.advance(1_000)
    await queue.enqueued(message(2))
    await queue.assertReplayAgrees()
  })
})

it('R07: a register of finished messages that finds no room is told, and ends nothing', async () => {
  const test = await TestLedger.open({ snapshotEveryEvents: 2 })
  const { flush } = test.register
  Object.assign(test.register, { flush: () => Promise.reject(new Error('ENOSPC')) })
  const orders = await test.done(test.ledger.queue('orders'))
  for (let n = 0; n < 5; n++) await test.done(orders.enqueue({ n }))
  await test.clock.settle()
  expect(test.troubles.map((trouble) => trouble.message)).toContain(
    'the register of finished messages lags: ENOSPC',
  )
  Object.assign(test.register, { flush })
  await test.done(test.ledger.close())
})
