// The settings of one queue: the table of defaults (A14), the codec at the door, and the rule which combinations cannot hold.
// A changed configuration is an event in the queue's control stream; each partition adopts it by an event of its own
// before it decides by it (§4.2), so replay never depends on today's defaults.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { type CircuitSettings, DEFAULT_CIRCUIT, readCircuitSettings } from '../circuit/index.js'
import {
  DEFAULT_FAILURE_RULES,
  FAILURE_TYPE_RULE,
  type FailureRules,
  FailureRulesCodec,
  isFailureType,
} from '../failure/index.js'
import { fromJSON, type RetryPolicy } from '../retry/index.js'
import { isFields } from '../storedFields.js'
import { type Limits, LimitsCodec, NO_LIMITS } from './limits.js'
import {
  type DEDUP_MODES,
  type GROUP_HEADS,
  type OVERFLOWS,
  type QUEUE_ORDERS,
  settingProblem,
} from './settingRules.js'

/** Which message is next (B4); docs/ordering.md has the bounds of each. */
export type QueueOrder = (typeof QUEUE_ORDERS)[number]
export type Overflow = (typeof OVERFLOWS)[number]
/** Shares of the three bands in the weighted order: priorities above 0, 0, and below it. */
export type BandShares = Readonly<{ high: number; normal: number; low: number }>

export type QueueConfig = Readonly<{
  /** Of the active layout; changed by a resize only. More than 1: order, dedup and capacity hold within a partition only. */
  partitions: number
  /** Waiting and running messages per partition; what happens above it is `overflow` (A9). */
  maxSize: number
  overflow: Overflow
  /** Above this share of maxSize, messages of a priority below `shedBelowPriority` are refused (C10); 100 = never. */
  shedAbovePercent: number
  shedBelowPriority: number
  order: QueueOrder
  bandShares: BandShares
  /** Whether a group waits for a head that waits for its retry, or the next member goes first (B1). */
  groupHead: (typeof GROUP_HEADS)[number]
  limits: Limits
  /** How duplicates are told: by the caller's key, by the payload where there is no key, or not at all (A6). */
  dedup: (typeof DEDUP_MODES)[number]
  /** Remember dedup keys, idempotency keys and callers' ids of finished messages this long, in log time. 0 = off. */
  dedupWindowMs: number
  leaseMs: number
  handlerTimeoutMs: number
  /** Heartbeats are refused to an attempt that has run this long, unless its handler may run longer: its lease then runs out. */
  messageTimeoutMs: number
  /** Messages that bring no TTL of their own expire after this; 0 = never. */
  ttlMs: number
  /** Delay of messages that bring none of their own. */
  delayMs: number
  /** Of a worker that states none. */
  concurrency: number
  /** false = batch handlers get one message at a time. */
  batching: boolean
  maxBatchSize: number
  batchTimeoutMs: number
  failures: FailureRules
  /** Failure type → gate: a retry after such a failure also waits for the gate (C15). */
  waitFor: Readonly<Record<string, string>>
  /** A message that has waited for its gate this long is a dead letter; 0 = it waits for ever. */
  gateWaitMaxMs: number
  /** Of each zone, and of the messages without one; null = none (C6). */
  circuit: CircuitSettings | null
  /** false = messages that have failed for good are purged, with an event (A15). */
  deadLetters: boolean
  /** Share of messages that end in success; below it the queue is degraded (E2). */
  completionObjective: number
}>

export const DEFAULT_QUEUE_CONFIG: QueueConfig = {
  partitions: 1,
  maxSize: 10_000,
  overflow: 'reject',
  shedAbovePercent: 100,
  shedBelowPriority: 0,
  order: 'priority',
  bandShares: { high: 6, normal: 3, low: 1 },
  groupHead: 'block',
  limits: NO_LIMITS,
  dedup: 'key',
  dedupWindowMs: 300_000,
  leaseMs: 30_000,
  handlerTimeoutMs: 30_000,
  messageTimeoutMs: 300_000,
  ttlMs: 0,
  delayMs: 0,
  concurrency: 10,
  batching: true,
  maxBatchSize: 10,
  batchTimeoutMs: 1_000,
  failures: DEFAULT_FAILURE_RULES,
  waitFor: {},
  gateWaitMaxMs: 0,
  circuit: DEFAULT_CIRCUIT,
  deadLetters: true,
  completionObjective: 0.95,
}

/** What a user may write; everything has a default. Values are checked by `configure`, which says what is accepted. */
const isCircuitGiven = (value: unknown): value is Readonly<Record<string, unknown>> | null =>
  value === null || isFields(value)
/** What stands in it is read with the settings that it is put over. */
const CircuitGiven = new t.Type<Readonly<Record<string, unknown>> | null>(
  'circuit settings',
  isCircuitGiven,
  (value, context) =>
    isCircuitGiven(value)
      ? t.success(value)
      : t.failure(value, context, 'expected an object of circuit settings, or null for no circuits'),
  t.identity,
)

