// The `Queue` of a ledger in this process: the door in front of the engine, and errors in place of typed replies.
import { isLeft, right } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import { failureMessage } from '../../../domain/failure/index.js'
import { DEFAULT_PAYLOAD_LIMITS, type PayloadLimits } from '../../../domain/payload/index.js'
import { configureQueue, pauseQueue, type QueueSettings, resumeQueue } from '../../../domain/queue/index.js'
import { withDedup } from '../../door/contentKey.js'
import { newMessage } from '../../door/newMessage.js'
import { type Blobs, belongsInBlob } from '../../engine/blobPayloads.js'
import { CALL_BYTES_MAX } from '../../engine/partitionWriter.js'
import type { QueueEngine } from '../../engine/queueEngine.js'
import type { NewMessage } from '../../engine/requests.js'
import type { Clock } from '../../ports/clock.js'
import { throughSandboxes, withSandboxes } from '../../sandbox/sandboxedWorker.js'
import type { Scheduler } from '../../schedules/scheduler.js'
import { actorOf } from '../actor.js'
import { inBlob } from '../blobs.js'
import { LedgerqError } from '../errors.js'
import { errorOf, errorOfFailure, withPublicErrors } from '../refusals.js'
import type {
  Actor,
  BatchHandler,
  BatchItem,
  BatchResult,
  Enqueued,
  EnqueueOptions,
  Handlers,
  Queue,
  QueueView,
  WorkerLifecycle,
} from '../types/index.js'
import type { StartBatchWorker } from './batches.js'
import { settleMessages } from './claims.js'
import { editMessage } from './editing.js'
import { countMessages, listDeadLetters, listMessages } from './listing.js'
import { historyEntry } from './messageViews.js'
import { clearWaiting, discardDeadLetters, redriveDeadLetters } from './operations.js'
import { projectionOperations } from './projections.js'
import { historyOf, locate, messageView, queueStats } from './queueReads.js'
import { rerunMessages } from './rerun.js'
import { resultOf } from './results.js'
import { scheduleOperations } from './schedules.js'
import { type SettledDeps, tellListeners, whenSettled, withoutListeners } from './settled.js'
import { switchOperations } from './switches.js'
import { claimHere, processOneHere, type StartWorker, type WorkerHost } from './workers.js'

export type QueueHandleDeps = SettledDeps &
  Readonly<{
    blobs?: Blobs | undefined
    clock: Clock
    scheduler: Scheduler
    startBatchWorker: StartBatchWorker
    startWorker: StartWorker
    workers: WorkerHost
  }>

const PROBLEMS_MAX = 3

/** What of a batch goes to one partition. */
type Share = { indexes: number[]; messages: NewMessage[]; bytes: number }

export class QueueHandle<A> implements Queue<A> {
  readonly name: string
  readonly schedule: Queue<A>['schedule']
  readonly unschedule: Queue<A>['unschedule']
  readonly schedules: Queue<A>['schedules']
  readonly preview: Queue<A>['preview']
  readonly pauseSchedule: Queue<A>['pauseSchedule']
  readonly resumeSchedule: Queue<A>['resumeSchedule']
  readonly pauseGroup: Queue<A>['pauseGroup']
  readonly resumeGroup: Queue<A>['resumeGroup']
  readonly gate: Queue<A>['gate']
  readonly probeGate: Queue<A>['probeGate']
  readonly circuits: Queue<A>['circuits']
  readonly forceCircuit: Queue<A>['forceCircuit']
  readonly switches: Queue<A>['switches']
  private readonly engine: QueueEngine

  constructor(
    private readonly deps: QueueHandleDeps,
    private readonly codec: t.Type<A, unknown> | undefined,
  ) {
    this.engine = deps.engine
    this.name = deps.engine.name
    const { engine, scheduler } = deps
    // A schedule holds its payload itself: the limits of the log are its limits.
    const accept = (payload: A, options: EnqueueOptions) =>
      this.accept(payload, options, DEFAULT_PAYLOAD_LIMITS)
    const operations = scheduleOperations({ engine, scheduler, accept })
    this.schedule = operations.schedule
    this.unschedule = operations.unschedule
    this.schedules = operations.schedules
    this.preview = operations.preview
    this.pauseSchedule = operations.pauseSchedule
    this.resumeSchedule = operations.resumeSchedule
    const projections = projectionOperations(deps)
    this.metrics = projections.metrics
    this.projection = projections.projection
    this.rebuildProjections = projections.rebuildProjections
    const started = (probe: WorkerLifecycle) => deps.workers.started(engine, probe)
    const switches = switchOperations({ engine, log: deps.log, clock: scheduler.clock, started })
    this.pauseGroup = switches.pauseGroup
    this.resumeGroup = switches.resumeGroup
    this.gate = switches.gate
    this.probeGate = switches.probeGate
    this.circuits = switches.circuits
    this.forceCircuit = switches.forceCircuit
    this.switches = switches.switches
  }

