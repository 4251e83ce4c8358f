// The relay as a task of a cluster (F4): one node tells for all, another one goes on when that dies, freezes or leaves, and whatever
// the moment, the topic is the log: in order, once. No broker: the fan-out in memory fences as Kafka does.
import { afterEach, describe, expect, it } from 'vitest'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import type { Ledger, RelayStatus } from '../../src/api/types/index.js'
import type { Clock } from '../../src/ports/clock.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import type { FanOut, FanOutShard } from '../../src/ports/fanOut.js'
import { VirtualClock } from '../../src/testing/virtualClock.js'
import { FaultyFanOut } from '../support/kafka/faultyFanOut.js'
import { appendMade } from '../support/kafka/madeLog.js'
import { openRelayedLedger } from '../support/kafka/relayedLedger.js'
import { compareWithLog, toldTo } from '../support/kafka/topicJudge.js'

const TIMES = { heartbeatMs: 500, deadAfterMs: 2_000, tenureMs: 600_000 }
const STREAMS = 5

/** Lets a process stand still between any two of its steps that reach the world. */
class Freezer {
  private release: () => void = () => undefined
  private ice: Promise<void> | undefined
  /** Steps until it freezes. */
  stepsLeft = Number.POSITIVE_INFINITY
  stepsDone = 0

  freeze(): void {
    this.ice ??= new Promise((done) => {
      this.release = done
    })
  }
  thaw(): void {
    this.stepsLeft = Number.POSITIVE_INFINITY
    this.ice = undefined
    this.release()
  }
  async step(): Promise<void> {
    this.stepsDone++
    if (--this.stepsLeft < 0) this.freeze()
    await this.ice
  }
  clock(clock: Clock): Clock {
    const { wallMs, tickMs, soon } = clock
    const after: Clock['after'] = (ms, callback) =>
      clock.after(ms, () => (this.ice === undefined ? callback() : void this.ice.then(callback)))
    return { wallMs, tickMs, soon, after }
  }
  /** Frozen before a call is sent, or after it was answered. */
  fanOut(fanOut: FanOut): FanOut {
    const slow =
      <A>(call: () => Promise<A>) =>
      async (): Promise<A> => {
        await this.step()
        const answer = await call()
        await this.step()
        return answer
      }
    return {
      ...fanOut,
      shards: fanOut.shards,
      open: (shard) =>
        slow(async () => {
          const opened = await fanOut.open(shard)()
          if (opened._tag === 'Left') return opened
          const { publish } = opened.right
          const term: FanOutShard = {
            ...opened.right,
            publish: (records, position) => slow(publish(records, position)),
          }
          return { ...opened, right: term }
        }),
    }
  }
}

type Node = Readonly<{ name: string; ledger: Ledger; log: EventLog; freezer: Freezer }>

class Nodes {
  readonly clock = new VirtualClock()
  readonly log: EventLog = { ...openMemoryLog(), isSparse: true }
  readonly fanOut = new FaultyFanOut(2, 4, () => 'done')
  readonly nodes: Node[] = []
  private unique = 0

  async open(name: string): Promise<Node> {
    const freezer = new Freezer()
    const stored: EventLog = { ...this.log, close: () => Promise.resolve() }
    const opening = openRelayedLedger(stored, freezer.fanOut(this.fanOut), {
      node: name,
      clock: freezer.clock(this.clock),
      ids: { unique: () => `u${++this.unique}`, random: () => 0.5 },
      cluster: { address: `http://${name}:7654`, secret: 'known to the nodes', ...TIMES },
    })
    const { ledger, log } = await this.done(opening)
    const node = { name, ledger, log, freezer }
    this.nodes.push(node)
    await this.clock.advance(2 * TIMES.heartbeatMs)
    return node
  }

  async done<A>(promise: Promise<A>): Promise<A> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    promise.then(over, over)
    for (let n = 0; n < 1_000 && !isOver; n++) await this.clock.advance(50)
    return promise
  }

  statusOf({ ledger }: Node): Promise<RelayStatus | undefined> {
    return ledger.relay().catch(() => undefined)
  }

  /** Who runs the relay, as each says of itself. */
  async telling(): Promise<ReadonlyArray<Node>> {
    const states = await Promise.all(this.nodes.map((node) => this.statusOf(node)))
    return this.nodes.filter((_, n) => states[n] !== undefined)
  }

  /** One that lives and runs it, as soon as there is one with nothing left to tell. */
  async told(live: ReadonlyArray<Node>): Promise<Node> {
    for (let turn = 0; turn < 300; turn++) {
      for (const node of live) {
        const status = await this.statusOf(node)
        if (status?.shards.every(({ lag }) => lag === 0) === true) return node
      }
      await this.clock.advance(500)
    }
    throw new Error('nobody has told all')
  }

  async expectWhole(): Promise<void> {
    expect(await compareWithLog(this.log, toldTo(this.fanOut.topic))).toEqual([])
  }
}

