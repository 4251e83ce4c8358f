// Batch handlers in this process (B6): how batches fill, what their answers mean, and that nothing is acked by mistake.
import { describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import type { BatchContext, BatchMessage, BatchOptions, EnqueueOptions } from '../../src/api/types/index.js'
import { CancelledError, complete, fail, release } from '../../src/worker/attempt.js'
import { batchResults } from '../../src/worker/batchOutcome.js'
import { enqueueAll, open } from '../support/handRun.js'

type BatchRun = {
  payloads: unknown[]
  messages: ReadonlyArray<BatchMessage<unknown>>
  context: BatchContext
  end: (value?: unknown) => void
  throw: (error: unknown) => void
}

/** A batch handler whose runs end when the test says so. */
const handBatches = () => {
  const runs: BatchRun[] = []
  const handler = (messages: ReadonlyArray<BatchMessage<unknown>>, context: BatchContext): Promise<unknown> =>
    new Promise((resolve, reject) => {
      runs.push({
        payloads: messages.map(({ payload }) => payload),
        messages,
        context,
        end: resolve,
        throw: reject,
      })
    })
  return { runs, handler, sizes: () => runs.map(({ payloads }) => payloads.length) }
}

const started = async (
  options: BatchOptions = {},
  settings: Parameters<typeof open>[0] = {},
): Promise<
  Awaited<ReturnType<typeof open>> &
    ReturnType<typeof handBatches> & {
      worker: ReturnType<Awaited<ReturnType<typeof open>>['queue']['processBatch']>
    }
> => {
  const opened = await open({ failures: { UNKNOWN: fixed({ delayMs: 60_000, retriesMax: 3 }) }, ...settings })
  const hand = handBatches()
  const worker = opened.queue.processBatch(hand.handler, options)
  await opened.test.clock.settle()
  return { ...opened, ...hand, worker }
}

const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

/** What became of three messages a, b and c after one batch that answered so. */
const outcomesOf = async (
  answer: (messages: ReadonlyArray<BatchMessage<unknown>>) => unknown,
): Promise<Record<string, { state: string; result?: unknown; why?: string }>> => {
  const { test, queue } = await open({ failures: { UNKNOWN: fixed({ delayMs: 60_000, retriesMax: 3 }) } })
  await test.done(queue.enqueueBatch(['a', 'b', 'c'].map((id) => ({ id, payload: id }))))
  queue.processBatch(answer, { maxBatchSize: 3 })
  await test.clock.settle()
  const outcomes: Record<string, { state: string; result?: unknown; why?: string }> = {}
  const events = await test.events('orders')
  for (const [ordinal, id] of ['a', 'b', 'c'].entries()) {
    const own = events.filter((event) => 'ordinal' in event && event.ordinal === ordinal + 1)
    for (const event of own) {
      if (event.type === 'AttemptSucceeded')
        outcomes[id] = event.result === undefined ? { state: 'ok' } : { state: 'ok', result: event.result }
      if (event.type === 'AttemptFailed')
        outcomes[id] = { state: 'failed', why: `${event.failureType}: ${event.message}` }
      if (event.type === 'AttemptReleased') outcomes[id] = { state: 'released' }
    }
  }
  return outcomes
}

const ok = { state: 'ok' }
const failedWith = (why: string): object => ({ state: 'failed', why: expect.stringContaining(why) })
const allFailedWith = (why: string): object => ({
  a: failedWith(why),
  b: failedWith(why),
  c: failedWith(why),
})

describe('B6 how a batch fills', () => {
  it('B6: a full batch starts at once; the rest starts when it has waited long enough', async () => {
    const { test, queue, runs, sizes } = await started({
      maxBatchSize: 4,
      batchTimeoutMs: 500,
      concurrency: 3,
    })
    await enqueueAll(test, queue, ...range(10))
    expect(sizes()).toEqual([4, 4])
    await test.clock.advance(499)
    expect(sizes()).toEqual([4, 4])
    await test.clock.advance(1)
    expect(sizes()).toEqual([4, 4, 2])
    expect(runs.flatMap(({ payloads }) => payloads)).toEqual(range(10))
  })

  it('B6: the wait counts from the first message of the batch, not from the last', async () => {
    const { test, queue, sizes } = await started({ maxBatchSize: 10, batchTimeoutMs: 300 })
    for (const n of range(5)) {
      await enqueueAll(test, queue, n)
      await test.clock.advance(70)
    }
    expect(sizes()).toEqual([5])
  })

  it('B6: what options leave out is what the queue says, as it says it then', async () => {
    const { test, queue, runs, sizes } = await started({}, { maxBatchSize: 3, batchTimeoutMs: 40 })
    await enqueueAll(test, queue, ...range(4))
    expect(sizes()).toEqual([3])
    await test.done(queue.configure({ maxBatchSize: 5 }))
    await enqueueAll(test, queue, ...range(6))
    runs[0]?.end()
    await test.clock.settle()
    expect(sizes()).toEqual([3, 5])
  })

  it('B6: no more batches are in work than were asked for, and the rest is not claimed', async () => {
    const { test, queue, runs, sizes, worker } = await started({ maxBatchSize: 2, concurrency: 2 })
    await enqueueAll(test, queue, ...range(7))
    expect(sizes()).toEqual([2, 2])
    expect(await test.done(queue.stats())).toMatchObject({ processing: 4, pending: 3 })
    expect(worker.status()).toMatchObject({
      running: 4,
      batches: 2,
      concurrency: 2,
      batchSize: 2,
      gathered: 0,
    })
    runs[0]?.end()
    await test.clock.settle()
    expect(sizes()).toEqual([2, 2, 2])
  })

  it('B6: the batches of all free slots are claimed together, in one append', async () => {
    const { test, queue, sizes, worker } = await started({
      maxBatchSize: 3,
      concurrency: 4,
      autoStart: false,
    })
    await enqueueAll(test, queue, ...range(20))
    const before = test.log.asked.length
    worker.start()
    await test.clock.settle()
    expect(sizes()).toEqual([3, 3, 3, 3])
    const appended = test.log.asked.slice(before).map(({ batch }) => batch.events.map(({ type }) => type))
    expect(appended).toEqual([new Array(12).fill('AttemptStarted')])
    expect(await test.done(queue.stats())).toMatchObject({ processing: 12, pending: 8 })
  })

  it('B6: messages are claimed while the batch fills, and their leases are kept alive', async () => {
    const { test, queue, runs } = await started(
      { maxBatchSize: 5, batchTimeoutMs: 60_000 },
      { leaseMs: 1_000 },
    )
    await enqueueAll(test, queue, 1)
    await test.clock.advance(59_999)
    expect(await test.done(queue.stats())).toMatchObject({ processing: 1 })
    await test.clock.advance(1)
    expect(runs[0]?.messages[0]?.attempt).toBe(1)
  })

  it('A13: a message with batchable false comes alone, and holds up no batch', async () => {
    const { test, queue, runs } = await started({ maxBatchSize: 4, batchTimeoutMs: 100, concurrency: 4 })
    const single: EnqueueOptions = { batchable: false }
    await test.done(
      queue.enqueueBatch([
        { payload: 1 },
        { payload: 2, ...single },
        { payload: 3 },
        { payload: 4, ...single },
      ]),
    )
    expect(runs.map(({ payloads }) => payloads)).toEqual([[2], [4]])
    await test.clock.advance(100)
    expect(runs.map(({ payloads }) => payloads)).toEqual([[2], [4], [1, 3]])
  })

  it('A14: in a queue with batching off every message comes alone', async () => {
    const { test, queue, sizes } = await started({ concurrency: 9 }, { batching: false })
    await enqueueAll(test, queue, ...range(3))
    expect(sizes()).toEqual([1, 1, 1])
  })

  it('B6: members of one group never share a batch: they run one at a time, in order', async () => {
    const { test, queue, runs } = await started({ maxBatchSize: 4, batchTimeoutMs: 10 })
    await test.done(queue.enqueueBatch(range(3).map((payload) => ({ payload, group: 'g' }))))
    for (const n of range(3)) {
      await test.clock.advance(10)
      expect(runs[n]?.payloads).toEqual([n])
      runs[n]?.end()
      await test.clock.settle()
    }
  })

  it('B6, I4: after a crash the messages that were in work come one at a time, the others in batches again', async () => {
    const { test, queue, runs } = await started(
      { maxBatchSize: 2 },
      { failures: { CRASH: fixed({ delayMs: 0, retriesMax: 3 }) } },
    )
    await enqueueAll(test, queue, ...range(5))
    expect(runs[0]?.payloads).toEqual([0, 1])
    await test.restart()
    const again = handBatches()
    const reopened = await test.done(test.ledger.queue('orders'))
    reopened.processBatch(again.handler, { maxBatchSize: 3, concurrency: 5 })
    await test.clock.settle()
    expect(again.runs.map(({ payloads }) => payloads)).toEqual([[0]])
    expect(again.runs[0]?.messages[0]).toMatchObject({ attempt: 2, inDoubt: true })
    again.runs[0]?.end()
    await test.clock.settle()
    expect(again.runs.map(({ payloads }) => payloads)).toEqual([[0], [1]])
    again.runs[1]?.end()
    await test.clock.settle()
    expect(again.runs[2]?.payloads).toEqual([2, 3, 4])
  })
})

describe('B6 what a batch handler answers', () => {
  it.each<[string, Parameters<typeof outcomesOf>[0], object]>([
    ['nothing: all succeeded', () => undefined, { a: ok, b: ok, c: ok }],
    ['a value: all succeeded, and it is no result of any', () => ({ rows: 3 }), { a: ok, b: ok, c: ok }],
    [
      'release(): all are handed back',
      () => release({ delayMs: 60_000 }),
      { a: { state: 'released' }, b: { state: 'released' }, c: { state: 'released' } },
    ],
    ['complete() without follow-ups: all succeeded', () => complete({ n: 1 }), { a: ok, b: ok, c: ok }],
    ['false: all failed', () => false, allFailedWith('returned false')],
    ['fail(): all failed', () => fail({ type: 'NETWORK', message: 'down' }), allFailedWith('NETWORK: down')],
    [
      'throwing: all failed with that error',
      () => {
        throw new Error('no')
      },
      allFailedWith('no'),
    ],
    ['rejecting: the same', () => Promise.reject(new Error('later')), allFailedWith('later')],
    [
      'batchResults: the named ones failed by their error or outcome, the others succeeded',
      () =>
        batchResults({
          failed: [
            { id: 'a', error: new Error('bad row') },
            { id: 'c', outcome: release({ delayMs: 60_000 }) },
          ],
        }),
      { a: failedWith('bad row'), b: ok, c: { state: 'released' } },
    ],
    ['batchResults with none failed', () => batchResults({ failed: [] }), { a: ok, b: ok, c: ok }],
    [
      'an outcome for each: a value, fail(), an error',
      () => [{ row: 1 }, fail({ type: 'RESOURCE', message: 'full' }), new Error('odd')],
      { a: { state: 'ok', result: '{"row":1}' }, b: failedWith('RESOURCE: full'), c: failedWith('odd') },
    ],
    [
      'promises: each is awaited, and counts for its own message',
      () => [Promise.resolve(1), Promise.reject(new Error('second')), undefined],
      { a: { state: 'ok', result: '1' }, b: failedWith('second'), c: ok },
    ],
    [
      'what Promise.allSettled gives: a rejection is a failure, not a result',
      () => Promise.allSettled([Promise.resolve(1), Promise.reject(new Error('second')), undefined]),
      { a: { state: 'ok', result: '1' }, b: failedWith('second'), c: ok },
    ],
  ])('B6: %s', async (_, answer, outcomes) => {
    expect(await outcomesOf(answer)).toEqual(outcomes)
  })

  it.each<[string, Parameters<typeof outcomesOf>[0], object]>([
    [
      'too few outcomes: the messages without one fail',
      () => [1, 2],
      {
        a: { state: 'ok', result: '1' },
        b: { state: 'ok', result: '2' },
        c: failedWith('gave no outcome for this message'),
      },
    ],
    ['too many: none can be told apart', () => [1, 2, 3, 4], allFailedWith('4 outcomes for 3 messages')],
    [
      'an id that is not in the batch: none of the others is safe to ack',
      () =>
        batchResults({
          failed: [
            { id: 'a', error: new Error('bad') },
            { id: 'z', error: new Error('x') },
          ],
        }),
      { a: failedWith('bad'), b: failedWith('not in the batch: z'), c: failedWith('not in the batch: z') },
    ],
    [
      'named as failed with the outcome of a success: it failed',
      () =>
        batchResults({
          failed: [
            { id: 'b', outcome: { fine: true } },
            { id: 'c', outcome: undefined },
          ],
        }),
      { a: ok, b: failedWith('the outcome of a success'), c: failedWith('the outcome of a success') },
    ],
    ['a list that is none', () => batchResults({ failed: [null] as never }), allFailedWith('null')],
  ])('B6: a defect of the handler acks nothing it may have meant: %s', async (_, answer, outcomes) => {
    expect(await outcomesOf(answer)).toEqual(outcomes)
  })

  it('B6: each failure gets its own type, and the classifier is asked for each', async () => {
    const { test, queue, runs } = await started({
      maxBatchSize: 2,
      classify: (error) => (String(error).includes('sql') ? 'DATABASE' : undefined),
    })
    await test.done(queue.enqueueBatch(['a', 'b'].map((id) => ({ id, payload: id }))))
    runs[0]?.end([new Error('sql'), Object.assign(new Error('net'), { code: 'ECONNRESET' })])
    await test.clock.settle()
    const failures = (await test.events('orders')).filter(({ type }) => type === 'AttemptFailed')
    expect(failures).toMatchObject([{ failureType: 'DATABASE' }, { failureType: 'NETWORK' }])
  })
})

describe('B6 time limits, leases and stopping', () => {
  it('B6: a batch has the longest time limit of its messages, and one signal', async () => {
    const { test, queue, runs, types } = await started({ maxBatchSize: 2 })
    await test.done(
      queue.enqueueBatch([
        { payload: 1, timeoutMs: 1_000 },
        { payload: 2, timeoutMs: 5_000 },
      ]),
    )
    await test.clock.advance(4_999)
    expect(runs[0]?.context.signal.aborted).toBe(false)
    await test.clock.advance(1)
    expect(runs[0]?.context.signal.reason).toMatchObject({ name: 'TimeoutError' })
    const failures = (await test.events('orders')).filter(({ type }) => type === 'AttemptFailed')
    expect(failures).toMatchObject([{ failureType: 'TIMEOUT' }, { failureType: 'TIMEOUT' }])
    runs[0]?.end()
    await test.clock.settle()
    expect(await types()).not.toContain('AttemptSucceeded')
  })

  it('B6: a batch that went over its limit keeps its slot until the handler returns', async () => {
    const { test, queue, runs, sizes } = await started({ maxBatchSize: 1 }, { handlerTimeoutMs: 1_000 })
    await enqueueAll(test, queue, 1, 2)
    await test.clock.advance(5_000)
    expect(sizes()).toEqual([1])
    runs[0]?.throw(new Error('too late to count'))
    await test.clock.settle()
    expect(sizes()).toEqual([1, 1])
  })

  it('I3: a lease that was lost takes its message out of the batch, and the others go on', async () => {
    const errors: string[] = []
    const { test, queue, runs } = await started(
      { maxBatchSize: 2, onError: ({ message }) => errors.push(message) },
      { leaseMs: 3_000 },
    )
    await test.done(queue.enqueueBatch(['a', 'b'].map((id) => ({ id, payload: id }))))
    const [a, b] = runs[0]?.messages ?? []
    // Somebody else settles the first one with its token: to this worker that is the same as a lost lease.
    await test.done(queue.settle([{ leaseToken: a?.leaseToken ?? '', outcome: 'release', delayMs: 60_000 }]))
    await test.clock.advance(1_000)
    expect(runs[0]?.context.holds(a as never)).toBe(false)
    expect(runs[0]?.context.holds(b as never)).toBe(true)
    expect(runs[0]?.context.signal.aborted).toBe(false)
    runs[0]?.end()
    await test.clock.settle()
    expect(errors).toEqual(['message a: the lease was lost'])
    expect(await test.done(queue.stats())).toMatchObject({ succeeded: 1 })
  })

  it('I3: when every lease is lost the signal fires', async () => {
    const { test, queue, runs } = await started({ maxBatchSize: 2 }, { leaseMs: 3_000 })
    await enqueueAll(test, queue, 1, 2)
    test.clock.block(3_000)
    await test.done(queue.stats())
    await test.clock.advance(1_000)
    expect(runs[0]?.context.signal.reason).toMatchObject({ message: expect.stringContaining('every lease') })
  })

  it('A11: the handler can ask which messages somebody wants cancelled; the signal fires when no other is left', async () => {
    const { test, queue, runs } = await started({ maxBatchSize: 2 })
    await test.done(queue.enqueueBatch(['a', 'b'].map((id) => ({ id, payload: id }))))
    const { context, messages, end } = runs[0] as BatchRun
    await test.done(queue.cancel('a'))
    expect(messages.map((one) => context.isCancelled(one as never))).toEqual([true, false])
    expect(context.signal.aborted).toBe(false)
    await test.done(queue.cancel('b'))
    expect(context.signal.reason).toBeInstanceOf(CancelledError)
    end(batchResults({ failed: [{ id: 'a', error: context.signal.reason }] }))
    await test.clock.settle()
    expect(await test.done(queue.stats())).toMatchObject({ succeeded: 1, cancelled: 1, processing: 0 })
  })

  it('A11: a message that is to be cancelled while its batch fills is not run', async () => {
    const { test, queue, runs } = await started({ maxBatchSize: 3, batchTimeoutMs: 1_000 })
    await test.done(queue.enqueueBatch(['a', 'b'].map((id) => ({ id, payload: id }))))
    await test.done(queue.cancel('a'))
    await test.clock.advance(1_000)
    expect(runs.map(({ payloads }) => payloads)).toEqual([['b']])
    expect(await test.done(queue.stats())).toMatchObject({ cancelled: 1, processing: 1 })
  })

  it('A13: a message with a short lease of its own is kept alive beside others with long ones', async () => {
    const { test, queue, types } = await started(
      { maxBatchSize: 9, batchTimeoutMs: 20_000 },
      { leaseMs: 60_000 },
    )
    await enqueueAll(test, queue, 1)
    await test.done(queue.enqueue(2, { leaseMs: 1_000 }))
    await test.clock.advance(19_000)
    expect(await types()).not.toContain('AttemptFailed')
  })

  it('B6: extend() keeps the leases of the whole batch longer than heartbeats would', async () => {
    const { test, queue, runs } = await started({ maxBatchSize: 2 }, { leaseMs: 1_000 })
    await enqueueAll(test, queue, 1, 2)
    const { context } = runs[0] as BatchRun
    await test.done(context.extend(20_000))
    test.clock.block(15_000)
    await test.done(queue.stats())
    expect(await test.done(queue.stats())).toMatchObject({ processing: 2 })
    await expect(test.done(context.extend(1))).rejects.toThrow(RangeError)
  })

  it('B6: stopping hands gathered messages back uncounted, and waits for the batch in work', async () => {
    const { test, queue, runs, worker, types } = await started({
      maxBatchSize: 2,
      concurrency: 2,
      batchTimeoutMs: 60_000,
    })
    await enqueueAll(test, queue, ...range(3))
    expect(worker.status()).toMatchObject({ state: 'running', batches: 1, gathered: 1 })
    const stopped = worker.stop()
    await test.clock.settle()
    expect(worker.status()).toMatchObject({ state: 'stopping', batches: 1, gathered: 0 })
    runs[0]?.end()
    await test.done(stopped)
    expect(await types()).toEqual(expect.arrayContaining(['AttemptReleased', 'AttemptSucceeded']))
    expect(await test.done(queue.stats())).toMatchObject({ pending: 1, processing: 0, succeeded: 2 })
    expect(worker.status()).toMatchObject({ state: 'stopped', succeeded: 2, released: 1, running: 0 })
  })

  it('B6: a batch that does not end within the grace is told to, and handed back', async () => {
    const { test, queue, runs, worker } = await started({ maxBatchSize: 2 })
    await enqueueAll(test, queue, 1, 2)
    const stopped = worker.stop({ graceMs: 1_000 })
    await test.clock.advance(1_000)
    await test.done(stopped)
    expect(runs[0]?.context.signal.aborted).toBe(true)
    expect(await test.done(queue.stats())).toMatchObject({ pending: 2, processing: 0 })
    runs[0]?.end()
    await test.clock.settle()
    expect(await test.done(queue.stats())).toMatchObject({ pending: 2, succeeded: 0 })
  })

  it('B6: a worker that was stopped starts again, and one may begin stopped', async () => {
    const { test, queue, sizes, worker } = await started({ maxBatchSize: 2, autoStart: false })
    await enqueueAll(test, queue, 1, 2)
    expect(sizes()).toEqual([])
    worker.start()
    await test.clock.settle()
    expect(worker.isRunning()).toBe(true)
    expect(sizes()).toEqual([2])
  })

  it('closing the ledger ends batch workers, too', async () => {
    const { test, queue, runs } = await started({ maxBatchSize: 2 })
    await enqueueAll(test, queue, 1, 2)
    const closed = test.ledger.close()
    await test.clock.settle()
    runs[0]?.end()
    await test.done(closed)
    expect(() => queue.processBatch(() => undefined)).toThrow('closed')
  })

  it('an outcome that the log could not take is told again until it can', async () => {
    const { test, queue, runs } = await started({ maxBatchSize: 2 })
    await enqueueAll(test, queue, 1, 2)
    test.log.plan('full', 'full')
    runs[0]?.end()
    await test.clock.advance(5_000)
    expect(await test.done(queue.stats())).toMatchObject({ succeeded: 2, processing: 0 })
  })

  it('a log that refuses claims ends nothing: the worker tries again, with growing pauses', async () => {
    const errors: string[] = []
    const { test, queue, runs, sizes } = await started({
      maxBatchSize: 2,
      onError: ({ message }) => {
        errors.push(message)
        throw new Error('in the listener')
      },
    })
    await enqueueAll(test, queue, 1)
    await test.clock.advance(1_000)
    test.log.always = 'full'
    runs[0]?.end()
    await test.clock.advance(2_000)
    test.log.heal()
    await test.clock.advance(60_000)
    await enqueueAll(test, queue, 2, 3)
    expect(sizes()).toEqual([1, 2])
  })
})

describe('B6 dynamic size', () => {
  it('B6: grows by one while full batches are fast, and halves when one is slow; the status shows it', async () => {
    const { test, queue, runs, sizes, worker } = await started({
      maxBatchSize: 8,
      dynamic: { targetMs: 100 },
    })
    await enqueueAll(test, queue, ...range(40))
    for (const n of range(5)) {
      runs[n]?.end()
      await test.clock.settle()
    }
    expect(sizes()).toEqual([1, 2, 3, 4, 5, 6])
    await test.clock.advance(101)
    runs[5]?.end()
    await test.clock.settle()
    expect(sizes().at(-1)).toBe(3)
    expect(worker.status()).toMatchObject({ batchSize: 3, dynamic: { size: 3, observed: 6, halved: 1 } })
  })

  it('B6: a batch that throws halves the size, one bad message in it does not, and it never leaves 1 to the maximum', async () => {
    const { test, queue, runs, sizes } = await started({ maxBatchSize: 4, dynamic: { targetMs: 100 } })
    await enqueueAll(test, queue, ...range(60))
    for (const n of range(6)) {
      runs[n]?.end()
      await test.clock.settle()
    }
    expect(sizes()).toEqual([1, 2, 3, 4, 4, 4, 4])
    runs[6]?.end(batchResults({ failed: [{ id: runs[6]?.messages[0]?.id ?? '', error: new Error() }] }))
    await test.clock.settle()
    expect(sizes().at(-1)).toBe(4)
    for (const n of [7, 8, 9]) {
      runs[n]?.throw(new Error('down'))
      await test.clock.settle()
    }
    expect(sizes().slice(8)).toEqual([2, 1, 1])
  })

  it('B6: what comes alone says nothing about batches', async () => {
    const { test, queue, runs, worker } = await started({ maxBatchSize: 4, dynamic: { targetMs: 100 } })
    await test.done(queue.enqueue(1, { batchable: false }))
    runs[0]?.end()
    await test.clock.settle()
    expect(worker.status().dynamic).toEqual({ size: 1, observed: 0, halved: 0 })
  })

  it.each([
    [{ concurrency: 0 }, 'concurrency'],
    [{ maxBatchSize: 0 }, 'maxBatchSize'],
    [{ maxBatchSize: 1_001 }, 'maxBatchSize'],
    [{ batchTimeoutMs: -1 }, 'batchTimeoutMs'],
    [{ dynamic: { targetMs: 0 } }, 'dynamic.targetMs'],
  ])('B6: %j is refused, and says what is accepted', async (options, field) => {
    const { queue } = await open()
    expect(() => queue.processBatch(() => undefined, options)).toThrow(
      `${field}: accepted is a whole number from`,
    )
  })
})
