// The public face of ledgerq: what a program that uses it sees. One interface, whether the ledger runs in this process
// (`openLedger`) or behind HTTP (`connectLedger`).
import type * as t from 'io-ts'
import type { FailureType } from '../../../domain/failure/index.js'
import type { MessageState } from '../../../domain/message/index.js'
import type { QueueConfig, QueueSettings } from '../../../domain/queue/index.js'
import type { RetryPolicy } from '../../../domain/retry/index.js'
import type { RelayStatus } from '../../ports/fanOut.js'
import type { BatchOperations } from './batches.js'
import type { BlobOperations, BlobRef } from './blobs.js'
import type { ClusterOperations } from './cluster.js'
import type { EditOperations } from './edits.js'
import type { EnqueueOptions } from './enqueue.js'
import type { CallbackOperations, FollowUpRequest, SettledOperations } from './followUps.js'
import type { LifecycleOperations } from './lifecycle.js'
import type { HealthOperations, ProjectionOperations } from './projections.js'
import type { RecoveryOperations } from './recovery.js'
import type { RelayOperations } from './relay.js'
import type { RerunOperations } from './rerun.js'
import type { ScheduleOperations } from './schedules.js'
import type { SelectionOperations } from './selection.js'
import type { SwitchOperations } from './switches.js'
import type { WorkerLedgerOperations, WorkerOperations } from './workers.js'

export type * from './batches.js'
export type * from './blobs.js'
export type * from './cluster.js'
export type * from './edits.js'
export type * from './enqueue.js'
export type * from './followUps.js'
export type * from './lifecycle.js'
export type * from './projections.js'
export type * from './recovery.js'
export type * from './relay.js'
export type * from './rerun.js'
export type * from './schedules.js'
export type * from './selection.js'
export type * from './switches.js'
export type * from './workers.js'
export type { FailureType, MessageState, QueueConfig, QueueSettings, RetryPolicy }

/** Who asks, and why: recorded with operator actions. */
export type Actor = Readonly<{ who: string; why?: string; from?: string }>

export type Enqueued = Readonly<{
  id: string
  /** Position in the log; for a duplicate the position at which the answer holds. */
  position: number
  /** True when the call found an earlier message by id, dedup key or idempotency key. */
  duplicate: boolean
  /** The earlier message has these contents now (`dedupMode`). */
  replaced?: true
}>

export type BatchItem<A> = EnqueueOptions & Readonly<{ payload: A }>

/** The result of one message of a batch: partitions succeed or fail each as a whole. */
export type BatchResult =
  | Enqueued
  | Readonly<{ error: Readonly<{ code: string; message: string; unknown: boolean }> }>

/** A message in a handler's hands. */
export type Message<A> = Readonly<{
  id: string
  payload: A
  type: string | undefined
  topic: string | undefined
  headers: Readonly<Record<string, string>>
  correlationId: string | undefined
  causationId: string | undefined
  group: string | undefined
  enqueuedAt: Date
  priority: number
}>

export type AttemptContext = Readonly<{
  /** Fires when the time limit is reached, the lease is lost or the worker stops; its `reason` says which. */
  signal: AbortSignal
  /** 1 for the first run. */
  attempt: number
  /** Fencing token: greater for each later attempt; pass it on to what must refuse late writers. */
  leaseToken: string
  /** The last attempt ended without a word from its worker (it died, or lost its lease): the effect may have happened. */
  inDoubt: boolean
  /** Asks for more time than heartbeats give: the lease lasts `leaseMs` from now. */
  extend: (leaseMs: number) => Promise<void>
}>

export type ClaimOptions = Readonly<{
  max?: number
  /** Long poll: wait this long for a message. Default 0. */
  waitMs?: number
  leaseMs?: number
  worker: string
  /** This message and no other; refused when it cannot be claimed now. */
  id?: string
  /** The same id again, after a lost reply, answers the same messages and tokens. */
  claimId?: string
}>

