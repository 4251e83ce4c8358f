// The log, as the engine sees it. Adapters: memory, embedded (one directory), EventStoreDB; one contract suite holds them
// equal (test/contract/eventLog.contract.ts). Every fault is built in an adapter, and says whether the append may still
// turn up later (`OutcomeUnknown`) or never will (all others): invariants I1 and I2 rest on that difference.
import type { TaskEither } from 'fp-ts/lib/TaskEither.js'
import type { EventBatch, RecordedBatch } from '../../domain/batch.js'
import type { RelayStatus } from './fanOut.js'
import type { Heartbeats } from './heartbeats.js'

/** Definite: nothing of the batch is or will ever be in the log. */
export type RevisionConflict = Readonly<{
  type: 'RevisionConflict'
  stream: string
  expected: number
  actual: number
}>
/** Definite: no room, or no room but for acks (`reserved`). */
export type LogFull = Readonly<{ type: 'LogFull'; freeBytes: number; neededBytes: number }>
/** Definite: the batch can never be appended. */
export type BatchTooLarge = Readonly<{ type: 'BatchTooLarge'; bytes: number; bytesMax: number }>
/** Definite: the log is closed, or has stopped after an earlier fault and must be opened anew. */
export type LogStopped = Readonly<{ type: 'LogStopped'; reason: string }>
/** The batch may be in the log, now or later: repeat the identical append, or step down. */
export type OutcomeUnknown = Readonly<{ type: 'OutcomeUnknown'; reason: string }>

export type AppendFault =
  | RevisionConflict
  | LogFull
  | BatchTooLarge
  | LogStopped
  | LogUnavailable
  | OutcomeUnknown

export type Appended = Readonly<{
  firstRevision: number
  lastRevision: number
  /** Position of the first event of the batch in the order of the whole log; see `next`. */
  position: number
  /**
   * The position after the batch, where the log does not number its events one after the other. Such a log may name a later
   * event of the batch as `position`: its answer tells no more.
   */
  next?: number
}>

/** Damage below the head mark, an unknown event type or version, an I/O error: never skipped, never guessed. */
export type LogCorrupt = Readonly<{
  type: 'LogCorrupt'
  file: string
  offset: number
  stream: string | undefined
  revision: number | undefined
  reason: string
}>
/** The log cannot be reached. Of an append: it was not sent, so it is definite. `retryAt`: when it is asked again at the earliest. */
export type LogUnavailable = Readonly<{ type: 'LogUnavailable'; reason: string; retryAt?: number }>
/** The events asked for were truncated; the stream starts at `firstRevision`. */
export type RevisionTruncated = Readonly<{ type: 'RevisionTruncated'; stream: string; firstRevision: number }>
export type ReadFault = LogCorrupt | LogUnavailable | LogStopped | RevisionTruncated

export type Page = Readonly<{
  /** The first batch holds the event asked for, and may start before it. */
  batches: ReadonlyArray<RecordedBatch>
  /** Where to go on: a revision for `read`, a position for `readAll`. */
  next: number
  /** Nothing durable was left beyond `batches` when the page was read. */
  atEnd: boolean
}>

/** A snapshot as stored: a cache that may be missing, torn or of another version; the reader checks it (I6). */
export type StoredSnapshot = Readonly<{
  /** Revision of the last event that is contained. */
  revision: number
  bytes: number
  /** Chunks as they were written; a Left when a chunk fails its checksum or cannot be read. */
  read: (chunk: number) => TaskEither<ReadFault, Uint8Array | undefined>
}>

export type LogCondition = Readonly<{
  kind: 'memory' | 'embedded' | 'eventstoredb'
  state: 'open' | 'stopped' | 'closed'
  reason: string | undefined
  /** Position of the next event, of durable ones only. */
  nextPosition: number
  bytes: number
  /** Bytes of an unfinished commit that were cut off at the last start (never acknowledged, unless the disk lied). */
  discardedTailBytes: number
  syncs: number
  /** Of a log over a network: why it can be neither read nor written now, as was last asked. */
  outage?: string
  /** Of a log that is guarded against a connection that does not answer (C14). */
  breaker?: LogBreakerCondition
  /** Of a log whose events are passed on by this process. */
  relay?: RelayStatus
}>

export type LogBreakerCondition = Readonly<{
  /** `open` = calls are refused at once; `halfOpen` = one call tries whether it answers again. */
  state: 'closed' | 'open' | 'halfOpen'
  /** Until the next try; 0 when calls are let through. */
  retryInMs: number
  /** Failures that count towards an opening. */
  failures: number
}>

/** What one append may hold, where that is less than what the engine would put into it: see `EventBatch.cuts`. */
export type AppendLimits = Readonly<{
  bytesMax: number
  /** What an event takes beside its payload or result, at most, but for unusual ones. */
  eventBytes: number
}>

export type EventLog = Readonly<{
  limits?: AppendLimits
  /** Positions are not counted one after the other: see `Appended.next` and `RecordedBatch.positions`. */
  isSparse?: boolean
  /** Of a log that several nodes may share. */
  heartbeats?: Heartbeats
  /**
   * Appends one batch after `expectedRevision` (`NO_REVISION` for a new stream), all or nothing; answers when it is
   * durable. The same `batchId` at the same place again answers as the first time did. One call in flight per stream.
   */
  append: (stream: string, expectedRevision: number, batch: EventBatch) => TaskEither<AppendFault, Appended>
  /** Durable batches of one stream from the one that holds `from`, about `maxBytes` of them, at least one if there is one. */
  read: (stream: string, from: number, maxBytes: number) => TaskEither<ReadFault, Page>
  /**
   * Durable batches of all streams in the order of the log, from position `from`: 0, the position of an event, or `next`. What was
   * truncated may still be among them.
   */
  readAll: (from: number, maxBytes: number) => TaskEither<ReadFault, Page>
  /** Revision of the last durable event, `NO_REVISION` if there is none. */
  head: (stream: string) => TaskEither<ReadFault, number>
  /** Calls back after each durable append, in order, with the position after it. Returns the way to stop. */
  onAppended: (listener: (nextPosition: number) => void) => () => void
  /** Calls back with what operators should know and no call says: a stream that somebody else cut, a subscription that fails. */
  onTrouble?: (listener: (message: string) => void) => () => void
  /** Events below `revision` may be dropped (whole prefixes only). Reads below answer `RevisionTruncated`. */
  truncateBefore: (stream: string, revision: number) => TaskEither<ReadFault, void>
  /** Stores a snapshot; durable and verified by reading it back before older ones go (the newest two are kept). */
  saveSnapshot: (
    stream: string,
    revision: number,
    chunks: AsyncIterable<Uint8Array>,
  ) => TaskEither<ReadFault, void>
  /** Newest first. */
  snapshots: (stream: string) => TaskEither<ReadFault, ReadonlyArray<StoredSnapshot>>
  condition: () => LogCondition
  /**
   * Bytes left to messages while no more room can be had; acks have a reserve beside it. Infinity, or absent = as much as
   * one likes. Only a hint, so that nobody decides what the log is going to refuse.
   */
  growthRoomBytes?: () => number
  /** Waits for appends in flight, then closes. Idempotent. */
  close: () => Promise<void>
}>
