// Batch handlers for a queue behind a server (B6), against a ledger in memory whose answers can be lost on the way.
import { describe, expect, it } from 'vitest'
import { UnavailableError } from '../../src/api/errors.js'
import type {
  BatchContext,
  BatchMessage,
  BatchOptions,
  SettlementRequest,
} from '../../src/api/types/index.js'
import { batchCalls } from '../../src/client/batches.js'
import type { ClaimCall } from '../../src/client/remoteWorker.js'
import { batchResults } from '../../src/worker/batchOutcome.js'
import { enqueueAll, open } from '../support/handRun.js'

/** What a call on its way to a server does when it is given up: it is not heard of any more. */
const unlessAborted = <A>(answer: Promise<A>, signal: AbortSignal | undefined): Promise<A> =>
  new Promise((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(new UnavailableError('given up')))
    answer.then(resolve, reject)
  })

const started = async (options: BatchOptions, settings: Parameters<typeof open>[0] = {}) => {
  const opened = await open(settings)
  const { test, queue } = opened
  const claims: ClaimCall[] = []
  const lost = { claims: 0, settlements: 0 }
  const extended: number[] = []
  let ids = 0
  const { processBatch } = batchCalls<unknown>(
    {
      worker: { clock: test.clock, uniqueId: () => `claim-${++ids}` },
      nextWorkerName: () => 'remote-1',
      started: () => undefined,
      ended: () => undefined,
    },
    {
      name: 'orders',
      claim: async ({ signal, ...call }) => {
        claims.push(call)
        const answer = await unlessAborted(queue.claim(call), signal)
        if (lost.claims > 0 && answer.length > 0) {
          lost.claims -= 1
          throw new UnavailableError('the answer was lost')
        }
        return answer
      },
      settle: async (settlements: ReadonlyArray<SettlementRequest>) => {
        const answer = await queue.settle(settlements)
        if (settlements[0]?.outcome === 'extend') extended.push(settlements.length)
        else if (lost.settlements > 0) {
          lost.settlements -= 1
          throw new UnavailableError('the answer was lost')
        }
        return answer
      },
      view: queue.view,
    },
    undefined,
  )
  const runs: Array<{
    messages: ReadonlyArray<BatchMessage<unknown>>
    context: BatchContext
    end: (value?: unknown) => void
  }> = []
  const worker = processBatch(
    (messages, context) => new Promise((resolve) => runs.push({ messages, context, end: resolve })),
    options,
  )
  await test.clock.settle()
  const payloads = (): unknown[][] => runs.map(({ messages }) => messages.map(({ payload }) => payload))
  return { ...opened, worker, runs, payloads, claims, lost, extended }
}

describe('B6 batch handlers behind a server', () => {
  it('B6: batches fill over several claims, and each message is settled by its own outcome', async () => {
    const { test, queue, runs, payloads } = await started({ maxBatchSize: 3, batchTimeoutMs: 200 })
    await enqueueAll(test, queue, 1, 2)
    await test.clock.advance(100)
    await enqueueAll(test, queue, 3)
    expect(payloads()).toEqual([[1, 2, 3]])
    const [first] = runs[0]?.messages ?? []
    runs[0]?.end(batchResults({ failed: [{ id: first?.id ?? '', error: new Error('bad') }] }))
    await test.clock.settle()
    expect(await test.done(queue.stats())).toMatchObject({ succeeded: 2, retrying: 1 })
  })

  it('B6: what options leave out is what the queue says', async () => {
    const { test, queue, payloads } = await started({}, { maxBatchSize: 2, batchTimeoutMs: 50 })
    await enqueueAll(test, queue, 1, 2, 3)
    expect(payloads()).toEqual([[1, 2]])
  })

  it('A13: a message with batchable false comes alone', async () => {
    const { test, queue, payloads } = await started({ maxBatchSize: 9, batchTimeoutMs: 50, concurrency: 3 })
    await test.done(queue.enqueueBatch([{ payload: 1 }, { payload: 2, batchable: false }, { payload: 3 }]))
    await test.clock.advance(50)
    expect(payloads()).toEqual([[2], [1, 3]])
  })

  it('B6: a claim whose answer was lost is asked again under its id: no message is lost, none runs twice', async () => {
    const { test, queue, runs, payloads, claims, lost, worker } = await started({
      maxBatchSize: 2,
      batchTimeoutMs: 50,
    })
    lost.claims = 1
    await enqueueAll(test, queue, 1, 2)
    await test.clock.advance(10_000)
    expect(payloads()).toEqual([[1, 2]])
    expect(new Set(claims.map(({ claimId }) => claimId)).size).toBeLessThan(claims.length)
    lost.settlements = 1
    runs[0]?.end()
    await test.clock.advance(10_000)
    expect(await test.done(queue.stats())).toMatchObject({ succeeded: 2, processing: 0 })
    expect(worker.status()).toMatchObject({ succeeded: 2, batches: 0 })
  })

  it('B6: leases of gathered and running messages are kept alive, in one call', async () => {
    const { test, queue, payloads, extended } = await started(
      { maxBatchSize: 3, batchTimeoutMs: 20_000 },
      { leaseMs: 1_000, handlerTimeoutMs: 100_000 },
    )
    await enqueueAll(test, queue, 1, 2)
    await test.clock.advance(19_999)
    expect(payloads()).toEqual([])
    await test.clock.advance(20_000)
    expect(payloads()).toEqual([[1, 2]])
    expect(new Set(extended)).toEqual(new Set([2]))
    expect(await test.done(queue.stats())).toMatchObject({ processing: 2 })
  })

  it('A11: heartbeats bring back which messages somebody wants cancelled', async () => {
    const { test, queue, runs } = await started({ maxBatchSize: 1 }, { leaseMs: 3_000 })
    const { id } = await test.done(queue.enqueue(1))
    await test.done(queue.cancel(id))
    await test.clock.advance(1_000)
    expect(runs[0]?.context.signal.reason).toMatchObject({ name: 'CancelledError' })
  })

  it('B6: stopping hands back what stands in an answer that nobody reads any more', async () => {
    const { test, queue, worker, lost, payloads, runs } = await started({
      maxBatchSize: 3,
      batchTimeoutMs: 60_000,
      concurrency: 2,
    })
    await enqueueAll(test, queue, 1)
    lost.claims = 1
    await enqueueAll(test, queue, 2)
    // What had gathered when the claim failed runs; the second message stands in the lost answer.
    expect(payloads()).toEqual([[1]])
    runs[0]?.end()
    const stopped = worker.stop()
    await test.done(stopped)
    expect(payloads()).toEqual([[1]])
    expect(await test.done(queue.stats())).toMatchObject({ pending: 1, processing: 0, succeeded: 1 })
    expect(await test.events('orders')).toContainEqual(expect.objectContaining({ type: 'AttemptReleased' }))
  })
})
