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
  retry?: RetryPolicy
  timeoutMs?: DurationMs
}>

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
  }>

export type LeaseExtended = OfMessage &
  Readonly<{ type: 'LeaseExtended'; fence: number; leaseMs: DurationMs }>

export type AttemptSucceeded = OfMessage &
  Readonly<{
    type: 'AttemptSucceeded'
    fence: number
    /** JSON text of the handler's return value, if it was kept (A10). */
    result: string | undefined
  }>

/** How an attempt came to fail: the worker said so, its lease ran out, or its death is certain. */
export type AttemptEnd = 'reported' | 'leaseExpired' | 'workerLost'

export type AttemptFailed = OfMessage &
  Readonly<{ type: 'AttemptFailed'; fence: number; failureType: string; message: string; ended: AttemptEnd }>

/** The decision is a recorded fact: replay never asks a policy or a random number again (I7). */
export type RetryScheduled = OfMessage &
  Readonly<{ type: 'RetryScheduled'; retryAt: EpochMs; delayMs: DurationMs }>

export type DeadLetterReason = 'attemptsExhausted' | 'budgetExceeded' | 'notRetryable'

export type MessageDeadLettered = OfMessage &
  Readonly<{ type: 'MessageDeadLettered'; reason: DeadLetterReason }>

/** Handed back without an outcome: the attempt does not count (C12). */
export type AttemptReleased = OfMessage &
  Readonly<{ type: 'AttemptReleased'; fence: number; notBefore: EpochMs }>

/** Who asked, and why, where an operator acted (E16). */
export type Actor = Readonly<{ who: string; why?: string; from?: string }>

export type MessageRedriven = OfMessage & Readonly<{ type: 'MessageRedriven'; by: Actor | undefined }>
export type MessageCancelled = OfMessage & Readonly<{ type: 'MessageCancelled'; by: Actor | undefined }>
export type MessageExpired = OfMessage & Readonly<{ type: 'MessageExpired' }>
export type MessagePurged = OfMessage & Readonly<{ type: 'MessagePurged'; by: Actor | undefined }>

export type MessageEvent =
  | MessageEnqueued
  | AttemptStarted
  | LeaseExtended
  | AttemptSucceeded
  | AttemptFailed
  | RetryScheduled
  | MessageDeadLettered
  | AttemptReleased
  | MessageRedriven
  | MessageCancelled
  | MessageExpired
  | MessagePurged
