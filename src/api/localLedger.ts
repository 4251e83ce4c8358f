// The ledger of this process on stores that are open: its catalogue of queues, an engine for each, and what runs beside them
// (schedules, follow-ups, workers). One object, because all of them begin and end together.
import { hostname } from 'node:os'
import { type Either, isLeft, right } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { CATALOG_STREAM, parseGeneratedId } from '../../domain/ids.js'
import { PAYLOAD_BYTES_MAX } from '../../domain/payload/index.js'
import {
  type Catalog,
  type CatalogEvent,
  createQueue,
  deleteQueue,
  EMPTY_CATALOG,
  foldCatalog,
  type QueueRefusal,
  type QueueSettings,
} from '../../domain/queue/index.js'
import type { Blobs } from '../engine/blobPayloads.js'
import { FollowUps } from '../engine/followUps.js'
import type { PartitionDeps, PartitionEvents } from '../engine/partition.js'
import { QueueEngine } from '../engine/queueEngine.js'
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
import { UnavailableError } from './errors.js'
import { readEvents } from './logEvents.js'
import { forEachQueue } from './manyQueues.js'
import type { LedgerOptions, Trouble } from './openLedger.js'
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
import { errorOf, withPublicErrors } from './refusals.js'
import type { Ledger, Queue, QueueOptions, WorkerLifecycle, WorkerStatus } from './types/index.js'

const WHOLE_QUEUE = -1
const SNAPSHOT_EVERY_EVENTS = 500_000
const PAYLOAD_CACHE_BYTES = 64 * 1_048_576

export class LocalLedger implements Ledger {
  private readonly engines = new Map<string, QueueEngine>()
  private readonly opening = new Map<string, Promise<QueueEngine>>()
  private readonly workers = new Map<WorkerLifecycle, QueueEngine>()
  private readonly quarantine = new Quarantine()
  private readonly settled = new SettledWatch()
  private readonly zoneHealth: ZoneHealth
  private readonly scheduler: Scheduler
  private readonly gateWaits: GateWaits
  private readonly incarnation: string
  private workerCount = 0
  private autoCreates = true
  private closed: Promise<void> | undefined

  private constructor(
    private readonly log: EventLog,
    private readonly register: FinishedRegister,
    private readonly catalog: StreamFold<Catalog, CatalogEvent>,
    private readonly deps: PartitionDeps,
    private readonly followUps: FollowUps,
    private readonly onTrouble: (trouble: Trouble) => void,
  ) {
    this.incarnation = deps.incarnation
    this.scheduler = new Scheduler({
      clock: deps.clock,
      onTrouble: this.wholeQueueTrouble,
      isKnown: (engine, id) => wasEnqueued({ engine, log, register }, id),
    })
    this.zoneHealth = new ZoneHealth(log)
    this.gateWaits = new GateWaits({ clock: deps.clock, log, onTrouble: this.wholeQueueTrouble })
  }

