// Numbers counted anew while a partition works (E1): of each partition by its own share of the limits.
import { describe, expect, it } from 'vitest'
import { TestLedger } from '../support/ledger.js'

describe('counting anew (E1)', () => {
  it('E1, B8: every partition of a limited queue is found to be what its log says', async () => {
    const test = await TestLedger.open()
    const queue = await test.done(
      test.ledger.queue('orders', { partitions: 3, limits: { rate: { count: 4, perMs: 60_000 } } }),
    )
    for (let n = 0; n < 12; n++) await test.done(queue.enqueue(n))
    for (let n = 0; n < 4; n++) await test.done(queue.claim({ worker: 'w' }))
    await test.clock.advance(40_000)
    for (let n = 0; n < 3; n++) await test.done(queue.enqueue(n))
    const rebuilt = await test.done(queue.rebuildProjections())
    expect(rebuilt).toMatchObject({ agrees: true })
  })
})
