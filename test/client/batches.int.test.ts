// Batch handlers over a real server (B6).
import { expect, it } from 'vitest'
import { openLedger } from '../../src/api/openLedger.js'
import { connectLedger } from '../../src/client/connectLedger.js'
import { startServer } from '../../src/http/server.js'
import { batchResults } from '../../src/worker/batchOutcome.js'

const TOKEN = 'a-token-of-more-than-128-bits-in-all'

it('B6: a batch handler behind HTTP gets batches, settles each message by its own outcome, and stops', async () => {
  const ledger = await openLedger({ log: { kind: 'memory' } })
  const server = await startServer(ledger, { token: TOKEN })
  const remote = connectLedger({ url: server.url, token: TOKEN })
  try {
    const queue = await remote.queue<number>('orders', { maxBatchSize: 4, batchTimeoutMs: 5 })
    await queue.enqueueBatch(
      Array.from({ length: 9 }, (_, payload) => ({
        payload,
        ...(payload === 0 ? { batchable: false as const } : {}),
      })),
    )
    const sizes: number[] = []
    let seen = 0
    let all: () => void = () => undefined
    const done = new Promise<void>((resolve) => {
      all = resolve
    })
    const worker = queue.processBatch((messages) => {
      sizes.push(messages.length)
      seen += messages.length
      if (seen === 9) all()
      const bad = messages.filter(({ payload }) => payload === 5)
      return batchResults({ failed: bad.map(({ id }) => ({ id, error: new Error('bad') })) })
    })
    await done
    await worker.stop()
    expect(sizes[0]).toBe(1)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4)
    expect(await queue.stats()).toMatchObject({ succeeded: 8, retrying: 1, processing: 0 })
    expect(worker.status()).toMatchObject({ state: 'stopped', succeeded: 8, failed: 1 })
  } finally {
    await remote.close()
    await server.close()
    await ledger.close()
  }
})
