// Which message is handed out next, and in which order one batch is decided (§4.10): settlements, expiry, the rest, claims.
import { describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import { ack, extend, fail, message, right, TestQueue } from '../support/ledger.js'

const LEASE_MS = 1_000
const retrySoon = { attributes: { retry: fixed({ delayMs: 500, retriesMax: 3 }) } }

describe('order inside a batch (§4.10, R20)', () => {
  it('an ack that waited while the event loop was blocked beats the expiry of its lease', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const held = await queue.one({ leaseMs: LEASE_MS })
    const acked = queue.settle(ack(held))
    queue.clock.block(2 * LEASE_MS)
    expect(right(await queue.clock.settled(acked)).value).toMatchObject([{ _tag: 'Right' }])
    expect(await queue.eventTypes()).not.toContain('AttemptFailed')
  })

  it('a heartbeat that waited while the event loop was blocked keeps the lease', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const held = await queue.one({ leaseMs: LEASE_MS })
    const beat = queue.settle(extend(held, LEASE_MS))
    queue.clock.block(2 * LEASE_MS)
    expect(right(await queue.clock.settled(beat)).value).toMatchObject([{ _tag: 'Right' }])
    await queue.clock.advance(LEASE_MS - 1)
    expect(await queue.settled(ack(held))).toMatchObject([{ _tag: 'Right' }])
  })

  it('acks that waited for the append in flight beat the expiry of their leases', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const held = await queue.one({ leaseMs: LEASE_MS })
    queue.log.plan('held')
    const other = queue.enqueue(message(2))
    await queue.clock.settle()
    const acked = queue.settle(ack(held))
    queue.clock.block(5 * LEASE_MS)
    queue.log.release()
    expect(right(await queue.clock.settled(acked)).value).toMatchObject([{ _tag: 'Right' }])
    right(await queue.clock.settled(other))
  })

  it('a message that is enqueued and claimed in one batch is handed out', async () => {
    const queue = await TestQueue.open()
    const claimed = queue.claim({ max: 10 })
    const enqueued = queue.enqueue(message(1), message(2))
    expect(right(await queue.clock.settled(claimed)).value.deliveries).toHaveLength(2)
    right(await queue.clock.settled(enqueued))
  })
})

describe('which message is next', () => {
  it('B2: higher priorities first, first come first served inside one', async () => {
    const queue = await TestQueue.open()
    const priorities = [0, -10, 10, 0, 1_000, 10, -1_000]
    await queue.enqueued(...priorities.map((priority, n) => message(`${priority}/${n}`, { priority })))
    expect(await queue.drainPayloads()).toEqual(['1000/4', '10/2', '10/5', '0/0', '0/3', '-10/1', '-1000/6'])
  })

  it('B1: members of a group run one at a time, in order, beside other groups', async () => {
    const queue = await TestQueue.open()
    const of = (group: string, n: number) => message(`${group}${n}`, { attributes: { group } })
    await queue.enqueued(of('a', 1), of('a', 2), of('b', 1), of('a', 3), of('b', 2))
    const [a1, b1] = await queue.claimed({ max: 10 })
    expect([a1, b1].map((one) => one?.enqueued.payload)).toEqual(['"a1"', '"b1"'])
    expect(await queue.claimed({ max: 10 })).toEqual([])
    if (a1 !== undefined) await queue.settled(ack(a1))
    expect(await queue.drainPayloads()).toEqual(['a2'])
  })

  it('B1: a retrying head blocks its group, and a dead one lets it go on', async () => {
    const queue = await TestQueue.open()
    const retry = fixed({ delayMs: 500, retriesMax: 1 })
    await queue.enqueued(
      message('head', { attributes: { group: 'a', retry } }),
      message('next', { attributes: { group: 'a' } }),
    )
    await queue.settled(fail(await queue.one()))
    expect(await queue.claimed({ max: 10 })).toEqual([])
    await queue.clock.advance(500)
    const again = await queue.one({ max: 10 })
    expect(again).toMatchObject({ attempt: 2, enqueued: { payload: '"head"' } })
    await queue.settled(fail(again))
    expect(await queue.drainPayloads()).toEqual(['next'])
    await queue.assertReplayAgrees()
  })

  it('B1: a high priority does not overtake inside its group', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(
      message('first', { attributes: { group: 'a' } }),
      message('second', { attributes: { group: 'a' }, priority: 10 }),
    )
    expect(await queue.drainPayloads()).toEqual(['first'])
  })

  it('a retried message takes its old place again', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1, retrySoon), message(2), message(3))
    await queue.settled(fail(await queue.one()))
    await queue.clock.advance(500)
    expect(await queue.drainPayloads()).toEqual([1, 2, 3])
  })

  it('claims are served in the order they came, and one that waits gets what arrives', async () => {
    const queue = await TestQueue.open()
    const first = queue.claim({ waitMs: 5_000, worker: 'first' })
    const second = queue.claim({ waitMs: 5_000, worker: 'second' })
    await queue.enqueued(message(1))
    await queue.enqueued(message(2))
    expect(right(await first).value.deliveries).toMatchObject([{ ordinal: 1 }])
    expect(right(await second).value.deliveries).toMatchObject([{ ordinal: 2 }])
  })

  it('a claim that has waited long enough is answered empty, and takes nothing later', async () => {
    const queue = await TestQueue.open()
    const claim = queue.claim({ waitMs: 5_000 })
    await queue.clock.advance(5_000)
    expect(right(await queue.clock.settled(claim)).value.deliveries).toEqual([])
    await queue.enqueued(message(1))
    expect(await queue.drainPayloads()).toEqual([1])
  })
})

describe('configuration and pause (§4.2, R67)', () => {
  it('are adopted by an event before the next decision, and a paused queue hands out nothing', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    await queue.engine.changeControl(() => [{ type: 'QueuePaused', by: undefined }])
    const waiting = queue.claim({ waitMs: 60_000 })
    expect(await queue.claimed()).toEqual([])
    await queue.enqueued(message(2))
    expect((await queue.eventTypes()).slice(-2)).toEqual(['ConfigAdopted', 'MessageEnqueued'])
    await queue.restart()
    expect(await queue.claimed()).toEqual([])
    await queue.engine.changeControl(() => [{ type: 'QueueResumed', by: undefined }])
    expect(await queue.drainPayloads()).toEqual([1, 2])
    await queue.assertReplayAgrees()
    expect(waiting).toBeInstanceOf(Promise)
  })

  it('R67: fewer retries bind messages that are already in flight, and the change is an event before the decision', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1))
    const held = await queue.one()
    const { config } = queue.engine.control
    const failures = { ...config.failures, UNKNOWN: fixed({ retriesMax: 0 }) }
    await queue.engine.changeControl(() => [
      { type: 'QueueConfigured', config: { ...config, failures }, by: undefined },
    ])
    await queue.settled(fail(held))
    expect((await queue.eventTypes()).slice(-3)).toEqual([
      'ConfigAdopted',
      'AttemptFailed',
      'MessageDeadLettered',
    ])
    await queue.assertReplayAgrees()
  })

  it('a paused queue still takes acks, and still lets leases run out', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1), message(2))
    const [first] = await queue.claimed({ max: 2, leaseMs: LEASE_MS })
    await queue.engine.changeControl(() => [{ type: 'QueuePaused', by: undefined }])
    if (first !== undefined) expect(await queue.settled(ack(first))).toMatchObject([{ _tag: 'Right' }])
    await queue.clock.advance(LEASE_MS)
    expect(await queue.eventTypes()).toContain('AttemptFailed')
  })
})
