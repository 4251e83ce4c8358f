// A partition that is full (A9), or on its way there (C10): who is refused, who has to go, and how often it is told.
import { describe, expect, it } from 'vitest'
import type { QueueSettings } from '../../domain/queue/index.js'
import { ack, extend, fail, failureOf, message, TestQueue } from '../support/ledger.js'

const open = (settings: QueueSettings) => TestQueue.open({ settings })
const keyed = (payload: unknown, dedupKey: string, over: Parameters<typeof message>[1] = {}) =>
  message(payload, { ...over, attributes: { dedupKey } })

const refusedAs = async (queue: TestQueue, ...messages: ReturnType<typeof message>[]) => {
  const failure = failureOf(await queue.clock.settled(queue.enqueue(...messages)))
  return failure.kind === 'refused' ? failure.refusal : failure
}
const told = async (queue: TestQueue): Promise<number> =>
  (await queue.eventTypes()).filter((type) => type === 'CapacityReached').length
const dropped = async (queue: TestQueue): Promise<number[]> =>
  (await queue.events()).flatMap((event) =>
    event.type === 'MessagePurged' && event.cause === 'overflow' ? [event.ordinal] : [],
  )

describe('a full queue that rejects (A9)', () => {
  it('A9: takes all of a call or nothing of it, and duplicates although it is full', async () => {
    const queue = await open({ maxSize: 3 })
    await queue.enqueued(keyed(1, 'a'), message(2))
    expect(await refusedAs(queue, message(3), message(4))).toEqual({ type: 'QueueFull', maxSize: 3, size: 2 })
    expect(await queue.eventTypes()).not.toContain('CapacityReached')
    await queue.enqueued(message(3))
    expect(await refusedAs(queue, message(4))).toEqual({ type: 'QueueFull', maxSize: 3, size: 3 })
    expect(await queue.enqueued(keyed(1, 'a'))).toMatchObject([{ duplicate: true }])
    expect(await queue.drainPayloads()).toEqual([1, 2, 3])
  })

  it('A9, A6: a duplicate needs no room, also where a redriven message made it more than full', async () => {
    for (const overflow of ['reject', 'dropOldest', 'dropLowestPriority'] as const) {
      const queue = await open({ maxSize: 2, overflow })
      await queue.enqueued(message('dead'))
      await queue.settled(fail(await queue.one(), { retryable: false }))
      await queue.enqueued(keyed(1, 'a'), message(2, { priority: -5 }))
      await queue.clock.settled(queue.engine.operate(0, 'redrive', [1], undefined))
      expect(await queue.enqueued(keyed(1, 'a'))).toMatchObject([{ duplicate: true }])
      expect(await dropped(queue)).toEqual([])
    }
  })

  it('A9: running messages count, finished ones make room', async () => {
    const queue = await open({ maxSize: 1 })
    await queue.enqueued(message(1))
    const held = await queue.one()
    expect(await refusedAs(queue, message(2))).toMatchObject({ type: 'QueueFull', size: 1 })
    await queue.settled(ack(held))
    await queue.enqueued(message(2))
    expect(await queue.drainPayloads()).toEqual([2])
  })

  it('A9: says once that it is full, and again only after it was below nine tenths', async () => {
    const queue = await open({ maxSize: 10 })
    await queue.enqueued(...Array.from({ length: 10 }, (_, n) => message(n)))
    for (let n = 0; n < 3; n++) await refusedAs(queue, message('more'))
    await queue.settled(ack(await queue.one()))
    await queue.enqueued(message('refill'))
    expect(await told(queue)).toBe(1)
    await queue.restart()
    await refusedAs(queue, message('more'))
    expect(await told(queue)).toBe(1)
    for (const delivery of await queue.claimed({ max: 2 })) await queue.settled(ack(delivery))
    await queue.enqueued(message('a'), message('b'))
    expect(await told(queue)).toBe(2)
    await queue.assertReplayAgrees()
  })

  it('A9: says so, too, when its bound was lowered to below what it holds', async () => {
    const queue = await open({ maxSize: 10 })
    await queue.enqueued(message(1), message(2))
    const { control } = queue.engine
    await queue.clock.settled(
      queue.engine.changeControl(() => [
        { type: 'QueueConfigured', config: { ...control.config, maxSize: 2 }, by: undefined },
      ]),
    )
    await refusedAs(queue, message(3))
    await refusedAs(queue, message(3))
    expect(await told(queue)).toBe(1)
  })
})

