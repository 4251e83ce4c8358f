// Two ledgers that are nodes on one log, in one process and under one virtual clock: each can be frozen, muted and thawed.
import { isLeft, left } from 'fp-ts/lib/Either.js'
import type { LedgerEvent } from '../../domain/batch.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { openLedgerOn } from '../../src/api/openLedger.js'
import type { Ledger, Queue, QueueOptions } from '../../src/api/types/index.js'
import type { Clock } from '../../src/ports/clock.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import type { Heartbeats } from '../../src/ports/heartbeats.js'
import { VirtualClock } from '../../src/testing/virtualClock.js'

export const TIMES = { heartbeatMs: 500, deadAfterMs: 2_000, tenureMs: 600_000 }

type Node = Readonly<{
  name: string
  ledger: Ledger
  /** It gives no sign of life any more, and does not learn what the others decide; all else works. */
  mute: () => void
  freeze: () => void
  thaw: () => void
}>
type Led = Readonly<{ owner: Node; other: Node; orders: Queue<unknown> }>

export class Nodes {
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
