// The public face of batch handlers (B6).
import type { BatchSizeState } from '../../../domain/batching/batchSize.js'
import type { Message } from './index.js'
import type { ProcessOptions, WorkerLifecycle } from './workers.js'

export type BatchMessage<A> = Message<A> &
  Readonly<{
    /** 1 for the first run of this message. */
    attempt: number
    /** Fencing token: greater for each later attempt. */
    leaseToken: string
    /** The worker of an earlier attempt died in it: its effect may have happened. It comes as a batch of its own. */
    inDoubt: boolean
  }>

export type BatchContext = Readonly<{
  /** One for the batch: fires at the time limit, when every lease is lost or every message is to be cancelled,
   * or when the worker stops. */
  signal: AbortSignal
  /** False once the lease of this message is lost: it may be running elsewhere, and its outcome no longer counts. */
  holds: (message: BatchMessage<never>) => boolean
  /** Somebody wants this message cancelled: failing it cancels it, succeeding counts. */
  isCancelled: (message: BatchMessage<never>) => boolean
  /** Asks for more time than heartbeats give, for all messages: their leases last `leaseMs` from now. */
  extend: (leaseMs: number) => Promise<void>
}>

/**
 * Resolving = all succeeded; throwing = all failed with that error. For outcomes of their own, return
 * `batchResults({ failed })`, or an array with one outcome for each message, in their order: a value, `release()`,
 * `fail()`, an Error, a promise, or what `Promise.allSettled` gives.
 */
export type BatchHandler<A> = (messages: ReadonlyArray<BatchMessage<A>>, context: BatchContext) => unknown

/** A message of a batch that did not succeed, and why: an error as if thrown, or an outcome such as `release()`. */
export type BatchFailure = Readonly<{ id: string }> &
  (Readonly<{ error: unknown }> | Readonly<{ outcome: unknown }>)

export type BatchOptions = Pick<ProcessOptions, 'name' | 'classify' | 'onError' | 'autoStart'> &
  Readonly<{
    /** Batches in work at once. Default 1. */
    concurrency?: number
    /** Messages in one batch, at most. Default: the queue's `maxBatchSize`. */
    maxBatchSize?: number
    /** A batch that is not full starts this long after its first message has come. Default: the queue's `batchTimeoutMs`. */
    batchTimeoutMs?: number
    /** The size follows what batches cost, from 1 to `maxBatchSize`: a batch should take no longer than `targetMs`. */
    dynamic?: Readonly<{ targetMs: number }>
  }>

export type BatchWorkerStatus = Readonly<{
  id: string
  queue: string
  state: 'running' | 'stopping' | 'stopped'
  /** Messages in work, and the batches they are in, of at most `concurrency`. */
  running: number
  batches: number
  concurrency: number
  /** Messages that wait for their batch to fill, or for a free slot. */
  gathered: number
  /** What the next batch may hold. */
  batchSize: number
  /** Outcomes since it was made. */
  succeeded: number
  failed: number
  released: number
  /** How the size came about; undefined when it is fixed. */
  dynamic: BatchSizeState | undefined
}>

export type BatchWorker = WorkerLifecycle & Readonly<{ status: () => BatchWorkerStatus }>

export type BatchOperations<A> = Readonly<{
  /** Like `process`, with up to `maxBatchSize` messages for one call of the handler. */
  processBatch: (handler: BatchHandler<A>, options?: BatchOptions) => BatchWorker
}>
