// Two ledgers that are nodes on one log, in one process and under one virtual clock: what becomes of queues, leases and schedules when
// they go from one to the other. R21, R37: whoever is fenced steps down and does not fight.
import { describe, expect, it } from 'vitest'
import { NotFoundError, RefusedError, UnavailableError } from '../../src/index.js'
import { Nodes, TIMES } from './twoLedgers.js'

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
