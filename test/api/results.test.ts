// Waiting for the end of a message (A10): before it, after it, too short, and whatever the end is.
import { describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import type { Queue, QueueSettings } from '../../src/api/types/index.js'
import { TestLedger } from '../support/ledger.js'
import { watch } from '../support/manualClock.js'

const open = async (settings: QueueSettings = {}) => {
  const test = await TestLedger.open()
  const queue = await test.done(test.ledger.queue('orders', settings))
  return { test, queue }
}
const settle = async (test: TestLedger, queue: Queue<unknown>, outcome: 'ack' | 'fail') => {
  const [held] = await test.done(queue.claim({ worker: 'w' }))
  const leaseToken = held?.leaseToken ?? ''
  await test.done(
    queue.settle([
      outcome === 'ack'
        ? { leaseToken, outcome, result: { total: 7 } }
        : { leaseToken, outcome, failure: { type: 'BUSINESS', message: 'no' }, retryable: false },
    ]),
  )
}

describe('the result of a message (A10)', () => {
  it('A10: is told as soon as it has ended, to all who wait', async () => {
    const { test, queue } = await open()
    const { id } = await test.done(queue.enqueue(1))
    const waiting = [watch(queue.result(id)), watch(queue.result(id, { waitMs: 3_600_000 }))]
    await test.clock.advance(19_999)
    expect(waiting.map(({ isOpen }) => isOpen)).toEqual([true, true])
    await settle(test, queue, 'ack')
    const expected = {
      id,
      ended: true,
      state: 'succeeded',
      attempts: 1,
      result: { total: 7 },
      error: undefined,
    }
    expect(waiting.map(({ value }) => value)).toEqual([expected, expected])
  })

  it('A10: is there for whoever asks later, also after a restart', async () => {
    const { test, queue } = await open()
    const { id } = await test.done(queue.enqueue(1, { id: 'order-7' }))
    await settle(test, queue, 'ack')
    expect(await test.done(queue.result(id, { waitMs: 0 }))).toMatchObject({
      ended: true,
      result: { total: 7 },
    })
    await test.restart()
    const reopened = await test.done(test.ledger.queue('orders'))
    expect(await test.done(reopened.result(id))).toMatchObject({ ended: true, result: { total: 7 } })
  })

  it('A10: says what the message does when the time is up, and leaves no timer behind', async () => {
    const { test, queue } = await open()
    const { id } = await test.done(queue.enqueue(1, { delayMs: 60_000 }))
    const timers = test.clock.timerCount
    const waiting = watch(queue.result(id, { waitMs: 500 }))
    await test.clock.advance(500)
    expect(waiting.value).toEqual({ id, ended: false, state: 'scheduled' })
    expect(test.clock.timerCount).toBe(timers)
    const now = queue.result(id, { waitMs: 0 })
    await test.clock.advance(0)
    expect(await test.done(now)).toEqual({ id, ended: false, state: 'scheduled' })
  })

  it('A10, C3: a dead letter is an end, with its last failure; a retry is none', async () => {
    const { test, queue } = await open({ failures: { NETWORK: fixed({ delayMs: 10 }) } })
    const { id } = await test.done(queue.enqueue(1))
    const waiting = watch(queue.result(id))
    const [held] = await test.done(queue.claim({ worker: 'w' }))
    const leaseToken = held?.leaseToken ?? ''
    await test.done(
      queue.settle([{ leaseToken, outcome: 'fail', failure: { type: 'NETWORK', message: 'slow' } }]),
    )
    expect(waiting.isOpen).toBe(true)
    await test.clock.advance(10)
    await settle(test, queue, 'fail')
    expect(waiting.value).toEqual({
      id,
      ended: true,
      state: 'dead-lettered',
      attempts: 2,
      result: undefined,
      error: { type: 'BUSINESS', message: 'no' },
    })
  })

  it('A10, A15: without dead letters it was purged, and its failure is told all the same', async () => {
    const { test, queue } = await open({ deadLetters: false })
    const { id } = await test.done(queue.enqueue(1))
    const waiting = watch(queue.result(id))
    await settle(test, queue, 'fail')
    expect(waiting.value).toMatchObject({ state: 'purged', error: { type: 'BUSINESS', message: 'no' } })
  })

  it('A10, A7: one that expires or is cancelled has ended without an attempt', async () => {
    const { test, queue } = await open()
    await test.done(queue.enqueue(1, { id: 'short', ttlMs: 100 }))
    await test.done(queue.enqueue(2, { id: 'unwanted' }))
    const waiting = [watch(queue.result('short')), watch(queue.result('unwanted'))]
    await test.clock.advance(100)
    await test.done(queue.cancel('unwanted'))
    expect(waiting.map(({ value }) => value)).toMatchObject([
      { state: 'expired', attempts: 0, error: undefined },
      { state: 'cancelled', attempts: 0, error: undefined },
    ])
  })

  it('A10: one that never was is not found, and a wait beyond an hour is refused', async () => {
    const { test, queue } = await open()
    await expect(test.done(queue.result('never'))).rejects.toMatchObject({ code: 'message_not_found' })
    const { id } = await test.done(queue.enqueue(1))
    for (const waitMs of [-1, 1.5, 3_600_001]) {
      await expect(test.done(queue.result(id, { waitMs }))).rejects.toMatchObject({ code: 'invalid' })
    }
  })
})

describe('enqueueing and waiting (A10)', () => {
  it('A10: answers what the handler returned', async () => {
    const { test, queue } = await open()
    queue.process(({ payload }) => ({ doubled: 2 * Number(payload) }))
    const answer = await test.done(queue.enqueueAndWait(21))
    expect(answer).toMatchObject({
      duplicate: false,
      ended: true,
      state: 'succeeded',
      result: { doubled: 42 },
    })
  })

  it('A10, A6: a duplicate waits for the first', async () => {
    const { test, queue } = await open()
    const first = watch(queue.enqueueAndWait(1, { dedupKey: 'k' }))
    await test.clock.settle()
    const second = watch(queue.enqueueAndWait(2, { dedupKey: 'k' }))
    await test.clock.settle()
    await settle(test, queue, 'ack')
    expect(second.value).toMatchObject({ duplicate: true, id: first.value?.id, result: { total: 7 } })
  })

  it('A10: is refused as an enqueue is, and waits as long as it is told', async () => {
    const { test, queue } = await open({ maxSize: 1 })
    const waiting = watch(queue.enqueueAndWait(1, {}, { waitMs: 50 }))
    await test.clock.advance(50)
    expect(waiting.value).toMatchObject({ ended: false, state: 'pending' })
    await expect(test.done(queue.enqueueAndWait(2))).rejects.toMatchObject({ code: 'queue_full' })
  })
})
