// The `Queue` of a ledger in this process: the door in front of the engine, and errors in place of typed replies.
import { isLeft, right } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import { configureQueue, pauseQueue, type QueueSettings, resumeQueue } from '../../domain/queue/index.js'
import { newMessage } from '../door/newMessage.js'
import { CALL_BYTES_MAX } from '../engine/partitionWriter.js'
import type { QueueEngine } from '../engine/queueEngine.js'
import type { NewMessage } from '../engine/requests.js'
import { claimMessages, settleMessages } from './claims.js'
import { LedgerqError } from './errors.js'
import { historyEntry } from './messageViews.js'
import {
  historyOf,
  listDeadLetters,
  listMessages,
  locate,
  messageView,
  queueStats,
  type ReadDeps,
} from './queueReads.js'
import { redriveDeadLetters } from './redrive.js'
import { errorOf, errorOfFailure, withPublicErrors } from './refusals.js'
import type {
  Actor,
  BatchItem,
  BatchResult,
  Enqueued,
  EnqueueOptions,
  Handler,
  ProcessOptions,
  Queue,
  QueueView,
  Worker,
} from './types.js'

export type QueueHandleDeps = ReadDeps &
  Readonly<{
    startWorker: (
      engine: QueueEngine,
      handler: Handler<never>,
      codec: unknown,
      options: ProcessOptions,
    ) => Worker
  }>

const PROBLEMS_MAX = 3

export class QueueHandle<A> implements Queue<A> {
  readonly name: string
  private readonly engine: QueueEngine

  constructor(
    private readonly deps: QueueHandleDeps,
    private readonly codec: t.Type<A, unknown> | undefined,
  ) {
    this.engine = deps.engine
    this.name = deps.engine.name
  }

  readonly enqueue = (payload: A, options?: EnqueueOptions): Promise<Enqueued> => {
    const message = this.accept(payload, options)
    if (message instanceof LedgerqError) return Promise.reject(message)
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

  private accept(payload: A, options: EnqueueOptions | undefined): NewMessage | LedgerqError {
    const { codec } = this
    let value: unknown = payload
    if (codec !== undefined) {
      // What is stored is the encoded form; it must be readable again, so it is decoded before it is accepted.
      value = codec.encode(payload)
      const decoded = codec.decode(value)
      if (isLeft(decoded)) {
        const problem = PathReporter.report(decoded).slice(0, PROBLEMS_MAX).join('; ')
        return errorOf({ type: 'Invalid', field: 'payload', problem })
      }
    }
    const message = newMessage(value, options)
    return isLeft(message) ? errorOf(message.left) : message.right
  }

  readonly enqueueBatch = async (items: ReadonlyArray<BatchItem<A>>): Promise<ReadonlyArray<BatchResult>> => {
    const results: BatchResult[] = new Array<BatchResult>(items.length)
    const byPartition = new Map<number, { indexes: number[]; messages: NewMessage[]; bytes: number }>()
    for (let index = 0; index < items.length; index++) {
      const item = items[index] as BatchItem<A>
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
      share.messages.push(message)
      share.bytes += message.payload.length
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

  readonly process = (handler: Handler<A>, options: ProcessOptions = {}): Worker =>
    this.deps.startWorker(this.engine, handler as Handler<never>, this.codec, options)

  readonly claim: Queue<A>['claim'] = (options) => claimMessages(this.engine, options)
  readonly settle: Queue<A>['settle'] = (settlements) => settleMessages(this.engine, settlements)
  readonly message: Queue<A>['message'] = (id) => messageView(this.deps, id)
  readonly history: Queue<A>['history'] = async (id) => (await historyOf(this.deps, id)).map(historyEntry)
  readonly list: Queue<A>['list'] = (options = {}) => listMessages(this.deps, options)
  readonly deadLetters: Queue<A>['deadLetters'] = (options = {}) => listDeadLetters(this.deps, options)
  readonly redrive: Queue<A>['redrive'] = (options = {}) => redriveDeadLetters(this.deps, options)
  readonly stats: Queue<A>['stats'] = () => queueStats(this.deps)

  readonly cancel = (id: string, by?: Actor): Promise<void> => this.operate('cancel', id, by)
  readonly discard = (id: string, by?: Actor): Promise<void> => this.operate('purge', id, by)

  private async operate(command: 'cancel' | 'purge', id: string, by: Actor | undefined): Promise<void> {
    const located = await locate(this.deps, id)
    if (located === undefined) throw errorOf({ type: 'MessageNotFound' })
    const reply = await this.engine.operate(located.ref.partition, command, [located.ordinal], by)
    if (isLeft(reply)) throw errorOfFailure(reply.left)
    const [result = right(undefined)] = reply.right.value
    if (isLeft(result)) throw errorOf(result.left)
  }

  readonly pause = async (by?: Actor): Promise<void> => {
    await withPublicErrors(this.engine.changeControl((control) => pauseQueue(control, by)))
  }

  readonly resume = async (by?: Actor): Promise<void> => {
    await withPublicErrors(this.engine.changeControl((control) => resumeQueue(control, by)))
  }

  readonly configure = async (settings: QueueSettings, by?: Actor): Promise<QueueView> => {
    await withPublicErrors(
      this.engine.changeControl((control) => {
        const events = configureQueue(control, settings, by)
        if (isLeft(events)) throw errorOf(events.left)
        return events.right
      }),
    )
    return queueView(this.engine)
  }

  readonly view = (): Promise<QueueView> => Promise.resolve(queueView(this.engine))
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
