// What counts as the same message (A6): the sender's key, the content, or nothing, as the queue is set.
import { describe, expect, it } from 'vitest'
import type { EnqueueOptions, Queue, QueueSettings } from '../../src/api/types/index.js'
import { TestLedger } from '../support/ledger.js'

const open = async (settings: QueueSettings = {}) => {
  const test = await TestLedger.open()
  const queue = await test.done(test.ledger.queue('orders', settings))
  const send = (payload: unknown, options?: EnqueueOptions) => test.done(queue.enqueue(payload, options))
  return { test, queue, send }
}
const waiting = async (test: TestLedger, queue: Queue<unknown>): Promise<number> =>
  (await test.done(queue.stats())).pending

describe('a queue that goes by the key', () => {
  it('A6: is the default: the second call with a key answers the first message and says so', async () => {
    const { test, queue, send } = await open()
    const first = await send({ n: 1 }, { dedupKey: 'order-7' })
    expect(await send({ n: 2 }, { dedupKey: 'order-7' })).toMatchObject({ id: first.id, duplicate: true })
    expect(await send({ n: 1 })).toMatchObject({ duplicate: false })
    expect(await waiting(test, queue)).toBe(2)
  })

  it('A6: forgets a key after 300 s unless it is told otherwise, counted from the first message', async () => {
    const { test, send } = await open()
    const first = await send(1, { dedupKey: 'k' })
    await test.clock.advance(200_000)
    expect((await send(2, { dedupKey: 'k' })).id).toBe(first.id)
    await test.clock.advance(99_999)
    expect((await send(3, { dedupKey: 'k' })).id).toBe(first.id)
    await test.clock.advance(1)
    expect(await send(4, { dedupKey: 'k' })).toMatchObject({ duplicate: false })
  })
})

describe('a queue that goes by the content', () => {
  const settings = { dedup: 'content' } as const

  it('A6: takes equal payloads for one message, in whatever order their fields were written', async () => {
    const { test, queue, send } = await open(settings)
    const first = await send({ order: 7, lines: [{ sku: 'a', n: 1 }] })
    expect(await send({ lines: [{ n: 1, sku: 'a' }], order: 7 })).toMatchObject({
      id: first.id,
      duplicate: true,
    })
    expect(await send({ order: 7, lines: [{ sku: 'a', n: 2 }] })).toMatchObject({ duplicate: false })
    expect(await waiting(test, queue)).toBe(2)
  })

  it('A6: takes the same payload under another type or topic for another message', async () => {
    const { send } = await open(settings)
    await send({ order: 7 })
    expect(await send({ order: 7 }, { type: 'paid' })).toMatchObject({ duplicate: false })
    expect(await send({ order: 7 }, { topic: 'paid' })).toMatchObject({ duplicate: false })
    expect(await send({ order: 7 }, { type: 'paid' })).toMatchObject({ duplicate: true })
  })

  it('A6: leaves the word to a key that the sender gives', async () => {
    const { send } = await open(settings)
    const first = await send({ order: 7 }, { dedupKey: 'a' })
    expect(await send({ order: 7 }, { dedupKey: 'b' })).toMatchObject({ duplicate: false })
    expect(await send({ order: 8 }, { dedupKey: 'a' })).toMatchObject({ id: first.id, duplicate: true })
  })

  it('A6: holds within the window, in a batch, and over several partitions', async () => {
    const { test, queue, send } = await open({ ...settings, partitions: 4, dedupWindowMs: 1_000 })
    const batch = Array.from({ length: 40 }, (_, n) => ({ payload: { n: n % 20 } }))
    const results = await test.done(queue.enqueueBatch(batch))
    expect(results.filter((result) => 'duplicate' in result && result.duplicate)).toHaveLength(20)
    expect(await send({ n: 3 })).toMatchObject({ duplicate: true })
    await test.clock.advance(1_000)
    expect(await send({ n: 3 })).toMatchObject({ duplicate: false })
  })
})

describe('a queue that takes nothing for the same', () => {
  const settings = { dedup: 'off' } as const

  it('A6: records each message, with or without a key', async () => {
    const { test, queue, send } = await open(settings)
    await send(1, { dedupKey: 'k' })
    expect(await send(1, { dedupKey: 'k' })).toMatchObject({ duplicate: false })
    expect(await waiting(test, queue)).toBe(2)
  })

  it('A6: still knows a repeated call and a caller’s id', async () => {
    const { send } = await open(settings)
    await send(1, { idempotencyKey: 'call-1', dedupKey: 'k' })
    expect(await send(1, { idempotencyKey: 'call-1', dedupKey: 'l' })).toMatchObject({ duplicate: true })
    await send(2, { id: 'order-7' })
    expect(await send(3, { id: 'order-7' })).toMatchObject({ id: 'order-7', duplicate: true })
  })

  it('A6: goes by keys again from the moment it is switched back', async () => {
    const { test, queue, send } = await open(settings)
    await send(1, { dedupKey: 'k' })
    await test.done(queue.configure({ dedup: 'key' }))
    expect(await send(2, { dedupKey: 'k' })).toMatchObject({ duplicate: false })
    expect(await send(3, { dedupKey: 'k' })).toMatchObject({ duplicate: true })
  })
})
