// The settings of one queue: the table of defaults, the codec at the door, and the rule which combinations cannot hold.
// A changed configuration is an event in the queue's control stream; each partition adopts it by an event of its own
// before it decides by it (§4.2), so replay never depends on today's defaults.
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import {
  DEFAULT_FAILURE_RULES,
  FAILURE_RULES_MAX,
  type FailureRules,
  FailureRulesCodec,
} from '../failure/index.js'
import type { RetryPolicy } from '../retry/index.js'

export type QueueConfig = Readonly<{
  /** Fixed when the queue is created. More than 1: order, dedup and capacity hold within a partition only. */
  partitions: number
  /** Waiting and running messages per partition; enqueues above it are refused (A9). */
  maxSize: number
  /** Remember dedup keys, idempotency keys and callers' ids of finished messages this long, in log time. 0 = off. */
  dedupWindowMs: number
  leaseMs: number
  handlerTimeoutMs: number
  /** Messages that bring no TTL of their own expire after this; 0 = never. */
  ttlMs: number
  /** Delay of messages that bring none of their own. */
  delayMs: number
  failures: FailureRules
}>

export const PARTITIONS_MAX = 1_024
export const MAX_SIZE_MAX = 100_000_000
export const LEASE_MS_MIN = 100
export const LEASE_MS_MAX = 12 * 3_600_000
export const DURATION_MS_MAX = 366 * 24 * 3_600_000
export const DEDUP_WINDOW_MS_MAX = 14 * 24 * 3_600_000

export const DEFAULT_QUEUE_CONFIG: QueueConfig = {
  partitions: 1,
  maxSize: 10_000,
  dedupWindowMs: 300_000,
  leaseMs: 30_000,
  handlerTimeoutMs: 30_000,
  ttlMs: 0,
  delayMs: 0,
  failures: DEFAULT_FAILURE_RULES,
}

type WholeNumberBrand = { readonly WholeNumber: unique symbol }
const wholeNumber = (from: number, to: number) =>
  t.brand(
    t.number,
    (n): n is t.Branded<number, WholeNumberBrand> => Number.isInteger(n) && n >= from && n <= to,
    'WholeNumber',
  )

/** What a user may write; everything has a default. */
export const QueueSettingsCodec = t.partial({
  partitions: t.number,
  maxSize: t.number,
  dedupWindowMs: t.number,
  leaseMs: t.number,
  handlerTimeoutMs: t.number,
  ttlMs: t.number,
  delayMs: t.number,
  failures: FailureRulesCodec,
})
export type QueueSettings = t.TypeOf<typeof QueueSettingsCodec>

/** As stored in events: every field present. */
export const QueueConfigCodec = t.strict({
  partitions: wholeNumber(1, PARTITIONS_MAX),
  maxSize: wholeNumber(1, MAX_SIZE_MAX),
  dedupWindowMs: wholeNumber(0, DEDUP_WINDOW_MS_MAX),
  leaseMs: wholeNumber(LEASE_MS_MIN, LEASE_MS_MAX),
  handlerTimeoutMs: wholeNumber(1, DURATION_MS_MAX),
  ttlMs: wholeNumber(0, DURATION_MS_MAX),
  delayMs: wholeNumber(0, DURATION_MS_MAX),
  failures: FailureRulesCodec,
})

export type QueueSettingsRefusal = Readonly<{
  type: 'QueueSettingsInvalid'
  field: string
  value: unknown
  accepted: string
}>

const BOUNDS = {
  partitions: [1, PARTITIONS_MAX],
  maxSize: [1, MAX_SIZE_MAX],
  dedupWindowMs: [0, DEDUP_WINDOW_MS_MAX],
  leaseMs: [LEASE_MS_MIN, LEASE_MS_MAX],
  handlerTimeoutMs: [1, DURATION_MS_MAX],
  ttlMs: [0, DURATION_MS_MAX],
  delayMs: [0, DURATION_MS_MAX],
} as const

/** Settings over a base (the defaults, or the configuration in force). */
export const configure = (
  settings: QueueSettings,
  base: QueueConfig = DEFAULT_QUEUE_CONFIG,
): Either<QueueSettingsRefusal, QueueConfig> => {
  for (const key of Object.keys(settings)) {
    if (!Object.hasOwn(base, key)) {
      return left({
        type: 'QueueSettingsInvalid',
        field: key,
        value: undefined,
        accepted: `one of ${Object.keys(base).join(', ')}`,
      })
    }
  }
  const config: QueueConfig = { ...base, ...settings, failures: { ...base.failures, ...settings.failures } }
  for (const [field, [from, to]] of Object.entries(BOUNDS)) {
    const value = config[field as keyof typeof BOUNDS]
    if (!Number.isInteger(value) || value < from || value > to) {
      return left({
        type: 'QueueSettingsInvalid',
        field,
        value,
        accepted: `a whole number from ${from} to ${to}`,
      })
    }
  }
  // Each table may be within its bound and the two together not; and stored rules must be readable again (I8).
  if (!FailureRulesCodec.is(config.failures)) {
    return left({
      type: 'QueueSettingsInvalid',
      field: 'failures',
      value: Object.keys(config.failures).length,
      accepted: `at most ${FAILURE_RULES_MAX} failure types, each with a valid retry policy`,
    })
  }
  return right(config)
}

/** The first field in which two configurations differ; how their failure rules are ordered is no difference. */
export const differingField = (one: QueueConfig, other: QueueConfig): string | undefined => {
  for (const field of Object.keys(BOUNDS) as Array<keyof typeof BOUNDS>) {
    if (one[field] !== other[field]) return field
  }
  const names = new Set([...Object.keys(one.failures), ...Object.keys(other.failures)])
  for (const name of names) {
    const [rule, otherRule] = [one.failures[name], other.failures[name]]
    if (rule === undefined || otherRule === undefined || !samePolicy(rule, otherRule)) return 'failures'
  }
  return undefined
}

const samePolicy = (one: RetryPolicy, other: RetryPolicy): boolean =>
  JSON.stringify(inOneOrder(one)) === JSON.stringify(inOneOrder(other))
const inOneOrder = (policy: RetryPolicy): ReadonlyArray<readonly [string, unknown]> =>
  Object.entries(policy)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
