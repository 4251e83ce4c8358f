// The ledger of this process on stores that are open: its catalogue of queues, an engine for each, and what runs beside them
// (schedules, follow-ups, workers). One object, because all of them begin and end together.
import { hostname } from 'node:os'
import type * as t from 'io-ts'
import { CATALOG_STREAM, parseGeneratedId } from '../../domain/ids.js'
import { PAYLOAD_BYTES_MAX } from '../../domain/payload/index.js'
import {
  type Catalog,
  type CatalogEvent,
  deleteQueue,
  EMPTY_CATALOG,
  foldCatalog,
} from '../../domain/queue/index.js'
import type { ClusterNode } from '../cluster/clusterNode.js'
import { SharedFollowUps } from '../cluster/sharedFollowUps.js'
import type { Blobs } from '../engine/blobPayloads.js'
import { deliverFollowUps } from '../engine/followUpDelivery.js'
import { FollowUps, type FollowUpsDeps } from '../engine/followUps.js'
import type { PartitionDeps, PartitionEvents } from '../engine/partition.js'
import type { QueueEngine } from '../engine/queueEngine.js'
import { SettledWatch } from '../engine/settledWatch.js'
import { StreamFold } from '../engine/streamFold.js'
import { GateWaits } from '../gates/gateWaits.js'
import { processFolder } from '../handlers/processFolder.js'
import type { EventLog } from '../ports/eventLog.js'
import type { FinishedRegister } from '../ports/finishedRegister.js'
import { systemClock } from '../runtime/systemClock.js'
import { systemIds } from '../runtime/systemIds.js'
import { Scheduler } from '../schedules/scheduler.js'
import { LocalWorker } from '../worker/localWorker.js'
import { isOfLostProcess, localWorkerName } from '../worker/localWorkers.js'
import { checkWorkerName, isWorker } from '../worker/processOptions.js'
import { Quarantine } from '../worker/quarantine.js'
import { accepted } from './acceptedOptions.js'
import { actorOf } from './actor.js'
import { collectBlobs } from './blobs.js'
import { callbacksOn } from './callbacks.js'
import { type Seat, takeSeat } from './clusterSeat.js'
import { UnavailableError } from './errors.js'
import { readEvents } from './logEvents.js'
import { forEachQueue } from './manyQueues.js'
import type { LedgerOptions, Trouble } from './openLedger.js'
import { OpenQueues } from './openQueues.js'
import { localBatchWorker, type StartBatchWorker } from './queue/batches.js'
import { queueView } from './queue/control.js'
import { historyEntry } from './queue/messageViews.js'
import { ledgerHealth } from './queue/projections.js'
import { queueHandle } from './queue/queueHandle.js'
import { historyOf, locate, queueStats } from './queue/queueReads.js'
import { wasEnqueued } from './queue/schedules.js'
import type { StartWorker, WorkerHost } from './queue/workers.js'
import { ZoneHealth } from './queue/zoneHealth.js'
import { refuseOtherNames } from './queueNames.js'
import { recoverStopped, recoveryReport } from './recovery.js'
import { errorOf } from './refusals.js'
import { relayStatusOf } from './relayedLog.js'
import type { Ledger, Queue, QueueOptions, WorkerLifecycle, WorkerStatus } from './types/index.js'

const WHOLE_QUEUE = -1
const SNAPSHOT_EVERY_EVENTS = 500_000
const PAYLOAD_CACHE_BYTES = 64 * 1_048_576

export class LocalLedger implements Ledger {
  private readonly openQueues: OpenQueues
  private readonly workers = new Map<WorkerLifecycle, QueueEngine>()
  private readonly quarantine = new Quarantine()
  private readonly settled = new SettledWatch()
  private readonly zoneHealth: ZoneHealth
  private readonly scheduler: Scheduler
  private readonly gateWaits: GateWaits
  private readonly onTrouble: (trouble: Trouble) => void
  private readonly incarnation: string
  private workerCount = 0
  /** As a node among several. */
  readonly cluster: ClusterNode | undefined
  private closed: Promise<void> | undefined

