// Views as numbers (E1), health with reasons (E2), and numbers that are thrown away and counted anew while the queue goes on.
import { describe, expect, it } from 'vitest'
import { PROJECTION_NAMES } from '../../src/api/types/projections.js'
import { fail } from '../../src/worker/attempt.js'
import { TestLedger } from '../support/ledger.js'

const busyLedger = async (): Promise<TestLedger> => {
  const test = await TestLedger.open()
  const queue = await test.done(
    test.ledger.queue<number>('orders', {
      failures: { BUSINESS: { kind: 'fixed', delayMs: 0, retriesMax: 0, jitter: 'none' } },
    }),
  )
  for (let n = 0; n < 20; n++) {
    await test.done(queue.enqueue(n, { priority: n % 2 === 0 ? 'high' : 'normal', type: n < 10 ? 'a' : 'b' }))
  }
  const worker = queue.process(({ payload }) => (payload % 5 === 0 ? fail({ type: 'BUSINESS' }) : payload), {
    concurrency: 4,
  })
  for (;;) {
    const { pending, processing } = await test.done(queue.stats())
    if (pending + processing === 0) break
  }
  await test.done(worker.stop({ graceMs: 1_000 }))
  return test
}

describe('the projections of a queue', () => {
  it('E1: count per priority and type where messages are and how they ended', async () => {
    const test = await TestLedger.open()
    const queue = await test.done(test.ledger.queue<number>('orders'))
    await test.done(queue.enqueue(1, { priority: 'high', type: 'a' }))
    await test.done(queue.enqueue(2, { type: 'b' }))
    await test.done(queue.enqueue(3))
    const [claimed] = await test.done(queue.claim({ worker: 'w' }))
    await test.done(queue.settle([{ leaseToken: claimed?.leaseToken ?? '', outcome: 'ack' }]))
    await test.done(queue.claim({ worker: 'w' }))
    const { kinds } = await test.done(queue.metrics())
    const none = {
      waiting: 0,
      processing: 0,
      dead: 0,
      enqueued: 1,
      succeeded: 0,
      failures: 0,
      systemErrors: 0,
    }
    expect(kinds).toEqual([
      { priority: 0, type: undefined, ...none, waiting: 1 },
      { priority: 10, type: 'a', ...none, succeeded: 1 },
      { priority: 0, type: 'b', ...none, processing: 1 },
    ])
  })

  it('E1: say how long attempts took and how many ended well', async () => {
    const test = await TestLedger.open()
    const queue = await test.done(test.ledger.queue<number>('orders'))
    for (let n = 0; n < 4; n++) await test.done(queue.enqueue(n))
    for (let n = 0; n < 4; n++) {
      const [claimed] = await test.done(queue.claim({ worker: 'w' }))
      await test.clock.advance(1_000)
      const leaseToken = claimed?.leaseToken ?? ''
      await test.done(
        queue.settle([
          n === 3 ? { leaseToken, outcome: 'fail', retryable: false } : { leaseToken, outcome: 'ack' },
        ]),
      )
    }
    const { processingTime, completionRate, throughputPerSecond } = await test.done(queue.metrics())
    expect(processingTime).toMatchObject({ count: 4, averageMs: 1_000, maxMs: 1_000 })
    expect(processingTime.p50Ms).toBe(1_000)
    expect(completionRate).toBe(0.75)
    expect(throughputPerSecond).toBeCloseTo(3 / 60)
  })

  it('E1, G8: each has a name and says the log position it holds at', async () => {
    const test = await busyLedger()
    const queue = await test.done(test.ledger.queue('orders'))
    for (const name of PROJECTION_NAMES) {
      const view = await test.done(queue.projection(name))
      expect(view).toMatchObject({ name, queue: 'orders' })
      expect(view.position).toBeGreaterThan(0)
      expect(view.view).toBeDefined()
    }
    await expect(test.done(queue.projection('nothing' as never))).rejects.toMatchObject({ code: 'invalid' })
  })

  it('E1: come back the same when they are counted anew from the log, and after a restart', async () => {
    const test = await busyLedger()
    const queue = await test.done(test.ledger.queue('orders'))
    const { position: _p, ...before } = await test.done(queue.metrics())
    const told: number[] = []
    const report = await test.done(
      queue.rebuildProjections({ onProgress: ({ done, total }) => told.push(done / total) }),
    )
    expect(report).toMatchObject({ queue: 'orders', agrees: true, compared: 'all' })
    expect(report.eventsReplayed).toBeGreaterThan(40)
    expect(told.at(-1)).toBe(1)
    const { position: _q, ...after } = await test.done(queue.metrics())
    expect(after).toEqual(before)
    await test.restart()
    const again = await test.done(test.ledger.queue('orders'))
    expect((await test.done(again.metrics())).kinds).toEqual(before.kinds)
  })

  it('E1: a rebuild goes on beside work, and counts what was decided meanwhile', async () => {
    const test = await busyLedger()
    const queue = await test.done(test.ledger.queue<number>('orders'))
    const rebuilding = queue.rebuildProjections()
    const enqueues = Array.from({ length: 30 }, (_, n) => queue.enqueue(n))
    expect(await test.done(rebuilding)).toMatchObject({ agrees: true })
    await test.done(Promise.all(enqueues))
    const { counts } = await test.done(queue.metrics())
    expect(counts).toMatchObject({ enqueued: 50, pending: 30 })
  })

  it('E1: a rebuild that is cancelled leaves the numbers as they were', async () => {
    const test = await busyLedger()
    const queue = await test.done(test.ledger.queue<number>('orders'))
    const before = await test.done(queue.metrics())
    const signal = AbortSignal.abort(new Error('not now'))
    await expect(test.done(queue.rebuildProjections({ signal }))).rejects.toThrow('not now')
    expect((await test.done(queue.metrics())).counts).toEqual(before.counts)
  })
})

describe('the health of a ledger', () => {
  it('E2: names the queue that fails too often', async () => {
    const test = await TestLedger.open()
    const queue = await test.done(test.ledger.queue<number>('orders'))
    expect(await test.done(test.ledger.health())).toMatchObject({ status: 'healthy', reasons: [] })
    for (let n = 0; n < 20; n++) await test.done(queue.enqueue(n))
    const claimed = await test.done(queue.claim({ worker: 'w', max: 20 }))
    await test.done(
      queue.settle(
        claimed.map(({ leaseToken }) => ({ leaseToken, outcome: 'fail', retryable: false }) as const),
      ),
    )
    expect(await test.done(test.ledger.health())).toMatchObject({
      status: 'degraded',
      reasons: [{ code: 'completion_low', queue: 'orders' }],
    })
  })

  it('E2, A9: says when a queue is full', async () => {
    const test = await TestLedger.open()
    const queue = await test.done(test.ledger.queue<number>('orders', { maxSize: 2 }))
    await test.done(queue.enqueue(1))
    await test.done(queue.enqueue(2))
    const { status, reasons } = await test.done(test.ledger.health())
    expect([status, reasons.map(({ code }) => code)]).toEqual(['degraded', ['queue_full']])
  })
})
