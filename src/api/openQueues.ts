// The queues of this ledger that are open in this process: one engine each, opened once however many ask, closed before it is opened
// again. On a node among several only those that are its own; others are refused with the name of their owner.
import { type Either, isLeft, right } from 'fp-ts/lib/Either.js'
import type { Actor } from '../../domain/message/index.js'
import {
  type Catalog,
  type CatalogEvent,
  createQueue,
  type QueueRefusal,
  type QueueSettings,
} from '../../domain/queue/index.js'
import type { ClusterNode } from '../cluster/clusterNode.js'
import type { PartitionDeps, PartitionEvents } from '../engine/partition.js'
import { QueueEngine } from '../engine/queueEngine.js'
import { AppendFailed, type StreamFold } from '../engine/streamFold.js'
import { errorOf, withPublicErrors } from './refusals.js'

/** Other nodes change the catalogue at the same time. */
const CONFLICTS_MAX = 8

export type OpenQueuesDeps = Readonly<{
  catalog: StreamFold<Catalog, CatalogEvent>
  partitions: PartitionDeps
  events: PartitionEvents
  /** Queues come into being by being used. */
  autoCreates: boolean
  opened: (engine: QueueEngine) => void
  /** Ends what runs beside it; then it is closed. */
  ending: (engine: QueueEngine) => Promise<void>
}>

export class OpenQueues {
  private readonly byName = new Map<string, QueueEngine>()
  private readonly opening = new Map<string, Promise<QueueEngine>>()
  private readonly closing = new Map<string, Promise<void>>()
  cluster: ClusterNode | undefined

  constructor(private readonly deps: OpenQueuesDeps) {}

  get engines(): ReadonlyArray<QueueEngine> {
    return [...this.byName.values()]
  }

  isOpen(engine: QueueEngine): boolean {
    return this.byName.get(engine.name) === engine
  }

  /** Among those that there are. */
  get names(): ReadonlyArray<string> {
    return [...this.deps.catalog.state.values()].filter(({ deleted }) => !deleted).map(({ queue }) => queue)
  }

  isKnown(name: string): boolean {
    return this.deps.catalog.state.get(name)?.deleted === false
  }

  /** Rejects where there is none, or where another node leads it. */
  async engine(name: string): Promise<QueueEngine> {
    await this.learn(name)
    if (!this.isKnown(name)) throw errorOf({ type: 'QueueNotFound', queue: name })
    this.refuseOthers(name)
    return this.openEngine(name)
  }

  /** The queue's engine; the queue is created if there is none. */
  async target(name: string, settings: QueueSettings = {}): Promise<QueueEngine> {
    await this.learn(name)
    if (!this.isKnown(name)) {
      if (!this.deps.autoCreates) throw errorOf({ type: 'QueueNotFound', queue: name })
      await this.claim(name)
      await this.change((catalog) =>
        catalog.get(name)?.deleted === false ? right([]) : createQueue(catalog, name, settings, undefined),
      )
    }
    return this.engine(name)
  }

  async create(name: string, settings: QueueSettings, by: Actor | undefined): Promise<QueueEngine> {
    await this.claim(name)
    await this.change((catalog) => createQueue(catalog, name, settings, by))
    return this.engine(name)
  }

  /** For one that this node was given; nothing where it is not created yet. */
  async take(name: string): Promise<void> {
    await this.learn(name)
    if (this.isKnown(name)) await this.openEngine(name)
  }

  /** Another node may have created it a moment ago. */
  private async learn(name: string): Promise<void> {
    if (this.cluster !== undefined && !this.isKnown(name)) await this.deps.catalog.refresh()
  }

  private async claim(name: string): Promise<void> {
    if (this.cluster === undefined) return
    await this.cluster.assignQueue(name)
    this.refuseOthers(name)
  }

  private refuseOthers(name: string): void {
    const { cluster } = this
    if (cluster === undefined || cluster.ownsQueue(name)) return
    const owner = cluster.ownerOfQueue(name)
    throw errorOf({ type: 'QueueElsewhere', queue: name, node: owner?.node, address: owner?.address })
  }

  private openEngine(name: string): Promise<QueueEngine> {
    const known = this.opening.get(name)
    if (known !== undefined) return known
    const opening = this.begin(name)
    this.opening.set(name, opening)
    opening.catch(() => {
      if (this.opening.get(name) === opening) this.opening.delete(name)
    })
    return opening
  }

  private async begin(name: string): Promise<QueueEngine> {
    await this.closing.get(name)
    // It may have been deleted and created anew since it was last here.
    if (this.cluster !== undefined) await this.deps.catalog.refresh()
    const entry = this.deps.catalog.state.get(name)
    if (entry === undefined || entry.deleted) throw errorOf({ type: 'QueueNotFound', queue: name })
    const engine = await QueueEngine.open(entry, this.deps.partitions, this.deps.events)
    this.byName.set(name, engine)
    this.deps.opened(engine)
    return engine
  }

  /** Closes it, if it is open or about to be. */
  async release(name: string): Promise<void> {
    const opening = this.opening.get(name)
    this.opening.delete(name)
    const before = this.closing.get(name)
    const closing = this.close(name, opening, before)
    this.closing.set(name, closing)
    try {
      await closing
    } finally {
      if (this.closing.get(name) === closing) this.closing.delete(name)
    }
  }

  private async close(
    name: string,
    opening: Promise<QueueEngine> | undefined,
    before: Promise<void> | undefined,
  ): Promise<void> {
    await before
    const engine = await opening?.catch(() => undefined)
    if (engine === undefined) return
    if (this.isOpen(engine)) this.byName.delete(name)
    await this.deps.ending(engine)
    await engine.close()
  }

  /** Rejects with what the decision refuses. */
  async change(
    decide: (catalog: Catalog) => Either<QueueRefusal, ReadonlyArray<CatalogEvent>>,
  ): Promise<void> {
    const change = (): Promise<Catalog> =>
      this.deps.catalog.change((catalog) => {
        const events = decide(catalog)
        if (isLeft(events)) throw errorOf(events.left)
        return events.right
      })
    for (let conflicts = 0; ; conflicts++) {
      try {
        await change()
        return
      } catch (error) {
        const isConflict = error instanceof AppendFailed && error.isConflict
        if (!isConflict || conflicts >= CONFLICTS_MAX) return withPublicErrors(Promise.reject(error))
      }
    }
  }
}
