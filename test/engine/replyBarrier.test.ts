// What a caller is told, and when (I1, I2, §4.4): nothing before it is durable, and one of three kinds of reply whatever
// the log does.
import { describe, expect, it } from 'vitest'
import { ack, failureOf, message, right, TestQueue } from '../support/ledger.js'
import { watch } from '../support/manualClock.js'

const REPEAT_PAUSE_MS = 250
const REPEATS_MAX = 20

describe('reply barrier (§4.4, I1)', () => {
  it('answers no enqueue before it is durable', async () => {
    const queue = await TestQueue.open()
    queue.log.plan('held')
    const reply = watch(queue.enqueue(message(1)))
    await queue.clock.settle()
    expect(reply.isOpen).toBe(true)
    queue.log.release()
    await queue.clock.settle()
    expect(reply.isOpen).toBe(false)
  })

  it('holds back refusals, duplicates, empty claims and looks that were decided on what is in flight', async () => {
    const queue = await TestQueue.open({ settings: { maxSize: 1 } })
    queue.log.plan('held')
    const first = watch(queue.enqueue(message(1, { callerId: 'a' })))
    await queue.clock.settle()
    const refusal = watch(queue.enqueue(message(2)))
    const duplicate = watch(queue.enqueue(message(1, { callerId: 'a' })))
    const late = watch(queue.settle({ ordinal: 1, fence: 7, outcome: 'ack', result: undefined }))
    const look = watch(queue.engine.look(0, (state) => state.counts.enqueued))
    await queue.clock.settle()
    for (const reply of [first, refusal, duplicate, late, look]) expect(reply.isOpen).toBe(true)
    queue.log.release()
    await queue.clock.settle()
    expect(failureOf(refusal.value as never)).toMatchObject({
      kind: 'refused',
      refusal: { type: 'QueueFull' },
    })
    expect(right(duplicate.value as never).value).toMatchObject([{ id: 'a', duplicate: true }])
    expect(right(late.value as never).value).toMatchObject([{ _tag: 'Left', left: { type: 'LeaseNotHeld' } }])
    expect(right(look.value as never).value).toBe(1)
  })

  it('holds back an empty claim that was decided on a claim in flight', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    queue.log.plan('held')
    const first = watch(queue.claim())
    await queue.clock.settle()
    const empty = watch(queue.claim())
    await queue.clock.settle()
    expect([first.isOpen, empty.isOpen]).toEqual([true, true])
    queue.log.release()
    await queue.clock.settle()
    expect(right(first.value as never).value).toMatchObject({ deliveries: [{ ordinal: 1 }] })
    expect(right(empty.value as never).value).toMatchObject({ deliveries: [] })
  })

  it('answers at once what needs no event while nothing is in flight', async () => {
    const queue = await TestQueue.open()
    const asked = queue.log.asked.length
    expect(await queue.claimed()).toEqual([])
    expect(queue.log.asked.length).toBe(asked)
  })

  it('names the revision and the position that the answer holds at', async () => {
    const queue = await TestQueue.open()
    const first = right(await queue.clock.settled(queue.enqueue(message(1), message(2))))
    expect(first.revision).toBe(3)
    // A log that does not count its positions may tell those of a whole append by its last.
    const before = queue.inner.isSparse === true ? first.position : first.position - 1
    expect(first.value.map(({ position }) => position)).toEqual([before, first.position])
    const again = right(await queue.clock.settled(queue.engine.look(0, () => undefined)))
    expect([again.revision, again.position]).toEqual([first.revision, first.position])
  })
})

describe('group commit (A2)', () => {
  it('appends everything that came during a flight in one batch', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message('claimed'))
    const held = await queue.one()
    queue.log.plan('held')
    const first = queue.enqueue(message(0))
    await queue.clock.settle()
    const more = Array.from({ length: 20 }, (_, n) => queue.enqueue(message(n + 1)))
    const acked = queue.settle(ack(held))
    const claimed = queue.claim({ max: 2 })
    await queue.clock.settle()
    const before = queue.log.asked.length
    queue.log.release()
    await Promise.all(
      [first, ...more, acked, claimed].map((reply) => queue.clock.settled(reply as Promise<unknown>)),
    )
    expect(queue.log.asked.length).toBe(before + 1)
    const { events } = queue.log.asked[before]?.batch ?? { events: [] }
    expect(events.map(({ type }) => type)).toEqual([
      'AttemptSucceeded',
      ...Array.from({ length: 20 }, () => 'MessageEnqueued'),
      'AttemptStarted',
      'AttemptStarted',
    ])
  })

  it('puts a call of thousands into few appends, all of it under one recorded time each', async () => {
    const queue = await TestQueue.open()
    const before = queue.log.asked.length
    const replies = Array.from({ length: 5 }, (_, call) =>
      queue.enqueue(...Array.from({ length: 1_000 }, (_, n) => message(call * 1_000 + n))),
    )
    for (const reply of replies) expect(right(await queue.clock.settled(reply)).value.length).toBe(1_000)
    expect(queue.log.asked.length - before).toBeLessThanOrEqual(3)
  })
})

