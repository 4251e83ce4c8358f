// Workers that are started and stopped by hand, single messages that are run for whoever asks, and what the ledger tells
// about its last start (D12).
import { describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import { fail, release } from '../../src/worker/attempt.js'
import { enqueueAll, handRun, open } from '../support/handRun.js'

const NEVER = new Promise<never>(() => undefined)

describe('a worker (D12)', () => {
  it('D12: with autoStart false claims nothing before it is started, and says what it does', async () => {
    const { test, queue, types } = await open({ concurrency: 4 })
    await enqueueAll(test, queue, 1, 2, 3)
    const { runs, handler } = handRun()
    const worker = queue.process(handler, { autoStart: false })
    await test.clock.advance(60_000)
    expect([runs.length, worker.isRunning(), worker.status().state]).toEqual([0, false, 'stopped'])
    expect(await types()).not.toContain('AttemptStarted')
    worker.start()
    worker.start()
    await test.clock.settle()
    expect(runs).toHaveLength(3)
    runs[0]?.end()
    runs[1]?.throw(new Error('no'))
    await test.clock.settle()
    expect(worker.status()).toEqual({
      id: worker.id,
      queue: 'orders',
      state: 'running',
      running: 1,
      concurrency: 4,
      succeeded: 1,
      failed: 1,
      released: 0,
      processors: [],
    })
    expect(test.ledger.workerStatuses()).toEqual([worker.status()])
  })

  it('D12: can be started again after it was stopped, and not while it is stopping', async () => {
    const { test, queue } = await open()
    await enqueueAll(test, queue, 1)
    const { runs, handler } = handRun()
    const worker = queue.process(handler)
    await test.clock.settle()
    const stopped = worker.stop()
    expect([worker.isRunning(), worker.status().state]).toEqual([false, 'stopping'])
    expect(() => worker.start()).toThrow(/is stopping/)
    runs[0]?.end()
    await test.done(stopped)
    await enqueueAll(test, queue, 2)
    expect(runs).toHaveLength(1)
    worker.start()
    await test.clock.settle()
    expect(runs).toHaveLength(2)
    await test.clock.advance(20_000)
    runs[1]?.end()
    await test.done(worker.stop())
    expect((await test.done(queue.stats())).succeeded).toBe(2)
  })

  it('D12: without a concurrency of its own it has its queue’s, also when that changes', async () => {
    const { test, queue } = await open({ concurrency: 2 })
    await enqueueAll(test, queue, 1, 2, 3, 4, 5)
    const { runs, handler } = handRun()
    queue.process(handler)
    await test.clock.settle()
    expect(runs).toHaveLength(2)
    await test.done(queue.configure({ concurrency: 4 }))
    runs[0]?.end()
    await test.clock.settle()
    expect(runs).toHaveLength(5)
  })
})

describe('processOne (D12)', () => {
  it('D12: runs the next message and tells what was recorded of it', async () => {
    const { test, queue, types } = await open({ failures: { NETWORK: fixed({ retriesMax: 0 }) } })
    for (const id of ['a', 'b', 'c']) await test.done(queue.enqueue(id, { id }))
    const run = (handler: () => unknown) => test.done(queue.processOne(handler))
    expect(await run(() => ({ total: 7 }))).toEqual({ id: 'a', outcome: 'succeeded', result: { total: 7 } })
    expect(await run(() => fail({ type: 'NETWORK', message: 'no' }))).toEqual({
      id: 'b',
      outcome: 'failed',
      failure: { type: 'NETWORK', message: 'no' },
    })
    expect(await run(() => release({ delayMs: 60_000 }))).toEqual({ id: 'c', outcome: 'released' })
    expect(await run(() => 1)).toBeUndefined()
    expect((await types()).filter((type) => type === 'AttemptStarted')).toHaveLength(3)
    expect(test.ledger.workerStatuses()).toEqual([])
  })

  it('D12: runs exactly the message that is named, whatever is before it', async () => {
    const { test, queue } = await open()
    await enqueueAll(test, queue, 1, 2)
    const { id } = await test.done(queue.enqueue('third', { id: 'mine' }))
    const seen: unknown[] = []
    await test.done(queue.processOne(({ payload }) => void seen.push(payload), { id }))
    expect(seen).toEqual(['third'])
    expect(await test.done(queue.stats())).toMatchObject({ succeeded: 1, pending: 2 })
    // What was taken out of the order is not handed out a second time.
    await test.done(queue.processOne(({ payload }) => void seen.push(payload)))
    await test.done(queue.processOne(({ payload }) => void seen.push(payload)))
    expect(await test.done(queue.processOne(() => 1))).toBeUndefined()
    expect(seen).toEqual(['third', 1, 2])
  })

  it('D12: refuses by name what cannot be claimed now', async () => {
    const { test, queue } = await open()
    const refusal = (id: string): Promise<unknown> =>
      test.clock.settled(queue.processOne(() => 1, { id }).catch((error: unknown) => error))
    expect(await refusal('none')).toMatchObject({ code: 'message_not_found' })
    await test.done(queue.enqueue(1, { id: 'later', delayMs: 60_000 }))
    expect(await refusal('later')).toMatchObject({ code: 'message_not_claimable' })
    await test.done(queue.enqueue(1, { id: 'taken' }))
    await test.done(queue.claim({ worker: 'w' }))
    expect(await refusal('taken')).toMatchObject({ code: 'message_not_claimable' })
    await test.done(queue.enqueue(1, { id: 'done' }))
    await test.done(queue.processOne(() => 1, { id: 'done' }))
    expect(await refusal('done')).toMatchObject({ code: expect.stringMatching(/^message_not_/) })
    await test.done(queue.enqueue(1, { id: 'paused' }))
    await test.done(queue.pause())
    expect(await refusal('paused')).toMatchObject({ code: 'message_not_claimable' })
  })

  it('D12: a member of a group is not run ahead of the ones before it', async () => {
    const { test, queue } = await open()
    await test.done(queue.enqueue(1, { id: 'head', group: 'g' }))
    await test.done(queue.enqueue(2, { id: 'second', group: 'g' }))
    const run = queue.processOne(() => 1, { id: 'second' }).catch((error: unknown) => error)
    expect(await test.clock.settled(run)).toMatchObject({ code: 'message_not_claimable' })
  })

  it('D12 C15: a closed gate holds back the message that is named as it holds back the others', async () => {
    const { test, queue } = await open()
    await test.done(queue.gate('db').close())
    await test.done(queue.enqueue(1, { id: 'gated', gate: 'db' }))
    const run = () => queue.processOne(() => 1, { id: 'gated' }).catch((error: unknown) => error)
    expect(await test.done(run())).toMatchObject({ code: 'message_not_claimable' })
    await test.done(queue.gate('db').open())
    expect(await test.done(run())).toMatchObject({ outcome: 'succeeded' })
  })

  it('D12: ends a handler at its time limit, and tells that', async () => {
    const { test, queue } = await open({ handlerTimeoutMs: 1_000 })
    await enqueueAll(test, queue, 1)
    const one = queue.processOne(
      (_, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    await test.clock.advance(1_000)
    expect(await test.done(one)).toMatchObject({ outcome: 'failed', failure: { type: 'TIMEOUT' } })
  })

  it('D12 C5: what is in doubt runs alone: it waits until nothing else runs in the process', async () => {
    const { test, queue } = await open({ failures: { CRASH: fixed({ delayMs: 0, retriesMax: 3 }) } })
    await enqueueAll(test, queue, 'doubted')
    queue.process(() => NEVER)
    await test.clock.settle()
    await test.restart()
    const other = await test.done(test.ledger.queue('mail'))
    await test.done(other.enqueue('mail'))
    const beside = handRun()
    other.process(beside.handler)
    await test.clock.settle()
    const again = await test.done(test.ledger.queue('orders'))
    const seen: unknown[] = []
    const one = again.processOne(({ payload }, { inDoubt }) => void seen.push([payload, inDoubt]))
    await test.clock.settle()
    expect(seen).toEqual([])
    beside.runs[0]?.end()
    expect(await test.done(one)).toMatchObject({ outcome: 'succeeded' })
    expect(seen).toEqual([['doubted', true]])
  })
})

describe('a worker whose queue or ledger is gone (D12)', () => {
  it('D12: is not started again: there is nothing to claim from', async () => {
    const { test, queue } = await open()
    const worker = queue.process(() => 1)
    await test.done(test.ledger.deleteQueue('orders'))
    expect(() => worker.start()).toThrow(expect.objectContaining({ code: 'queue_not_found' }))
    const again = await test.done(test.ledger.queue('orders'))
    const other = again.process(() => 1, { autoStart: false })
    await test.done(test.ledger.close())
    expect(() => other.start()).toThrow(expect.objectContaining({ code: 'unavailable' }))
  })

  it('D12: a single message that waits for its turn is not waited for beyond the end of the ledger', async () => {
    const { test, queue } = await open({ failures: { CRASH: fixed({ delayMs: 0, retriesMax: 3 }) } })
    await enqueueAll(test, queue, 'doubted')
    queue.process(() => NEVER)
    await test.clock.settle()
    await test.restart()
    const other = await test.done(test.ledger.queue('mail'))
    await test.done(other.enqueue('mail'))
    other.process(() => NEVER)
    await test.clock.settle()
    const again = await test.done(test.ledger.queue('orders'))
    const one = again.processOne(() => 1).catch((error: unknown) => error)
    await test.clock.settle()
    const closed = test.ledger.close()
    await test.clock.advance(30_000)
    await test.done(closed)
    expect(await test.done(one)).toMatchObject({ code: 'unavailable' })
  })
})

describe('the report of the last start (D12)', () => {
  it('D12: says what was replayed and which attempts had lost their process', async () => {
    const { test, queue } = await open()
    await enqueueAll(test, queue, 1, 2)
    queue.process(() => NEVER)
    await test.clock.settle()
    await test.restart()
    expect(await test.done(test.ledger.recovery())).toMatchObject({
      attemptsLost: 2,
      discardedTailBytes: 0,
      partitions: [
        {
          queue: 'orders',
          partition: 0,
          open: true,
          snapshotUsed: false,
          attemptsLost: 2,
          reason: undefined,
        },
      ],
    })
    const { eventsReplayed } = await test.done(test.ledger.recovery())
    expect(eventsReplayed).toBeGreaterThanOrEqual(4)
  })

  it('D12: recover() opens a partition that has stopped for good, and leaves the others alone', async () => {
    const { test, queue } = await open()
    await enqueueAll(test, queue, 1)
    for (let n = 0; n < 40; n++) test.log.plan('full')
    await test.clock.settled(queue.enqueue(2)).catch(() => undefined)
    await test.clock.advance(120_000)
    const stopped = await test.done(test.ledger.recovery())
    expect(stopped.partitions).toMatchObject([{ open: false, reason: expect.any(String) }])
    test.log.heal()
    const recovered = await test.done(test.ledger.recover())
    expect(recovered.partitions).toMatchObject([{ open: true }])
    await enqueueAll(test, queue, 3)
    expect((await test.done(queue.stats())).pending).toBe(2)
  })
})
