// Retry policies as values (C2): what may stand in one, its defaults, and the one list of reasons to refuse one.
// A policy is plain JSON, so it can travel in a message, a queue's configuration and the log. Decoding fills in what
// is missing; what is stored always has every field, so that tomorrow's defaults never change a recorded policy.
import { type Either, isLeft, left, right } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { foundText } from '../foundText.js'

export const JITTERS = ['none', 'full', 'equal', 'decorrelated'] as const
/** How chance spreads a delay; the formulas stand at `delayForAttempt`. */
export type Jitter = (typeof JITTERS)[number]

type Limits = Readonly<{
  /** Retries, not attempts: 3 means at most 4 claims. */
  retriesMax: number
  jitter: Jitter
  /** From the first attempt's start to the start of the retry; absent = no limit. */
  budgetMs?: number
}>
/** The same delay before every retry. */
export type FixedPolicy = Limits & Readonly<{ kind: 'fixed'; delayMs: number }>
/** `baseMs * factor^(n-1)`, kept within `minMs..maxMs`. */
export type ExponentialPolicy = Limits &
  Readonly<{ kind: 'exponential'; baseMs: number; factor: number; minMs: number; maxMs: number }>
/** `baseMs + stepMs * (n-1)`, at most `maxMs`. */
export type ProgressivePolicy = Limits &
  Readonly<{ kind: 'progressive'; baseMs: number; stepMs: number; maxMs: number }>
/** One delay per retry, so `retriesMax` is always the number of delays. */
export type CustomPolicy = Limits & Readonly<{ kind: 'custom'; delaysMs: ReadonlyArray<number> }>
export type RetryPolicy = FixedPolicy | ExponentialPolicy | ProgressivePolicy | CustomPolicy
export type RetryPolicyKind = RetryPolicy['kind']

export const DEFAULT_BASE_DELAY_MS = 5_000
export const DEFAULT_MAX_DELAY_MS = 300_000
export const DEFAULT_FACTOR = 2
export const DEFAULT_RETRIES = 3
/**
 * No jitter unless asked for: what it protects against, a crowd that retries at one instant, meets the queue first,
 * and workers claim no more than they have free slots. Plain delays are easier to read in a history.
 */
export const DEFAULT_JITTER: Jitter = 'none'

// The bounds stop mistakes of unit (seconds for milliseconds, years for hours), and keep every sum of an instant and
// a delay far from 2^53.
export const RETRIES_MAX = 1_000
export const DELAY_MS_MAX = 30 * 24 * 3_600_000
export const BUDGET_MS_MAX = 366 * 24 * 3_600_000
export const FACTOR_MAX = 100
/** A policy may travel with each message, so its list stays small. */
export const CUSTOM_DELAYS_MAX = 100

export type RetryPolicyRefusal = Readonly<{
  type: 'RetryPolicyInvalid'
  /** Dotted path inside the policy; empty = the policy itself. */
  field: string
  found: string
  accepted: string
}>

export const describeRetryPolicyRefusal = ({ field, found, accepted }: RetryPolicyRefusal): string =>
  `Retry policy${field === '' ? '' : `, field ${field}`}: found ${found}, accepted is ${accepted}.`

type Fields = Readonly<Record<string, unknown>>

const FIELDS: Readonly<Record<RetryPolicyKind, ReadonlyArray<string>>> = {
  fixed: ['delayMs'],
  exponential: ['baseMs', 'factor', 'minMs', 'maxMs'],
  progressive: ['baseMs', 'stepMs', 'maxMs'],
  custom: ['delaysMs'],
}
const COMMON_FIELDS = ['kind', 'retriesMax', 'jitter', 'budgetMs']

const refuse = (field: string, value: unknown, accepted: string): RetryPolicyRefusal => ({
  type: 'RetryPolicyInvalid',
  field,
  found: foundText(value),
  accepted,
})

const wholeNumber = (field: string, value: unknown, to: number): RetryPolicyRefusal | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= to
    ? undefined
    : refuse(field, value, `a whole number from 0 to ${to}`)

const isKind = (kind: unknown): kind is RetryPolicyKind =>
  typeof kind === 'string' && Object.hasOwn(FIELDS, kind)

/** Fills in the defaults (for what is absent; null is a value); it proves nothing, `problemOf` does. */
const withDefaults = (kind: RetryPolicyKind, given: Fields): Fields => {
  const { jitter = DEFAULT_JITTER, budgetMs, delaysMs } = given
  const retries = kind === 'custom' && Array.isArray(delaysMs) ? delaysMs.length : DEFAULT_RETRIES
  const { retriesMax = retries } = given
  const limits = { retriesMax, jitter, ...(budgetMs === undefined ? {} : { budgetMs }) }
  const { baseMs = DEFAULT_BASE_DELAY_MS, maxMs = DEFAULT_MAX_DELAY_MS } = given
  switch (kind) {
    case 'fixed': {
      const { delayMs = DEFAULT_BASE_DELAY_MS } = given
      return { kind, delayMs, ...limits }
    }
    case 'exponential': {
      const { factor = DEFAULT_FACTOR, minMs = 0 } = given
      return { kind, baseMs, factor, minMs, maxMs, ...limits }
    }
    case 'progressive': {
      const { stepMs = baseMs } = given
      return { kind, baseMs, stepMs, maxMs, ...limits }
    }
    case 'custom':
      return { kind, delaysMs: Array.isArray(delaysMs) ? [...delaysMs] : delaysMs, ...limits }
  }
}

