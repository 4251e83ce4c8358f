// The latest of several messages with one key (A11): replace keeps the place, debounce waits anew, and what runs is left alone.
import { describe, expect, it } from 'vitest'
import type { NewMessage } from '../../src/engine/requests.js'
import { ack, message, TestQueue } from '../support/ledger.js'

const latest = (
  payload: unknown,
  dedupMode: 'replace' | 'debounce',
  over: Partial<NewMessage> = {},
): NewMessage => message(payload, { attributes: { dedupKey: 'k' }, ...over, dedupMode })

describe('replace (A11)', () => {
  it('A11 replace: the waiting message gets the contents and keeps its place and its id', async () => {
    const queue = await TestQueue.open()
    const [first] = await queue.enqueued(latest('old', 'replace'), message('between'))
    const again = await queue.enqueued(latest('new', 'replace'))
    expect(again).toMatchObject([{ id: first?.id, duplicate: true, replaced: true }])
    await queue.assertReplayAgrees()
    expect(await queue.drainPayloads()).toEqual(['new', 'between'])
  })

  it('A11 replace: the due time stays, unless the new message brings one', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(latest('old', 'replace', { delayMs: 1_000 }))
    await queue.clock.advance(900)
    await queue.enqueued(latest('new', 'replace'))
    await queue.clock.advance(100)
    expect(await queue.drainPayloads()).toEqual(['new'])
    await queue.enqueued(latest('next', 'replace', { delayMs: 1_000 }))
    await queue.enqueued(latest('sooner', 'replace', { delayMs: 10 }))
    await queue.clock.advance(10)
    expect(await queue.drainPayloads()).toEqual(['sooner'])
  })

  it('A11 replace: priority, time to live and attributes are those of the new message', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(latest('old', 'replace', { ttlMs: 50 }), message('other', { priority: 5 }))
    const attributes = { dedupKey: 'k', type: 'urgent', headers: { a: 'b' } }
    await queue.enqueued(latest('new', 'replace', { priority: 9, attributes }))
    await queue.clock.advance(100)
    const delivery = await queue.one()
    expect(delivery.enqueued).toMatchObject({ payload: '"new"', priority: 9, attributes })
  })

  it.each(['replace', 'debounce'] as const)(
    'A11 %s: one that runs is left alone, and so is one that is over: a new message is enqueued',
    async (mode) => {
      const queue = await TestQueue.open()
      await queue.enqueued(latest('first', mode))
      const running = await queue.one()
      expect(await queue.enqueued(latest('second', mode))).toMatchObject([{ duplicate: false }])
      expect(await queue.enqueued(latest('third', mode))).toMatchObject([{ duplicate: true, replaced: true }])
      await queue.settled(ack(running))
      const second = await queue.one()
      expect(JSON.parse(second.enqueued.payload)).toBe('third')
      await queue.settled(ack(second))
      expect(await queue.enqueued(latest('fourth', mode))).toMatchObject([{ duplicate: false }])
      expect(await queue.drainPayloads()).toEqual(['fourth'])
    },
  )

  it('A11: the same key twice in one call is one message with the contents of the second', async () => {
    const queue = await TestQueue.open({ settings: { maxSize: 1 } })
    const both = await queue.enqueued(latest('one', 'replace'), latest('two', 'replace'))
    expect(both).toMatchObject([{ duplicate: false }, { duplicate: true, replaced: true }])
    expect(both[0]?.id).toBe(both[1]?.id)
    expect(await queue.drainPayloads()).toEqual(['two'])
    await queue.assertReplayAgrees()
  })

  it('A11: without a mode the second is dropped, as ever', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(latest('one', 'replace'))
    await queue.enqueued(message('two', { attributes: { dedupKey: 'k' } }))
    expect(await queue.drainPayloads()).toEqual(['one'])
  })

  it('A11: the latest contents come from the log after a restart, and without room in the cache', async () => {
    const queue = await TestQueue.open({ payloadCacheBytes: 0 })
    await queue.enqueued(latest('old', 'replace'), message('other'))
    await queue.enqueued(latest('newer', 'replace'))
    await queue.enqueued(latest('newest', 'replace'))
    await queue.restart()
    expect(await queue.drainPayloads()).toEqual(['newest', 'other'])
  })
})

describe('debounce (A11)', () => {
  it('A11 debounce: each one waits anew', async () => {
    const queue = await TestQueue.open()
    for (const payload of ['a', 'b', 'c']) {
      await queue.enqueued(latest(payload, 'debounce', { delayMs: 1_000 }))
      await queue.clock.advance(900)
      expect(await queue.drainPayloads()).toEqual([])
    }
    await queue.restart()
    await queue.clock.advance(99)
    expect(await queue.drainPayloads()).toEqual([])
    await queue.clock.advance(1)
    expect(await queue.drainPayloads()).toEqual(['c'])
  })

  it('A11 debounce: goes on for longer than the window in which a key is remembered', async () => {
    const queue = await TestQueue.open({ settings: { dedupWindowMs: 2_000 } })
    for (let n = 0; n < 8; n++) {
      await queue.enqueued(latest(n, 'debounce', { delayMs: 1_000 }))
      await queue.clock.advance(900)
    }
    await queue.clock.advance(100)
    expect(await queue.drainPayloads()).toEqual([7])
    expect(queue.engine.partition(0).state?.counts).toMatchObject({ enqueued: 1, edited: 7 })
  })
})
