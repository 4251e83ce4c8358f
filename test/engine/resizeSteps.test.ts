// The steps of a resize one by one (§4.1, ADR 0013): what holds between them, after a crash at each, and when another process has
// taken the partitions meanwhile (R21, R37).
import { strict as assert } from 'node:assert'
import { describe, expect, it } from 'vitest'
import { partitionStream } from '../../domain/ids.js'
import { type QueueSettings, resizeQueue } from '../../domain/queue/index.js'
import type { Enqueued, NewMessage } from '../../src/engine/requests.js'
import { isFailure, type Routed } from '../../src/engine/routing.js'
import { ack, batchesOf, calls, fail, message, right, TestQueue } from '../support/ledger.js'
import { watch } from '../support/manualClock.js'

const open = (settings: QueueSettings = { partitions: 1 }) => TestQueue.open({ settings })
const inGroup = (group: string, over: Partial<NewMessage> = {}): NewMessage =>
  message(group, { attributes: { group }, ...over })
const wish = {
  worker: 'w',
  leaseMs: 600_000,
  claimId: undefined,
  mayRunInDoubt: true,
  cancelled: () => false,
}

/** Recorded; what follows is up to the queue. */
const askResize = (queue: TestQueue, partitions: number): Promise<unknown> =>
  queue.engine.changeControl((control) => {
    const events = resizeQueue(control, partitions, undefined)
    assert.ok(events._tag === 'Right', JSON.stringify(events))
    return events.right
  })
const resize = async (queue: TestQueue, partitions: number): Promise<void> => {
  await queue.clock.settled(askResize(queue, partitions))
  await queue.clock.settled(queue.engine.layouts.advance())
}
const routed = async (queue: TestQueue, ...messages: NewMessage[]): Promise<ReadonlyArray<Routed>> =>
  queue.clock.settled(queue.engine.enqueueRouted(messages))
const told = async (queue: TestQueue, one: NewMessage): Promise<Enqueued> => {
  const [answer] = await routed(queue, one)
  assert.ok(answer !== undefined && !isFailure(answer), JSON.stringify(answer))
  return answer
}
const home = ({ id }: Enqueued): number => Number(id.split('.')[1])
const claim = async (queue: TestQueue, max = 10, waitMs = 0) =>
  right(await queue.clock.settled(queue.engine.claim({ ...wish, max: () => max, waitMs }))).value
const eventsOf = async (queue: TestQueue, partition: number) => {
  const stream = partitionStream({ queue: 'orders', generation: 1, partition })
  return (await batchesOf(queue.inner, stream)).flatMap(({ events }) => events.map(({ type }) => type))
}