describe('an append whose outcome is unknown (I2)', () => {
  it.each(['lostReply', 'lostRequest', 'lateRequest'] as const)(
    'is repeated unchanged until it is definite: %s',
    async (fault) => {
      const queue = await TestQueue.open()
      const before = queue.log.asked.length
      queue.log.plan(fault, 'lostRequest', fault)
      const reply = queue.enqueue(message(1))
      const seen = watch(reply)
      await queue.clock.settle()
      expect(seen.isOpen).toBe(true)
      await queue.clock.advance(2 * REPEAT_PAUSE_MS)
      expect(seen.isOpen).toBe(true)
      queue.log.release()
      await queue.clock.advance(REPEAT_PAUSE_MS)
      expect(right(await reply).value).toMatchObject([{ duplicate: false }])
      const asked = queue.log.asked.slice(before)
      expect(asked.length).toBe(4)
      for (const one of asked) expect(one).toEqual(asked[0])
      expect((await queue.eventTypes()).filter((type) => type === 'MessageEnqueued')).toHaveLength(1)
      await queue.assertReplayAgrees()
    },
  )

  it.each(['lostReply', 'lostRequest'] as const)(
    'for ever: its callers are told unknown, those behind it a definite failure, and the log decides (%s)',
    async (fault) => {
      const queue = await TestQueue.open()
      queue.log.always = fault
      const inFlight = queue.enqueue(message('in flight', { callerId: 'first' }))
      await queue.clock.settle()
      const behind = queue.enqueue(message('behind', { callerId: 'second' }))
      await queue.clock.advance(REPEAT_PAUSE_MS * (REPEATS_MAX + 1))
      expect(failureOf(await inFlight)).toMatchObject({ kind: 'unknown' })
      expect(failureOf(await behind)).toMatchObject({ kind: 'unavailable' })
      queue.log.heal()
      await queue.clock.advance(1_000)
      const ids = (await queue.events()).flatMap((event) =>
        event.type === 'MessageEnqueued' ? [event.callerId] : [],
      )
      expect(ids).toEqual(fault === 'lostReply' ? ['first'] : [])
      await queue.assertReplayAgrees()
      expect(await queue.enqueued(message('again', { callerId: 'first' }))).toMatchObject([
        { id: 'first', duplicate: fault === 'lostReply' },
      ])
    },
  )

  it('a request that arrives after the writer stepped down finds its place taken by the next epoch', async () => {
    const queue = await TestQueue.open()
    queue.log.always = 'lateRequest'
    const inFlight = queue.enqueue(message('late'))
    await queue.clock.advance(REPEAT_PAUSE_MS * (REPEATS_MAX + 1))
    expect(failureOf(await inFlight)).toMatchObject({ kind: 'unknown' })
    queue.log.heal()
    await queue.clock.advance(1_000)
    queue.log.release()
    await queue.clock.settle()
    expect(await queue.eventTypes()).not.toContain('MessageEnqueued')
    await queue.enqueued(message('next'))
    await queue.assertReplayAgrees()
  })
})

describe('the names of batches (I2)', () => {
  it('a writer that follows one that stepped down writes other batches under other names', async () => {
    const queue = await TestQueue.open()
    queue.log.always = 'lostRequest'
    const lost = queue.enqueue(message('lost'))
    await queue.clock.advance(REPEAT_PAUSE_MS * (REPEATS_MAX + 1))
    expect(failureOf(await lost)).toMatchObject({ kind: 'unknown' })
    queue.log.heal()
    await queue.clock.advance(1_000)
    await queue.enqueued(message('next'))
    const contents = new Map<string, Set<string>>()
    for (const { expected, batch } of queue.log.asked) {
      const content = JSON.stringify([expected, batch.at, batch.events])
      contents.set(batch.batchId, (contents.get(batch.batchId) ?? new Set()).add(content))
    }
    expect(contents.size).toBeGreaterThan(2)
    for (const [, different] of contents) expect(different.size).toBe(1)
  })
})

