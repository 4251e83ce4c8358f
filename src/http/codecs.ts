// Bodies and queries of every route. Shapes and types are decided here; bounds that belong to the queue (its payload
// limits, the range of priorities, what may be combined) are the ledger's, so that HTTP and library refuse alike.
import * as t from 'io-ts'
import { FOLLOW_UPS_MAX } from '../../domain/message/index.js'
import { QueueSettingsCodec } from '../../domain/queue/index.js'
import { RetryPolicyCodec } from '../../domain/retry/index.js'
import { isFields } from '../../domain/storedFields.js'
import type { CallbackTarget, NamedCallback } from '../api/types/index.js'
import { accepting, closedRecord, listOf } from './closedRecord.js'
import { by, flag, instant, json, milliseconds, priority, strings, text, wholeNumber } from './fields.js'
import {
  BATCH_MESSAGES_MAX,
  CLAIM_MESSAGES_MAX,
  LIST_LIMIT_MAX,
  LONG_POLL_MS_MAX,
  SETTLEMENTS_MAX,
} from './limits.js'

const retryPolicy: t.Type<t.TypeOf<typeof RetryPolicyCodec>, unknown, unknown> = RetryPolicyCodec

export const OperatorBody = closedRecord('an operator action', {}, { by })

/** Which of them go together is the door's to say. */
const callback = closedRecord('a callback', {}, { queue: text, type: text, callback: text }) as t.Type<
  CallbackTarget | NamedCallback,
  unknown,
  unknown
>
const followUp = closedRecord(
  'a follow-up',
  { queue: text, payload: json },
  { type: text, delayMs: milliseconds, headers: strings },
)

export const EnqueueBody = closedRecord(
  'a message',
  { payload: json },
  {
    id: text,
    type: text,
    topic: text,
    headers: strings,
    priority,
    delayMs: milliseconds,
    notBefore: instant,
    group: text,
    dedupKey: text,
    idempotencyKey: text,
    ttlMs: milliseconds,
    timeoutMs: milliseconds,
    retry: retryPolicy,
    correlationId: text,
    causationId: text,
    dedupMode: accepting(
      'replace or debounce',
      (value): value is 'replace' | 'debounce' => value === 'replace' || value === 'debounce',
    ),
    tenant: text,
    zone: text,
    fallbackZones: listOf(text, 0, 8),
    gate: text,
    leaseMs: milliseconds,
    retryable: flag,
    batchable: flag,
    cancelable: flag,
    guarantee: accepting(
      'atLeastOnce or fireAndForget',
      (value): value is 'atLeastOnce' | 'fireAndForget' =>
        value === 'atLeastOnce' || value === 'fireAndForget',
    ),
    onSuccess: callback,
    onFailure: callback,
  },
)
export type EnqueueBody = t.TypeOf<typeof EnqueueBody>

export const EditBody = closedRecord(
  'a change',
  {},
  {
    payload: json,
    priority,
    delayMs: milliseconds,
    notBefore: instant,
    ttlMs: milliseconds,
    headers: strings,
    by,
  },
)

export const BatchBody = closedRecord(
  'a batch',
  { messages: listOf(EnqueueBody, 1, BATCH_MESSAGES_MAX) },
  { independent: flag },
)

export const ClaimBody = closedRecord(
  'a claim',
  { worker: text },
  {
    max: wholeNumber(1, CLAIM_MESSAGES_MAX),
    waitMs: wholeNumber(0, LONG_POLL_MS_MAX),
    leaseMs: milliseconds,
    claimId: text,
    id: text,
  },
)

const failure = closedRecord('a failure', {}, { type: text, message: text })
const token = { leaseToken: text }
const OUTCOMES = {
  ack: closedRecord(
    'an ack',
    { ...token, outcome: t.literal('ack') },
    {
      result: json,
      reconciled: t.literal(true),
      followUps: listOf(followUp, 0, FOLLOW_UPS_MAX),
    },
  ),
  fail: closedRecord(
    'a failure',
    { ...token, outcome: t.literal('fail') },
    { failure, retryable: flag, delayMs: milliseconds },
  ),
  release: closedRecord('a release', { ...token, outcome: t.literal('release') }, { delayMs: milliseconds }),
  extend: closedRecord('an extension', { ...token, outcome: t.literal('extend') }, { leaseMs: milliseconds }),
}
type Outcome = keyof typeof OUTCOMES
type SettlementBody = t.TypeOf<(typeof OUTCOMES)[Outcome]>

const isOutcome = (name: unknown): name is Outcome =>
  typeof name === 'string' && Object.hasOwn(OUTCOMES, name)

/** Chosen by `outcome`, so that the reply names the fields of that outcome and not those of all four. */
const settlement = new t.Type<SettlementBody, unknown, unknown>(
  'a settlement',
  (value): value is SettlementBody =>
    isFields(value) && isOutcome(value.outcome) && OUTCOMES[value.outcome].is(value),
  (value, context) => {
    if (!isFields(value)) return t.failure(value, context, 'expected an object')
    if (isOutcome(value.outcome)) return OUTCOMES[value.outcome].validate(value, context)
    const at = t.appendContext(context, 'outcome', text, value.outcome)
    return t.failure(value.outcome, at, `expected one of ${Object.keys(OUTCOMES).join(', ')}`)
  },
  t.identity,
)
export const SettlementsBody = closedRecord('settlements', {
  settlements: listOf(settlement, 1, SETTLEMENTS_MAX),
})

export const DiscardBody = closedRecord('a discard', { ids: listOf(text, 1, BATCH_MESSAGES_MAX) }, { by })

/** The settings of a queue, beside who asks for them. */
export const QueueBody = closedRecord('queue settings', {}, { ...QueueSettingsCodec.props, by })

export const ResizeBody = closedRecord('a resize', { partitions: t.number }, { by })

// Queries are text: numbers and flags are read from it.
const numberText = (name: string, from: number, to: number): t.Type<number, string, unknown> => {
  const range = to === Number.MAX_SAFE_INTEGER ? `from ${from}` : `from ${from} to ${to}`
  return new t.Type(
    name,
    t.number.is,
    (value, context) => {
      const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : -1
      if (number >= from && number <= to) return t.success(number)
      return t.failure(value, context, `expected a whole number ${range}`)
    },
    String,
  )
}
/** How long a request may wait, in milliseconds. */
export const waitQuery = (max: number): t.Type<number, string, unknown> => numberText('waitMs', 0, max)
const limit = numberText('limit', 1, LIST_LIMIT_MAX)
const position = numberText('position', 0, Number.MAX_SAFE_INTEGER)
const flagText = accepting(
  'true or false',
  (value): value is 'true' | 'false' => value === 'true' || value === 'false',
)

export const NoQuery = closedRecord('no query', {})
export const EventsQuery = closedRecord('an events query', {}, { from: position, limit })
export const DeleteQuery = closedRecord('a deletion', {}, { evenIfNotEmpty: flagText, who: text, why: text })
