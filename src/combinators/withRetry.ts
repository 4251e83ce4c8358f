// Retries for any function, on the same policies as the queue's (C8).
import { isLeft } from 'fp-ts/lib/Either.js'
import { classify } from '../../domain/failure/index.js'
import {
  decideRetry,
  describeRetryPolicyRefusal,
  exponential,
  fromJSON,
  type RetryPolicy,
  RetryPolicyError,
  wouldExceedBudget,
} from '../../domain/retry/index.js'
import type { Clock } from '../ports/clock.js'
import { systemClock } from '../runtime/systemClock.js'
import { waitMs } from './calls.js'
import { RetriesExhaustedError } from './errors.js'

export type Retry = Readonly<{
  /** The attempt that failed, 1 = the first. */
  attempt: number
  delayMs: number
  error: unknown
}>

export type RetryOptions = Readonly<{
  /** Default: {@link DEFAULT_CALL_RETRY}. */
  policy?: RetryPolicy
  /**
   * Which errors are worth another attempt; what is not is thrown on as it is. Default: all but those that the default
   * classifier takes for BUSINESS or VALIDATION.
   */
  retryIf?: (error: unknown) => boolean
  /** Told before each wait. */
  onRetry?: (retry: Retry) => void
  /** Aborting it ends the wait, and there is no further attempt. */
  signal?: AbortSignal
  clock?: Clock
  /** In [0, 1); used only by policies with jitter. */
  random?: () => number
}>

/** 3 retries after 0.1, 0.2 and 0.4 s; never more than 10 s apart, and none that starts after 30 s. */
export const DEFAULT_CALL_RETRY: RetryPolicy = exponential({
  baseMs: 100,
  maxMs: 10_000,
  retriesMax: 3,
  budgetMs: 30_000,
})

const isWorthRetrying = (error: unknown): boolean => {
  const type = classify(error)
  return type !== 'BUSINESS' && type !== 'VALIDATION'
}

/**
 * The function, called again after a failure as the policy says. Waiting takes time, so the result is always a promise,
 * also of a synchronous function. Rejects with a {@link RetriesExhaustedError} that holds what each attempt threw.
 *
 * @throws RetryPolicyError on a policy that is none, where it is written
 */
export const withRetry = <A extends ReadonlyArray<unknown>, R>(
  fn: (...args: A) => R,
  options: RetryOptions = {},
): ((...args: A) => Promise<Awaited<R>>) => {
  const { retryIf = isWorthRetrying, onRetry, signal, clock = systemClock, random = Math.random } = options
  const policy = checked(options.policy ?? DEFAULT_CALL_RETRY)
  return async (...args): Promise<Awaited<R>> => {
    const firstAt = clock.tickMs()
    const causes: unknown[] = []
    let previousDelayMs = 0
    for (let attempt = 1; ; attempt++) {
      signal?.throwIfAborted()
      try {
        return await fn(...args)
      } catch (error) {
        causes.push(error)
        signal?.throwIfAborted()
        if (!retryIf(error)) throw error
        const failed = { attempt, firstAt, at: clock.tickMs(), random: random(), previousDelayMs }
        const decision = decideRetry(policy, failed)
        if (decision._tag === 'GiveUp') throw new RetriesExhaustedError(decision.reason, causes)
        previousDelayMs = decision.delayMs
        onRetry?.({ attempt, delayMs: decision.delayMs, error })
        await waitMs(clock, decision.delayMs, signal)
        // A busy event loop calls late, and a late attempt is no longer covered by the budget.
        if (wouldExceedBudget(policy, firstAt, clock.tickMs(), 0)) {
          throw new RetriesExhaustedError('budgetExceeded', causes)
        }
      }
    }
  }
}

const checked = (policy: RetryPolicy): RetryPolicy => {
  const read = fromJSON(policy)
  if (isLeft(read)) throw new RetryPolicyError(describeRetryPolicyRefusal(read.left))
  return read.right
}