describe('a full queue that drops (A9)', () => {
  it('A9 dropOldest: the waiting message that was enqueued first goes, with its cause; one that runs never', async () => {
    const queue = await open({ maxSize: 3, overflow: 'dropOldest' })
    await queue.enqueued(message('runs'), message('old', { priority: 10 }), message('young'))
    const running = await queue.one()
    expect(JSON.parse(running.enqueued.payload)).toBe('old')
    await queue.enqueued(message('new'))
    expect(await dropped(queue)).toEqual([1])
    await queue.enqueued(message('newer'))
    expect(await dropped(queue)).toEqual([1, 3])
    expect(queue.engine.partition(0).state?.counts).toMatchObject({ overflowed: 2, purged: 2 })
    expect(await queue.drainPayloads()).toEqual(['new', 'newer'])
    expect(await queue.settled(ack(running))).toMatchObject([{ _tag: 'Right' }])
    await queue.assertReplayAgrees()
  })

  it('A9 dropOldest: one that has begun to run since is passed over, and so is one that has ended', async () => {
    const queue = await open({ maxSize: 4, overflow: 'dropOldest' })
    await queue.enqueued(...[1, 2, 3, 4].map((n) => message(n)))
    await queue.enqueued(message(5))
    const [second, third] = await queue.claimed({ max: 2 })
    if (second === undefined || third === undefined) throw new Error('two deliveries')
    await queue.settled(ack(third))
    await queue.enqueued(message(6), message(7))
    expect(await dropped(queue)).toEqual([1, 4])
    expect(await queue.settled(ack(second))).toMatchObject([{ _tag: 'Right' }])
    expect(await queue.drainPayloads()).toEqual([5, 6, 7])
  })

  it('A9 dropLowestPriority: the lowest goes first, then the oldest of it, and only for one that is higher', async () => {
    const queue = await open({ maxSize: 4, overflow: 'dropLowestPriority' })
    const priorities = [5, -5, 0, -5]
    await queue.enqueued(...priorities.map((priority, n) => message(n + 1, { priority })))
    await queue.enqueued(message(5, { priority: 1 }))
    expect(await dropped(queue)).toEqual([2])
    expect(await refusedAs(queue, message('no', { priority: -5 }))).toMatchObject({ type: 'QueueFull' })
    await queue.enqueued(message(6, { priority: 1 }))
    await queue.enqueued(message(7, { priority: 1 }))
    expect(await dropped(queue)).toEqual([2, 4, 3])
    expect(await refusedAs(queue, message('no', { priority: 1 }))).toMatchObject({ type: 'QueueFull' })
    expect(await queue.drainPayloads()).toEqual([1, 5, 6, 7])
  })

  it('A9 dropLowestPriority: a later message of a lower priority goes before all that were there', async () => {
    const queue = await open({ maxSize: 4, overflow: 'dropLowestPriority' })
    await queue.enqueued(...[1, 2, 3].map((n) => message(n, { priority: 2 })))
    await queue.enqueued(message(4, { priority: 1 }))
    await queue.enqueued(message(5, { priority: 9 }))
    expect(await dropped(queue)).toEqual([4])
    await queue.enqueued(message(6, { priority: 9 }))
    const held = await queue.one()
    await queue.settled(ack(held))
    await queue.enqueued(message(7, { priority: -1 }))
    await queue.enqueued(message(8, { priority: 9 }))
    expect(await dropped(queue)).toEqual([4, 1, 7])
  })

  it.each(['dropOldest', 'dropLowestPriority'] as const)(
    'A9 %s: a call that cannot be taken whole drops nothing',
    async (overflow) => {
      const queue = await open({ maxSize: 3, overflow })
      await queue.enqueued(message(1), message(2), message(3, { priority: -1 }))
      await queue.one()
      const before = await queue.eventTypes()
      const many = [1, 2, 3].map((n) => message(n, { priority: 5 }))
      expect(await refusedAs(queue, ...many)).toMatchObject({ type: 'QueueFull' })
      expect(await queue.eventTypes()).toEqual(before)
      await queue.enqueued(...many.slice(1))
      expect((await dropped(queue)).length).toBe(2)
    },
  )

  it('A9: tells once that it is full, however many are dropped, and counts no drop as relief', async () => {
    const queue = await open({ maxSize: 3, overflow: 'dropOldest' })
    for (let n = 0; n < 10; n++) await queue.enqueued(message(n))
    expect(await told(queue)).toBe(1)
    expect(queue.engine.partition(0).state?.size).toBe(3)
    await queue.restart()
    await queue.enqueued(message('again'))
    expect(await told(queue)).toBe(1)
  })

  it('A9, A6: a message that the call is answered with is not dropped by it', async () => {
    const queue = await open({ maxSize: 2, overflow: 'dropOldest' })
    await queue.enqueued(keyed('first', 'k'), message('second'))
    const replace = { ...keyed('latest', 'k'), dedupMode: 'replace' } as const
    expect(await queue.enqueued(replace, message('new'))).toMatchObject([
      { replaced: true },
      { duplicate: false },
    ])
    expect(await dropped(queue)).toEqual([2])
    expect(queue.engine.partition(0).state?.size).toBe(2)
    expect(await queue.drainPayloads()).toEqual(['latest', 'new'])
  })

  it('A9, A11: nothing is dropped for a message whose key came with a replacement of the same call', async () => {
    const queue = await open({ maxSize: 2, overflow: 'dropLowestPriority' })
    await queue.enqueued(keyed('old', 'k'), message('other', { priority: -5 }))
    const replacing = message('new', {
      dedupMode: 'replace',
      attributes: { dedupKey: 'k', idempotencyKey: 'i' },
    })
    const repeated = message('again', { attributes: { idempotencyKey: 'i' } })
    const [first, second] = await queue.enqueued(replacing, repeated)
    expect(second).toMatchObject({ id: first?.id, duplicate: true })
    expect(await dropped(queue)).toEqual([])
    expect(await queue.drainPayloads()).toEqual(['new', 'other'])
  })

  it('A9: drops thousands one after another in order, with others enqueued in between', async () => {
    const queue = await open({ maxSize: 2_500, overflow: 'dropLowestPriority' })
    const waiting = Array.from({ length: 2_500 }, (_, n) => message(n, { priority: n % 5 }))
    await queue.enqueued(...waiting)
    for (let n = 0; n < 6; n++) {
      await queue.enqueued(...Array.from({ length: 250 }, () => message('new', { priority: 7 })))
    }
    const expected = [0, 1, 2].flatMap((rest) => waiting.flatMap((_, n) => (n % 5 === rest ? [n + 1] : [])))
    expect(await dropped(queue)).toEqual(expected)
  })

  it('A9: a place that became free does not hand out the payload of the message before', async () => {
    const queue = await open({ maxSize: 1, overflow: 'dropOldest' })
    await queue.enqueued(message('before'))
    await queue.enqueued(message('after', { delayMs: 120_000 }))
    await queue.clock.advance(120_000)
    expect(await queue.drainPayloads()).toEqual(['after'])
  })
})

