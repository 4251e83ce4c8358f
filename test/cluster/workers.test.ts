// Workers of a cluster while their queue goes from node to node: who is held to what, and for how long. R21, R23, R24, R25.
import { describe, expect, it } from 'vitest'
import type { Queue } from '../../src/api/types/index.js'
import { fixed, RefusedError } from '../../src/index.js'
import { Nodes, TIMES } from './twoLedgers.js'

const LEASE_MS = 10_000
const SETTINGS = { leaseMs: LEASE_MS, failures: { CRASH: fixed({ delayMs: 0, retriesMax: 5 }) } }

const refusalOf = (nodes: Nodes, asked: Promise<unknown>): Promise<unknown> =>
  nodes.done(asked.then(() => undefined).catch((error: unknown) => error))

/** Once the node has heard that it leads the queue. */
const openedBy = async (
  nodes: Nodes,
  { ledger }: Awaited<ReturnType<Nodes['open']>>,
): Promise<Queue<unknown>> => {
  await nodes.clock.advance(2 * TIMES.heartbeatMs)
  return nodes.done(ledger.openQueue('orders'))
}

describe('an owner that was frozen beyond its queue', () => {
  it('R21: hands out nothing, and within a second of its first conflict has left the queue and says who leads it', async () => {
    const nodes = new Nodes()
    const { owner, other, orders: stale } = await nodes.withOrders(SETTINGS)
    for (let n = 0; n < 5; n++) await nodes.done(stale.enqueue({ n }))
    owner.freeze()
    await nodes.clock.advance(4 * TIMES.deadAfterMs)
    const orders = await openedBy(nodes, other)
    const [first] = await nodes.done(orders.claim({ worker: 'new' }))
    expect(first?.payload).toEqual({ n: 0 })
    // It wakes up with a claim on its mind.
    expect(await refusalOf(nodes, stale.claim({ worker: 'old', max: 5 }))).toMatchObject({
      code: 'unavailable',
    })
    owner.thaw()
    await nodes.clock.advance(1_000)
    const moved = await refusalOf(nodes, owner.ledger.openQueue('orders'))
    expect(moved).toBeInstanceOf(RefusedError)
    expect(moved).toMatchObject({ code: 'queue_elsewhere', details: { node: other.name } })
    const events = await nodes.events('partition-orders~1.0')
    const workers = events.flatMap((event) => (event.type === 'AttemptStarted' ? [event.worker] : []))
    expect(workers).toEqual(['new'])
  })
})

describe('a worker over the move of its queue', () => {
  it('R23: that died in a job loses it one lease after the new owner began, to a second attempt, and nobody else waits', async () => {
    const nodes = new Nodes()
    const { owner, other, orders } = await nodes.withOrders(SETTINGS)
    await nodes.done(orders.enqueue({ n: 1 }))
    await nodes.done(orders.enqueue({ n: 2 }))
    await nodes.done(orders.claim({ worker: 'dies' }))
    await nodes.clock.advance(LEASE_MS / 2)
    owner.freeze()
    await nodes.clock.advance(4 * TIMES.deadAfterMs)
    const moved = await openedBy(nodes, other)
    const [neighbour] = await nodes.done(moved.claim({ worker: 'lives', max: 10 }))
    expect(neighbour).toMatchObject({ payload: { n: 2 }, attempt: 1 })
    await nodes.done(moved.settle([{ leaseToken: neighbour?.leaseToken ?? '', outcome: 'ack' }]))
    expect(await nodes.done(moved.claim({ worker: 'lives' }))).toEqual([])
    await nodes.clock.advance(LEASE_MS + 1_000)
    const [again] = await nodes.done(moved.claim({ worker: 'lives' }))
    expect(again).toMatchObject({ payload: { n: 1 }, attempt: 2 })
  })

  it('R24: that says it lives keeps its lease over the move, however long it takes, and loses it a lease after its last word', async () => {
    const nodes = new Nodes()
    const { owner, other, orders } = await nodes.withOrders(SETTINGS)
    const { id } = await nodes.done(orders.enqueue({ n: 1 }))
    const [held] = await nodes.done(orders.claim({ worker: 'slow' }))
    const leaseToken = held?.leaseToken ?? ''
    const extend = [{ leaseToken, outcome: 'extend' as const, leaseMs: LEASE_MS }]
    await nodes.clock.advance(LEASE_MS - 1_000)
    expect(await nodes.done(orders.settle(extend))).toMatchObject([{ ok: true }])
    await nodes.done(owner.ledger.close())
    const moved = await openedBy(nodes, other)
    for (let n = 0; n < 5; n++) {
      await nodes.clock.advance(LEASE_MS - 2_000)
      expect(await nodes.done(moved.settle(extend))).toMatchObject([{ ok: true }])
    }
    expect(await nodes.done(moved.message(id))).toMatchObject({ state: 'processing', attempts: 1 })
    await nodes.clock.advance(LEASE_MS + 1_000)
    expect(await nodes.done(moved.claim({ worker: 'quick' }))).toMatchObject([{ attempt: 2 }])
  })

  it.each(['ack', 'fail', 'extend', 'release'] as const)(
    'R25, R26: a late %s is answered by the new owner as it would have been by the old one, and touches nothing',
    async (outcome) => {
      const nodes = new Nodes()
      const { owner, other, orders } = await nodes.withOrders(SETTINGS)
      await nodes.done(orders.enqueue({ n: 1 }))
      await nodes.done(orders.enqueue({ n: 2 }))
      const [before, after] = await nodes.done(orders.claim({ worker: 'slow', max: 2 }))
      const late = async (queue: Queue<unknown>, leaseToken = '') => {
        const failure = { type: 'UNKNOWN', message: 'too late' }
        const [answer] = await nodes.done(
          queue.settle([
            outcome === 'fail'
              ? { leaseToken, outcome, failure }
              : outcome === 'extend'
                ? { leaseToken, outcome, leaseMs: LEASE_MS }
                : { leaseToken, outcome },
          ]),
        )
        return answer
      }
      await nodes.clock.advance(LEASE_MS + 1_000)
      // Expired, and claimed by nobody yet.
      const byOld = await late(orders, before?.leaseToken)
      expect(byOld).toMatchObject({ ok: false, code: 'lease_not_held' })
      await nodes.done(owner.ledger.close())
      const moved = await openedBy(nodes, other)
      const without = (answer: object | undefined) =>
        JSON.stringify(answer).replaceAll(/orders\.[\w.]+/g, 'it')
      expect(without(await late(moved, after?.leaseToken))).toBe(without(byOld))
      await nodes.done(moved.claim({ worker: 'quick', max: 2 }))
      const events = (await nodes.events('partition-orders~1.0')).length
      const claimed = await late(moved, before?.leaseToken)
      expect(claimed).toMatchObject({ ok: false, code: 'lease_not_held' })
      expect(JSON.stringify(claimed)).toContain('quick')
      expect((await nodes.events('partition-orders~1.0')).length).toBe(events)
    },
  )
})