  private constructor(
    private readonly log: EventLog,
    private readonly register: FinishedRegister,
    private readonly catalog: StreamFold<Catalog, CatalogEvent>,
    private readonly deps: PartitionDeps,
    private readonly followUps: FollowUps | SharedFollowUps,
    options: Pick<LedgerOptions, 'autoCreateQueues' | 'onTrouble'>,
    seat: Seat | undefined,
  ) {
    this.incarnation = deps.incarnation
    this.onTrouble = options.onTrouble ?? (() => undefined)
    this.scheduler = new Scheduler({
      clock: deps.clock,
      onTrouble: this.wholeQueueTrouble,
      isKnown: (engine, id) => wasEnqueued({ engine, log, register }, id),
    })
    this.zoneHealth = new ZoneHealth(log)
    this.gateWaits = new GateWaits({ clock: deps.clock, log, onTrouble: this.wholeQueueTrouble })
    this.openQueues = new OpenQueues({
      catalog,
      partitions: deps,
      events: this.partitionEvents,
      autoCreates: options.autoCreateQueues ?? true,
      opened: this.opened,
      ending: this.ending,
    })
    this.cluster = seat === undefined ? undefined : this.takeSeat(seat)
    this.openQueues.cluster = this.cluster
  }

  static async open(
    stored: EventLog,
    register: FinishedRegister,
    options: Omit<LedgerOptions, 'log'>,
    blobs: Blobs | undefined,
    seat?: Seat,
  ): Promise<LocalLedger> {
    const { clock = systemClock, ids = systemIds } = options
    const incarnation = ids.unique()
    let ledger: LocalLedger
    const followUpsDeps: FollowUpsDeps = {
      log: stored,
      clock,
      ids,
      target: async (queue) => {
        const engine = await ledger.openQueues.target(queue)
        return (wave) => deliverFollowUps(engine, wave)
      },
      onTrouble: (queue, message) => ledger.wholeQueueTrouble(queue, message),
    }
    const followUps = seat === undefined ? new FollowUps(followUpsDeps) : new SharedFollowUps(followUpsDeps)
    const log = followUps instanceof FollowUps ? followUps.log : stored
    const deps: PartitionDeps = {
      log,
      register,
      blobs,
      clock,
      ids,
      node: options.node ?? hostname(),
      incarnation,
      // A log in a directory is ours alone; in one that others write to, their workers are not dead because they are not ours.
      isCertainlyDead: log.isSparse === true ? () => false : isOfLostProcess(incarnation),
      snapshotEveryEvents: options.snapshotEveryEvents ?? SNAPSHOT_EVERY_EVENTS,
      payloadCacheBytes: options.payloadCacheBytes ?? PAYLOAD_CACHE_BYTES,
      ...(seat === undefined
        ? {}
        : { stillLeads: async (queue) => (await ledger.cluster?.stillLeads(queue)) ?? true }),
    }
    const catalog = await StreamFold.open(deps, CATALOG_STREAM, EMPTY_CATALOG, foldCatalog)
    ledger = new LocalLedger(log, register, catalog, deps, followUps, options, seat)
    await ledger.begin()
    return ledger
  }

  private async begin(): Promise<void> {
    const { cluster, followUps, openQueues } = this
    if (cluster !== undefined) await cluster.start()
    else await forEachQueue(openQueues.names, (queue) => openQueues.engine(queue))
    if (followUps instanceof FollowUps) await followUps.start()
    else if (cluster !== undefined) followUps.runOn(cluster)
  }

  private takeSeat(seat: Seat): ClusterNode {
    const { clock, ids, node, incarnation } = this.deps
    return takeSeat(seat, {
      clock,
      ids,
      node,
      incarnation,
      catalog: () => this.catalog.state,
      refreshQueues: () => this.catalog.refresh(),
      work: (queue) => ({
        take: () => this.openQueues.take(queue),
        release: () => this.openQueues.release(queue),
      }),
      deliver: async (queue, wave) => deliverFollowUps(await this.openQueues.target(queue), wave),
      onTrouble: (message, queue, final) => this.onTrouble({ queue, partition: WHOLE_QUEUE, message, final }),
    })
  }

  private readonly wholeQueueTrouble = (queue: string, message: string): void =>
    this.onTrouble({ queue, partition: WHOLE_QUEUE, message, final: false })

