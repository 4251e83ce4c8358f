// Every fault of the fan-out to Kafka is built here, once, from whatever the client threw. It does not say whether something was
// written: the next term of the shard reads that from the topic. It says who has to act: nobody, another relay, or somebody.
import { isFields } from '../../../domain/storedFields.js'
import type { FanOutFault } from '../../ports/fanOut.js'

const FENCED: ReadonlySet<unknown> = new Set([
  'INVALID_PRODUCER_EPOCH',
  'PRODUCER_FENCED',
  'TRANSACTION_COORDINATOR_FENCED',
])
const TOO_LARGE: ReadonlySet<unknown> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])
const REFUSED: ReadonlySet<unknown> = new Set([
  ...[
    'UNKNOWN_TOPIC_OR_PARTITION',
    'INVALID_TOPIC_EXCEPTION',
    'INVALID_PARTITIONS',
    'INVALID_REPLICATION_FACTOR',
  ],
  ...['TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'],
  ...['TRANSACTIONAL_ID_AUTHORIZATION_FAILED', 'SASL_AUTHENTICATION_FAILED', 'UNSUPPORTED_SASL_MECHANISM'],
  ...['INVALID_CONFIG', 'POLICY_VIOLATION', 'UNSUPPORTED_VERSION', 'UNSUPPORTED_COMPRESSION_TYPE'],
  ...['INVALID_TRANSACTION_TIMEOUT', 'INVALID_REQUIRED_ACKS', 'INVALID_TIMESTAMP'],
])
/** Of the client itself, before a broker was asked. */
const REFUSED_NAMES: ReadonlySet<unknown> = new Set([
  ...['KafkaJSSASLAuthenticationError', 'KafkaJSServerDoesNotSupportApiKey', 'KafkaJSNotImplemented'],
])
const CAUSES_MAX = 5

/** Somebody has to act: said by the adapter itself. */
export class FanOutRefusal extends Error {}

/** The client did not answer in time: the timer is ours. */
export class NoAnswer extends Error {
  constructor(what: string, ms: number) {
    super(`${what}: no answer within ${ms} ms`)
  }
}

export const errorType = (cause: unknown): unknown => {
  let error = cause
  // Retries, and requests to several brokers at once, wrap what they met.
  for (let depth = 0; isFields(error) && depth < CAUSES_MAX; depth++) {
    if (typeof error.type === 'string') return error.type
    error = Array.isArray(error.errors) ? error.errors[0] : error.cause
  }
  return undefined
}

const nameOf = (cause: unknown): unknown => (isFields(cause) ? cause.name : undefined)

export const faultOf = (cause: unknown): FanOutFault => {
  const type = errorType(cause)
  const message = cause instanceof Error ? cause.message : String(cause)
  const reason = typeof type === 'string' ? `${message} (${type})` : message
  if (cause instanceof FanOutRefusal) return { type: 'FanOutRefused', reason: message }
  if (FENCED.has(type)) return { type: 'FanOutFenced', reason }
  if (TOO_LARGE.has(type)) return { type: 'FanOutTooLarge', reason }
  const refusing = [nameOf(cause), isFields(cause) ? nameOf(cause.cause) : undefined]
  if (REFUSED.has(type) || refusing.some((name) => REFUSED_NAMES.has(name)))
    return { type: 'FanOutRefused', reason }
  return { type: 'FanOutUnavailable', reason }
}