/** The first thing that is wrong with a filled-in policy. */
const problemOf = (kind: RetryPolicyKind, policy: Fields): RetryPolicyRefusal | undefined =>
  wholeNumber('retriesMax', policy.retriesMax, RETRIES_MAX) ??
  jitterProblem(policy.jitter) ??
  (policy.budgetMs === undefined ? undefined : wholeNumber('budgetMs', policy.budgetMs, BUDGET_MS_MAX)) ??
  kindProblem(kind, policy) ??
  decorrelatedProblem(kind, policy)

const jitterProblem = (jitter: unknown): RetryPolicyRefusal | undefined =>
  JITTERS.some((name) => name === jitter)
    ? undefined
    : refuse('jitter', jitter, `one of ${JITTERS.join(', ')}`)

const kindProblem = (kind: RetryPolicyKind, policy: Fields): RetryPolicyRefusal | undefined => {
  const { baseMs, factor, minMs, maxMs } = policy
  switch (kind) {
    case 'fixed':
      return wholeNumber('delayMs', policy.delayMs, DELAY_MS_MAX)
    case 'exponential':
      return (
        growthProblem(baseMs, maxMs) ??
        wholeNumber('minMs', minMs, DELAY_MS_MAX) ??
        (Number(minMs) > Number(maxMs)
          ? refuse('minMs', minMs, `at most maxMs (${String(maxMs)})`)
          : undefined) ??
        (typeof factor === 'number' && factor >= 1 && factor <= FACTOR_MAX
          ? undefined
          : refuse('factor', factor, `a number from 1 to ${FACTOR_MAX}`))
      )
    case 'progressive':
      return growthProblem(baseMs, maxMs) ?? wholeNumber('stepMs', policy.stepMs, DELAY_MS_MAX)
    case 'custom':
      return listProblem(policy.delaysMs, policy.retriesMax)
  }
}

// A base above the cap would silently become the cap, for instance when only `baseMs` was raised beyond 300 s.
const growthProblem = (baseMs: unknown, maxMs: unknown): RetryPolicyRefusal | undefined =>
  wholeNumber('baseMs', baseMs, DELAY_MS_MAX) ??
  wholeNumber('maxMs', maxMs, DELAY_MS_MAX) ??
  (Number(baseMs) > Number(maxMs) ? refuse('baseMs', baseMs, `at most maxMs (${String(maxMs)})`) : undefined)

const listProblem = (delaysMs: unknown, retriesMax: unknown): RetryPolicyRefusal | undefined => {
  if (!Array.isArray(delaysMs) || delaysMs.length > CUSTOM_DELAYS_MAX) {
    return refuse('delaysMs', delaysMs, `a list of at most ${CUSTOM_DELAYS_MAX} delays`)
  }
  for (const [index, delay] of delaysMs.entries()) {
    const problem = wholeNumber(`delaysMs.${index}`, delay, DELAY_MS_MAX)
    if (problem !== undefined) return problem
  }
  if (retriesMax === delaysMs.length) return undefined
  return refuse('retriesMax', retriesMax, `the number of delays (${delaysMs.length}), or leave it out`)
}

// Three times nothing is nothing: from a base of 0 the walk would never leave 0.
const decorrelatedProblem = (kind: RetryPolicyKind, policy: Fields): RetryPolicyRefusal | undefined => {
  if (policy.jitter !== 'decorrelated') return undefined
  const field = kind === 'fixed' ? 'delayMs' : kind === 'custom' ? 'delaysMs' : 'baseMs'
  const value = policy[field]
  const smallest = Array.isArray(value) ? Math.min(...value) : Number(value)
  return smallest > 0 ? undefined : refuse(field, smallest, 'more than 0 when jitter is decorrelated')
}

/**
 * The policy that a JSON value stands for, with defaults filled in. Fields that no policy of that kind has are refused:
 * a misspelt `maxRetries` must not be taken for "the default".
 */
export const fromJSON = (json: unknown): Either<RetryPolicyRefusal, RetryPolicy> => {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return left(refuse('', json, 'an object'))
  const given = json as Fields
  const kind = given.kind
  if (!isKind(kind)) return left(refuse('kind', kind, `one of ${Object.keys(FIELDS).join(', ')}`))
  const known = [...COMMON_FIELDS, ...FIELDS[kind]]
  for (const field of Object.keys(given)) {
    if (!known.includes(field)) {
      return left(refuse(foundText(field), given[field], `no such field; ${kind} has ${known.join(', ')}`))
    }
  }
  const policy = withDefaults(kind, given)
  const problem = problemOf(kind, policy)
  // `problemOf` has just checked each field of the kind.
  return problem === undefined ? right(policy as unknown as RetryPolicy) : left(problem)
}

/** A JSON value with every field; `fromJSON(toJSON(p))` is `right(p)`. */
export const toJSON = (policy: RetryPolicy): RetryPolicy =>
  policy.kind === 'custom' ? { ...policy, delaysMs: [...policy.delaysMs] } : { ...policy }

const isRetryPolicy = (value: unknown): value is RetryPolicy => {
  if (typeof value !== 'object' || value === null) return false
  const kind = (value as Fields).kind
  return isKind(kind) && problemOf(kind, value as Fields) === undefined
}

/** For stored data and the door: decodes like `fromJSON`, with its message as the validation error. */
export const RetryPolicyCodec = new t.Type<RetryPolicy, RetryPolicy, unknown>(
  'RetryPolicy',
  isRetryPolicy,
  (json, context) => {
    const decoded = fromJSON(json)
    if (isLeft(decoded)) return t.failure(json, context, describeRetryPolicyRefusal(decoded.left))
    return t.success(decoded.right)
  },
  toJSON,
)
