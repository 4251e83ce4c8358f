// Nobody loses a lease because we were slow: leases begin when they are durable, and whoever may have spoken while this
// process was held up is heard first (§4.10, §4.11).
import { describe, expect, it } from 'vitest'
import { ack, batchesOfQueue, calls, extend, message, right, TestQueue } from '../support/ledger.js'

const LEASE_MS = 1_000

/** Waiting on the log for as long as it says, and then answered. */
const whileHeld = async (queue: TestQueue, heldMs: number, act: () => unknown): Promise<void> => {
  queue.log.plan('held')
  act()
  await queue.clock.advance(heldMs)
  queue.log.release()
  await queue.clock.settle()
}

const expiries = async (queue: TestQueue): Promise<number> =>
  (await queue.events()).filter((event) => event.type === 'AttemptFailed' && event.ended === 'leaseExpired')
    .length

describe('a log that takes long (R12)', () => {
  it('R12: a lease begins when its claim is durable, however long that took', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    let claimed: ReturnType<TestQueue['claim']> | undefined
    await whileHeld(queue, 5 * LEASE_MS, () => {
      claimed = queue.claim({ leaseMs: LEASE_MS })
    })
    expect(right(await (claimed as NonNullable<typeof claimed>)).value.deliveries).toHaveLength(1)
    await queue.clock.advance(LEASE_MS - 1)
    expect(await expiries(queue)).toBe(0)
    await queue.clock.advance(1)
    expect(await expiries(queue)).toBe(1)
  })

  it('R12: a claim that was decided while another append was on its way has its whole lease', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    queue.log.plan('held', 'held')
    const before = queue.enqueue(message(2))
    await queue.clock.advance(2 * LEASE_MS)
    const claimed = queue.claim({ leaseMs: LEASE_MS })
    await queue.clock.advance(2 * LEASE_MS)
    queue.log.release()
    right(await queue.clock.settled(before))
    await queue.clock.advance(2 * LEASE_MS)
    queue.log.release()
    const [held] = right(await queue.clock.settled(claimed)).value.deliveries
    await queue.clock.advance(LEASE_MS - 1)
    expect(await queue.settled(ack(held as NonNullable<typeof held>))).toMatchObject([{ _tag: 'Right' }])
    expect(await expiries(queue)).toBe(0)
  })

  it('R12: a heartbeat whose append takes longer than the lease keeps it, and it lasts from then on', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const held = await queue.one({ leaseMs: LEASE_MS })
    await queue.clock.advance(LEASE_MS - 1)
    await whileHeld(queue, 5 * LEASE_MS, () => queue.settle(extend(held, LEASE_MS)))
    await queue.clock.advance(LEASE_MS - 1)
    expect(await expiries(queue)).toBe(0)
    await queue.clock.advance(1)
    expect(await expiries(queue)).toBe(1)
  })

  it('R12: no expiry is recorded at a time before the end of its lease, and none spins behind an append', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    await queue.one({ leaseMs: LEASE_MS })
    await queue.clock.advance(LEASE_MS / 2)
    queue.log.plan('held')
    const onItsWay = queue.enqueue(message(2))
    await queue.clock.settle()
    const inOpenBatch = queue.enqueue(message(3))
    await queue.clock.advance(5 * LEASE_MS)
    queue.log.release()
    for (const enqueued of [onItsWay, inOpenBatch]) right(await queue.clock.settled(enqueued))
    await queue.clock.advance(LEASE_MS)
    const batches = await batchesOfQueue(queue)
    const atOf = (type: string): number =>
      batches.find(({ events }) => events.some((event) => event.type === type))?.at ?? Number.NaN
    expect(atOf('AttemptFailed') - atOf('AttemptStarted')).toBeGreaterThanOrEqual(LEASE_MS)
    expect(queue.log.asked.map(({ batch }) => batch.events.length).filter((events) => events === 0)).toEqual(
      [],
    )
  })

  it('R12: leases of the term before last in full from when the new one takes calls', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const held = await queue.one({ leaseMs: LEASE_MS })
    const { append } = queue.inner
    Object.assign(queue.inner, {
      append: (...asked: Parameters<typeof append>) => {
        queue.clock.block(5 * LEASE_MS)
        return append(...asked)
      },
    })
    await queue.restart()
    Object.assign(queue.inner, { append })
    await queue.clock.advance(LEASE_MS - 1)
    expect(await queue.settled(ack(held))).toMatchObject([{ _tag: 'Right' }])
  })
})

describe('a process that was held up (R20)', () => {
  it('R20: a heartbeat that is read only some turns after the hold-up keeps its lease', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1), message(2))
    const held = await queue.one({ leaseMs: LEASE_MS })
    queue.clock.block(2 * LEASE_MS)
    // Something else is heard first, as from a connection that was open already.
    await queue.enqueued(message(3))
    expect(await queue.settled(extend(held, LEASE_MS))).toMatchObject([{ _tag: 'Right' }])
    await queue.clock.advance(LEASE_MS - 1)
    expect(await queue.settled(ack(held))).toMatchObject([{ _tag: 'Right' }])
    expect(await expiries(queue)).toBe(0)
  })

  it('R20: whoever says nothing then loses the lease within a tenth of a second, also when we are held up again', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    await queue.one({ leaseMs: LEASE_MS })
    queue.clock.block(2 * LEASE_MS)
    await queue.clock.advance(99)
    expect(await expiries(queue)).toBe(0)
    queue.clock.block(2 * LEASE_MS)
    await queue.clock.advance(0)
    expect(await expiries(queue)).toBe(1)
  })

  it('R20: each hold-up is followed by a hearing of its own', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const held = await queue.one({ leaseMs: LEASE_MS })
    for (let n = 0; n < 3; n++) {
      queue.clock.block(2 * LEASE_MS)
      await queue.clock.advance(0)
      expect(await queue.settled(extend(held, LEASE_MS))).toMatchObject([{ _tag: 'Right' }])
    }
    expect(await expiries(queue)).toBe(0)
  })

  it('R20: of more settlements than one turn decides none is overtaken by the expiry of its lease', async () => {
    const count = 6_000
    const queue = await TestQueue.open({ settings: { maxSize: count } })
    for (const some of calls(Array.from({ length: count }, (_, n) => message(n))))
      await queue.enqueued(...some)
    const held = await queue.claimed({ max: count, leaseMs: LEASE_MS })
    const more = await queue.claimed({ max: count, leaseMs: LEASE_MS })
    const beats = [...held, ...more].map((delivery) => queue.settle(extend(delivery, LEASE_MS)))
    expect(beats).toHaveLength(count)
    queue.clock.block(LEASE_MS + 10)
    for (const beat of beats)
      expect(right(await queue.clock.settled(beat)).value).toMatchObject([{ _tag: 'Right' }])
    expect(await expiries(queue)).toBe(0)
  })
})
