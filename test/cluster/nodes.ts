// Nodes of a cluster in one process, on one log in memory and one virtual clock: each can be frozen, cut off from the log and thawed.
import { isLeft, left } from 'fp-ts/lib/Either.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { ClusterNode, type ClusterNodeDeps } from '../../src/cluster/clusterNode.js'
import type { ClusterTimes } from '../../src/cluster/options.js'
import { Peers } from '../../src/cluster/peers.js'
import type { Clock } from '../../src/ports/clock.js'
import type { EventLog, LogUnavailable } from '../../src/ports/eventLog.js'
import type { Heartbeats } from '../../src/ports/heartbeats.js'
import { VirtualClock } from '../../src/testing/virtualClock.js'

export const TIMES: ClusterTimes = { heartbeatMs: 500, deadAfterMs: 2_000, tenureMs: 10_000 }

const AWAY: LogUnavailable = { type: 'LogUnavailable', reason: 'cut off' }

export class TestNode {
  readonly open = new Set<string>()
  readonly told: string[] = []
  /** What it did, in order. */
  readonly deeds: string[] = []
  private isFrozen = false
  isCutOff = false
  /** How long it takes to end its work on a queue. */
  releaseMs = 0
  /** Queues that cannot be led here. */
  readonly hopeless = new Set<string>()
  private waiting: Array<() => void> = []
  readonly cluster: ClusterNode

  constructor(
    house: House,
    readonly name: string,
    run: number,
    more: Partial<Pick<ClusterNodeDeps, 'times'>> & Readonly<{ level?: number }> = {},
  ) {
    const { clock, log, heartbeats } = house
    const own: Clock = {
      ...clock,
      wallMs: clock.wallMs,
      tickMs: clock.tickMs,
      soon: clock.soon,
      after: (delayMs, callback) =>
        clock.after(delayMs, () => (this.isFrozen ? void this.waiting.push(callback) : callback())),
    }
    let unique = 0
    this.cluster = new ClusterNode({
      log: this.cuttable(log),
      heartbeats: this.cuttableBeats(heartbeats),
      clock: own,
      ids: { unique: () => `${name}-${run}-${++unique}`, random: () => 0.5 },
      self: {
        node: name,
        incarnation: `${name}-${run}`,
        address: `http://${name}:7654`,
        version: '0.1.0',
        ...(more.level === undefined ? {} : { level: more.level }),
      },
      times: more.times ?? TIMES,
      peers: new Peers(name, 'a secret of the nodes'),
      reaches: async ({ node }) => house.canReach(name, node),
      queues: () => house.queues,
      refreshQueues: () => (house.isCatalogAway ? Promise.reject(new Error('away')) : Promise.resolve()),
      deliver: () => Promise.resolve({ done: [], unclear: [], failure: undefined }),
      work: (queue) => ({
        take: async () => {
          this.deeds.push(`take ${queue}`)
          if (this.hopeless.has(queue)) throw new Error('an event that is not known')
          house.opened(queue, this)
        },
        release: async () => {
          if (this.releaseMs > 0)
            await new Promise<void>((resolve) => void clock.after(this.releaseMs, resolve))
          this.deeds.push(`release ${queue}`)
          this.open.delete(queue)
        },
      }),
      cannotLead: (error) => error instanceof Error && error.message === 'an event that is not known',
      onTrouble: (message) => this.told.push(message),
    })
  }

  private cuttable(log: EventLog): EventLog {
    return {
      ...log,
      append: (stream, expected, batch) => async () =>
        this.isCutOff ? left(AWAY) : log.append(stream, expected, batch)(),
      read: (stream, from, maxBytes) => async () =>
        this.isCutOff ? left(AWAY) : log.read(stream, from, maxBytes)(),
    }
  }

  private cuttableBeats({ beat, last }: Heartbeats): Heartbeats {
    return {
      beat: (node, one) => async () => (this.isCutOff ? left(AWAY) : beat(node, one)()),
      last: (node) => async () => (this.isCutOff ? left(AWAY) : last(node)()),
    }
  }

  freeze(): void {
    this.isFrozen = true
  }

  thaw(): void {
    this.isFrozen = false
    for (const callback of this.waiting.splice(0)) callback()
  }

  owns(queue: string): boolean {
    return this.cluster.ownsQueue(queue)
  }
}

export class House {
  readonly clock = new VirtualClock()
  readonly log = openMemoryLog()
  readonly queues = new Set<string>()
  readonly nodes: TestNode[] = []
  isCatalogAway = false
  /** Ways between nodes that are cut, as `from to`. */
  readonly cut = new Set<string>()
  private runs = 0

  get heartbeats(): Heartbeats {
    if (this.log.heartbeats === undefined) throw new Error('the memory log carries signs of life')
    return this.log.heartbeats
  }

  canReach(from: string, to: string): boolean {
    return !this.cut.has(`${from} ${to}`)
  }

  opened(queue: string, node: TestNode): void {
    node.open.add(queue)
  }

  make(name: string, more: ConstructorParameters<typeof TestNode>[3] = {}): TestNode {
    const node = new TestNode(this, name, ++this.runs, more)
    this.nodes.push(node)
    return node
  }

  async join(name: string, more: ConstructorParameters<typeof TestNode>[3] = {}): Promise<TestNode> {
    const node = this.make(name, more)
    const started = node.cluster.start()
    await this.clock.settle()
    await started
    return node
  }

  /** What the nodes have decided, by the names of the events. */
  async decided(): Promise<ReadonlyArray<string>> {
    const page = await this.log.read('cluster', 0, 10_000_000)()
    if (isLeft(page)) throw new Error('the memory log answers')
    return page.right.batches.flatMap(({ events }) => events.map(({ type }) => type))
  }

  /** Who of the nodes says that it may answer for the queue now. */
  owners(queue: string): ReadonlyArray<string> {
    return this.nodes.filter((node) => node.owns(queue)).map(({ name }) => name)
  }
}
