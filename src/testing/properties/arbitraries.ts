// What users' programs meet, for property tests: payloads and messages that the door accepts, retry policies, failure rules,
// and all that a handler may throw. Everything generated is valid; the tests of this file hold it to the door.
import fc, { type Arbitrary } from 'fast-check'
import { BUILT_IN_FAILURE_TYPES, type FailureRules, type FailureType } from '../../../domain/failure/index.js'
import {
  BUDGET_MS_MAX,
  CUSTOM_DELAYS_MAX,
  custom,
  DELAY_MS_MAX,
  exponential,
  FACTOR_MAX,
  fixed,
  JITTERS,
  progressive,
  RETRIES_MAX,
  type RetryPolicy,
} from '../../../domain/retry/index.js'
import type { BatchItem, EnqueueOptions } from '../../api/types/index.js'

/** -0 is the one number of JSON that does not come back as it was, so the door refuses it. */
const withoutMinusZero = (value: unknown): unknown => {
  if (Object.is(value, -0)) return 0
  if (Array.isArray(value)) return value.map(withoutMinusZero)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, withoutMinusZero(part)]))
}

/** Any JSON value that is accepted as a payload. */
export const payloads = (): Arbitrary<unknown> =>
  fc
    .jsonValue({ stringUnit: 'binary', maxDepth: 4 })
    .filter((value) => !/"(?:__proto__|prototype)"/.test(JSON.stringify(value)))
    .map(withoutMinusZero)

const NAME_CHARS_MAX = 256
/** Names as people give them, and all that is allowed besides. */
const name: Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.stringMatching(/^[a-z]{1,8}(?:-[a-z0-9]{1,8})?$/) },
  {
    weight: 1,
    arbitrary: fc
      .string({ unit: 'binary', minLength: 1, maxLength: 60 })
      .filter((text) => !/\p{Cc}|\p{Cs}/u.test(text) && text.length <= NAME_CHARS_MAX),
  },
)
const callerId = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,40}$/)
const durationMs = (from: number): Arbitrary<number> =>
  fc.oneof(fc.integer({ min: from, max: 1_000 }), fc.integer({ min: from, max: 7 * 24 * 3_600_000 }))

const jitter = fc.constantFrom(...JITTERS)
const limits = fc.record(
  {
    retriesMax: fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: RETRIES_MAX })),
    budgetMs: fc.integer({ min: 0, max: BUDGET_MS_MAX }),
  },
  { requiredKeys: ['retriesMax'], noNullPrototype: true },
)
const delay = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: DELAY_MS_MAX }))
const factor = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.double({ min: 1, max: FACTOR_MAX, noNaN: true }))

/** Any retry policy that the constructors accept. */
export const retryPolicies = (): Arbitrary<RetryPolicy> =>
  fc.oneof(
    fc.tuple(delay, jitter, limits).map(([delayMs, jitter, rest]) => fixed({ delayMs, jitter, ...rest })),
    fc
      .tuple(delay, delay, delay, factor, jitter, limits)
      .map(([baseMs, minMs, other, factor, jitter, rest]) =>
        exponential({ baseMs, minMs, maxMs: Math.max(baseMs, minMs, other), factor, jitter, ...rest }),
      ),
    fc.tuple(delay, delay, delay, jitter, limits).map(([one, other, stepMs, jitter, rest]) =>
      progressive({
        baseMs: Math.min(one, other),
        maxMs: Math.max(one, other),
        stepMs,
        jitter,
        ...rest,
      }),
    ),
    fc
      .tuple(fc.array(delay, { maxLength: CUSTOM_DELAYS_MAX }), jitter)
      .map(([delaysMs, jitter]) => custom({ delaysMs, jitter })),
  )

/** The built-in failure types, and names that users may give their own. */
export const failureTypes = (): Arbitrary<FailureType> =>
  fc.oneof(fc.constantFrom(...BUILT_IN_FAILURE_TYPES), fc.stringMatching(/^[A-Z][A-Z0-9_]{0,20}$/))

/** A policy for some failure types, as a queue's `failures` may have them. */
export const failureRules = (): Arbitrary<FailureRules> =>
  fc
    .array(fc.tuple(failureTypes(), retryPolicies()), { maxLength: 6 })
    .map((rules) => Object.fromEntries(rules))

/** Options of an enqueue that go together. */
export const enqueueOptions = (): Arbitrary<EnqueueOptions> =>
  fc.record(
    {
      id: callerId,
      type: name,
      topic: name,
      headers: fc.dictionary(fc.stringMatching(/^[a-z]{1,8}(?:-[a-z]{1,8})?$/), name, {
        maxKeys: 4,
        noNullPrototype: true,
      }),
      priority: fc.oneof(fc.constantFrom('high', 'normal', 'low'), fc.integer({ min: -1_000, max: 1_000 })),
      delayMs: durationMs(0),
      group: name,
      dedupKey: callerId,
      idempotencyKey: callerId,
      ttlMs: durationMs(1),
      timeoutMs: durationMs(1),
      retry: retryPolicies(),
      correlationId: name,
      causationId: name,
    },
    { requiredKeys: [], noNullPrototype: true },
  ) as Arbitrary<EnqueueOptions>

/** Messages as `enqueueBatch` takes them. */
export const messages = <A = unknown>(
  payload: Arbitrary<A> = payloads() as Arbitrary<A>,
): Arbitrary<BatchItem<A>> =>
  fc.tuple(payload, enqueueOptions()).map(([of, options]) => ({ ...options, payload: of }))

const CODES = ['ECONNREFUSED', 'ETIMEDOUT', 'ENOSPC', '23505', 'SQLITE_BUSY', 'ABORT_ERR', 'OWN_CODE', '']
const STATUSES = [200, 400, 404, 408, 409, 422, 429, 500, 502, 503, 504]

class Hostile extends Error {
  override get message(): string {
    throw new Error('its message cannot be read')
  }
}

/** Whatever a handler may throw: errors with codes, statuses and causes, and things that are no errors at all. */
export const thrownValues = (): Arbitrary<unknown> => {
  const error = fc
    .record(
      {
        code: fc.constantFrom(...CODES),
        status: fc.constantFrom(...STATUSES),
        statusCode: fc.constantFrom(...STATUSES),
        name: fc.constantFrom(
          'AbortError',
          'TimeoutError',
          'ValidationError',
          'ZodError',
          'MongoServerError',
        ),
        failureType: fc.oneof(failureTypes(), fc.constant('not a type')),
      },
      { requiredKeys: [], noNullPrototype: true },
    )
    .chain((fields) =>
      fc.string({ maxLength: 40 }).map((message) => Object.assign(new Error(message), fields)),
    )
  return fc.oneof(
    { weight: 6, arbitrary: error },
    {
      weight: 2,
      arbitrary: fc.tuple(error, error).map(([outer, cause]) => Object.assign(outer, { cause })),
    },
    { weight: 2, arbitrary: fc.anything() },
    {
      weight: 1,
      arbitrary: fc.constantFrom<unknown>(undefined, null, '', 0, Object.freeze(new Error('frozen'))),
    },
    { weight: 1, arbitrary: fc.constant(null).map(() => new Hostile()) },
    {
      weight: 1,
      arbitrary: error.map((one) => Object.assign(one, { cause: one })),
    },
  )
}
