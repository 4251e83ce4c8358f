// Two ledgers that are nodes on one log, in one process and under one virtual clock: what becomes of queues, leases and schedules when
// they go from one to the other. R21, R37: whoever is fenced steps down and does not fight.
import { isLeft, left } from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import type { LedgerEvent } from '../../domain/batch.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn } from '../../src/api/openLedger.js'
import type { Ledger, Queue, QueueOptions } from '../../src/api/types/index.js'
import { NotFoundError, RefusedError, UnavailableError } from '../../src/index.js'
import type { Clock } from '../../src/ports/clock.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import type { Heartbeats } from '../../src/ports/heartbeats.js'
import { VirtualClock } from '../../src/testing/virtualClock.js'

const TIMES = { heartbeatMs: 500, deadAfterMs: 2_000, tenureMs: 600_000 }

type Node = Readonly<{
  name: string
  ledger: Ledger
  /** It gives no sign of life any more, and does not learn what the others decide; all else works. */
  mute: () => void
  freeze: () => void
  thaw: () => void
}>
type Led = Readonly<{ owner: Node; other: Node; orders: Queue<unknown> }>

class Nodes {
  readonly clock = new VirtualClock()
  readonly log: EventLog = { ...openMemoryLog(), isSparse: true }
  private unique = 0

  async open(node: string): Promise<Node> {
    let isFrozen = false
    let waiting: Array<() => void> = []
    const { clock } = this
    // Only what waits for time stands still: whoever calls a frozen node meets it as it is on waking up, before it has looked around.
    const own: Clock = {
      wallMs: clock.wallMs,
      tickMs: clock.tickMs,
      soon: clock.soon,
      after: (ms, callback) => clock.after(ms, () => (isFrozen ? void waiting.push(callback) : callback())),
    }
    let isMute = false
    const { heartbeats } = this.log
    if (heartbeats === undefined) throw new Error('the memory log carries signs of life')
    const beats: Heartbeats = {
      ...heartbeats,
      beat: (name, beat) => async () =>
        isMute ? left({ type: 'LogUnavailable', reason: 'mute' }) : heartbeats.beat(name, beat)(),
    }
    const log: EventLog = { ...this.log, heartbeats: beats, close: () => Promise.resolve() }
    const opening = openLedgerOn(log, memoryFinishedRegister(), {
      node,
      clock: own,
      ids: { unique: () => `u${++this.unique}`, random: () => 0.5 },
      logging: false,
      cluster: { address: `http://${node}:7654`, secret: 'known to the nodes', ...TIMES },
    })
    const ledger = await this.done(opening)
    await clock.advance(2 * TIMES.heartbeatMs)
    const thaw = (): void => {
      isFrozen = false
      for (const callback of waiting.splice(0)) callback()
      waiting = []
    }
    const freeze = (): void => {
      isFrozen = true
    }
    const mute = (): void => {
      isMute = true
    }
    return { name: node, ledger, freeze, thaw, mute }
  }

  /** What the promise came to, however long that takes on this clock. */
  async done<A>(promise: Promise<A>): Promise<A> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    promise.then(over, over)
    for (let n = 0; n < 1_000 && !isOver; n++) await this.clock.advance(50)
    return promise
  }

  /** Two nodes, and the queue `orders` on one of them. */
  async withOrders(options: QueueOptions<unknown> = {}): Promise<Led> {
    const [a, b] = [await this.open('a'), await this.open('b')]
    const created = await this.done(a.ledger.queue('orders', options).catch(() => undefined))
    if (created !== undefined) return { owner: a, other: b, orders: created }
    return { owner: b, other: a, orders: await this.done(b.ledger.queue('orders', options)) }
  }

  async events(stream: string): Promise<ReadonlyArray<LedgerEvent>> {
    const page = await this.log.read(stream, 0, 100_000_000)()
    if (isLeft(page)) throw new Error('the memory log answers')
    return page.right.batches.flatMap(({ events }) => events)
  }

  async terms(): Promise<ReadonlyArray<string>> {
    const events = await this.events('partition-orders~1.0')
    return events.flatMap((event) => (event.type === 'PartitionOpened' ? [event.node] : []))
  }
}

