// A dead letter that is tried again waits from then on, not since it was enqueued (C3).
import { describe, expect, it } from 'vitest'
import { TestLedger } from '../support/ledger.js'

const MINUTE_MS = 60_000

describe('a redriven message (C3)', () => {
  it('C3, C15: waits for its gate anew, though it was given up before', async () => {
    const test = await TestLedger.open()
    const queue = await test.done(test.ledger.queue('orders', { gateWaitMaxMs: 10 * MINUTE_MS }))
    await test.done(queue.gate('bank').close())
    const { id } = await test.done(queue.enqueue(1, { gate: 'bank' }))
    const stateNow = async () => (await test.done(queue.message(id)))?.state
    await test.clock.advance(12 * MINUTE_MS)
    expect(await stateNow()).toBe('dead-lettered')
    await test.done(queue.redrive({ ids: [id] }))
    await test.clock.advance(9 * MINUTE_MS)
    expect(await stateNow()).toBe('pending')
    await test.clock.advance(3 * MINUTE_MS)
    expect(await stateNow()).toBe('dead-lettered')
  })

  it('C3, E1: is as late as it has been since it was redriven', async () => {
    const test = await TestLedger.open()
    const queue = await test.done(test.ledger.queue('orders'))
    const { id } = await test.done(queue.enqueue(1))
    const [held] = await test.done(queue.claim({ worker: 'w' }))
    const leaseToken = held?.leaseToken ?? ''
    await test.done(queue.settle([{ leaseToken, outcome: 'fail', retryable: false }]))
    await test.clock.advance(60 * MINUTE_MS)
    await test.done(queue.redrive({ ids: [id] }))
    await test.clock.advance(1_000)
    expect(await test.done(queue.stats())).toMatchObject({ pending: 1, oldestClaimableAgeMs: 1_000 })
  })
})