describe('an append that fails for certain (I1)', () => {
  it.each(['full', 'conflict'] as const)(
    'is a definite failure for it and for what was decided behind it, and the partition opens anew: %s',
    async (fault) => {
      const queue = await TestQueue.open()
      queue.log.plan('held')
      const held = queue.enqueue(message('held'))
      await queue.clock.settle()
      queue.log.plan(fault)
      const failed = queue.enqueue(message('failed'))
      const alsoFailed = queue.claim({ max: 1 })
      await queue.clock.settle()
      queue.log.release()
      expect(right(await queue.clock.settled(held)).value).toHaveLength(1)
      expect(failureOf(await queue.clock.settled(failed))).toMatchObject({ kind: 'unavailable' })
      expect(failureOf(await queue.clock.settled(alsoFailed))).toMatchObject({ kind: 'unavailable' })
      const meanwhile = await queue.clock.settled(queue.enqueue(message('meanwhile')))
      expect(failureOf(meanwhile)).toMatchObject({ kind: 'unavailable' })
      await queue.clock.advance(1_000)
      expect(queue.troubles).toMatchObject([{ final: false }])
      expect(await queue.drainPayloads()).toEqual(['held'])
      await queue.assertReplayAgrees()
    },
  )

  it('a writer that finds another one in its place steps down with its first append (I2)', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const other = await TestQueue.openBeside(queue)
    await other.enqueued(message(2))
    const reply = await queue.clock.settled(queue.enqueue(message('too late')))
    expect(failureOf(reply)).toMatchObject({ kind: 'unavailable' })
    const payloads = (await queue.events()).flatMap((e) => (e.type === 'MessageEnqueued' ? [e.payload] : []))
    expect(payloads).toEqual(['1', '2'])
  })

  it('when the log cannot take the first event of the new term either, one opening is tried at a time', async () => {
    const queue = await TestQueue.open()
    queue.log.plan('full', 'full', 'full')
    expect(failureOf(await queue.clock.settled(queue.enqueue(message(1))))).toMatchObject({
      kind: 'unavailable',
    })
    await queue.clock.advance(60_000)
    expect((await queue.eventTypes()).filter((type) => type === 'PartitionOpened')).toHaveLength(2)
    expect(queue.troubles).toHaveLength(3)
    await queue.enqueued(message(2))
    expect(await queue.drainPayloads()).toEqual([2])
    await queue.assertReplayAgrees()
  })
})

describe('a defect', () => {
  it('stops the partition for good; what was in flight is answered by what the log says (I1, I8)', async () => {
    const queue = await TestQueue.open()
    queue.log.plan('held')
    const inFlight = queue.enqueue(message('in flight'))
    await queue.clock.settle()
    const behind = queue.enqueue(message('behind'))
    const broken = queue.engine.look(0, () => {
      throw new Error('a mistake in the code')
    })
    await queue.clock.settle()
    queue.log.release()
    expect(right(await queue.clock.settled(inFlight)).value).toHaveLength(1)
    expect(failureOf(await queue.clock.settled(behind))).toMatchObject({ kind: 'unavailable' })
    expect(failureOf(await queue.clock.settled(broken))).toMatchObject({ kind: 'unavailable' })
    await queue.clock.advance(60_000)
    expect(queue.troubles).toMatchObject([{ final: true, message: 'a mistake in the code' }])
    expect(failureOf(await queue.clock.settled(queue.enqueue(message(1))))).toMatchObject({
      kind: 'unavailable',
    })
  })
})

describe('bounds', () => {
  it('turns messages away when too many wait to be decided, and takes them again afterwards', async () => {
    const queue = await TestQueue.open({ settings: { maxSize: 1_000_000 } })
    const thousand = Array.from({ length: 1_000 }, (_, n) => message(n))
    const replies = Array.from({ length: 101 }, () => queue.enqueue(...thousand))
    const last = replies.pop()
    expect(failureOf(await queue.clock.settled(last as never))).toMatchObject({
      kind: 'refused',
      refusal: { type: 'Overloaded', pending: 101_000, pendingMax: 100_000 },
    })
    for (const reply of replies) right(await queue.clock.settled(reply))
    await queue.enqueued(message('later'))
  })

  it('A9: refuses a call that does not fit the capacity as a whole, and counts what is in work', async () => {
    const queue = await TestQueue.open({ settings: { maxSize: 3 } })
    await queue.enqueued(message(1), message(2))
    const refused = await queue.clock.settled(queue.enqueue(message(3), message(4)))
    expect(failureOf(refused)).toEqual({
      kind: 'refused',
      refusal: { type: 'QueueFull', maxSize: 3, size: 2 },
    })
    await queue.enqueued(message(3))
    const [first] = await queue.claimed({ max: 2 })
    expect(failureOf(await queue.clock.settled(queue.enqueue(message(4))))).toMatchObject({ kind: 'refused' })
    if (first !== undefined) await queue.settled(ack(first))
    await queue.enqueued(message(4))
    expect((await queue.eventTypes()).filter((type) => type === 'MessageEnqueued')).toHaveLength(4)
  })

  it('A9: a full queue still answers a duplicate', async () => {
    const queue = await TestQueue.open({ settings: { maxSize: 1 } })
    await queue.enqueued(message(1, { callerId: 'a' }))
    expect(await queue.enqueued(message(1, { callerId: 'a' }))).toMatchObject([{ id: 'a', duplicate: true }])
  })
})