describe('4.1: the steps of a resize', () => {
  it('new partitions are opened only after every older one has recorded that it drains', async () => {
    const queue = await open({ partitions: 2 })
    queue.log.plan('held', 'held')
    const resized = watch(
      queue.clock.settled(askResize(queue, 2 + 1)).then(() => queue.engine.layouts.advance()),
    )
    await queue.clock.advance(1_000)
    expect([resized.isOpen, queue.engine.partitions.length, queue.log.heldCount]).toEqual([true, 2, 2])
    expect(queue.log.asked.filter(({ stream }) => !/\.[01]$/.test(stream))).toEqual([])
    queue.log.release()
    await queue.clock.advance(1_000)
    expect([resized.isOpen, queue.engine.partitions.length]).toEqual([false, 5])
    for (const partition of [0, 1]) expect(await eventsOf(queue, partition)).toContain('LayoutsAdopted')
  })

  it('a call that was routed before the change and is decided after it finds its way to the new partitions', async () => {
    const queue = await open()
    queue.log.plan('held')
    const first = queue.engine.enqueueRouted([message('first')])
    await queue.clock.advance(10)
    const resized = askResize(queue, 2)
    await queue.clock.advance(10)
    const late = queue.engine.enqueueRouted([message('late'), inGroup('g')])
    await queue.clock.advance(10)
    queue.log.release()
    const [[a], [b, c]] = [await queue.clock.settled(first), await queue.clock.settled(late)]
    await queue.clock.settled(resized)
    assert.ok(a && b && c && !isFailure(a) && !isFailure(b) && !isFailure(c))
    expect([home(a), home(b) > 0, home(c) > 0]).toEqual([0, true, true])
  })

  it.each([
    ['before an older partition has recorded that it drains', 0],
    ['after one of them has', 1],
    ['after all of them have, and none of the new ones was opened', 2],
    ['after the first of the new ones was opened', 3],
  ])('a crash %s loses nothing: the next process goes on', async (_, appends) => {
    const queue = await open({ partitions: 2 })
    const before = await told(queue, inGroup('g'))
    queue.log.plan(...Array.from({ length: appends }, () => 'none' as const), 'held', 'held', 'held', 'held')
    await queue.clock.settled(askResize(queue, 3))
    await queue.clock.advance(10)
    await queue.restart()
    expect(queue.engine.partitions).toHaveLength(5)
    expect(queue.engine.layouts.count).toBe(2)
    expect(home(await told(queue, inGroup('g')))).toBe(home(before))
    expect(home(await told(queue, message('new')))).toBeGreaterThanOrEqual(2)
    for (const { ref } of queue.engine.partitions) await queue.assertReplayAgrees(ref.partition)
  })

  it('an older partition that cannot record it now keeps the new ones closed, and the resize goes on by itself', async () => {
    const queue = await open()
    queue.log.plan('full', 'full')
    await queue.clock.settled(askResize(queue, 2))
    expect(queue.engine.partitions).toHaveLength(1)
    await queue.clock.advance(10_000)
    expect(queue.engine.layouts.count).toBe(2)
    expect(home(await told(queue, message('new')))).toBeGreaterThan(0)
  })

  it('I1: what older partitions have taken is told, also when new ones cannot be opened now', async () => {
    const queue = await open()
    const kept = await told(queue, inGroup('g'))
    queue.log.plan('held', 'none', 'full', 'full', 'full', 'full')
    const resized = askResize(queue, 2)
    await queue.clock.advance(10)
    const answers = queue.engine.enqueueRouted([inGroup('g'), message('new')])
    await queue.clock.advance(10)
    queue.log.release()
    const [stays, refused] = await queue.clock.settled(answers)
    await queue.clock.settled(resized)
    assert.ok(stays && !isFailure(stays))
    expect([home(stays), stays.duplicate]).toEqual([home(kept), false])
    expect(refused).toMatchObject({ kind: 'unavailable' })
    await queue.clock.advance(10_000)
    expect(home(await told(queue, message('new')))).toBeGreaterThan(0)
  })

  it('R21, R37: a process whose partitions another one has taken cannot open new ones, whatever it records', async () => {
    const stale = await open()
    const fresh = await TestQueue.openBeside(stale)
    const kept = await told(fresh, inGroup('g'))
    stale.log.always = 'conflict'
    await stale.clock.settled(askResize(stale, 2))
    await stale.clock.advance(5_000)
    expect(stale.engine.partitions).toHaveLength(1)
    expect(await eventsOf(stale, 1)).toEqual([])
    const [refused] = await routed(stale, inGroup('g'))
    expect(refused).toMatchObject({ kind: 'unavailable' })
    await fresh.restart()
    expect(fresh.engine.partitions).toHaveLength(3)
    expect(home(await told(fresh, inGroup('g')))).toBe(home(kept))
  })
})

