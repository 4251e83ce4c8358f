// Every version of every message event as it is stored. Payloads and results are nested as JSON, so that a log can be read
// without ledgerq; a text that would not come back byte for byte stands as text (I10).
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { type EventDecodeFault, firstVersion, invalidEventData } from '../eventCodec.js'
import {
  IntegerCodec,
  NaturalCodec,
  orUndefined,
  StoredRetryPolicyCodec,
  storedRecord,
  withJsonText,
} from '../storedFields.js'
import type { Actor, AttemptEnd, DeadLetterReason, MessageAttributes } from './events.js'

const ofMessage = { ordinal: NaturalCodec, callerId: orUndefined(t.string) }

export const ActorCodec: t.Type<Actor, unknown> = storedRecord(
  'Actor',
  { who: t.string },
  { why: t.string, from: t.string },
)
const by = { by: orUndefined(ActorCodec) }

const AttributesCodec: t.Type<MessageAttributes, unknown> = storedRecord(
  'MessageAttributes',
  {},
  {
    type: t.string,
    topic: t.string,
    headers: t.record(t.string, t.string),
    group: t.string,
    dedupKey: t.string,
    idempotencyKey: t.string,
    correlationId: t.string,
    causationId: t.string,
    retry: StoredRetryPolicyCodec,
    timeoutMs: NaturalCodec,
  },
)

/** The attributes alone, as they stand in MessageEnqueued version 1: for the binary row, which spells out the rest. */
export const encodeAttributes = (attributes: MessageAttributes): unknown => AttributesCodec.encode(attributes)
export const decodeAttributes = (stored: unknown): Either<EventDecodeFault, MessageAttributes> => {
  const decoded = AttributesCodec.decode(stored)
  return isLeft(decoded) ? left(invalidEventData('MessageEnqueued', 1, decoded.left)) : right(decoded.right)
}

const attemptEnds: Record<AttemptEnd, null> = { reported: null, leaseExpired: null, workerLost: null }
const deadLetterReasons: Record<DeadLetterReason, null> = {
  attemptsExhausted: null,
  budgetExceeded: null,
  notRetryable: null,
}

const enqueuedV1 = storedRecord('MessageEnqueued', {
  ...ofMessage,
  payload: t.string,
  priority: IntegerCodec,
  notBefore: NaturalCodec,
  expiresAt: NaturalCodec,
  attributes: orUndefined(AttributesCodec),
})

const startedV1 = storedRecord('AttemptStarted', {
  ...ofMessage,
  attempt: NaturalCodec,
  fence: NaturalCodec,
  leaseMs: NaturalCodec,
  worker: t.string,
  claimId: orUndefined(t.string),
})

const succeededV1 = storedRecord('AttemptSucceeded', {
  ...ofMessage,
  fence: NaturalCodec,
  result: orUndefined(t.string),
})

const failedV1 = storedRecord('AttemptFailed', {
  ...ofMessage,
  fence: NaturalCodec,
  failureType: t.string,
  message: t.string,
  ended: t.keyof(attemptEnds),
})

export const messageCodecs = {
  MessageEnqueued: firstVersion('MessageEnqueued', withJsonText('payload', enqueuedV1)),
  AttemptStarted: firstVersion('AttemptStarted', startedV1),
  LeaseExtended: firstVersion(
    'LeaseExtended',
    storedRecord('LeaseExtended', { ...ofMessage, fence: NaturalCodec, leaseMs: NaturalCodec }),
  ),
  AttemptSucceeded: firstVersion('AttemptSucceeded', withJsonText('result', succeededV1)),
  AttemptFailed: firstVersion('AttemptFailed', failedV1),
  RetryScheduled: firstVersion(
    'RetryScheduled',
    storedRecord('RetryScheduled', { ...ofMessage, retryAt: NaturalCodec, delayMs: NaturalCodec }),
  ),
  MessageDeadLettered: firstVersion(
    'MessageDeadLettered',
    storedRecord('MessageDeadLettered', { ...ofMessage, reason: t.keyof(deadLetterReasons) }),
  ),
  AttemptReleased: firstVersion(
    'AttemptReleased',
    storedRecord('AttemptReleased', { ...ofMessage, fence: NaturalCodec, notBefore: NaturalCodec }),
  ),
  MessageRedriven: firstVersion('MessageRedriven', storedRecord('MessageRedriven', { ...ofMessage, ...by })),
  MessageCancelled: firstVersion(
    'MessageCancelled',
    storedRecord('MessageCancelled', { ...ofMessage, ...by }),
  ),
  MessageExpired: firstVersion('MessageExpired', storedRecord('MessageExpired', ofMessage)),
  MessagePurged: firstVersion('MessagePurged', storedRecord('MessagePurged', { ...ofMessage, ...by })),
}
