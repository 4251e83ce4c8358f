// Time in the engine: delays and time to live by recorded time, leases by the monotonic clock, and wall clocks that jump
// (I9, §4.10, §4.11).
import { describe, expect, it } from 'vitest'
import { ack, batchesOfQueue, extend, fail, message, TestQueue } from '../support/ledger.js'
import { watch } from '../support/manualClock.js'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const LEASE_MS = 30_000

describe('delays (B3, R22)', () => {
  it('B3: a delayed message is not handed out before, and wakes a waiting claim when it is due', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1, { delayMs: 5_000 }))
    const claim = watch(queue.claim({ waitMs: 60_000 }))
    await queue.clock.advance(4_999)
    expect(claim.isOpen).toBe(true)
    await queue.clock.advance(1)
    expect(claim.isOpen).toBe(false)
  })

  it('B3: the queue’s delay holds for messages that bring none', async () => {
    const queue = await TestQueue.open({ settings: { delayMs: 1_000 } })
    await queue.enqueued(message('default'), message('own', { delayMs: 2_000 }))
    expect(await queue.drainPayloads()).toEqual([])
    await queue.clock.advance(1_000)
    expect(await queue.drainPayloads()).toEqual(['default'])
    await queue.clock.advance(1_000)
    expect(await queue.drainPayloads()).toEqual(['own'])
  })

  it('R22: a delay above 24.8 days is neither cut short nor fires again and again', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1, { delayMs: 60 * DAY_MS }))
    const claim = watch(queue.claim({ waitMs: 100 * DAY_MS }))
    await queue.clock.advance(60 * DAY_MS - 1)
    expect(claim.isOpen).toBe(true)
    await queue.clock.advance(1)
    expect(claim.isOpen).toBe(false)
  })

  it('R22: a delay goes on after a restart', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1, { delayMs: 60 * DAY_MS }))
    await queue.clock.advance(30 * DAY_MS)
    await queue.restart()
    await queue.clock.advance(30 * DAY_MS - 1)
    expect(await queue.drainPayloads()).toEqual([])
    await queue.clock.advance(1)
    expect(await queue.drainPayloads()).toEqual([1])
  })

  it('nothing spins while a message is due and an append is in flight', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1, { delayMs: 10 }))
    queue.log.plan('held')
    const first = queue.enqueue(message(2))
    await queue.clock.settle()
    const second = queue.enqueue(message(3))
    await queue.clock.advance(1_000)
    queue.log.release()
    await queue.clock.settled(first)
    await queue.clock.settled(second)
    expect(await queue.drainPayloads()).toEqual([1, 2, 3])
  })
})

describe('time to live (A7)', () => {
  it('A7: an expired message is never handed out, and its end is an event, without anybody asking', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message('short', { ttlMs: 1_000 }), message('long', { ttlMs: 5_000 }))
    await queue.clock.advance(1_000)
    expect((await queue.eventTypes()).filter((type) => type === 'MessageExpired')).toHaveLength(1)
    expect(await queue.drainPayloads()).toEqual(['long'])
    await queue.assertReplayAgrees()
  })

  it('A7: one that expires at the very instant of a claim is expired', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1, { ttlMs: 1_000 }))
    queue.clock.block(1_000)
    expect(await queue.claimed()).toEqual([])
    expect(await queue.eventTypes()).toContain('MessageExpired')
  })

  it('A7: one that runs is not cut short, and expires instead of being retried', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1, { ttlMs: 1_000 }))
    const held = await queue.one()
    await queue.clock.advance(2_000)
    await queue.settled(fail(held))
    await queue.clock.advance(HOUR_MS)
    const types = await queue.eventTypes()
    expect(types.slice(-3)).toEqual(['AttemptFailed', 'RetryScheduled', 'MessageExpired'])
  })

  it('A7: the queue’s time to live holds for messages that bring none; a delay may reach beyond it', async () => {
    const queue = await TestQueue.open({ settings: { ttlMs: 1_000 } })
    await queue.enqueued(message(1), message(2, { ttlMs: 3_000 }), message(3, { delayMs: 2_000 }))
    await queue.clock.advance(1_000)
    expect((await queue.eventTypes()).filter((type) => type === 'MessageExpired')).toHaveLength(2)
    expect(await queue.drainPayloads()).toEqual([2])
  })
})

describe('a wall clock that jumps (R17, R18, I9)', () => {
  it('R17: one hour forward ends no lease, and hands out once what became due', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message('leased'), message('delayed', { delayMs: HOUR_MS / 2 }))
    const held = await queue.one({ leaseMs: LEASE_MS })
    queue.clock.jumpWall(HOUR_MS)
    await queue.clock.advance(LEASE_MS - 1)
    expect(await queue.drainPayloads()).toEqual(['delayed'])
    expect(await queue.claimed({ max: 10 })).toEqual([])
    expect(await queue.settled(ack(held))).toMatchObject([{ _tag: 'Right' }])
  })

  it('R18: one hour back never takes recorded time back, and leases end when they should', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1), message(2, { delayMs: 10_000 }))
    await queue.one({ leaseMs: LEASE_MS })
    queue.clock.jumpWall(-HOUR_MS)
    await queue.clock.advance(10_000)
    expect(await queue.drainPayloads()).toEqual([2])
    await queue.clock.advance(LEASE_MS)
    expect(await queue.eventTypes()).toContain('AttemptFailed')
    for (let n = 0; n < 20; n++) {
      queue.clock.jumpWall(n % 2 === 0 ? 5_000 : -9_000)
      await queue.enqueued(message(n))
    }
    const times = (await batchesOfQueue(queue)).map(({ at }) => at)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    await queue.assertReplayAgrees()
  })

  it('R18: a restart with a clock behind the log goes on at the log’s time', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    queue.clock.jumpWall(-HOUR_MS)
    await queue.restart()
    await queue.enqueued(message(2, { delayMs: 1_000 }))
    await queue.clock.advance(1_000)
    expect(await queue.drainPayloads()).toEqual([1, 2])
    await queue.assertReplayAgrees()
  })
})

