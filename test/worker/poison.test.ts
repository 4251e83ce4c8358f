// After a crash (C5, C13, R23, R29): what was running when the process died is in doubt, runs alone, and counts itself out;
// its neighbours do not pay.
import { describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import type { Message, Queue } from '../../src/api/types/index.js'
import { TestLedger } from '../support/ledger.js'

const NEVER = new Promise<never>(() => undefined)
const settings = { failures: { CRASH: fixed({ delayMs: 100, retriesMax: 2 }) } }

/** Runs handlers in a process that dies whenever the poison message is handled, until nothing is left. */
const processDyingOn = async (poison: unknown, payloads: unknown[], concurrency: number) => {
  const test = await TestLedger.open()
  const first = await test.done(test.ledger.queue('orders', settings))
  await test.done(first.enqueueBatch(payloads.map((payload) => ({ payload }))))
  const runs: unknown[] = []
  const beside: unknown[][] = []
  let crashes = 0
  for (let lives = 0; lives < 10; lives++) {
    let mustDie = false
    const running = new Set<unknown>()
    const queue: Queue<unknown> = await test.done(test.ledger.queue('orders'))
    queue.process(
      async ({ payload }: Message<unknown>) => {
        runs.push(payload)
        running.add(payload)
        if (payload === poison) {
          beside.push([...running])
          mustDie = true
        }
        // In the first life everything is still running when the poison strikes.
        if (mustDie || lives === 0) await NEVER
        running.delete(payload)
      },
      { concurrency },
    )
    await test.clock.settle()
    for (let n = 0; n < 20 && !mustDie; n++) await test.clock.advance(100)
    if (!mustDie) break
    crashes++
    await test.restart()
  }
  const queue: Queue<unknown> = await test.done(test.ledger.queue('orders'))
  return { test, queue, runs, beside, crashes }
}

describe('poison messages (C13, R29)', () => {
  it('end among the dead letters after their own retries, run alone, and blame nobody else', async () => {
    const payloads = ['a', 'b', 'poison', 'c', 'd', 'e', 'f']
    const { test, queue, beside, crashes } = await processDyingOn('poison', payloads, 5)
    expect(crashes).toBe(3)
    expect(beside.slice(1)).toEqual([['poison'], ['poison']])
    const { messages } = await test.done(queue.deadLetters())
    expect(messages).toMatchObject([
      { payload: 'poison', attempts: 3, reason: 'poison', failure: { type: 'CRASH' } },
    ])
    const stats = await test.done(queue.stats())
    expect(stats).toMatchObject({ succeeded: 6, dead: 1, pending: 0, processing: 0, retrying: 0 })
  })

  it('with a concurrency of one cost nobody anything', async () => {
    const { test, queue, crashes } = await processDyingOn('poison', ['poison', 'a', 'b'], 1)
    expect(crashes).toBe(3)
    const stats = await test.done(queue.stats())
    expect(stats).toMatchObject({ succeeded: 2, dead: 1, failuresByType: { CRASH: 3 } })
  })
})

describe('messages in doubt (C13, §4.5)', () => {
  it('run one at a time, with nothing beside them, in any queue of the process', async () => {
    const test = await TestLedger.open()
    const doubted = await test.done(test.ledger.queue('orders', settings))
    const other = await test.done(test.ledger.queue('mail', settings))
    await test.done(doubted.enqueueBatch([{ payload: 1 }, { payload: 2 }, { payload: 3 }]))
    doubted.process(() => NEVER)
    await test.clock.settle()
    await test.restart()
    const running = new Set<unknown>()
    const seen: unknown[] = []
    const ends: Array<() => void> = []
    const handler = async ({ payload }: Message<unknown>): Promise<void> => {
      running.add(payload)
      seen.push([...running])
      await new Promise<void>((resolve) => ends.push(resolve))
      running.delete(payload)
    }
    // A worker of another queue, with a claim out that waits for messages.
    const mail = await test.done(test.ledger.queue('mail'))
    mail.process(handler)
    await test.clock.settle()
    const orders = await test.done(test.ledger.queue('orders'))
    orders.process(handler, { concurrency: 3 })
    await test.clock.advance(100)
    expect(seen).toEqual([[1]])
    // While it runs, the other queue waits too.
    await test.done(mail.enqueue('letter'))
    await test.clock.advance(1_000)
    expect(seen).toHaveLength(1)
    for (let n = 0; n < 10 && seen.length < 4; n++) {
      ends.shift()?.()
      await test.clock.advance(1_000)
    }
    for (const beside of seen.slice(0, 3)) expect(beside).toHaveLength(1)
    expect(seen.flat()).toEqual(expect.arrayContaining([1, 2, 3, 'letter']))
    expect(other.name).toBe('mail')
  })

  it('of a worker that was stopped meanwhile do not keep the others from working', async () => {
    const test = await TestLedger.open()
    const first = await test.done(test.ledger.queue('orders', settings))
    await test.done(first.enqueueBatch([{ payload: 1 }, { payload: 2 }]))
    first.process(() => NEVER)
    await test.clock.settle()
    await test.restart()
    const queue = await test.done(test.ledger.queue('orders'))
    let end = (): void => undefined
    const stuck = queue.process(
      () =>
        new Promise<void>((resolve) => {
          end = resolve
        }),
    )
    await test.clock.advance(200)
    const stopped = stuck.stop({ graceMs: 1_000 })
    await test.clock.advance(1_000)
    await test.done(stopped)
    end()
    await test.clock.settle()
    const seen: unknown[] = []
    queue.process(({ payload }) => void seen.push(payload))
    await test.clock.advance(5_000)
    expect(seen).toEqual([1, 2])
    await test.done(queue.enqueueBatch([{ payload: 3 }, { payload: 4 }]))
    expect(seen).toEqual([1, 2, 3, 4])
  })
})