describe('4.1: what belongs together stays together', () => {
  it('B1: a dead letter keeps its group where it is, so that a redrive runs beside nobody', async () => {
    const queue = await open()
    await told(queue, inGroup('g'))
    const { deliveries, partition } = await claim(queue)
    for (const one of deliveries)
      right(await queue.clock.settled(queue.engine.settle(partition, [fail(one, { retryable: false })])))
    await resize(queue, 2)
    expect(home(await told(queue, inGroup('g')))).toBe(0)
    expect(home(await told(queue, inGroup('h')))).toBeGreaterThan(0)
  })

  it('A6: a key is a duplicate until its window is over, also when the older partition is drained', async () => {
    const queue = await open({ partitions: 1, dedupWindowMs: 10_000 })
    const keyed = message(1, { attributes: { dedupKey: 'k' } })
    const { id } = await told(queue, keyed)
    const { deliveries, partition } = await claim(queue)
    right(
      await queue.clock.settled(
        queue.engine.settle(
          partition,
          deliveries.map((one) => ack(one)),
        ),
      ),
    )
    await resize(queue, 3)
    await queue.clock.advance(1_000)
    expect(queue.engine.control.layouts[0]?.isDrained).toBe(true)
    expect(await told(queue, keyed)).toMatchObject({ id, duplicate: true })
    await queue.clock.advance(10_000)
    const again = await told(queue, keyed)
    expect([again.duplicate, home(again) > 0]).toEqual([false, true])
  })

  it('A11: a replacement that would bring a group that is at home elsewhere leaves the message as it is', async () => {
    const queue = await open()
    const plain = { ...message('old', { attributes: { dedupKey: 'k' } }), dedupMode: 'replace' as const }
    const { id } = await told(queue, plain)
    await resize(queue, 2)
    expect(home(await told(queue, inGroup('g')))).toBeGreaterThan(0)
    const replaced = await told(queue, { ...plain, payload: '"new"' })
    expect(replaced).toMatchObject({ id, duplicate: true, replaced: true })
    const elsewhere = { ...plain, attributes: { dedupKey: 'k', group: 'g' } }
    const answer = await told(queue, elsewhere)
    expect(answer).toMatchObject({ id, duplicate: true })
    expect(answer.replaced).toBeUndefined()
  })

  it('a batch goes to each partition as one call: what an older one refuses of its part is refused whole', async () => {
    const queue = await open({ partitions: 1, maxSize: 2 })
    await told(queue, inGroup('g'))
    await told(queue, message('fills'))
    await resize(queue, 2)
    const answers = await routed(queue, inGroup('g'), inGroup('h'), message('plain'))
    expect(answers[0]).toMatchObject({ kind: 'refused', refusal: { type: 'QueueFull' } })
    expect(answers[1]).toMatchObject({ kind: 'refused', refusal: { type: 'QueueFull' } })
    expect(answers[2]).toMatchObject({ duplicate: false })
  })
})

describe('4.1: claims of a queue that is resized', () => {
  it('that wait hear of the new partitions', async () => {
    const queue = await open()
    const waiting = queue.engine.claim({ ...wish, max: () => 1, waitMs: 60_000 })
    await queue.clock.advance(100)
    await resize(queue, 2)
    await told(queue, message('new'))
    await queue.clock.advance(100)
    expect(right(await queue.clock.settled(waiting)).value.deliveries).toHaveLength(1)
  })

  it('B8: do not start in new partitions while the older ones run more than their smaller share', async () => {
    const queue = await open({ partitions: 1, limits: { concurrencyMax: 4 } })
    for (const part of calls(Array.from({ length: 4 }, (_, n) => message(n))))
      for (const one of part) await told(queue, one)
    const first = await claim(queue)
    expect(first.deliveries).toHaveLength(4)
    await resize(queue, 2)
    await told(queue, message('new'))
    expect((await claim(queue)).deliveries).toHaveLength(0)
    const waiting = queue.engine.claim({ ...wish, max: () => 1, waitMs: 60_000 })
    await queue.clock.advance(1_000)
    for (const one of first.deliveries.slice(0, 2))
      right(await queue.clock.settled(queue.engine.settle(first.partition, [ack(one)])))
    await queue.clock.advance(1_000)
    expect(right(await queue.clock.settled(waiting)).value.deliveries).toHaveLength(1)
  })

  it('B8: that look for room at the same moment open the next layout alone, and not the one after it', async () => {
    const queue = await open({ partitions: 1, limits: { concurrencyMax: 6 } })
    await resize(queue, 2)
    await Promise.all([claim(queue), claim(queue), claim(queue)])
    for (let n = 0; n < 4; n++) await told(queue, message(n))
    const [one, other] = [await claim(queue), await claim(queue)]
    expect(one.deliveries.length + other.deliveries.length).toBe(4)
    await resize(queue, 3)
    for (let n = 0; n < 3; n++) await told(queue, message('new'))
    expect((await claim(queue)).deliveries).toHaveLength(0)
  })
})