export type ClaimedMessage = Readonly<{
  id: string
  payload: unknown
  type: string | undefined
  topic: string | undefined
  headers: Readonly<Record<string, string>>
  correlationId: string | undefined
  causationId: string | undefined
  group: string | undefined
  priority: number
  attempt: number
  leaseToken: string
  /** When the lease ends unless it is extended: ISO 8601, by the server's clock. */
  leaseUntil: string
  leaseMs: number
  timeoutMs: number
  enqueuedAt: string
  /** The last attempt ended without a word from its worker: the effect may have happened. */
  inDoubt: boolean
  /** false = it asked not to be handled together with others. */
  batchable?: false
}>

export type SettlementRequest =
  | Readonly<{
      leaseToken: string
      outcome: 'ack'
      result?: unknown
      /** The work was not done again: the effect of an earlier attempt was found. */
      reconciled?: true
      /** Messages that are recorded with the success, and enqueued after it (C9). */
      followUps?: ReadonlyArray<FollowUpRequest>
    }>
  | Readonly<{
      leaseToken: string
      outcome: 'fail'
      failure?: Readonly<{ type?: string; message?: string }>
      retryable?: boolean
      delayMs?: number
    }>
  | Readonly<{ leaseToken: string; outcome: 'release'; delayMs?: number }>
  | Readonly<{ leaseToken: string; outcome: 'extend'; leaseMs?: number }>

export type SettlementResult =
  | Readonly<{
      leaseToken: string
      ok: true
      /** Of an extension: somebody wants the message cancelled. Stop, and settle as failed. */
      cancelRequested?: true
    }>
  | Readonly<{ leaseToken: string; ok: false; code: string; message: string }>

/** A message as lists and look-ups show it. */
export type MessageView = Readonly<{
  id: string
  queue: string
  partition: number
  state: MessageState
  type: string | undefined
  topic: string | undefined
  group: string | undefined
  tenant: string | undefined
  zone: string | undefined
  /** The gate it waits for, or would. */
  gate: string | undefined
  priority: number
  attempts: number
  enqueuedAt: string
  /** Not claimable before; undefined = at once. */
  notBefore: string | undefined
  expiresAt: string | undefined
  /** Who works on it, while it is processing. */
  worker: string | undefined
  failureType: string | undefined
  payload: unknown
  /** Where the payload lies when it was too large for the log: `payload` is null here, and whole for handlers (A12). */
  blob: BlobRef | undefined
  headers: Readonly<Record<string, string>>
  correlationId: string | undefined
  causationId: string | undefined
  /** The finished message that this one runs again. */
  rerunOf: string | undefined
  /** Result of the handler, for succeeded ones. */
  result: unknown
  /** Position of the log at which all this holds. */
  position: number
}>

/** One event of a message's history, in the public form of the log. */
export type HistoryEntry = Readonly<{
  revision: number
  position: number
  at: string
  epoch: number
  type: string
  version: number
  data: unknown
}>

/** One event of the log, whosever it is. */
export type LogEvent = HistoryEntry &
  Readonly<{
    stream: string
    /** The queue it is about. */
    queue?: string
    /** The message it is about, by the id that ledgerq would generate; one that a caller chose stands in `data`. */
    id?: string
  }>

export type EventsOptions = Readonly<{
  /** Position in the log to start at. Default 0, its beginning. */
  from?: number
  /** At most this many, up to 500. Default 50; a page of large events has fewer. */
  limit?: number
}>
export type EventsPage = Readonly<{
  events: ReadonlyArray<LogEvent>
  /** Where to go on. */
  next: number
  /** Nothing durable stood beyond `next` when the page was read. */
  atEnd: boolean
}>

export type DeadLetter = MessageView &
  Readonly<{
    deadAt: string
    reason: string
    failure: Readonly<{ type: string; message: string }> | undefined
  }>
export type QueueStats = Readonly<{
  queue: string
  paused: boolean
  /** Those that take new messages. */
  partitions: number
  scheduled: number
  pending: number
  retrying: number
  processing: number
  dead: number
  enqueued: number
  attempts: number
  succeeded: number
  failed: number
  released: number
  deadLettered: number
  redriven: number
  cancelled: number
  expired: number
  purged: number
  failuresByType: Readonly<Record<string, number>>
  maxSize: number
  /** Older partitions of a queue that was resized, with what they hold still; absent when there are none. */
  draining?: ReadonlyArray<Readonly<{ first: number; partitions: number; messages: number; dead: number }>>
  /** Milliseconds the oldest message that could run now has been waiting; 0 when none waits or the queue is paused. */
  oldestClaimableAgeMs: number
  position: number
}>

