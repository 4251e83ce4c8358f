// What can happen to a message: one immutable fact each. Fields that most messages do not use are `undefined`, not
// absent, so that all events of a type have one shape in memory; on the wire they are left out (codecs.ts).
// A message is named by its `ordinal` in the partition; `callerId` stands with it on every event when the caller
// chose the id, so that each event can be read without the ones before it.
import type { RetryPolicy } from '../retry/index.js'
import type { DurationMs, EpochMs } from '../time.js'

type OfMessage = Readonly<{ ordinal: number; callerId: string | undefined }>

/** What travels with a message without being looked at by the queue, and the rarer wishes of its sender. */
export type MessageAttributes = Readonly<{
  type?: string
  topic?: string
  headers?: Readonly<Record<string, string>>
  group?: string
  dedupKey?: string
  idempotencyKey?: string
  correlationId?: string
  causationId?: string
  /** Caps and rates per tenant count by it, and tenants take turns (B8). */
  tenant?: string
  /** Where it is to run, and where else while that place is sick (C7). */
  zone?: string
  fallbackZones?: ReadonlyArray<string>
  /** Waits while this resource gate is closed (C15). */
  gate?: string
  /** What wins over the queue's settings for this message (A13). */
  retry?: RetryPolicy
  timeoutMs?: DurationMs
  leaseMs?: DurationMs
  retryable?: false
  batchable?: false
  cancelable?: false
  /** One delivery, no retry, whatever the policies say. */
  guarantee?: 'fireAndForget'
  /** The payload lies elsewhere: the event holds its hash and its place (A12). */
  blob?: BlobRef
  /** Enqueued with the decision that ends the message (C9). */
  onSuccess?: CallbackTarget
  onFailure?: CallbackTarget
  /** The finished message that this one runs again (C16). */
  rerunOf?: string
}>

export type BlobRef = Readonly<{ sha256: string; bytes: number; location: string }>
export type CallbackTarget = Readonly<{ queue: string; type?: string }>

/** A message to be enqueued because another one ended: recorded with that end, enqueued after it (§4.3). */
export type FollowUp = Readonly<{
  queue: string
  /** JSON text. */
  payload: string
  type?: string
  delayMs?: DurationMs
  headers?: Readonly<Record<string, string>>
}>
/** Of one message's end. */
export const FOLLOW_UPS_MAX = 100

export type MessageEnqueued = OfMessage &
  Readonly<{
    type: 'MessageEnqueued'
    /** JSON text, exactly as it was accepted (I10). */
    payload: string
    priority: number
    /** 0 = at once. */
    notBefore: EpochMs
    /** 0 = never. */
    expiresAt: EpochMs
    attributes: MessageAttributes | undefined
  }>

export type EditCause = 'operator' | 'replaced' | 'debounced'

/** A waiting message got new contents (A11). It says all of them, so that it alone is what a worker is given. */
export type MessageEdited = OfMessage &
  Readonly<{
    type: 'MessageEdited'
    payload: string
    priority: number
    notBefore: EpochMs
    expiresAt: EpochMs
    attributes: MessageAttributes | undefined
    cause: EditCause
    by: Actor | undefined
  }>

/** The event that says what a message holds: the one that brought it, or its last edit. */
export type Contents = MessageEnqueued | MessageEdited

/** A claim: recorded, and durable, before the handler runs (§4.5). */
export type AttemptStarted = OfMessage &
  Readonly<{
    type: 'AttemptStarted'
    attempt: number
    fence: number
    leaseMs: DurationMs
    worker: string
    /** Set by callers that may lose the reply and ask again (R28). */
    claimId: string | undefined
    /** Which of its zones it runs in, for a message that names any (C7). */
    zone: string | undefined
  }>

export type LeaseExtended = OfMessage &
  Readonly<{ type: 'LeaseExtended'; fence: number; leaseMs: DurationMs }>

export type AttemptSucceeded = OfMessage &
  Readonly<{
    type: 'AttemptSucceeded'
    fence: number
    /** JSON text of the handler's return value, if it was kept (A10). */
    result: string | undefined
    followUps: ReadonlyArray<FollowUp> | undefined
    /** The handler did not run again: a check found that the effect of an earlier attempt had happened (C5). */
    reconciled: true | undefined
  }>

/** How an attempt came to fail: the worker said so, its lease ran out, or its death is certain. */
export type AttemptEnd = 'reported' | 'leaseExpired' | 'workerLost'

export type AttemptFailed = OfMessage &
  Readonly<{ type: 'AttemptFailed'; fence: number; failureType: string; message: string; ended: AttemptEnd }>

/** The decision is a recorded fact: replay never asks a policy or a random number again (I7). */
export type RetryScheduled = OfMessage &
  Readonly<{
    type: 'RetryScheduled'
    retryAt: EpochMs
    delayMs: DurationMs
    /** It waits for this gate, too: the failure was of a type that waits for a resource (C15). */
    gate: string | undefined
  }>

export type DeadLetterReason =
  | 'attemptsExhausted'
  | 'budgetExceeded'
  | 'notRetryable'
  /** No handler, or a payload that cannot be read: nothing the business said (C3). */
  | 'systemError'
  /** Its attempts ended with the death of their workers (C13). */
  | 'poison'
  | 'waitedTooLong'
  | 'singleDelivery'

export type MessageDeadLettered = OfMessage &
  Readonly<{
    type: 'MessageDeadLettered'
    reason: DeadLetterReason
    followUps: ReadonlyArray<FollowUp> | undefined
  }>

/** Handed back without an outcome: the attempt does not count (C12). */
export type AttemptReleased = OfMessage &
  Readonly<{ type: 'AttemptReleased'; fence: number; notBefore: EpochMs }>

/** Who asked, and why, where an operator acted (E16). */
export type Actor = Readonly<{ who: string; why?: string; from?: string }>

export type MessageRedriven = OfMessage & Readonly<{ type: 'MessageRedriven'; by: Actor | undefined }>
export type MessageCancelled = OfMessage & Readonly<{ type: 'MessageCancelled'; by: Actor | undefined }>
/** Somebody wants a running message stopped: its worker is told, and whatever ends the attempt but success cancels it (A11). */
export type CancelRequested = OfMessage &
  Readonly<{ type: 'CancelRequested'; fence: number; by: Actor | undefined }>
export type MessageExpired = OfMessage & Readonly<{ type: 'MessageExpired' }>

export type PurgeCause =
  | 'operator'
  /** Made room for another one (A9). */
  | 'overflow'
  /** The queue keeps no dead letters (A15). */
  | 'noDeadLetters'
export type MessagePurged = OfMessage &
  Readonly<{ type: 'MessagePurged'; by: Actor | undefined; cause: PurgeCause }>

export type MessageEvent =
  | MessageEnqueued
  | MessageEdited
  | AttemptStarted
  | LeaseExtended
  | AttemptSucceeded
  | AttemptFailed
  | RetryScheduled
  | MessageDeadLettered
  | AttemptReleased
  | MessageRedriven
  | MessageCancelled
  | CancelRequested
  | MessageExpired
  | MessagePurged