describe('leases (C4, R25, R26, R27)', () => {
  it('C4, R23: a lease that runs out is an attempt that failed as CRASH, and the message comes again', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    await queue.one({ leaseMs: LEASE_MS })
    await queue.clock.advance(LEASE_MS - 1)
    expect(await queue.eventTypes()).not.toContain('AttemptFailed')
    await queue.clock.advance(1)
    const events = await queue.events()
    expect(events.find(({ type }) => type === 'AttemptFailed')).toMatchObject({
      failureType: 'CRASH',
      ended: 'leaseExpired',
    })
    await queue.clock.advance(HOUR_MS)
    expect(await queue.one()).toMatchObject({ ordinal: 1, attempt: 2 })
  })

  it('C4, A7: leases and times to live of the term before end by themselves after a restart', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1), message(2, { ttlMs: LEASE_MS / 2 }))
    await queue.one({ leaseMs: LEASE_MS })
    await queue.restart()
    await queue.clock.advance(LEASE_MS)
    const types = await queue.eventTypes()
    expect(types.filter((type) => type === 'MessageExpired' || type === 'AttemptFailed')).toHaveLength(2)
  })

  it('C4: a heartbeat makes the lease last from now', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const held = await queue.one({ leaseMs: LEASE_MS })
    for (let n = 0; n < 5; n++) {
      await queue.clock.advance(LEASE_MS - 1)
      expect(await queue.settled(extend(held, LEASE_MS))).toMatchObject([{ _tag: 'Right' }])
    }
    await queue.clock.advance(LEASE_MS)
    expect(await queue.eventTypes()).toContain('AttemptFailed')
  })

  it.each([
    ['ack', (d: Parameters<typeof ack>[0]) => ack(d)],
    ['fail', (d: Parameters<typeof ack>[0]) => fail(d)],
    ['extend', (d: Parameters<typeof ack>[0]) => extend(d, LEASE_MS)],
  ])('R25, R26: a late %s is refused, says where the message is, and touches nothing', async (_, late) => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const old = await queue.one({ leaseMs: LEASE_MS, worker: 'slow' })
    await queue.clock.advance(LEASE_MS)
    expect(await queue.settled(late(old))).toMatchObject([{ left: { type: 'LeaseNotHeld', now: 'Waiting' } }])
    await queue.clock.advance(HOUR_MS)
    const current = await queue.one({ worker: 'quick' })
    expect(current.fence).toBeGreaterThan(old.fence)
    const before = (await queue.events()).length
    expect(await queue.settled(late(old))).toMatchObject([
      { left: { type: 'LeaseNotHeld', now: 'Leased', heldBy: 'quick' } },
    ])
    expect((await queue.events()).length).toBe(before)
    expect(await queue.settled(ack(current))).toMatchObject([{ _tag: 'Right' }])
    expect(await queue.settled(late(old))).toMatchObject([
      { left: { type: 'LeaseNotHeld', now: 'Finished' } },
    ])
  })

  it('R27: a repeated ack is the same fact; a fail behind it is late; in whatever batch they come', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const held = await queue.one()
    expect(await queue.settled(ack(held), ack(held), fail(held))).toMatchObject([
      { _tag: 'Right' },
      { _tag: 'Right' },
      { left: { type: 'LeaseNotHeld', now: 'Finished' } },
    ])
    expect(await queue.settled(ack(held))).toMatchObject([{ _tag: 'Right' }])
    expect((await queue.eventTypes()).filter((type) => type === 'AttemptSucceeded')).toHaveLength(1)
  })

  it('R27: a heartbeat at the exact deadline comes before the expiry', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const held = await queue.one({ leaseMs: LEASE_MS })
    queue.clock.block(LEASE_MS)
    expect(await queue.settled(extend(held, LEASE_MS))).toMatchObject([{ _tag: 'Right' }])
    expect(await queue.eventTypes()).not.toContain('AttemptFailed')
  })

  it('R28: the same claim id answers the same messages and tokens, and starts no attempt', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1), message(2), message(3))
    const first = await queue.claimed({ max: 2, claimId: 'c1' })
    expect(await queue.claimed({ max: 2, claimId: 'c1' })).toEqual(first)
    expect((await queue.eventTypes()).filter((type) => type === 'AttemptStarted')).toHaveLength(2)
    if (first[0] !== undefined) await queue.settled(ack(first[0]))
    expect(await queue.claimed({ max: 2, claimId: 'c1' })).toEqual(first.slice(1))
  })

  it('R28: a repeated claim is answered at once though others wait for messages before it', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const first = await queue.claimed({ claimId: 'c1' })
    const waiting = watch(queue.claim({ waitMs: 60_000, worker: 'patient' }))
    expect(await queue.claimed({ claimId: 'c1' })).toEqual(first)
    expect(waiting.isOpen).toBe(true)
  })

  it('R28: a claim id is known after a restart', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1), message(2))
    const first = await queue.claimed({ claimId: 'c1' })
    await queue.restart()
    expect(await queue.claimed({ claimId: 'c1' })).toEqual(first)
  })
})