export type LedgerStats = Readonly<{
  queues: ReadonlyArray<QueueStats>
  log: Readonly<{
    kind: string
    state: string
    reason: string | undefined
    position: number
    bytes: number
    syncs: number
    discardedTailBytes: number
    /** Of a log that is guarded against a connection that does not answer (C14). */
    breaker?: Readonly<{ state: 'closed' | 'open' | 'halfOpen'; retryInMs: number; failures: number }>
  }>
  /** Recorded, and not enqueued yet, as far as they are in memory (10,000 at most). A server of an older version tells none. */
  followUps?: Readonly<{ waiting: number }>
  /** Of a ledger that passes its events on to Kafka, on the node that does it. */
  relay?: RelayStatus
}>

export type QueueView = Readonly<{
  queue: string
  generation: number
  paused: boolean
  config: QueueConfig
}>

export type QueueOptions<A> = QueueSettings &
  Readonly<{
    /** Validates on enqueue, types the handler, and is applied again when a handler reads the payload. */
    payload?: t.Type<A, unknown>
  }>

export type Queue<A> = Readonly<{
  name: string
  enqueue: (payload: A, options?: EnqueueOptions) => Promise<Enqueued>
  /** All or nothing per partition; a result per message. Up to 900 kB of payloads per partition. */
  enqueueBatch: (items: ReadonlyArray<BatchItem<A>>) => Promise<ReadonlyArray<BatchResult>>
  claim: (options: ClaimOptions) => Promise<ReadonlyArray<ClaimedMessage>>
  settle: (settlements: ReadonlyArray<SettlementRequest>) => Promise<ReadonlyArray<SettlementResult>>
  /** Undefined when there is none, or none any more. */
  message: (id: string) => Promise<MessageView | undefined>
  history: (id: string) => Promise<ReadonlyArray<HistoryEntry>>
  cancel: (id: string, by?: Actor) => Promise<void>
  /** Drops a dead letter for good; the events stay. */
  discard: (id: string, by?: Actor) => Promise<void>
  pause: (by?: Actor) => Promise<void>
  resume: (by?: Actor) => Promise<void>
  configure: (settings: QueueSettings, by?: Actor) => Promise<QueueView>
  /**
   * Another number of partitions, while the queue works: new ones are opened, and those before take nothing new and drain. Resolves when
   * it is recorded.
   */
  resize: (partitions: number, by?: Actor) => Promise<QueueView>
  view: () => Promise<QueueView>
  stats: () => Promise<QueueStats>
}> &
  WorkerOperations<A> &
  EditOperations<A> &
  ProjectionOperations &
  SelectionOperations &
  RerunOperations &
  BatchOperations<A> &
  ScheduleOperations<A> &
  SwitchOperations &
  SettledOperations

export type Ledger = Readonly<{
  /** Opens the queue, creating it with these settings if there is none; settings of an existing one are changed to them. */
  queue: <A = unknown>(name: string, options?: QueueOptions<A>) => Promise<Queue<A>>
  queues: () => Promise<ReadonlyArray<QueueView>>
  deleteQueue: (name: string, options?: { evenIfNotEmpty?: boolean; by?: Actor }) => Promise<void>
  /** By id alone: generated ids name their queue, callers' ids are looked for in every queue. */
  history: (id: string) => Promise<ReadonlyArray<HistoryEntry>>
  /** Durable events of all queues in the order of the log. */
  events: (options?: EventsOptions) => Promise<EventsPage>
  stats: () => Promise<LedgerStats>
  /** Stops workers, hands back what they hold, waits for every reply, writes a last snapshot, closes the log. */
  close: () => Promise<void>
}> &
  LifecycleOperations &
  WorkerLedgerOperations &
  RecoveryOperations &
  HealthOperations &
  BlobOperations &
  ClusterOperations &
  RelayOperations &
  CallbackOperations