const ends: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const threeNodes = async (): Promise<Nodes> => {
  const nodes = new Nodes()
  for (const name of ['a', 'b', 'c']) await nodes.open(name)
  ends.push(async () => {
    for (const { freezer, ledger } of nodes.nodes) {
      freezer.thaw()
      await nodes.done(ledger.close())
    }
  })
  return nodes
}

const split = async (nodes: Nodes): Promise<Readonly<{ teller: Node; others: ReadonlyArray<Node> }>> => {
  const telling = await nodes.telling()
  expect(telling).toHaveLength(1)
  const [teller] = telling
  if (teller === undefined) throw new Error('nobody tells')
  return { teller, others: nodes.nodes.filter((node) => node !== teller) }
}

describe('the relay of a cluster (F4)', () => {
  it('is run by one node, and passes on what all of them append', async () => {
    const nodes = await threeNodes()
    await split(nodes)
    for (const { log } of nodes.nodes) expect(log.condition().nextPosition).toBeGreaterThan(0)
    const names = ['orders', 'bills', 'mails']
    for (const [n, queue] of names.entries())
      for (const { ledger } of nodes.nodes) {
        const handle = await nodes.done(ledger.queue(queue).catch(() => undefined))
        if (handle !== undefined) await nodes.done(handle.enqueue({ n }))
      }
    await nodes.told(nodes.nodes)
    await nodes.expectWhole()
    const told = toldTo(nodes.fanOut.topic).filter(({ event }) => event.type === 'MessageEnqueued')
    expect(new Set(told.map(({ queue }) => queue))).toEqual(new Set(names))
  })

  // Each is a step of the relay to or from the fan-out: terms of two shards begin, then transactions are sent and answered.
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 11, 14])(
    'goes on at another node when its node dies at step %i, and tells nothing twice',
    async (step) => {
      const nodes = await threeNodes()
      const { teller, others } = await split(nodes)
      await nodes.told([teller])
      teller.freezer.stepsLeft = step
      await appendMade(nodes.log, STREAMS, 0, 6)
      for (let n = 6; n < 10; n++) {
        await nodes.clock.advance(500)
        await appendMade(nodes.log, STREAMS, n, n + 1)
      }
      teller.freezer.freeze()
      await nodes.clock.advance(3 * TIMES.deadAfterMs)
      await appendMade(nodes.log, STREAMS, 10, 12)
      const next = await nodes.told(others)
      expect(next).not.toBe(teller)
      await nodes.expectWhole()
    },
  )

  it('a node that wakes up after its relay has moved writes nothing more, and gives the task up', async () => {
    const nodes = await threeNodes()
    const { teller, others } = await split(nodes)
    await nodes.told([teller])
    teller.freezer.stepsLeft = 1
    await appendMade(nodes.log, STREAMS, 0, 6)
    await nodes.clock.advance(5 * TIMES.deadAfterMs)
    await nodes.told(others)
    teller.freezer.thaw()
    await nodes.clock.advance(5 * TIMES.deadAfterMs)
    await appendMade(nodes.log, STREAMS, 6, 9)
    await nodes.told(others)
    expect(await nodes.statusOf(teller)).toBeUndefined()
    expect(await nodes.telling()).toHaveLength(1)
    // It has ended, and does not only stand by.
    const { stepsDone } = teller.freezer
    await appendMade(nodes.log, STREAMS, 9, 12)
    await nodes.clock.advance(60_000)
    expect(teller.freezer.stepsDone).toBe(stepsDone)
    await nodes.expectWhole()
  })

  it('moves at once when its node leaves', async () => {
    const nodes = await threeNodes()
    const { teller, others } = await split(nodes)
    await appendMade(nodes.log, STREAMS, 0, 6)
    await nodes.done(teller.ledger.close())
    await appendMade(nodes.log, STREAMS, 6, 9)
    await nodes.clock.advance(TIMES.deadAfterMs)
    await nodes.told(others)
    await nodes.expectWhole()
  })

  it('§4.8: a node that does not run it cuts nothing, and the one that runs it nothing that is not told', async () => {
    const nodes = await threeNodes()
    const { teller, others } = await split(nodes)
    await appendMade(nodes.log, STREAMS, 0, 6)
    await nodes.told([teller])
    const stream = 'partition-made~1.0'
    const isWhole = async (): Promise<boolean> => (await nodes.log.read(stream, 0, 1)())._tag === 'Right'
    for (const { log } of others) await log.truncateBefore(stream, 9)()
    expect(await isWhole()).toBe(true)
    // Appended and not told yet.
    teller.freezer.stepsLeft = 0
    await appendMade(nodes.log, STREAMS, 6, 9)
    await teller.log.truncateBefore(stream, 27)()
    expect(await isWhole()).toBe(true)
    await teller.log.truncateBefore(stream, 9)()
    expect(await isWhole()).toBe(false)
  })
})