describe('two nodes on one log', () => {
  it('F2: a queue that another node leads is refused with its name, one that there is none as always', async () => {
    const nodes = new Nodes()
    const { owner, other } = await nodes.withOrders()
    const refusal: unknown = await nodes.done(
      other.ledger.openQueue('orders').catch((error: unknown) => error),
    )
    expect(refusal).toBeInstanceOf(RefusedError)
    expect(refusal).toMatchObject({
      code: 'queue_elsewhere',
      details: { node: owner.name },
    })
    const missing: unknown = await nodes.done(
      other.ledger.openQueue('bills').catch((error: unknown) => error),
    )
    expect(missing).toBeInstanceOf(NotFoundError)
  })

  it('R21, R37: an owner that was frozen is fenced by its first append, says so, and leaves the queue to the other', async () => {
    const nodes = new Nodes()
    const { owner, other, orders: stale } = await nodes.withOrders()
    await nodes.done(stale.enqueue({ n: 1 }))
    owner.freeze()
    await nodes.clock.advance(4 * TIMES.deadAfterMs)
    const orders = await nodes.done(other.ledger.openQueue('orders'))
    await nodes.done(orders.enqueue({ n: 2 }))
    expect(await nodes.terms()).toEqual([owner.name, other.name])
    const refusal: unknown = await nodes.done(stale.enqueue({ n: 3 }).catch((error: unknown) => error))
    expect(refusal).toBeInstanceOf(UnavailableError)
    owner.thaw()
    await nodes.clock.advance(10_000)
    expect(await nodes.terms()).toEqual([owner.name, other.name])
    expect(await nodes.done(orders.stats())).toMatchObject({ pending: 2 })
    await expect(nodes.done(stale.claim({ worker: 'w' }))).rejects.toBeInstanceOf(UnavailableError)
  })

  it('R21: a fenced owner asks who leads before it opens anything anew, and does not fence back', async () => {
    const nodes = new Nodes()
    const { owner, other, orders: stale } = await nodes.withOrders()
    owner.mute()
    await nodes.clock.advance(4 * TIMES.deadAfterMs)
    await nodes.done(other.ledger.openQueue('orders'))
    await expect(nodes.done(stale.enqueue({ n: 1 }))).rejects.toBeInstanceOf(UnavailableError)
    // Far beyond the pauses before it would open the partition again.
    await nodes.clock.advance(60_000)
    expect(await nodes.terms()).toEqual([owner.name, other.name])
    await expect(nodes.done(stale.enqueue({ n: 2 }))).rejects.toThrow('another node leads the queue now')
  })

  it('R37: two that both believe write nothing twice: each revision is won by one, and the other is told', async () => {
    const nodes = new Nodes()
    const { owner, other, orders: stale } = await nodes.withOrders()
    const tokens: string[] = []
    await nodes.done(stale.enqueue({ n: 1 }))
    owner.freeze()
    await nodes.clock.advance(4 * TIMES.deadAfterMs)
    const fresh = await nodes.done(other.ledger.openQueue('orders'))
    const claims = [stale, fresh].map((queue, n) => queue.claim({ worker: `w${n}` }).catch(() => []))
    for (const claimed of await nodes.done(Promise.all(claims)))
      for (const { leaseToken } of claimed) tokens.push(leaseToken)
    expect(tokens).toHaveLength(1)
  })

  it('4.1: a queue that was resized goes on at the next node, with each group where it was', async () => {
    const nodes = new Nodes()
    const { owner, other, orders } = await nodes.withOrders({ partitions: 2 })
    const before = await nodes.done(orders.enqueue({ n: 1 }, { group: 'g' }))
    await nodes.done(orders.resize(3))
    await nodes.done(owner.ledger.close())
    await nodes.clock.advance(9_000)
    const moved = await nodes.done(other.ledger.openQueue('orders'))
    const again = await nodes.done(moved.enqueue({ n: 2 }, { group: 'g' }))
    expect(again.id.split('.')[1]).toBe(before.id.split('.')[1])
    expect(Number((await nodes.done(moved.enqueue({ n: 3 }))).id.split('.')[1])).toBeGreaterThanOrEqual(2)
    expect(await nodes.done(moved.stats())).toMatchObject({
      partitions: 3,
      pending: 3,
      draining: [{ first: 0 }],
    })
  })

  it('4.1, R21: what an owner of before records of a resize opens nothing, and holds for the next owner', async () => {
    const nodes = new Nodes()
    const { owner, other, orders: stale } = await nodes.withOrders()
    owner.mute()
    await nodes.clock.advance(4 * TIMES.deadAfterMs)
    const fresh = await nodes.done(other.ledger.openQueue('orders'))
    await nodes.done(fresh.enqueue({ n: 1 }, { group: 'g' }))
    await nodes.done(stale.resize(2).catch(() => undefined))
    await nodes.clock.advance(60_000)
    expect(await nodes.events('partition-orders~1.1')).toEqual([])
    await expect(nodes.done(stale.enqueue({ n: 2 }, { group: 'g' }))).rejects.toBeInstanceOf(UnavailableError)
    // It learns of it at the latest with its own next change.
    await nodes.done(fresh.pause().catch(() => undefined))
    await nodes.done(fresh.pause())
    expect((await nodes.done(fresh.enqueue({ n: 3 }, { group: 'g' }))).id).toMatch(/^orders\.0\./)
    expect((await nodes.done(fresh.enqueue({ n: 4 }))).id).toMatch(/^orders\.[12]\./)
  })

  it('§4.12: a worker keeps its lease over the move of its queue, and acks to the new owner', async () => {
    const nodes = new Nodes()
    const { owner, other, orders } = await nodes.withOrders({ leaseMs: 10_000 })
    const { id } = await nodes.done(orders.enqueue({ n: 1 }))
    const [claimed] = await nodes.done(orders.claim({ worker: 'w' }))
    await nodes.clock.advance(9_000)
    await nodes.done(owner.ledger.close())
    // The new owner grants it in full again: nobody could reach it meanwhile.
    await nodes.clock.advance(9_000)
    const moved = await nodes.done(other.ledger.openQueue('orders'))
    const settled = await nodes.done(
      moved.settle([{ leaseToken: claimed?.leaseToken ?? '', outcome: 'ack' }]),
    )
    expect(settled).toMatchObject([{ ok: true }])
    expect(await nodes.done(moved.message(id))).toMatchObject({ state: 'succeeded', attempts: 1 })
  })

  it('B5: a schedule ticks once for each instant, whoever leads its queue', async () => {
    const nodes = new Nodes()
    const { owner, other, orders } = await nodes.withOrders()
    await nodes.done(orders.schedule({ name: 'every-second', everyMs: 1_000, payload: 'tick' }))
    await nodes.clock.advance(10_000)
    await nodes.done(owner.ledger.close())
    await nodes.clock.advance(10_000)
    const ids = (await nodes.events('partition-orders~1.0')).flatMap((event) =>
      event.type === 'MessageEnqueued' ? [event.callerId] : [],
    )
    expect(ids.length).toBeGreaterThanOrEqual(19)
    expect(new Set(ids).size).toBe(ids.length)
    expect(await nodes.terms()).toEqual([owner.name, other.name])
  })

  it('F2: a queue is deleted by its owner and may be created anew', async () => {
    const nodes = new Nodes()
    const { owner } = await nodes.withOrders()
    await nodes.done(owner.ledger.deleteQueue('orders'))
    expect(await nodes.done(owner.ledger.queues())).toEqual([])
    const again = await nodes.done(owner.ledger.queue('orders'))
    expect(await nodes.done(again.view())).toMatchObject({ generation: 2 })
  })
})
