// The public face of filters: which messages a list, a count or an operation over many of them means (A8, C3).
import type { MessageState } from '../../../domain/message/index.js'
import type { Actor, DeadLetter, MessageView } from './index.js'

/** An instant: a Date, milliseconds since the epoch, or an ISO 8601 string with a zone. */
export type Instant = Date | number | string
export type Priority = number | 'high' | 'normal' | 'low'

/** What is left out is not asked; all that is given must hold. */
export type MessageSelection = Readonly<{
  /** Of any of these states; all when left out. */
  state?: MessageState | ReadonlyArray<MessageState>
  type?: string
  topic?: string
  group?: string
  tenant?: string
  zone?: string
  /** The gate it waits for, or would. */
  gate?: string
  /** Both ends belong to the range. */
  priorityMin?: Priority
  priorityMax?: Priority
  /** From this instant, and before the other. */
  enqueuedFrom?: Instant
  enqueuedTo?: Instant
  /** How the id begins. */
  idPrefix?: string
  /** Failure type of the last failed attempt. */
  failureType?: string
}>

/** `priority` = highest first, of messages that have not finished. */
export type ListSort = 'newest' | 'oldest' | 'priority'

export type ListOptions = MessageSelection &
  Readonly<{
    /** By the time of the enqueue, or by priority. Default: newest first. */
    sort?: ListSort
    cursor?: string
    /** At most this many, up to 500. Default 50. */
    limit?: number
  }>

export type Listed = Readonly<{
  messages: ReadonlyArray<MessageView>
  /**
   * Where to go on; undefined = there is nothing more. A page looks at a bounded number of messages, so with a filter that
   * few match it may be short, or empty, and have a cursor all the same.
   */
  cursor: string | undefined
  /** Messages that were looked at for this page. */
  scanned: number
  position: number
}>

/** Messages that have not finished, by state. */
export type MessageCounts = Readonly<{
  scheduled: number
  pending: number
  retrying: number
  processing: number
  'dead-lettered': number
  total: number
  position: number
}>

export type DeadLetterSelection = Omit<MessageSelection, 'state'> &
  Readonly<{
    /** `system`: no handler, or a payload that cannot be read. `business`: every other failure. */
    kind?: 'system' | 'business'
    /** Dead from this instant, and before the other. */
    deadFrom?: Instant
    deadTo?: Instant
  }>
export type DeadLetterOptions = DeadLetterSelection & Readonly<{ cursor?: string; limit?: number }>
export type DeadLetters = Readonly<{
  messages: ReadonlyArray<DeadLetter>
  cursor: string | undefined
  scanned: number
  position: number
}>

/** How an operation over many messages is followed and ended. It goes in steps; each is recorded before the next begins. */
export type OperationOptions<Progress> = Readonly<{
  /** Only count. */
  dryRun?: boolean
  by?: Actor
  /** Called after each step with the sums so far. */
  onProgress?: (progress: Progress) => void
  /** Ends it after the step under way; what is recorded stays, and the answer says so with a `cursor`. */
  signal?: AbortSignal
  /** End after this many, the oldest first. */
  limit?: number
  /** Go on where an operation that was ended left off. */
  cursor?: string
}>

export type ClearOptions = MessageSelection & OperationOptions<Cleared>
export type Cleared = Readonly<{
  /** Waiting messages that are purged, or would be. */
  purged: number
  /** Running ones that match: they are left alone. */
  running: number
  dryRun: boolean
  /** Set when it was ended before it was through. */
  cursor: string | undefined
}>

export type RedriveOptions = DeadLetterSelection &
  OperationOptions<Redriven> &
  Readonly<{
    /** These only. */
    ids?: ReadonlyArray<string>
    /** Not more than this many in a second, so that what failed under load does not fail again. */
    ratePerSecond?: number
  }>
export type Redriven = Readonly<{
  redriven: number
  refused: number
  dryRun: boolean
  cursor: string | undefined
}>

export type DiscardOptions = DeadLetterSelection & OperationOptions<Discarded>
export type Discarded = Readonly<{
  discarded: number
  refused: number
  dryRun: boolean
  cursor: string | undefined
}>

/** What came of one id of several. */
export type NamedResult = Readonly<{ id: string }> &
  (Readonly<{ ok: true }> | Readonly<{ ok: false; code: string; message: string }>)

/** What a queue offers over many messages at once. */
export type SelectionOperations = Readonly<{
  list: (options?: ListOptions) => Promise<Listed>
  /** Messages that have not finished and match. */
  count: (selection?: MessageSelection) => Promise<MessageCounts>
  /** Purges waiting messages: all, or those that match. Their history stays. */
  clear: (options?: ClearOptions) => Promise<Cleared>
  deadLetters: (options?: DeadLetterOptions) => Promise<DeadLetters>
  /** Gives dead letters another life: all, those named, or those that match. */
  redrive: (options?: RedriveOptions) => Promise<Redriven>
  /** Drops dead letters for good: all, or those that match. Their history stays. */
  discardAll: (options?: DiscardOptions) => Promise<Discarded>
  /** Drops the dead letters named for good, those of a partition in one append. A result for each id, in their order. */
  discardEach: (ids: ReadonlyArray<string>, by?: Actor) => Promise<ReadonlyArray<NamedResult>>
}>
