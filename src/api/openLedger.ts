// Opens a ledger in this process: the log, the catalogue of queues, and an engine for each queue. This is the composition
// root of the library; nothing below it builds an adapter.
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Either, isLeft, right } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { CATALOG_STREAM, parseGeneratedId } from '../../domain/ids.js'
import {
  type Catalog,
  type CatalogEvent,
  createQueue,
  deleteQueue,
  EMPTY_CATALOG,
  evolveCatalog,
  type QueueRefusal,
} from '../../domain/queue/index.js'
import { openEmbeddedLog } from '../adapters/embedded/eventLog.js'
import { openFinishedRegister } from '../adapters/embedded/finishedRegister.js'
import { openMemoryLog } from '../adapters/memory/eventLog.js'
import { memoryFinishedRegister } from '../adapters/memory/finishedRegister.js'
import type { PartitionDeps, PartitionEvents } from '../engine/partition.js'
import { QueueEngine } from '../engine/queueEngine.js'
import { StreamFold } from '../engine/streamFold.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import type { FinishedRegister } from '../ports/finishedRegister.js'
import type { Ids } from '../ports/ids.js'
import { systemClock } from '../runtime/systemClock.js'
import { systemIds } from '../runtime/systemIds.js'
import { LocalWorker } from '../worker/localWorker.js'
import { isOfLostProcess, localWorkerName } from '../worker/localWorkers.js'
import { Quarantine } from '../worker/quarantine.js'
import { UnavailableError } from './errors.js'
import type { LifecycleOptions } from './lifecycleTypes.js'
import { readEvents } from './logEvents.js'
import { type LoggedOptions, loggedLedger } from './loggedLedger.js'
import { historyEntry } from './messageViews.js'
import { QueueHandle, queueView } from './queueHandle.js'
import { refuseOtherNames } from './queueNames.js'
import { historyOf, locate, queueStats } from './queueReads.js'
import { errorOf, withPublicErrors } from './refusals.js'
import { withStreamPrefix } from './streamPrefix.js'
import type { Ledger, Queue, QueueOptions, Worker } from './types.js'

export type LogOptions =
  /** In memory, gone with the process: for tests and for work that may be lost. */
  | Readonly<{ kind: 'memory' }>
  /** In one directory, durable before each answer. `strict` also syncs the head mark (see docs/operations.md). */
  | Readonly<{ kind: 'embedded'; path: string; strict?: boolean; segmentBytes?: number }>

export type LedgerOptions = LifecycleOptions & LoggedOptions & OwnOptions

type OwnOptions = Readonly<{
  log: LogOptions
  /** Name of this node in the log. Default: the host's name. */
  node?: string
  /** A snapshot per partition after this many events. Default 500,000. */
  snapshotEveryEvents?: number
  /** Payloads of waiting messages kept in memory, per partition. Default 64 MiB; beyond it they are read from the log. */
  payloadCacheBytes?: number
  /** Troubles beside calls: a partition that stopped or was opened anew. They are logged, too (see `logging`). */
  onTrouble?: (trouble: Trouble) => void
  clock?: Clock
  ids?: Ids
}>

export type Trouble = Readonly<{ queue: string; partition: number; message: string; final: boolean }>

const SNAPSHOT_EVERY_EVENTS = 500_000
const PAYLOAD_CACHE_BYTES = 64 * 1_048_576

/** Rejects with an `UnavailableError` that names the cause: directory in use, damage with file and offset, no permission. */
export const openLedger = async (options: LedgerOptions): Promise<Ledger> => {
  const { log, register } = await openStores(options.log)
  try {
    return await openLedgerOn(log, register, options)
  } catch (error) {
    await register.close()
    await log.close()
    throw error
  }
}

/** The same on stores that are open already; closing the ledger closes them. */
export const openLedgerOn = async (
  log: EventLog,
  register: FinishedRegister,
  options: Omit<LedgerOptions, 'log'>,
): Promise<Ledger> => {
  const named = withStreamPrefix({ log, register }, options)
  return loggedLedger(named.log, options, (watched, onTrouble) =>
    LocalLedger.open(watched, named.register, { ...options, onTrouble }),
  )
}

const openStores = async (options: LogOptions): Promise<{ log: EventLog; register: FinishedRegister }> => {
  if (options.kind === 'memory') return { log: openMemoryLog(), register: memoryFinishedRegister() }
  const { path: directory, kind: _kind, ...rest } = options
  const opened = await openEmbeddedLog({ directory, ...rest })
  if (isLeft(opened)) {
    throw new UnavailableError(describeOpenFault(opened.left, directory), { fault: opened.left.type })
  }
  return { log: opened.right, register: await openFinishedRegister(join(directory, 'views')) }
}

class LocalLedger implements Ledger {
  private readonly engines = new Map<string, QueueEngine>()
  private readonly opening = new Map<string, Promise<QueueEngine>>()
  private readonly workers = new Map<Worker, QueueEngine>()
  private readonly quarantine = new Quarantine()
  private readonly incarnation: string
  private workerCount = 0
  private autoCreates = true
  private closed: Promise<void> | undefined

  private constructor(
    private readonly log: EventLog,
    private readonly register: FinishedRegister,
    private readonly catalog: StreamFold<Catalog, CatalogEvent>,
    private readonly deps: PartitionDeps,
    private readonly onTrouble: (trouble: Trouble) => void,
  ) {
    this.incarnation = deps.incarnation
  }

