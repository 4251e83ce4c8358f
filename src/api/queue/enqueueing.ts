// New messages of a queue: the door, the queue's codec, large payloads into the blob store, then the partition's writer.
import { isLeft } from 'fp-ts/lib/Either.js'
import type * as t from 'io-ts'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import { failureMessage } from '../../../domain/failure/index.js'
import type { PayloadLimits } from '../../../domain/payload/index.js'
import { withDedup } from '../../door/contentKey.js'
import { newMessage } from '../../door/newMessage.js'
import { type Blobs, belongsInBlob } from '../../engine/blobPayloads.js'
import type { QueueEngine } from '../../engine/queueEngine.js'
import type { Failure } from '../../engine/replies.js'
import type { NewMessage } from '../../engine/requests.js'
import { isFailure, olderHomesOf } from '../../engine/routing.js'
import { inBlob } from '../blobs.js'
import { LedgerqError } from '../errors.js'
import { errorOf, errorOfFailure } from '../refusals.js'
import type { BatchItem, BatchResult, Enqueued, EnqueueOptions } from '../types/index.js'
import { type SettledDeps, tellListeners, withoutListeners } from './settled.js'

export type EnqueueDeps = SettledDeps & Readonly<{ engine: QueueEngine; blobs?: Blobs | undefined }>

const PROBLEMS_MAX = 3

/** A class for the sake of the hot path: its calls are made per message. */
export class Enqueuer<A> {
  private readonly engine: QueueEngine

  constructor(
    private readonly deps: EnqueueDeps,
    private readonly codec: t.Type<A, unknown> | undefined,
  ) {
    this.engine = deps.engine
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

  /** Most queues have one layout, and their messages one home: straight to its writer. */
  private send(message: NewMessage): Promise<Enqueued> {
    const { engine } = this
    if (!engine.layouts.isOne) return this.sendRouted(message)
    return new Promise((resolve, reject) => {
      engine.partition(engine.route(message)).use(
        (writer) =>
          writer.enqueue({
            messages: [message],
            answer: (reply) => {
              if (isLeft(reply)) return reject(errorOfFailure(reply.left))
              const [enqueued] = reply.right.value
              resolve(enqueued ?? this.sendRouted(message))
            },
          }),
        (reply) => {
          if (isLeft(reply)) reject(errorOfFailure(reply.left))
        },
      )
    })
  }

  private async sendRouted(message: NewMessage): Promise<Enqueued> {
    const [routed] = await this.engine.enqueueRouted([message])
    if (routed === undefined || isFailure(routed)) throw errorOfFailure(routed ?? NO_ANSWER)
    return routed
  }

  /** The message as the writer takes it, or why it is refused. */
  accept(
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
    const { engine } = this
    const messages: NewMessage[] = []
    const homes: number[] = []
    const large: number[] = []
    const share = new CallShares(engine)
    for (let index = 0; index < items.length; index++) {
      const item = (items[index] ?? {}) as BatchItem<A>
      const message = this.accept(item.payload, optionsOf(item))
      if (message instanceof LedgerqError) {
        // One bad message fails the call before anything is recorded: nothing is half done.
        throw new LedgerqErrorAt(message, index)
      }
      const isLarge = belongsInBlob(this.deps.blobs, message)
      if (isLarge) large.push(index)
      homes.push(share.add(message, isLarge))
      messages.push(message)
    }
    for (const index of large) {
      const message = messages[index]
      if (message !== undefined) messages[index] = await this.checkedIn(message)
    }
    share.refuseTooLarge()
    const routed = await engine.enqueueRouted(messages, homes)
    return routed.map((one) => (isFailure(one) ? { error: errorView(errorOfFailure(one)) } : one))
  }
}

/** Never met: each message that is routed has an answer. */
const NO_ANSWER: Failure = { kind: 'unknown', reason: 'the message has no answer' }

/** What of a batch may come to one partition, in bytes: all of it or nothing goes into one append. */
class CallShares {
  private readonly shares = new Map<number, { bytes: number }>()

  constructor(private readonly engine: QueueEngine) {}

  /** Answers where it goes in the active layout. */
  add(message: NewMessage, isLarge: boolean): number {
    const { engine } = this
    // What is large is a reference by then.
    const bytes = isLarge ? 0 : engine.callBounds.bytesOf(message)
    const home = engine.route(message)
    this.count(home, bytes)
    if (!engine.layouts.isOne) for (const older of olderHomesOf(engine, message)) this.count(older, bytes)
    return home
  }

  private count(partition: number, bytes: number): void {
    const share = this.shares.get(partition)
    if (share === undefined) this.shares.set(partition, { bytes })
    else share.bytes += bytes
  }

  refuseTooLarge(): void {
    const { bytesMax } = this.engine.callBounds
    for (const { bytes } of this.shares.values())
      if (bytes > bytesMax) throw errorOf({ type: 'BatchTooLarge', bytes, bytesMax })
  }
}

/** What is stored is the encoded form; it must be readable again, so it is decoded before it is accepted. */
export const encodedPayload = <A>(codec: t.Type<A, unknown> | undefined, payload: A): unknown => {
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

/**
 * Most items are nothing but a payload, and are not taken apart. The others are, for speed as well: what callers put together by
 * spreading is an object whose every field is looked up by hash (80 ns each), and the rest of it is one with fields in places.
 */
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