  private readonly partitionEvents: PartitionEvents = {
    onDurable: (partition, batch) => this.settled.note(partition, batch),
    onTrouble: ({ queue, partition }, message, final) => this.onTrouble({ queue, partition, message, final }),
  }

  private readonly opened = (engine: QueueEngine): void => {
    this.scheduler.changed(engine)
    engine.whenControlChanged = () => this.gateWaits.changed(engine)
    void this.gateWaits.opened(engine)
  }

  private readonly ending = async (engine: QueueEngine): Promise<void> => {
    await this.scheduler.forget(engine)
    await this.gateWaits.forget(engine)
    await this.stopWorkersOf(engine)
  }

  readonly queue = async <A = unknown>(name: string, options: QueueOptions<A> = {}): Promise<Queue<A>> => {
    this.refuseWhenClosed()
    refuseOtherNames(name)
    const { payload, ...settings } = accepted('options', options)
    const isKnown = this.openQueues.isKnown(name)
    const handle = this.handle<A>(await this.openQueues.target(name, settings), payload)
    if (isKnown && Object.keys(settings).length > 0) await handle.configure(settings)
    return handle
  }

  readonly openQueue: Ledger['openQueue'] = async (name, options = {}) => {
    this.refuseWhenClosed()
    const { payload } = accepted('options', options)
    return this.handle(await this.openQueues.engine(name), payload)
  }

  readonly createQueue: Ledger['createQueue'] = async (name, options = {}, by) => {
    this.refuseWhenClosed()
    refuseOtherNames(name)
    const { payload, ...settings } = accepted('options', options)
    return this.handle(await this.openQueues.create(name, settings, actorOf(by)), payload)
  }

  private handle<A>(engine: QueueEngine, codec: t.Type<A, unknown> | undefined): Queue<A> {
    const { log, register, settled } = this
    const { blobs, clock } = this.deps
    const { scheduler, startWorker, startBatchWorker, workerHost: workers } = this
    const { cluster } = this
    const starts = { startWorker, startBatchWorker, workers }
    const clusterLevel = cluster && (() => cluster.state.level)
    const places = { engine, log, register, settled, blobs, clock, scheduler, clusterLevel }
    return queueHandle<A>({ ...places, ...starts }, codec)
  }

  private readonly workerDeps: WorkerHost['workerDeps'] = (engine, name) => {
    this.refuseWhenClosed()
    const { quarantine, deps, zoneHealth } = this
    const worker = this.workerName(name === undefined ? {} : { name })
    return {
      engine,
      clock: deps.clock,
      quarantine,
      name: worker,
      mayStart: () => {
        this.refuseWhenClosed()
        if (!this.openQueues.isOpen(engine)) throw errorOf({ type: 'QueueNotFound', queue: engine.name })
      },
      setZoneHealth: (zone, healthy, why) => zoneHealth.tell(engine, worker, { zone, healthy, why }),
    }
  }

  private readonly workerHost: WorkerHost = {
    workerDeps: this.workerDeps,
    started: (engine, worker) => this.workers.set(worker, engine),
    ended: (worker) => this.workers.delete(worker),
  }

  private readonly startWorker: StartWorker = (engine, handlers, codec, options) => {
    const worker = new LocalWorker(
      this.workerDeps(engine, options.name),
      handlers,
      codec as t.Type<never, unknown> | undefined,
      options,
    )
    this.workers.set(worker, engine)
    return worker
  }

  private readonly startBatchWorker: StartBatchWorker = (engine, handler, codec, options) => {
    this.refuseWhenClosed()
    const { quarantine, deps } = this
    const name = this.workerName(options)
    const worker = localBatchWorker({ engine, clock: deps.clock, quarantine, name }, handler, codec, options)
    this.workers.set(worker, engine)
    return worker
  }

  private workerName({ name }: Readonly<{ name?: string }>): string {
    checkWorkerName(name)
    const generated = localWorkerName(this.incarnation, ++this.workerCount)
    return name === undefined ? generated : `${generated}:${name}`
  }

  readonly queues: Ledger['queues'] = () => Promise.resolve(this.openQueues.engines.map(queueView))