  readonly enqueue = (payload: A, options?: EnqueueOptions): Promise<Enqueued> => {
    const split = withoutListeners(options)
    return split === undefined ? this.enqueueOne(payload, options) : this.enqueueHeard(payload, split)
  }

  private async enqueueHeard(
    payload: A,
    { options, listeners }: NonNullable<ReturnType<typeof withoutListeners>>,
  ): Promise<Enqueued> {
    const enqueued = await this.enqueueOne(payload, options)
    await tellListeners(this.deps, enqueued.id, listeners)
    return enqueued
  }

  readonly whenSettled: Queue<A>['whenSettled'] = (id, listener) => whenSettled(this.deps, id, listener)

  private enqueueOne(payload: A, options?: EnqueueOptions): Promise<Enqueued> {
    const message = this.accept(payload, options)
    if (message instanceof LedgerqError) return Promise.reject(message)
    return belongsInBlob(this.deps.blobs, message)
      ? this.checkedIn(message).then((checked) => this.send(checked))
      : this.send(message)
  }

  private checkedIn(message: NewMessage): Promise<NewMessage> {
    const { blobs } = this.deps
    return blobs === undefined ? Promise.resolve(message) : inBlob(blobs, message)
  }

  private send(message: NewMessage): Promise<Enqueued> {
    return new Promise((resolve, reject) => {
      const { engine } = this
      engine.partition(engine.route(message)).use(
        (writer) =>
          writer.enqueue({
            messages: [message],
            answer: (reply) => {
              if (isLeft(reply)) reject(errorOfFailure(reply.left))
              else resolve(reply.right.value[0] as Enqueued)
            },
          }),
        (reply) => {
          if (isLeft(reply)) reject(errorOfFailure(reply.left))
        },
      )
    })
  }

  private accept(
    payload: A,
    options: EnqueueOptions | undefined,
    limits: PayloadLimits | undefined = this.deps.blobs?.limits,
  ): NewMessage | LedgerqError {
    const value = encodedPayload(this.codec, payload)
    if (value instanceof LedgerqError) return value
    const message = newMessage(value, options, limits)
    return isLeft(message)
      ? errorOf(message.left)
      : withDedup(message.right, this.engine.control.config.dedup)
  }

  readonly enqueueBatch = async (items: ReadonlyArray<BatchItem<A>>): Promise<ReadonlyArray<BatchResult>> => {
    const results: BatchResult[] = new Array<BatchResult>(items.length)
    const byPartition = new Map<number, Share>()
    const large: Array<{ share: Share; place: number }> = []
    for (let index = 0; index < items.length; index++) {
      const item = (items[index] ?? {}) as BatchItem<A>
      const message = this.accept(item.payload, optionsOf(item))
      if (message instanceof LedgerqError) {
        // One bad message fails the call before anything is recorded: nothing is half done.
        throw new LedgerqErrorAt(message, index)
      }
      const partition = this.engine.route(message)
      let share = byPartition.get(partition)
      if (share === undefined) {
        share = { indexes: [], messages: [], bytes: 0 }
        byPartition.set(partition, share)
      }
      share.indexes.push(index)
      if (belongsInBlob(this.deps.blobs, message)) large.push({ share, place: share.messages.length })
      else share.bytes += message.payload.length
      share.messages.push(message)
    }
    for (const { share, place } of large) {
      const message = share.messages[place]
      if (message !== undefined) share.messages[place] = await this.checkedIn(message)
    }
    for (const { bytes } of byPartition.values()) {
      if (bytes > CALL_BYTES_MAX) throw errorOf({ type: 'BatchTooLarge', bytes, bytesMax: CALL_BYTES_MAX })
    }
    await Promise.all(
      [...byPartition].map(async ([partition, { indexes, messages }]) => {
        const reply = await this.engine.enqueue(partition, messages)
        indexes.forEach((index, i) => {
          if (isLeft(reply)) results[index] = { error: errorView(errorOfFailure(reply.left)) }
          else results[index] = reply.right.value[i] as Enqueued
        })
      }),
    )
    return results
  }

  readonly process: Queue<A>['process'] = (handlers, options = {}) =>
    withSandboxes(handlers, options, (asked) =>
      this.deps.startWorker(this.engine, handlers as Handlers<never>, this.codec, asked as never),
    )
  readonly processOne: Queue<A>['processOne'] = (handlers, options = {}) =>
    throughSandboxes(handlers, () => processOneHere(this.deps, handlers, this.codec, options))

  readonly processBatch: Queue<A>['processBatch'] = (handler, options = {}) =>
    this.deps.startBatchWorker(this.engine, handler as BatchHandler<never>, this.codec, options)