  static async open(
    log: EventLog,
    register: FinishedRegister,
    options: Omit<LedgerOptions, 'log'>,
  ): Promise<LocalLedger> {
    const { clock = systemClock, ids = systemIds } = options
    const incarnation = ids.unique()
    const deps: PartitionDeps = {
      log,
      register,
      clock,
      ids,
      node: options.node ?? hostname(),
      incarnation,
      isCertainlyDead: isOfLostProcess(incarnation),
      snapshotEveryEvents: options.snapshotEveryEvents ?? SNAPSHOT_EVERY_EVENTS,
      payloadCacheBytes: options.payloadCacheBytes ?? PAYLOAD_CACHE_BYTES,
    }
    const catalog = await StreamFold.open(deps, CATALOG_STREAM, EMPTY_CATALOG, evolveCatalog)
    const ledger = new LocalLedger(log, register, catalog, deps, options.onTrouble ?? (() => undefined))
    ledger.autoCreates = options.autoCreateQueues ?? true
    for (const entry of catalog.state.values()) if (!entry.deleted) await ledger.engine(entry.queue)
    return ledger
  }

  private readonly partitionEvents: PartitionEvents = {
    onDurable: () => undefined,
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
      return engine
    })
    this.opening.set(name, opening)
    opening.catch(() => this.opening.delete(name))
    return opening
  }

  readonly queue = async <A = unknown>(name: string, options: QueueOptions<A> = {}): Promise<Queue<A>> => {
    this.refuseWhenClosed()
    refuseOtherNames(name)
    const { payload, ...settings } = options
    const known = this.catalog.state.get(name)
    if (known === undefined || known.deleted) {
      if (!this.autoCreates) throw errorOf({ type: 'QueueNotFound', queue: name })
      await this.changeCatalog((catalog) => {
        const entry = catalog.get(name)
        if (entry !== undefined && !entry.deleted) return right([])
        return createQueue(catalog, name, settings, undefined)
      })
    }
    const handle = this.handle<A>(await this.engine(name), payload)
    if (known !== undefined && !known.deleted && Object.keys(settings).length > 0)
      await handle.configure(settings)
    return handle
  }

  readonly openQueue: Ledger['openQueue'] = async (name, { payload } = {}) => {
    this.refuseWhenClosed()
    return this.handle(await this.engine(name), payload)
  }

  readonly createQueue: Ledger['createQueue'] = async (name, { payload, ...settings } = {}, by) => {
    this.refuseWhenClosed()
    refuseOtherNames(name)
    await this.changeCatalog((catalog) => createQueue(catalog, name, settings, by))
    return this.handle(await this.engine(name), payload)
  }

  private handle<A>(engine: QueueEngine, codec: t.Type<A, unknown> | undefined): QueueHandle<A> {
    const { log, register } = this
    return new QueueHandle<A>({ engine, log, register, startWorker: this.startWorker }, codec)
  }

  private readonly startWorker = (
    engine: QueueEngine,
    handler: Parameters<Queue<never>['process']>[0],
    codec: unknown,
    options: NonNullable<Parameters<Queue<never>['process']>[1]>,
  ): Worker => {
    this.refuseWhenClosed()
    const { quarantine, deps } = this
    const name =
      options.name === undefined
        ? localWorkerName(this.incarnation, ++this.workerCount)
        : `${localWorkerName(this.incarnation, ++this.workerCount)}:${options.name}`
    const worker = new LocalWorker(
      { engine, clock: deps.clock, quarantine, name },
      handler,
      codec as t.Type<never, unknown> | undefined,
      options,
    )
    this.workers.set(worker, engine)
    return worker
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
    const engine = await this.engine(name)
    const stats = await queueStats({ engine })
    const messages = stats.scheduled + stats.pending + stats.retrying + stats.processing + stats.dead
    await this.changeCatalog((catalog) =>
      deleteQueue(catalog, name, messages, options.evenIfNotEmpty ?? false, options.by),
    )
    this.engines.delete(name)
    this.opening.delete(name)
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

  readonly events: Ledger['events'] = (options) => readEvents(this.log, options)

  readonly stats: Ledger['stats'] = async () => {
    const queues = await Promise.all([...this.engines.values()].map((engine) => queueStats({ engine })))
    const { kind, state, reason, nextPosition, bytes, syncs, discardedTailBytes } = this.log.condition()
    return {
      queues,
      log: { kind, state, reason, position: nextPosition - 1, bytes, syncs, discardedTailBytes },
    }
  }

  readonly close = (): Promise<void> => {
    this.closed ??= this.closeAll()
    return this.closed
  }

  private async closeAll(): Promise<void> {
    await Promise.all([...this.workers.keys()].map((worker) => worker.stop()))
    await Promise.all([...this.engines.values()].map((engine) => engine.close()))
    await this.register.close()
    await this.log.close()
  }

  private refuseWhenClosed(): void {
    if (this.closed !== undefined) throw new UnavailableError('the ledger is closed')
  }
}

const describeOpenFault = (
  fault: Readonly<{
    type: string
    reason?: string
    file?: string
    offset?: number
    revision?: number | undefined
  }>,
  directory: string,
): string => {
  switch (fault.type) {
    case 'DirectoryLocked':
      return `the directory ${directory} is in use by another process`
    case 'LogCorrupt':
      return `the log is damaged: ${fault.file} at byte ${fault.offset}, revision ${fault.revision ?? 'unknown'}: ${fault.reason}. It was not opened, and nothing was changed.`
    default:
      return `the directory ${directory} cannot be opened: ${fault.reason ?? fault.type}`
  }
}
