// What may stand in each setting of a queue: one row each. `configure` asks it for every field of a whole configuration.
import { FAILURE_RULES_MAX, FailureRulesCodec, isFailureType } from '../failure/index.js'
import { PRIORITY_MAX, PRIORITY_MIN } from '../message/message.js'
import type { QueueConfig } from './config.js'
import { limitsProblem } from './limits.js'

export const QUEUE_ORDERS = ['priority', 'fifo', 'lifo', 'weighted', 'adaptive'] as const
export const GROUP_HEADS = ['block', 'skip'] as const
export const OVERFLOWS = ['reject', 'dropOldest', 'dropLowestPriority'] as const
export const DEDUP_MODES = ['key', 'content', 'off'] as const

export const PARTITIONS_MAX = 1_024
export const MAX_SIZE_MAX = 100_000_000
export const LEASE_MS_MIN = 100
export const LEASE_MS_MAX = 12 * 3_600_000
export const DURATION_MS_MAX = 366 * 24 * 3_600_000
export const DEDUP_WINDOW_MS_MAX = 14 * 24 * 3_600_000
const CONCURRENCY_MAX = 10_000
const BATCH_SIZE_MAX = 1_000
const BATCH_TIMEOUT_MS_MAX = 60_000
const SHARE_MAX = 100
const GATES_MAX = 100
/** No control characters, no half surrogates: fit for a log line, a header and a URL. */
const GATE_NAME = /^[^\p{Cc}\p{Cs}]{1,256}$/u

export type SettingProblem = Readonly<{ field: string; value: unknown; accepted: string }>
type Rule = (value: unknown) => string | undefined

const wholeNumber =
  (from: number, to: number): Rule =>
  (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to
      ? undefined
      : `a whole number from ${from} to ${to}`

const oneOf =
  (choices: ReadonlyArray<string>): Rule =>
  (value) =>
    typeof value === 'string' && choices.includes(value) ? undefined : `one of ${choices.join(', ')}`

const yesOrNo: Rule = (value) => (typeof value === 'boolean' ? undefined : 'true or false')

const share = wholeNumber(1, SHARE_MAX)
const bandShares: Rule = (value) => {
  const fits =
    typeof value === 'object' &&
    value !== null &&
    Object.keys(value).every((band) => band === 'high' || band === 'normal' || band === 'low') &&
    ['high', 'normal', 'low'].every((band) => share((value as Record<string, unknown>)[band]) === undefined)
  return fits ? undefined : `an object with high, normal and low, each a whole number from 1 to ${SHARE_MAX}`
}

const failures: Rule = (value) =>
  // Each table may be within its bound and the two together not; and stored rules must be readable again (I8).
  FailureRulesCodec.is(value)
    ? undefined
    : `at most ${FAILURE_RULES_MAX} failure types, each with a valid retry policy`

const waitFor: Rule = (value) => {
  const fits =
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length <= GATES_MAX &&
    Object.entries(value).every(
      ([type, gate]) => isFailureType(type) && typeof gate === 'string' && GATE_NAME.test(gate),
    )
  return fits ? undefined : `at most ${GATES_MAX} failure types, each with the name of a gate`
}

const objective: Rule = (value) =>
  typeof value === 'number' && value >= 0 && value <= 1 ? undefined : 'a number from 0 to 1'

/** `undefined` = checked where it is read, with a problem of its own. */
const RULES: Readonly<Record<keyof QueueConfig, Rule | undefined>> = {
  partitions: wholeNumber(1, PARTITIONS_MAX),
  maxSize: wholeNumber(1, MAX_SIZE_MAX),
  overflow: oneOf(OVERFLOWS),
  shedAbovePercent: wholeNumber(1, 100),
  shedBelowPriority: wholeNumber(PRIORITY_MIN, PRIORITY_MAX),
  order: oneOf(QUEUE_ORDERS),
  bandShares,
  groupHead: oneOf(GROUP_HEADS),
  limits: undefined,
  dedup: oneOf(DEDUP_MODES),
  dedupWindowMs: wholeNumber(0, DEDUP_WINDOW_MS_MAX),
  leaseMs: wholeNumber(LEASE_MS_MIN, LEASE_MS_MAX),
  handlerTimeoutMs: wholeNumber(1, DURATION_MS_MAX),
  messageTimeoutMs: wholeNumber(LEASE_MS_MIN, DURATION_MS_MAX),
  ttlMs: wholeNumber(0, DURATION_MS_MAX),
  delayMs: wholeNumber(0, DURATION_MS_MAX),
  concurrency: wholeNumber(1, CONCURRENCY_MAX),
  batching: yesOrNo,
  maxBatchSize: wholeNumber(1, BATCH_SIZE_MAX),
  batchTimeoutMs: wholeNumber(0, BATCH_TIMEOUT_MS_MAX),
  failures,
  waitFor,
  gateWaitMaxMs: wholeNumber(0, DURATION_MS_MAX),
  circuit: undefined,
  deadLetters: yesOrNo,
  completionObjective: objective,
}

/** What is wrong with a setting, with the place inside it; undefined = nothing. */
export const settingProblem = (field: keyof QueueConfig, value: unknown): SettingProblem | undefined => {
  if (field === 'limits') {
    const problem = limitsProblem(value)
    return problem === undefined ? undefined : { ...problem, value }
  }
  const accepted = RULES[field]?.(value)
  if (accepted === undefined) return undefined
  return { field, value: field === 'failures' ? Object.keys(value ?? {}).length : value, accepted }
}
