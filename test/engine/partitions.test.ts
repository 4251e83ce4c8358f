// A queue of several partitions (§4.1): routing, claims from all of them at once, and what happens when one has trouble.
import { describe, expect, it } from 'vitest'
import { ack, failureOf, message, right, TestQueue } from '../support/ledger.js'
import { watch } from '../support/manualClock.js'

const open = () => TestQueue.open({ settings: { partitions: 3 } })
const wish = {
  max: () => 1,
  worker: 'w',
  leaseMs: 30_000,
  claimId: undefined,
  waitMs: 0,
  mayRunInDoubt: true,
  cancelled: () => false,
}

describe('several partitions (§4.1)', () => {
  it('what belongs together by group, key or id goes to one partition, the rest goes round', async () => {
    const queue = await open()
    const { engine } = queue
    const keyed = [
      message(1, { attributes: { group: 'g' } }),
      message(2, { attributes: { dedupKey: 'k' } }),
      message(3, { callerId: 'a' }),
      message(4, { attributes: { idempotencyKey: 'i' } }),
    ]
    for (const one of keyed) expect(new Set([1, 2, 3].map(() => engine.route(one))).size).toBe(1)
    expect(new Set([1, 2, 3].map(() => engine.route(message(5))))).toEqual(new Set([0, 1, 2]))
  })

  it('a claim finds the message wherever it is, and a waiting one wakes for any partition', async () => {
    const queue = await open()
    for (const partition of [0, 1, 2]) {
      const claim = queue.engine.claim({ ...wish, waitMs: 60_000 })
      await queue.clock.advance(1_000)
      right(await queue.clock.settled(queue.engine.enqueue(partition, [message(partition)])))
      const { value } = right(await queue.clock.settled(claim))
      expect(value).toMatchObject({ partition, deliveries: [{ enqueued: { payload: `${partition}` } }] })
    }
  })

  it('a claim that nobody answers ends after its time, and leaves no waiting claim behind', async () => {
    const queue = await open()
    const before = queue.clock.timerCount
    for (let n = 0; n < 3; n++) {
      const claim = queue.engine.claim({ ...wish, waitMs: 60_000 })
      right(await queue.clock.settled(queue.engine.enqueue(n, [message(n)])))
      right(await queue.clock.settled(claim))
    }
    const last = watch(queue.engine.claim({ ...wish, waitMs: 1_000 }))
    await queue.clock.advance(1_000)
    expect(last.isOpen).toBe(false)
    for (const { state } of queue.engine.partitions) expect(state?.counts.pending).toBe(0)
    // What still has a timer is the lease in each partition.
    expect(queue.clock.timerCount).toBeLessThanOrEqual(before + 3)
  })

  it('R28: the same claim id answers the same message though another partition has its turn', async () => {
    const queue = await open()
    for (const partition of [0, 1, 2]) {
      right(await queue.clock.settled(queue.engine.enqueue(partition, [message(partition)])))
    }
    const first = right(await queue.clock.settled(queue.engine.claim({ ...wish, claimId: 'c1' }))).value
    for (let n = 0; n < 4; n++) {
      const again = right(await queue.clock.settled(queue.engine.claim({ ...wish, claimId: 'c1' }))).value
      expect(again).toEqual(first)
    }
  })

  it('R28: a claim that is repeated while the first still waits is given the same message, from one partition', async () => {
    const queue = await open()
    const named = { ...wish, claimId: 'c1', waitMs: 5_000 }
    const claims = [1, 2].map(() => queue.engine.claim(named))
    await queue.clock.advance(100)
    for (const partition of [0, 1, 2]) {
      right(await queue.clock.settled(queue.engine.enqueue(partition, [message(partition)])))
    }
    await queue.clock.advance(5_000)
    const [first, again] = await Promise.all(claims)
    const value = { deliveries: [expect.objectContaining({ attempt: 1, fence: 1 })] }
    for (const reply of [first, again]) expect(reply).toMatchObject({ right: { value } })
    expect(queue.engine.partitions.reduce((sum, { state }) => sum + (state?.counts.attempts ?? 0), 0)).toBe(1)
  })

  it('R28: a claim that a partition knew while it was away is answered when it is back, without a round for nothing', async () => {
    const queue = await open()
    right(await queue.clock.settled(queue.engine.enqueue(1, [message('mine')])))
    const [delivery] = right(await queue.clock.settled(queue.engine.claim({ ...wish, claimId: 'c1' }))).value
      .deliveries
    if (delivery !== undefined) right(await queue.clock.settled(queue.engine.settle(1, [ack(delivery)])))
    queue.log.plan('full')
    failureOf(await queue.clock.settled(queue.engine.enqueue(1, [message('lost')])))
    const again = queue.engine.claim({ ...wish, claimId: 'c1', waitMs: 60_000 })
    await queue.clock.advance(5_000)
    right(await queue.clock.settled(queue.engine.enqueue(1, [message('other')])))
    expect(right(await queue.clock.settled(again)).value.deliveries).toEqual([])
  })

  it('I1: a claim of unknown outcome in one partition is told as unknown, and takes nothing from the others', async () => {
    const queue = await open()
    right(await queue.clock.settled(queue.engine.enqueue(1, [message('mine')])))
    queue.log.always = 'lostRequest'
    const claim = watch(queue.engine.claim({ ...wish, waitMs: 60_000 }))
    await queue.clock.advance(6_000)
    expect(claim.value).toMatchObject({ _tag: 'Left', left: { kind: 'unknown' } })
  })

  it('one partition in trouble does not stop the others, nor does a waiting claim spin on it', async () => {
    const queue = await open()
    queue.log.plan('full')
    expect(failureOf(await queue.clock.settled(queue.engine.enqueue(1, [message('lost')])))).toMatchObject({
      kind: 'unavailable',
    })
    const claim = queue.engine.claim({ ...wish, waitMs: 60_000 })
    await queue.clock.advance(50)
    right(await queue.clock.settled(queue.engine.enqueue(0, [message('other')])))
    const { value } = right(await queue.clock.settled(claim))
    expect(value).toMatchObject({ partition: 0, deliveries: [{ enqueued: { payload: '"other"' } }] })
    await queue.clock.advance(5_000)
    right(await queue.clock.settled(queue.engine.enqueue(1, [message('back')])))
  })

  it('C13: a message in doubt in one partition is announced, and handed out alone', async () => {
    const queue = await open()
    const mine = { ...wish, worker: queue.localWorker }
    right(await queue.clock.settled(queue.engine.enqueue(2, [message('poison')])))
    right(await queue.clock.settled(queue.engine.claim(mine)))
    await queue.restart()
    await queue.clock.advance(3_600_000)
    const freely = { ...wish, mayRunInDoubt: false, waitMs: 60_000 }
    const told = right(await queue.clock.settled(queue.engine.claim(freely))).value
    expect(told).toMatchObject({ deliveries: [], inDoubtWaiting: true })
    const alone = right(await queue.clock.settled(queue.engine.claim(wish))).value
    expect(alone).toMatchObject({ alone: true, partition: 2, deliveries: [{ attempt: 2 }] })
    const [delivery] = alone.deliveries
    if (delivery !== undefined) right(await queue.clock.settled(queue.engine.settle(2, [ack(delivery)])))
  })

  it('C13, B8: a message in doubt is announced as soon as the rate lets it run, without a round for nothing', async () => {
    const queue = await TestQueue.open({
      settings: { partitions: 2, limits: { rate: { count: 2, perMs: 1_000 } } },
    })
    const mine = { ...wish, worker: queue.localWorker }
    right(await queue.clock.settled(queue.engine.enqueue(1, [message('poison')])))
    right(await queue.clock.settled(queue.engine.claim(mine)))
    await queue.restart()
    const claim = watch(queue.engine.claim({ ...wish, mayRunInDoubt: false, waitMs: 60_000 }))
    await queue.clock.advance(2_000)
    const value = { deliveries: [], inDoubtWaiting: true }
    expect(claim.value).toMatchObject({ right: { value } })
  })

  it('R67: a process that takes the partition back adopts the newest configuration, never an older one', async () => {
    const first = await TestQueue.open()
    const second = await TestQueue.openBeside(first)
    await second.clock.settled(second.engine.changeControl(() => [{ type: 'QueuePaused', by: undefined }]))
    right(await second.clock.settled(second.enqueue(message(1))))
    failureOf(await first.clock.settled(first.enqueue(message(2))))
    await first.clock.advance(1_000)
    right(await first.clock.settled(first.enqueue(message(3))))
    const adopted = (await first.events()).filter(({ type }) => type === 'ConfigAdopted')
    expect(adopted.map((event) => 'controlRevision' in event && event.controlRevision)).toEqual([-1, 0])
    expect(first.engine.control.paused).toBe(true)
  })
})
