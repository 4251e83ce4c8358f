// What a sender may say about a message, beside its payload.
import type { RetryPolicy } from '../../../domain/retry/index.js'
import type { NamedCallback, SettledListener } from './followUps.js'

export type EnqueueOptions = Readonly<{
  /** Unique in the queue; enqueueing the same id again answers the first message. Generated when left out. */
  id?: string
  /** What kind of message it is; handlers can be chosen by it. */
  type?: string
  topic?: string
  headers?: Readonly<Record<string, string>>
  /** `high` (10), `normal` (0), `low` (-10) or a whole number from -1000 to 1000; higher first. Default normal. */
  priority?: number | 'high' | 'normal' | 'low'
  /** Not before this many milliseconds from now. Give this or `notBefore`. */
  delayMs?: number
  /** Not before this instant: a Date, milliseconds since the epoch, or an ISO 8601 string with a zone. */
  notBefore?: Date | number | string
  /** Messages of one group run one at a time, in order. */
  group?: string
  /** A second message with the same key within the queue's window (default 300 s) is the first one. */
  dedupKey?: string
  /** The same for a repeated call: a call whose outcome is unknown is safe to repeat with the same key. */
  idempotencyKey?: string
  /** Never started later than this many milliseconds from now. Default: the queue's, which is never. */
  ttlMs?: number
  /** Time limit of one run of the handler. Default: the queue's, 30 s. */
  timeoutMs?: number
  /** Wins over the queue's policy for every failure type. */
  retry?: RetryPolicy
  correlationId?: string
  causationId?: string
  /**
   * With a `dedupKey` that a waiting message has: `replace` gives that message these contents, `debounce` also makes it wait
   * anew. One that runs already is left alone, and this one is enqueued. Default: this one is dropped as a duplicate.
   */
  dedupMode?: 'replace' | 'debounce'
  /** Caps and rates per tenant count by it, and tenants take turns. */
  tenant?: string
  /** Where it is to run, and where else while that zone's circuit is open. */
  zone?: string
  fallbackZones?: ReadonlyArray<string>
  /** Is not handed out while this resource gate is closed. */
  gate?: string
  /** Lease of each attempt. Default: the queue's, 30 s. */
  leaseMs?: number
  /** false = its first failure is its last, whatever the policies say. */
  retryable?: boolean
  /** false = batch handlers get it alone. */
  batchable?: boolean
  /** false = it cannot be cancelled. */
  cancelable?: boolean
  /** `fireAndForget`: one delivery, no retry. Default `atLeastOnce`. */
  guarantee?: 'atLeastOnce' | 'fireAndForget'
  /**
   * Enqueued, or called, once the message has succeeded: with `{ operationId, queue, result }`. A function is called in this
   * process only, and forgotten when it ends; a queue or a callback by name is durable (docs/callbacks.md).
   */
  onSuccess?: CallbackTarget | NamedCallback | SettledListener
  /** The same when it becomes a dead letter: `{ operationId, queue, attempts, error }`. */
  onFailure?: CallbackTarget | NamedCallback | SettledListener
  /** The finished message that this one runs again: set by `rerun`. */
  rerunOf?: string
}>

export type CallbackTarget = Readonly<{ queue: string; type?: string }>