  static async open(
    stored: EventLog,
    register: FinishedRegister,
    options: Omit<LedgerOptions, 'log'>,
    blobs: Blobs | undefined,
  ): Promise<LocalLedger> {
    const { clock = systemClock, ids = systemIds } = options
    const incarnation = ids.unique()
    let ledger: LocalLedger
    const followUps: FollowUps = new FollowUps({
      log: stored,
      clock,
      ids,
      target: (queue) => ledger.target(queue),
      onTrouble: (queue, message) => ledger.wholeQueueTrouble(queue, message),
    })
    const { log } = followUps
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
    }
    const catalog = await StreamFold.open(deps, CATALOG_STREAM, EMPTY_CATALOG, foldCatalog)
    ledger = new LocalLedger(log, register, catalog, deps, followUps, options.onTrouble ?? (() => undefined))
    ledger.autoCreates = options.autoCreateQueues ?? true
    const present = [...catalog.state.values()].filter(({ deleted }) => !deleted)
    await forEachQueue(present, ({ queue }) => ledger.engine(queue))
    await followUps.start()
    return ledger
  }

  private readonly wholeQueueTrouble = (queue: string, message: string): void =>
    this.onTrouble({ queue, partition: WHOLE_QUEUE, message, final: false })

  private readonly partitionEvents: PartitionEvents = {
    onDurable: (partition, batch) => this.settled.note(partition, batch),
    onTrouble: ({ queue, partition }, message, final) => this.onTrouble({ queue, partition, message, final }),
  }

  /** One engine per queue, however many ask at once. */
  private engine(name: string): Promise<QueueEngine> {
    const known = this.opening.get(name)
    if (known !== undefined) return known
    const entry = this.catalog.state.get(name)
    if (entry === undefined || entry.deleted)
      return Promise.reject(errorOf({ type: 'QueueNotFound', queue: name }))
    const opening = QueueEngine.open(entry, this.deps, this.partitionEvents).then((engine) => {
      this.engines.set(name, engine)
      this.scheduler.changed(engine)
      engine.whenControlChanged = () => this.gateWaits.changed(engine)
      void this.gateWaits.opened(engine)
      return engine
    })
    this.opening.set(name, opening)
    opening.catch(() => this.opening.delete(name))
    return opening
  }

  readonly queue = async <A = unknown>(name: string, options: QueueOptions<A> = {}): Promise<Queue<A>> => {
    this.refuseWhenClosed()
    refuseOtherNames(name)
    const { payload, ...settings } = accepted('options', options)
    const known = this.catalog.state.get(name)
    const handle = this.handle<A>(await this.target(name, settings), payload)
    if (known !== undefined && !known.deleted && Object.keys(settings).length > 0)
      await handle.configure(settings)
    return handle
  }

  /** The queue's engine; the queue is created if there is none. */
  private async target(name: string, settings: QueueSettings = {}): Promise<QueueEngine> {
    const known = this.catalog.state.get(name)
    if (known === undefined || known.deleted) {
      if (!this.autoCreates) throw errorOf({ type: 'QueueNotFound', queue: name })
      await this.changeCatalog((catalog) => {
        const entry = catalog.get(name)
        if (entry !== undefined && !entry.deleted) return right([])
        return createQueue(catalog, name, settings, undefined)
      })
    }
    return this.engine(name)
  }

  readonly openQueue: Ledger['openQueue'] = async (name, options = {}) => {
    this.refuseWhenClosed()
    const { payload } = accepted('options', options)
    return this.handle(await this.engine(name), payload)
  }

  readonly createQueue: Ledger['createQueue'] = async (name, options = {}, by) => {
    this.refuseWhenClosed()
    refuseOtherNames(name)
    const { payload, ...settings } = accepted('options', options)
    const actor = actorOf(by)
    await this.changeCatalog((catalog) => createQueue(catalog, name, settings, actor))
    return this.handle(await this.engine(name), payload)
  }

  private handle<A>(engine: QueueEngine, codec: t.Type<A, unknown> | undefined): Queue<A> {
    const { log, register, settled } = this
    const { blobs, clock } = this.deps
    const { scheduler, startWorker, startBatchWorker, workerHost: workers } = this
    const starts = { startWorker, startBatchWorker, workers }
    return queueHandle<A>({ engine, log, register, settled, blobs, clock, scheduler, ...starts }, codec)
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
        if (this.engines.get(engine.name) !== engine)
          throw errorOf({ type: 'QueueNotFound', queue: engine.name })
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

  private async changeCatalog(
    decide: (catalog: Catalog) => Either<QueueRefusal, ReadonlyArray<CatalogEvent>>,
  ): Promise<void> {
    const change = this.catalog.change((catalog) => {
      const events = decide(catalog)
      if (isLeft(events)) throw errorOf(events.left)
      return events.right
    })
    await withPublicErrors(change)
  }

  readonly queues: Ledger['queues'] = () => Promise.resolve([...this.engines.values()].map(queueView))

  readonly deleteQueue: Ledger['deleteQueue'] = async (name, options = {}) => {
    this.refuseWhenClosed()
    const by = actorOf(options.by)
    const engine = await this.engine(name)
    const stats = await queueStats({ engine })
    const messages = stats.scheduled + stats.pending + stats.retrying + stats.processing + stats.dead
    await this.changeCatalog((catalog) =>
      deleteQueue(catalog, name, messages, options.evenIfNotEmpty ?? false, by),
    )
    this.engines.delete(name)
    this.opening.delete(name)
    await this.scheduler.forget(engine)
    await this.gateWaits.forget(engine)
    await this.stopWorkersOf(engine)
    await engine.close()
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
        ? [...this.engines.values()]
        : [...this.engines.values()].filter(({ name }) => name === generated.queue)
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
    ledgerHealth(this.log, [...this.engines.values()], (queue) =>
      this.workerStatuses().flatMap((status) =>
        status.queue === queue
          ? status.processors.filter(({ healthy }) => healthy === false).map(({ name }) => name)
          : [],
      ),
    )

  readonly stats: Ledger['stats'] = async () => {
    const queues = await Promise.all([...this.engines.values()].map((engine) => queueStats({ engine })))
    const { kind, state, reason, nextPosition, bytes, syncs, discardedTailBytes, breaker } =
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
    }
  }

  readonly processFolder: Ledger['processFolder'] = (directory, options) =>
    processFolder(this, directory, options)
  readonly workerStatuses = (): ReadonlyArray<WorkerStatus> =>
    [...this.workers.keys()].flatMap((worker) => (isWorker(worker) ? [worker.status()] : []))
  readonly recovery: Ledger['recovery'] = () =>
    Promise.resolve(recoveryReport([...this.engines.values()], this.log))
  readonly recover: Ledger['recover'] = () => recoverStopped([...this.engines.values()], this.log)

  readonly close = (): Promise<void> => {
    this.closed ??= this.closeAll()
    return this.closed
  }

  private async closeAll(): Promise<void> {
    await this.scheduler.close()
    await this.gateWaits.close()
    await Promise.all([...this.workers.keys()].map((worker) => worker.stop()))
    await this.followUps.stop()
    await forEachQueue(this.engines.values(), (engine) => engine.close())
    await this.register.close()
    await this.log.close()
  }

  private refuseWhenClosed(): void {
    if (this.closed !== undefined) throw new UnavailableError('the ledger is closed')
  }
}
