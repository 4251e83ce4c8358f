// The test ledger: real handlers, time in the test's hands, the same run every time. Through its public face only.
import { readFile } from 'node:fs/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { fixed } from '../../src/index.js'
import { type TestLedger, type TestLedgerOptions, testLedger } from '../../src/testing/index.js'

const opened: TestLedger[] = []
afterEach(async () => {
  for (const test of opened.splice(0)) await test.close()
})
const open = async (options?: TestLedgerOptions): Promise<TestLedger> => {
  const test = await testLedger(options)
  opened.push(test)
  return test
}
const HOUR_MS = 3_600_000

describe('E12: a test ledger', () => {
  it('is awaited like any other, and its handlers run by themselves', async () => {
    const test = await open()
    const orders = await test.queue<{ n: number }>('orders')
    const seen: number[] = []
    orders.process(({ payload }) => {
      seen.push(payload.n)
    })
    for (const n of [1, 2, 3]) await orders.enqueue({ n })
    expect(await test.drain()).toMatchObject({ attempts: 3, succeeded: 3, passedMs: 0 })
    expect(seen).toEqual([1, 2, 3])
  })

  it('does not let time pass by itself: retries and delays wait for advance()', async () => {
    const test = await open({ now: new Date('2026-03-01T00:00:00Z') })
    const orders = await test.queue('orders', {
      failures: { UNKNOWN: fixed({ delayMs: 60_000, retriesMax: 2 }) },
    })
    let runs = 0
    orders.process(() => {
      runs += 1
      if (runs < 3) throw new Error('not yet')
    })
    const { id } = await orders.enqueue('x', { delayMs: 5_000 })
    expect(await test.drain()).toMatchObject({ attempts: 0, left: { scheduled: 1 } })
    await test.clock.advance(5_000)
    expect(runs).toBe(1)
    await test.clock.advance(59_999)
    expect(runs).toBe(1)
    await test.clock.advance(1)
    expect(runs).toBe(2)
    await test.clock.advance(60_000)
    expect(await orders.message(id)).toMatchObject({ state: 'succeeded', attempts: 3 })
    expect(test.clock.now()).toEqual(new Date('2026-03-01T00:02:05Z'))
  })

  it('drains with time: everything that becomes ready within it, and no longer than needed', async () => {
    const test = await open()
    const orders = await test.queue('orders')
    orders.process(() => {
      throw Object.assign(new Error('down'), { code: 'ECONNREFUSED' })
    })
    await orders.enqueue('x')
    const drained = await test.drain({ forMs: HOUR_MS })
    // Five retries of NETWORK, each 5 s later than the one before.
    expect(drained).toMatchObject({ attempts: 6, failed: 6, deadLettered: 1, passedMs: 75_000 })
    expect(drained.left).toEqual({ pending: 0, scheduled: 0, retrying: 0 })
  })

  it('drain stops at its time and says what is left', async () => {
    const test = await open()
    const orders = await test.queue('orders')
    await orders.enqueue('nobody works')
    await orders.enqueue('late', { delayMs: 2 * HOUR_MS })
    expect(await test.drain({ forMs: HOUR_MS })).toMatchObject({ left: { pending: 1, scheduled: 1 } })
  })

  it('messages that make messages for ever fail the drain instead of hanging it', async () => {
    const test = await open()
    const orders = await test.queue<number>('orders')
    orders.process(async ({ payload }) => {
      await orders.enqueue(payload + 1)
    })
    await orders.enqueue(0)
    await expect(test.drain({ attemptsMax: 50 })).rejects.toThrow(/do not run dry[\s\S]*orders: \d+ pending/)
  })

  it('drain waits for real I/O of handlers, and not for ever', async () => {
    const test = await open()
    const orders = await test.queue('orders')
    const worker = orders.process(async () => (await readFile(import.meta.filename, 'utf8')).length)
    const { id } = await orders.enqueue('x')
    expect(await test.drain()).toMatchObject({ succeeded: 1 })
    expect(await orders.message(id)).toMatchObject({ result: expect.any(Number) })
    await worker.stop()

    orders.process(
      (_message, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)),
    )
    await orders.enqueue('hangs')
    await expect(test.drain({ realMs: 20 })).rejects.toThrow(/still run after 20 ms[\s\S]*1 processing/)
  })

  it('time limits are virtual: a handler that hangs is a TIMEOUT after no real time', async () => {
    const test = await open()
    const orders = await test.queue('orders', { handlerTimeoutMs: 30_000 })
    orders.process(
      (_message, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)),
    )
    const { id } = await orders.enqueue('x')
    await test.clock.advance(29_999)
    expect(await orders.message(id)).toMatchObject({ state: 'processing' })
    await test.clock.advance(1)
    expect(await orders.message(id)).toMatchObject({ state: 'retrying', failureType: 'TIMEOUT' })
  })

  it('until() moves time on as far as an answer needs', async () => {
    const test = await open()
    const orders = await test.queue('orders')
    const claiming = orders.claim({ worker: 'w', waitMs: 20_000 })
    await orders.enqueue('x', { delayMs: 7_000 })
    const before = test.clock.tickMs()
    expect(await test.until(claiming)).toHaveLength(1)
    expect(test.clock.tickMs() - before).toBe(7_000)
    const never = new Promise<never>(() => undefined)
    await expect(test.until(never, 1_000)).rejects.toThrow(/still waiting after 1000 ms of virtual time/)
  })

  it('crashes, and its successor finds the attempt in doubt, counts it, and runs it again', async () => {
    const test = await open()
    const orders = await test.queue('orders')
    orders.process(() => new Promise(() => undefined))
    const { id } = await orders.enqueue('x')
    await test.clock.settle()
    expect(await orders.message(id)).toMatchObject({ state: 'processing' })
    const ledger = await test.crash()
    const again = await ledger.queue('orders')
    again.process(() => 'done')
    await test.drain({ forMs: HOUR_MS })
    expect(await again.message(id)).toMatchObject({ state: 'succeeded', attempts: 2 })
    const failed = (await again.history(id)).find(({ type }) => type === 'AttemptFailed')
    expect(failed?.data).toMatchObject({ failureType: 'CRASH' })
  })

  it('is dead after a crash: its handlers finish for nobody, and it does not come back', async () => {
    const test = await open()
    const orders = await test.queue('orders')
    let finish: (result: string) => void = () => undefined
    orders.process(() => new Promise<string>((resolve) => (finish = resolve)))
    const { id } = await orders.enqueue('x')
    await test.clock.settle()
    const ledger = await test.crash()
    finish('too late')
    await test.clock.advance(HOUR_MS)
    const again = await ledger.openQueue('orders')
    expect((await again.history(id)).map(({ type }) => type)).not.toContain('AttemptSucceeded')
    const { events } = await ledger.events({ from: 0, limit: 500 })
    // One term of the dead process, one of its successor.
    expect(events.filter(({ type }) => type === 'PartitionOpened')).toHaveLength(2)
  })

  it('of the same seed runs the same: ids, jitter, times', async () => {
    const run = async (seed: number): Promise<unknown> => {
      const test = await open({ seed })
      const retry = fixed({ delayMs: 10_000, retriesMax: 3, jitter: 'full' })
      const orders = await test.queue('orders', { failures: { UNKNOWN: retry } })
      let left = 3
      orders.process(() => {
        if (left-- > 0) throw new Error('not yet')
        return 'done'
      })
      const { id } = await orders.enqueue('x')
      await test.drain({ forMs: HOUR_MS })
      return (await orders.history(id)).map(({ at, type, data }) => ({ at, type, data }))
    }
    expect(await run(7)).toEqual(await run(7))
    expect(await run(7)).not.toEqual(await run(8))
  })

  it('closes although a handler never ends', async () => {
    const test = await testLedger()
    const orders = await test.queue('orders')
    orders.process(() => new Promise(() => undefined))
    await orders.enqueue('x')
    await test.clock.settle()
    await test.close()
    await expect(orders.enqueue('y')).rejects.toThrow()
  })
})