  readonly deleteQueue: Ledger['deleteQueue'] = async (name, options = {}) => {
    this.refuseWhenClosed()
    const by = actorOf(options.by)
    const engine = await this.openQueues.engine(name)
    const stats = await queueStats({ engine })
    const messages = stats.scheduled + stats.pending + stats.retrying + stats.processing + stats.dead
    await this.openQueues.change((catalog) =>
      deleteQueue(catalog, name, messages, options.evenIfNotEmpty ?? false, by),
    )
    await this.openQueues.release(name)
    for (const { stream } of engine.partitions) await this.register.drop(stream)
  }

  /** There is nothing left for them to do, and nobody to hear what they have done. */
  private async stopWorkersOf(engine: QueueEngine): Promise<void> {
    const workers = [...this.workers]
      .filter(([, itsEngine]) => itsEngine === engine)
      .map(([worker]) => worker)
    await Promise.all(workers.map((worker) => worker.stop({ graceMs: 0 })))
    for (const worker of workers) this.workers.delete(worker)
  }

  readonly history: Ledger['history'] = async (id) => {
    const generated = parseGeneratedId(id)
    const engines =
      generated === undefined
        ? this.openQueues.engines
        : this.openQueues.engines.filter(({ name }) => name === generated.queue)
    for (const engine of engines) {
      const deps = { engine, log: this.log, register: this.register }
      if ((await locate(deps, id)) !== undefined) return (await historyOf(deps, id)).map(historyEntry)
    }
    throw errorOf({ type: 'MessageNotFound' })
  }

  readonly callbacks: Ledger['callbacks'] = callbacksOn((name) => this.queue(name))

  readonly events: Ledger['events'] = (options) => readEvents(this.log, options)

  readonly collectBlobs: Ledger['collectBlobs'] = (options) => {
    const { log, clock, blobs } = this.deps
    return collectBlobs({ log, clock, blobs }, options)
  }

  get payloadBytesMax(): number {
    return this.deps.blobs?.limits.bytesMax ?? PAYLOAD_BYTES_MAX
  }

  readonly health: Ledger['health'] = () =>
    ledgerHealth(this.log, this.openQueues.engines, (queue) =>
      this.workerStatuses().flatMap((status) =>
        status.queue === queue
          ? status.processors.filter(({ healthy }) => healthy === false).map(({ name }) => name)
          : [],
      ),
    )

  readonly stats: Ledger['stats'] = async () => {
    const queues = await Promise.all(this.openQueues.engines.map((engine) => queueStats({ engine })))
    const { kind, state, reason, nextPosition, bytes, syncs, discardedTailBytes, breaker, relay } =
      this.log.condition()
    return {
      queues,
      log: {
        kind,
        state,
        reason,
        position: nextPosition - 1,
        bytes,
        syncs,
        discardedTailBytes,
        ...(breaker === undefined ? {} : { breaker }),
      },
      followUps: { waiting: this.followUps.waiting },
      ...(relay === undefined ? {} : { relay }),
    }
  }

  readonly relay: Ledger['relay'] = async () => relayStatusOf(this.log)

  readonly processFolder: Ledger['processFolder'] = (directory, options) =>
    processFolder(this, directory, options)
  readonly workerStatuses = (): ReadonlyArray<WorkerStatus> =>
    [...this.workers.keys()].flatMap((worker) => (isWorker(worker) ? [worker.status()] : []))
  readonly recovery: Ledger['recovery'] = () =>
    Promise.resolve(recoveryReport(this.openQueues.engines, this.log))
  readonly recover: Ledger['recover'] = () => recoverStopped(this.openQueues.engines, this.log)

  readonly close = (): Promise<void> => {
    this.closed ??= this.closeAll()
    return this.closed
  }

  private async closeAll(): Promise<void> {
    await this.cluster?.leave()
    await this.scheduler.close()
    await this.gateWaits.close()
    await Promise.all([...this.workers.keys()].map((worker) => worker.stop()))
    if (this.followUps instanceof FollowUps) await this.followUps.stop()
    await forEachQueue(this.openQueues.engines, (engine) => engine.close())
    await this.register.close()
    await this.log.close()
  }

  private refuseWhenClosed(): void {
    if (this.closed !== undefined) throw new UnavailableError('the ledger is closed')
  }
}
