// Handlers in this process: how many run at once, how long, how their leases are kept, and how it all ends.
import { describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import { enqueueAll, handRun, open } from '../support/handRun.js'

describe('concurrency', () => {
  it('is never exceeded, and claims take only what can start at once', async () => {
    const { test, queue, types } = await open()
    await enqueueAll(test, queue, ...Array.from({ length: 20 }, (_, n) => n))
    const { runs, handler, most } = handRun()
    const worker = queue.process(handler, { concurrency: 3 })
    await test.clock.settle()
    expect(runs).toHaveLength(3)
    expect(worker.running()).toBe(3)
    expect((await types()).filter((type) => type === 'AttemptStarted')).toHaveLength(3)
    for (let n = 0; n < 20; n++) {
      runs[n]?.end()
      await test.clock.settle()
    }
    expect(runs).toHaveLength(20)
    expect(most()).toBe(3)
    expect((await types()).filter((type) => type === 'AttemptSucceeded')).toHaveLength(20)
  })

  it('a slot is free when the handler returns: the next claim shares the append with the ack', async () => {
    const { test, queue } = await open()
    await enqueueAll(test, queue, 1, 2)
    const { runs, handler } = handRun()
    queue.process(handler, { concurrency: 1 })
    await test.clock.settle()
    const before = test.log.asked.length
    runs[0]?.end()
    await test.clock.settle()
    expect(runs).toHaveLength(2)
    expect(test.log.asked.slice(before).map(({ batch }) => batch.events.map(({ type }) => type))).toEqual([
      ['AttemptSucceeded', 'AttemptStarted'],
    ])
  })

  it('a message is handed to its handler only when the attempt is durable', async () => {
    const { test, queue } = await open()
    await enqueueAll(test, queue, 1)
    const { runs, handler } = handRun()
    test.log.plan('held')
    queue.process(handler)
    await test.clock.settle()
    expect(runs).toHaveLength(0)
    test.log.release()
    await test.clock.settle()
    expect(runs).toHaveLength(1)
  })

  it.each([0, -1, 1.5, 10_001, Number.NaN])('of %s is refused', async (concurrency) => {
    const { queue } = await open()
    expect(() => queue.process(() => undefined, { concurrency })).toThrow(RangeError)
  })
})

describe('the time limit (R24)', () => {
  it('aborts the signal with a TimeoutError, is recorded as TIMEOUT, and keeps the slot until the handler returns', async () => {
    const { test, queue } = await open({
      handlerTimeoutMs: 5_000,
      failures: { TIMEOUT: fixed({ retriesMax: 0 }) },
    })
    await enqueueAll(test, queue, 'slow', 'next')
    const { runs, handler } = handRun()
    const worker = queue.process(handler, { concurrency: 1 })
    await test.clock.settle()
    const { signal } = runs[0]?.context ?? {}
    await test.clock.advance(4_999)
    expect(signal?.aborted).toBe(false)
    await test.clock.advance(1)
    expect(signal?.reason).toMatchObject({ name: 'TimeoutError' })
    expect((await test.events('orders')).slice(-2)).toMatchObject([
      { type: 'AttemptFailed', failureType: 'TIMEOUT' },
      { type: 'MessageDeadLettered' },
    ])
    expect([worker.running(), runs.length]).toEqual([1, 1])
    runs[0]?.end('too late')
    await test.clock.settle()
    expect(runs.map(({ message }) => message.payload)).toEqual(['slow', 'next'])
  })

  it('of a message wins over the queue’s, and counts for each attempt anew', async () => {
    const { test, queue } = await open({ handlerTimeoutMs: 5_000 })
    await test.done(queue.enqueue(1, { timeoutMs: 1_000, retry: fixed({ delayMs: 100, retriesMax: 1 }) }))
    const { runs, handler } = handRun()
    queue.process(handler)
    await test.clock.advance(1_000)
    expect(runs[0]?.context.signal.aborted).toBe(true)
    await test.clock.advance(100)
    expect(runs[1]?.context.attempt).toBe(2)
    await test.clock.advance(999)
    expect(runs[1]?.context.signal.aborted).toBe(false)
  })

  it('of many handlers ends each at its own time', async () => {
    const { test, queue } = await open()
    for (const timeoutMs of [3_000, 1_000, 2_000]) await test.done(queue.enqueue(timeoutMs, { timeoutMs }))
    const { runs, handler } = handRun()
    queue.process(handler)
    await test.clock.settle()
    const aborted = () =>
      runs.filter(({ context }) => context.signal.aborted).map(({ message }) => message.payload)
    await test.clock.advance(1_000)
    expect(aborted()).toEqual([1_000])
    await test.clock.advance(1_000)
    expect(aborted()).toEqual([1_000, 2_000])
    await test.clock.advance(1_000)
    expect(aborted()).toEqual([3_000, 1_000, 2_000])
  })
})

describe('leases (C4)', () => {
  it('are kept by heartbeats while the handler runs, as long as it runs', async () => {
    const { test, queue, types } = await open({ leaseMs: 3_000, handlerTimeoutMs: 600_000 })
    await enqueueAll(test, queue, 1)
    const { runs, handler } = handRun()
    queue.process(handler)
    await test.clock.advance(60_000)
    runs[0]?.end()
    await test.clock.settle()
    const seen = await types()
    expect(seen).not.toContain('AttemptFailed')
    expect(seen).toContain('LeaseExtended')
    expect(seen.at(-1)).toBe('AttemptSucceeded')
  })

  it('that were lost abort the signal, and the outcome is dropped', async () => {
    const { test, queue, types } = await open({
      leaseMs: 3_000,
      failures: { CRASH: fixed({ delayMs: 600_000 }) },
    })
    await enqueueAll(test, queue, 1)
    const { runs, handler } = handRun()
    queue.process(handler, { concurrency: 1 })
    await test.clock.settle()
    // The loop was blocked for longer than the lease, and the expiry came before the heartbeat.
    test.clock.block(3_000)
    await test.done(queue.stats())
    await test.clock.advance(1_000)
    expect(runs[0]?.context.signal.reason).toMatchObject({
      message: expect.stringContaining('lease was lost'),
    })
    runs[0]?.end('done after all')
    await enqueueAll(test, queue, 2)
    expect(await types()).not.toContain('AttemptSucceeded')
    expect(runs.map(({ message }) => message.payload)).toEqual([1, 2])
  })

  it('that a handler made longer are not shortened by the next heartbeat', async () => {
    const { test, queue, types } = await open({ leaseMs: 3_000, handlerTimeoutMs: 600_000 })
    await enqueueAll(test, queue, 1)
    const { runs, handler } = handRun()
    queue.process(handler)
    await test.clock.settle()
    await test.done(runs[0]?.context.extend(60_000) ?? Promise.reject(new Error('no run')))
    await test.clock.advance(2_000)
    test.clock.block(50_000)
    await test.done(queue.stats())
    expect(await types()).not.toContain('AttemptFailed')
  })

  it.each([0, 99, -1, 1.5, Number.NaN, 12 * 3_600_000 + 1])(
    'cannot be extended to %s ms',
    async (leaseMs) => {
      const { test, queue, types } = await open()
      await enqueueAll(test, queue, 1)
      const { runs, handler } = handRun()
      queue.process(handler)
      await test.clock.settle()
      await expect(runs[0]?.context.extend(leaseMs)).rejects.toThrow(RangeError)
      expect(await types()).not.toContain('LeaseExtended')
    },
  )
})

describe('stop (C12, R61)', () => {
  it('waits for what runs, and claims nothing more', async () => {
    const { test, queue, types } = await open()
    await enqueueAll(test, queue, 1, 2)
    const { runs, handler } = handRun()
    const worker = queue.process(handler, { concurrency: 1 })
    await test.clock.settle()
    const stopped = worker.stop()
    await test.clock.advance(1_000)
    runs[0]?.end()
    await test.done(stopped)
    expect(await types()).toContain('AttemptSucceeded')
    await enqueueAll(test, queue, 3)
    await test.clock.advance(60_000)
    expect(runs).toHaveLength(1)
  })

  it('C12: hands back uncounted what does not end in time, with its signal aborted', async () => {
    const { test, queue, types } = await open()
    await enqueueAll(test, queue, 1)
    const { runs, handler } = handRun()
    const worker = queue.process(handler)
    await test.clock.settle()
    const stopped = worker.stop({ graceMs: 1_000 })
    await test.clock.advance(1_000)
    await test.done(stopped)
    expect(runs[0]?.context.signal.aborted).toBe(true)
    expect((await types()).at(-1)).toBe('AttemptReleased')
    runs[0]?.end('too late')
    const next = handRun()
    queue.process(next.handler)
    await test.clock.settle()
    expect(next.runs[0]?.context.attempt).toBe(1)
    expect(await types()).not.toContain('AttemptSucceeded')
  })

  it('of an idle worker is over at once, and leaves no timer behind', async () => {
    const { test, queue } = await open()
    const before = test.clock.timerCount
    const worker = queue.process(() => undefined)
    await test.clock.settle()
    await test.done(worker.stop())
    await test.clock.advance(60_000)
    expect(test.clock.timerCount).toBe(before)
  })

  it('while a claim is on its way hands back what it brings', async () => {
    const { test, queue, types } = await open()
    await enqueueAll(test, queue, 1)
    const { runs, handler } = handRun()
    test.log.plan('held')
    const worker = queue.process(handler)
    await test.clock.settle()
    const stopped = worker.stop()
    await test.clock.settle()
    test.log.release()
    await test.done(stopped)
    expect(runs).toHaveLength(0)
    expect((await types()).slice(-2)).toEqual(['AttemptStarted', 'AttemptReleased'])
  })
})

describe('a partition that has to be opened anew', () => {
  it('goes on being served by the same worker', async () => {
    const { test, queue } = await open()
    await enqueueAll(test, queue, 1)
    const seen: unknown[] = []
    queue.process(({ payload }) => void seen.push(payload))
    await test.clock.settle()
    test.log.plan('full')
    await test.clock.settled(queue.enqueue(2)).catch(() => undefined)
    await test.clock.advance(5_000)
    await enqueueAll(test, queue, 3)
    expect(seen).toEqual([1, 3])
  })
})

describe('an outcome that the log could not take', () => {
  it('is told again once the partition is back: the handler does not run a second time (R25)', async () => {
    const { test, queue, types } = await open()
    await enqueueAll(test, queue, 1)
    const { runs, handler } = handRun()
    queue.process(handler)
    await test.clock.settle()
    test.log.plan('full')
    runs[0]?.end()
    await test.clock.settle()
    await test.clock.advance(2_000)
    expect(runs).toHaveLength(1)
    const recorded = await types()
    expect(recorded.filter((type) => type === 'AttemptStarted')).toHaveLength(1)
    expect(recorded.filter((type) => type === 'AttemptSucceeded')).toHaveLength(1)
  })
})
