// The table of row kinds: what the first byte of a row says about the bytes after it. A kind is one event type in one
// version; a newer version of an event gets a new kind, and a kind is never used for anything else again.
//
//   every row   kind, flags, [previous], ...
//   0           JSON text { type, version, data } of any event without a kind of its own
//   1 ... 9     ordinal, [callerId], then by kind:
//   1           MessageEnqueued      [priority] [notBefore] [expiresAt] payload [attributes as JSON text: no longer written]
//   2           AttemptStarted       attempt, fence, leaseMs, worker, [claimId] [zone]
//   3           LeaseExtended        fence, leaseMs
//   4           AttemptSucceeded     fence, [result] [followUps]                 (`reconciled` in the flags)
//   5           AttemptFailed        fence, failureType, message        (`ended` in the flags)
//   6           RetryScheduled       retryAt, [delayMs] [gate]
//   7           MessageDeadLettered  [followUps]                                 (`reason` in the flags)
//   8           AttemptReleased      fence, [notBefore]
//   9           MessageEnqueued      [priority] [notBefore] [expiresAt] payload, attributes (attributeFields.ts)
//
// Follow-ups stand field by field (followUpFields.ts), under a flag of their own; as JSON text in rows of before.
// previous, ordinal, fence and leaseMs are differences to the last row of the block that had one (0 before the first);
// instants are differences to the time of the batch; worker, claimId, zone, gate and failureType are places in the string table.
import type { AttemptEnd, DeadLetterReason } from '../message/index.js'

export const KIND_JSON = 0
export const KIND_MESSAGE_ENQUEUED = 1
export const KIND_ATTEMPT_STARTED = 2
export const KIND_LEASE_EXTENDED = 3
export const KIND_ATTEMPT_SUCCEEDED = 4
export const KIND_ATTEMPT_FAILED = 5
export const KIND_RETRY_SCHEDULED = 6
export const KIND_MESSAGE_DEAD_LETTERED = 7
export const KIND_ATTEMPT_RELEASED = 8
export const KIND_ENQUEUED_WITH_ATTRIBUTES = 9

/** The message has an earlier event; its revision follows. */
export const HAS_PREVIOUS = 1
export const HAS_CALLER_ID = 2
/** From here on the bits mean something else in each kind. */
const OWN = 2
export const HAS_PRIORITY = 1 << OWN
export const HAS_NOT_BEFORE = 2 << OWN
export const HAS_EXPIRES_AT = 4 << OWN
export const HAS_ATTRIBUTES = 8 << OWN
export const HAS_CLAIM_ID = 1 << OWN
export const HAS_ZONE = 2 << OWN
export const HAS_RESULT = 1 << OWN
export const SUCCEEDED_FOLLOW_UPS = 2 << OWN
export const RECONCILED = 4 << OWN
export const SUCCEEDED_FOLLOW_UPS_IN_FIELDS = 8 << OWN
/** `delayMs` is not the way from the batch's time to `retryAt`, so it stands in the row. */
export const HAS_DELAY = 1 << OWN
export const HAS_GATE = 2 << OWN
/** Three bits, and above them: */
export const DEAD_REASON = 7 << OWN
export const DEAD_FOLLOW_UPS = 8 << OWN
export const DEAD_FOLLOW_UPS_IN_FIELDS = 16 << OWN
export const RELEASED_NOT_BEFORE = 1 << OWN
export const OWN_SHIFT = OWN

/** Which flags a kind may carry; any other bit is damage. Enumerations take two bits, or three. */
export const FLAGS_ALLOWED: ReadonlyArray<number> = [
  HAS_PREVIOUS,
  HAS_PREVIOUS | HAS_CALLER_ID | HAS_PRIORITY | HAS_NOT_BEFORE | HAS_EXPIRES_AT | HAS_ATTRIBUTES,
  HAS_PREVIOUS | HAS_CALLER_ID | HAS_CLAIM_ID | HAS_ZONE,
  HAS_PREVIOUS | HAS_CALLER_ID,
  HAS_PREVIOUS |
    HAS_CALLER_ID |
    HAS_RESULT |
    SUCCEEDED_FOLLOW_UPS |
    RECONCILED |
    SUCCEEDED_FOLLOW_UPS_IN_FIELDS,
  HAS_PREVIOUS | HAS_CALLER_ID | (3 << OWN),
  HAS_PREVIOUS | HAS_CALLER_ID | HAS_DELAY | HAS_GATE,
  HAS_PREVIOUS | HAS_CALLER_ID | DEAD_REASON | DEAD_FOLLOW_UPS | DEAD_FOLLOW_UPS_IN_FIELDS,
  HAS_PREVIOUS | HAS_CALLER_ID | RELEASED_NOT_BEFORE,
  HAS_PREVIOUS | HAS_CALLER_ID | HAS_PRIORITY | HAS_NOT_BEFORE | HAS_EXPIRES_AT,
]

/** Kinds from here on belong to the future. */
export const ROW_KINDS = FLAGS_ALLOWED.length

/** In the order of their numbers on the wire: append only. */
export const ATTEMPT_ENDS: ReadonlyArray<AttemptEnd> = ['reported', 'leaseExpired', 'workerLost']
export const DEAD_LETTER_REASONS: ReadonlyArray<DeadLetterReason> = [
  'attemptsExhausted',
  'budgetExceeded',
  'notRetryable',
  'systemError',
  'poison',
  'waitedTooLong',
  'singleDelivery',
]

/** What the next row's differences are taken from; every block starts anew, so that it is read without the ones before. */
export class RowReferences {
  previous = 0
  ordinal = 0
  fence = 0
  leaseMs = 0

  reset(): void {
    this.previous = 0
    this.ordinal = 0
    this.fence = 0
    this.leaseMs = 0
  }
}