describe('shedding under load (C10)', () => {
  const settings = { maxSize: 10, shedAbovePercent: 50, shedBelowPriority: 0 }

  it('C10: low priorities are refused above the share, the others and what is below it are not', async () => {
    const queue = await open(settings)
    await queue.enqueued(...Array.from({ length: 5 }, (_, n) => message(n, { priority: -1 })))
    expect(await refusedAs(queue, message('low', { priority: -1 }))).toEqual({
      type: 'LoadShed',
      size: 5,
      maxSize: 10,
      shedBelowPriority: 0,
    })
    expect(await refusedAs(queue, message('normal'), message('low', { priority: -1 }))).toMatchObject({
      type: 'LoadShed',
    })
    await queue.enqueued(message('normal'))
    await queue.settled(ack(await queue.one()), ack(await queue.one()))
    await queue.enqueued(message('low', { priority: -1 }))
  })

  it('C10: what is in already stays in: acks, heartbeats and repeated calls are never shed', async () => {
    const queue = await open(settings)
    const low = keyed('low', 'k', { priority: -1 })
    await queue.enqueued(low, ...Array.from({ length: 5 }, (_, n) => message(n)))
    const deliveries = await queue.claimed({ max: 6 })
    expect(await queue.enqueued(low)).toMatchObject([{ duplicate: true }])
    const extended = await queue.settled(...deliveries.map((delivery) => extend(delivery, 1_000)))
    const acked = await queue.settled(...deliveries.map((delivery) => ack(delivery)))
    for (const result of [...extended, ...acked]) expect(result._tag).toBe('Right')
  })
})
