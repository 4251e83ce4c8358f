// Why a message became a dead letter (C3, C13), and queues that keep none (A15).
import { describe, expect, it } from 'vitest'
import type { QueueSettings } from '../../domain/queue/index.js'
import { fixed } from '../../domain/retry/index.js'
import { fail, message, TestQueue } from '../support/ledger.js'

const one = fixed({ delayMs: 0, retriesMax: 1 })
const open = (settings: QueueSettings = {}) =>
  TestQueue.open({ settings: { failures: { CRASH: one, UNKNOWN: one }, ...settings } })
const lastOf = async (queue: TestQueue) => (await queue.events()).at(-1)

describe('reasons (C3, C13)', () => {
  it('C3: a SYSTEM failure is a dead letter at once, and counted apart', async () => {
    const queue = await open()
    await queue.enqueued(message(1, { attributes: { type: 'nobody' } }))
    await queue.settled(fail(await queue.one(), { failureType: 'SYSTEM', message: 'no handler' }))
    expect(await lastOf(queue)).toMatchObject({ type: 'MessageDeadLettered', reason: 'systemError' })
    const state = queue.engine.partition(0).state
    expect(state?.counts).toMatchObject({ systemErrors: 1, deadLettered: 1 })
    expect(state?.measures.kinds.list()).toMatchObject([
      { type: 'nobody', dead: 1, systemErrors: 1, failures: 0 },
    ])
  })

  it('C13: attempts that ended with their workers’ deaths are poison', async () => {
    const queue = await open()
    await queue.enqueued(message(1))
    for (let n = 0; n < 2; n++) {
      await queue.one({ worker: queue.localWorker })
      await queue.restart()
    }
    expect(await lastOf(queue)).toMatchObject({ type: 'MessageDeadLettered', reason: 'poison' })
  })

  it('C13: leases that ran out are poison, a last failure that was reported is not', async () => {
    const queue = await open()
    await queue.enqueued(message('silent'))
    for (let n = 0; n < 2; n++) {
      await queue.one()
      await queue.clock.advance(30_000)
    }
    expect(await lastOf(queue)).toMatchObject({ ordinal: 1, reason: 'poison' })
    await queue.enqueued(message('spoken'))
    await queue.one()
    await queue.clock.advance(30_000)
    await queue.settled(fail(await queue.one()))
    expect(await lastOf(queue)).toMatchObject({ ordinal: 2, reason: 'attemptsExhausted' })
  })
})

describe('a queue without dead letters (A15)', () => {
  it('A15, I5: the death stands in the log with its reason, and the purge in the same batch', async () => {
    const queue = await open({ deadLetters: false })
    await queue.enqueued(message(1, { attributes: { onFailure: { queue: 'failed' } }, callerId: 'order-7' }))
    await queue.settled(fail(await queue.one(), { retryable: false, message: 'no "way"' }))
    const [failure, death, purge] = (await queue.events()).slice(-3)
    expect(failure).toMatchObject({ type: 'AttemptFailed' })
    expect(death).toMatchObject({ type: 'MessageDeadLettered', reason: 'notRetryable' })
    expect(purge).toMatchObject({ type: 'MessagePurged', cause: 'noDeadLetters', callerId: 'order-7' })
    const followUps = death?.type === 'MessageDeadLettered' ? death.followUps : undefined
    expect(followUps).toHaveLength(1)
    expect(JSON.parse(followUps?.[0]?.payload ?? '')).toEqual({
      operationId: 'order-7',
      queue: 'orders',
      attempts: 1,
      error: { type: 'UNKNOWN', message: 'no "way"' },
    })
    const state = queue.engine.partition(0).state
    expect(state?.deadLetters.size).toBe(0)
    expect(state?.table.size).toBe(0)
    expect(state?.counts).toMatchObject({ dead: 0, deadLettered: 1, purged: 1, overflowed: 0 })
    await queue.assertReplayAgrees()
  })

  it('A15: what dies without a word is purged, too, and its place does not keep the payload', async () => {
    const queue = await open({ deadLetters: false })
    await queue.enqueued(message('before'))
    for (let n = 0; n < 2; n++) {
      await queue.one()
      await queue.clock.advance(30_000)
    }
    expect((await queue.eventTypes()).slice(-2)).toEqual(['MessageDeadLettered', 'MessagePurged'])
    await queue.enqueued(message('after', { delayMs: 120_000 }))
    await queue.clock.advance(120_000)
    expect(await queue.drainPayloads()).toEqual(['after'])
  })
})