export const QueueSettingsCodec = t.partial({
  partitions: t.number,
  maxSize: t.number,
  overflow: t.keyof({ reject: null, dropOldest: null, dropLowestPriority: null }),
  shedAbovePercent: t.number,
  shedBelowPriority: t.number,
  order: t.keyof({ priority: null, fifo: null, lifo: null, weighted: null, adaptive: null }),
  bandShares: t.type({ high: t.number, normal: t.number, low: t.number }),
  groupHead: t.keyof({ block: null, skip: null }),
  limits: LimitsCodec,
  dedup: t.keyof({ key: null, content: null, off: null }),
  dedupWindowMs: t.number,
  leaseMs: t.number,
  handlerTimeoutMs: t.number,
  messageTimeoutMs: t.number,
  ttlMs: t.number,
  delayMs: t.number,
  concurrency: t.number,
  batching: t.boolean,
  maxBatchSize: t.number,
  batchTimeoutMs: t.number,
  failures: FailureRulesCodec,
  waitFor: t.record(t.string, t.string),
  gateWaitMaxMs: t.number,
  /** Some of its settings; the others stay as they are. */
  circuit: CircuitGiven,
  deadLetters: t.boolean,
  completionObjective: t.number,
})
export type QueueSettings = t.TypeOf<typeof QueueSettingsCodec>

export type QueueSettingsRefusal = Readonly<{
  type: 'QueueSettingsInvalid'
  field: string
  value: unknown
  accepted: string
}>

const refuse = (field: string, value: unknown, accepted: string): Either<QueueSettingsRefusal, never> =>
  left({ type: 'QueueSettingsInvalid', field, value, accepted })

/** Settings over a base (the defaults, or the configuration in force). `sharers`: partitions that share limits, if not those. */
export const configure = (
  settings: QueueSettings,
  base: QueueConfig = DEFAULT_QUEUE_CONFIG,
  sharers?: number,
): Either<QueueSettingsRefusal, QueueConfig> => {
  for (const key of Object.keys(settings)) {
    if (!Object.hasOwn(base, key)) {
      return refuse(key, undefined, `one of ${Object.keys(base).join(', ')}`)
    }
  }
  const { circuit, failures, ...others } = settings
  const read = circuitOver(base.circuit, circuit)
  if (isLeft(read)) return read
  const rules = failuresOver(base.failures, failures)
  if (isLeft(rules)) return rules
  const merged = {
    ...base,
    ...withoutUndefined(others),
    circuit: read.right,
    failures: rules.right,
  }
  for (const field of Object.keys(base) as Array<keyof QueueConfig>) {
    const problem = settingProblem(field, merged[field])
    if (problem !== undefined) return refuse(problem.field, problem.value, problem.accepted)
  }
  // Each field has just been checked.
  const config = merged as QueueConfig
  return sharesProblem(config.limits, sharers ?? config.partitions) ?? right(config)
}

/** What a policy leaves out is filled in, and what is wrong in one is named. */
const failuresOver = (base: FailureRules, given: unknown): Either<QueueSettingsRefusal, FailureRules> => {
  if (given === undefined) return right(base)
  if (!isFields(given))
    return refuse('failures', given, 'an object with a retry policy for each failure type')
  const rules: Record<string, RetryPolicy> = { ...base }
  for (const [type, policy] of Object.entries(given)) {
    if (!isFailureType(type))
      return refuse('failures', type, `as the name of a failure type ${FAILURE_TYPE_RULE}`)
    const read = fromJSON(policy)
    if (isLeft(read)) {
      const { field, accepted } = read.left
      const place = field === '' ? '' : `.${field}`
      return refuse(`failures.${type}${place}`, undefined, accepted)
    }
    rules[type] = read.right
  }
  return right(rules)
}

const circuitOver = (
  base: CircuitSettings | null,
  given: unknown,
): Either<QueueSettingsRefusal, CircuitSettings | null> => {
  if (given === undefined) return right(base)
  if (given === null) return right(null)
  const read = readCircuitSettings(given, base ?? DEFAULT_CIRCUIT)
  if (!isLeft(read)) return read
  const { field, found, accepted } = read.left
  return refuse(field === '' ? 'circuit' : `circuit.${field}`, found, accepted)
}

/** Limits over several partitions are split into fixed shares, and a share of nothing would never start anything. */
export const sharesProblem = (
  limits: Limits,
  sharers: number,
  sharer = 'partition',
): Either<QueueSettingsRefusal, never> | undefined => {
  const capped = [
    ['limits.concurrencyMax', limits.concurrencyMax],
    ['limits.rate.count', limits.rate?.count],
    // A tenant's messages are in all partitions.
    ['limits.perTenant.concurrencyMax', limits.perTenant?.concurrencyMax],
    ['limits.perTenant.rate.count', limits.perTenant?.rate?.count],
  ] as const
  for (const [field, value] of capped) {
    if (value !== undefined && value < sharers) {
      return refuse(field, value, `at least ${sharers}, one for each ${sharer}`)
    }
  }
  return undefined
}

const withoutUndefined = <A extends object>(fields: A): A =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as A

/** The first field in which two configurations differ; the order in which their parts are written is no difference. */
export const differingField = (one: QueueConfig, other: QueueConfig): string | undefined => {
  for (const field of Object.keys(DEFAULT_QUEUE_CONFIG) as Array<keyof QueueConfig>) {
    if (JSON.stringify(inOneOrder(one[field])) !== JSON.stringify(inOneOrder(other[field]))) return field
  }
  return undefined
}

const inOneOrder = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(inOneOrder)
  return Object.entries(value)
    .filter(([, part]) => part !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, part]) => [key, inOneOrder(part)])
}