  readonly claim: Queue<A>['claim'] = (options) => claimHere(this.deps, options)
  readonly settle: Queue<A>['settle'] = (settlements) => settleMessages(this.engine, settlements)
  readonly message: Queue<A>['message'] = (id) => messageView(this.deps, id)
  readonly history: Queue<A>['history'] = async (id) => (await historyOf(this.deps, id)).map(historyEntry)
  readonly list: Queue<A>['list'] = (options = {}) => listMessages(this.deps, options)
  readonly deadLetters: Queue<A>['deadLetters'] = (options = {}) => listDeadLetters(this.deps, options)
  readonly redrive: Queue<A>['redrive'] = async (options = {}) => redriveDeadLetters(this.deps, options)
  readonly discardAll: Queue<A>['discardAll'] = async (options = {}) => discardDeadLetters(this.deps, options)
  readonly clear: Queue<A>['clear'] = async (options = {}) => clearWaiting(this.deps, options)
  readonly rerun: Queue<A>['rerun'] = (options = {}) => rerunMessages(this.deps, options)
  readonly count: Queue<A>['count'] = (selection = {}) => countMessages(this.deps, selection)
  readonly metrics: Queue<A>['metrics']
  readonly projection: Queue<A>['projection']
  readonly rebuildProjections: Queue<A>['rebuildProjections']
  readonly stats: Queue<A>['stats'] = () => queueStats(this.deps)

  readonly edit: Queue<A>['edit'] = async (id, changes, by) => {
    const { codec } = this
    const { payload } = changes
    const encoded = payload === undefined ? undefined : encodedPayload(codec, payload)
    if (encoded instanceof LedgerqError) throw encoded
    return editMessage(this.deps, id, changes, encoded, actorOf(by))
  }
  readonly result: Queue<A>['result'] = (id, options) => resultOf(this, this.deps.clock, id, options)
  readonly enqueueAndWait: Queue<A>['enqueueAndWait'] = async (payload, options, wait) => {
    const enqueued = await this.enqueue(payload, options)
    return { ...enqueued, ...(await this.result(enqueued.id, wait)) }
  }

  readonly cancel = (id: string, by?: Actor): Promise<void> => this.operate('cancel', id, by)
  readonly discard = (id: string, by?: Actor): Promise<void> => this.operate('discard', id, by)

  private async operate(command: 'cancel' | 'discard', id: string, asked: Actor | undefined): Promise<void> {
    const by = actorOf(asked)
    const located = await locate(this.deps, id)
    if (located === undefined) throw errorOf({ type: 'MessageNotFound' })
    const reply = await this.engine.operate(located.ref.partition, command, [located.ordinal], by)
    if (isLeft(reply)) throw errorOfFailure(reply.left)
    const [result = right(undefined)] = reply.right.value
    if (isLeft(result)) throw errorOf(result.left)
  }

  readonly pause = async (by?: Actor): Promise<void> => {
    const actor = actorOf(by)
    await withPublicErrors(this.engine.changeControl((control) => pauseQueue(control, actor)))
  }

  readonly resume = async (by?: Actor): Promise<void> => {
    const actor = actorOf(by)
    await withPublicErrors(this.engine.changeControl((control) => resumeQueue(control, actor)))
  }

  readonly configure = async (settings: QueueSettings, by?: Actor): Promise<QueueView> => {
    const actor = actorOf(by)
    await withPublicErrors(
      this.engine.changeControl((control) => {
        const events = configureQueue(control, settings, actor)
        if (isLeft(events)) throw errorOf(events.left)
        return events.right
      }),
    )
    return queueView(this.engine)
  }

  readonly view = (): Promise<QueueView> => Promise.resolve(queueView(this.engine))
}

/** What is stored is the encoded form; it must be readable again, so it is decoded before it is accepted. */
const encodedPayload = <A>(codec: t.Type<A, unknown> | undefined, payload: A): unknown => {
  if (codec === undefined) return payload
  let value: unknown
  try {
    value = codec.encode(payload)
  } catch (error) {
    const problem = `the queue's codec cannot encode it: ${failureMessage(error)}`
    return errorOf({ type: 'Invalid', field: 'payload', problem })
  }
  const decoded = codec.decode(value)
  if (!isLeft(decoded)) return value
  const problem = PathReporter.report(decoded).slice(0, PROBLEMS_MAX).join('; ')
  return errorOf({ type: 'Invalid', field: 'payload', problem })
}

export const queueView = ({ name, entry, control }: QueueEngine): QueueView => ({
  queue: name,
  generation: entry.generation,
  paused: control.paused,
  config: control.config,
})

/** Most items are nothing but a payload; taking them apart with a rest pattern cost a third of a microsecond each. */
const optionsOf = <A>(item: BatchItem<A>): EnqueueOptions | undefined => {
  for (const name in item) {
    if (name === 'payload') continue
    const { payload: _payload, ...options } = item
    return options
  }
  return undefined
}

const errorView = ({ code, message }: LedgerqError): { code: string; message: string; unknown: boolean } => ({
  code,
  message,
  unknown: code === 'unknown_outcome',
})

/** The same refusal, saying which message of the batch it is about. */
class LedgerqErrorAt extends LedgerqError {
  constructor(error: LedgerqError, index: number) {
    super(error.code, `message ${index}: ${error.message}`, { ...error.details, index })
    this.name = error.name
  }
}
