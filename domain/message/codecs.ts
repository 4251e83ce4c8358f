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
import type {
  Actor,
  AttemptEnd,
  DeadLetterReason,
  EditCause,
  FollowUp,
  MessageAttributes,
  PurgeCause,
} from './events.js'

const ofMessage = { ordinal: NaturalCodec, callerId: orUndefined(t.string) }

export const ActorCodec: t.Type<Actor, unknown> = storedRecord(
  'Actor',
  { who: t.string },
  { why: t.string, from: t.string },
)
const by = { by: orUndefined(ActorCodec) }

const CallbackTargetCodec = storedRecord('CallbackTarget', { queue: t.string }, { type: t.string })
const BlobRefCodec = storedRecord('BlobRef', { sha256: t.string, bytes: NaturalCodec, location: t.string })
const FollowUpsCodec = t.readonlyArray(
  withJsonText(
    'payload',
    storedRecord(
      'FollowUp',
      { queue: t.string, payload: t.string },
      { type: t.string, delayMs: NaturalCodec, headers: t.record(t.string, t.string) },
    ),
  ),
  'FollowUps',
)
/** As they stand in binary rows of before, which spelt out the rest of the event only. */
export const decodeFollowUps = (stored: unknown): Either<EventDecodeFault, ReadonlyArray<FollowUp>> => {
  const decoded = FollowUpsCodec.decode(stored)
  return isLeft(decoded) ? left(invalidEventData('AttemptSucceeded', 1, decoded.left)) : right(decoded.right)
}

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
    tenant: t.string,
    zone: t.string,
    fallbackZones: t.readonlyArray(t.string),
    gate: t.string,
    retry: StoredRetryPolicyCodec,
    timeoutMs: NaturalCodec,
    leaseMs: NaturalCodec,
    retryable: t.literal(false),
    batchable: t.literal(false),
    cancelable: t.literal(false),
    guarantee: t.literal('fireAndForget'),
    blob: BlobRefCodec,
    onSuccess: CallbackTargetCodec,
    onFailure: CallbackTargetCodec,
    rerunOf: t.string,
  },
)

/** The attributes alone, as they stand in MessageEnqueued version 1: for the binary row, which spells out most of them. */
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
  systemError: null,
  poison: null,
  waitedTooLong: null,
  singleDelivery: null,
}
const purgeCauses: Record<PurgeCause, null> = { operator: null, overflow: null, noDeadLetters: null }
const editCauses: Record<EditCause, null> = { operator: null, replaced: null, debounced: null }

const enqueuedV1 = storedRecord('MessageEnqueued', {
  ...ofMessage,
  payload: t.string,
  priority: IntegerCodec,
  notBefore: NaturalCodec,
  expiresAt: NaturalCodec,
  attributes: orUndefined(AttributesCodec),
})

const editedV1 = storedRecord('MessageEdited', {
  ...ofMessage,
  payload: t.string,
  priority: IntegerCodec,
  notBefore: NaturalCodec,
  expiresAt: NaturalCodec,
  attributes: orUndefined(AttributesCodec),
  cause: t.keyof(editCauses),
  ...by,
})

const startedV1 = storedRecord('AttemptStarted', {
  ...ofMessage,
  attempt: NaturalCodec,
  fence: NaturalCodec,
  leaseMs: NaturalCodec,
  worker: t.string,
  claimId: orUndefined(t.string),
  zone: orUndefined(t.string),
})

const succeededV1 = storedRecord('AttemptSucceeded', {
  ...ofMessage,
  fence: NaturalCodec,
  result: orUndefined(t.string),
  followUps: orUndefined(FollowUpsCodec),
  reconciled: orUndefined(t.literal(true)),
})

const failedV1 = storedRecord('AttemptFailed', {
  ...ofMessage,
  fence: NaturalCodec,
  failureType: t.string,
  message: t.string,
  ended: t.keyof(attemptEnds),
})

/** Version 1 of MessagePurged knew no cause but an operator's. */
const purgedV1 = storedRecord('MessagePurged', { ...ofMessage, ...by })
const purgedV2 = storedRecord('MessagePurged', { ...ofMessage, ...by, cause: t.keyof(purgeCauses) })

export const messageCodecs = {
  MessageEnqueued: firstVersion('MessageEnqueued', withJsonText('payload', enqueuedV1)),
  MessageEdited: firstVersion('MessageEdited', withJsonText('payload', editedV1)),
  AttemptStarted: firstVersion('AttemptStarted', startedV1),
  LeaseExtended: firstVersion(
    'LeaseExtended',
    storedRecord('LeaseExtended', { ...ofMessage, fence: NaturalCodec, leaseMs: NaturalCodec }),
  ),
  AttemptSucceeded: firstVersion('AttemptSucceeded', withJsonText('result', succeededV1)),
  AttemptFailed: firstVersion('AttemptFailed', failedV1),
  RetryScheduled: firstVersion(
    'RetryScheduled',
    storedRecord('RetryScheduled', {
      ...ofMessage,
      retryAt: NaturalCodec,
      delayMs: NaturalCodec,
      gate: orUndefined(t.string),
    }),
  ),
  MessageDeadLettered: firstVersion(
    'MessageDeadLettered',
    storedRecord('MessageDeadLettered', {
      ...ofMessage,
      reason: t.keyof(deadLetterReasons),
      followUps: orUndefined(FollowUpsCodec),
    }),
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
  CancelRequested: firstVersion(
    'CancelRequested',
    storedRecord('CancelRequested', { ...ofMessage, fence: NaturalCodec, ...by }),
  ),
  MessageExpired: firstVersion('MessageExpired', storedRecord('MessageExpired', ofMessage)),
  MessagePurged: firstVersion('MessagePurged', purgedV1).next(purgedV2, (v1): typeof purgedV2._A => ({
    ...v1,
    cause: 'operator',
  })),
}
