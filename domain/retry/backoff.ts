// How long to wait before the next attempt, and whether there is one. Chance and time are arguments: the outcome is
// recorded in the log as a fact, so replay never depends on this file (I7).
import { invariant } from '../invariant.js'
import type { DurationMs, EpochMs } from '../time.js'
import { DEFAULT_MAX_DELAY_MS, type RetryPolicy } from './policy.js'

/** The delay before chance: whole milliseconds, never falling from one attempt to the next (custom: as listed). */
const plainDelayMs = (policy: RetryPolicy, attempt: number): DurationMs => {
  switch (policy.kind) {
    case 'fixed':
      return policy.delayMs
    case 'exponential': {
      // A base of 0 stays 0; multiplied by an overflowing power it would be NaN.
      const grown = policy.baseMs === 0 ? 0 : policy.baseMs * policy.factor ** (attempt - 1)
      return Math.floor(Math.min(policy.maxMs, Math.max(policy.minMs, grown)))
    }
    case 'progressive':
      return Math.min(policy.maxMs, policy.baseMs + policy.stepMs * (attempt - 1))
    case 'custom':
      // Past the end only if somebody asks for more than the policy grants: the last delay, so that it stays total.
      return policy.delaysMs[Math.min(attempt, policy.delaysMs.length) - 1] ?? 0
  }
}

/** Where decorrelated jitter starts, and what it never goes below. */
const startMs = (policy: RetryPolicy): DurationMs => {
  switch (policy.kind) {
    case 'fixed':
      return policy.delayMs
    case 'exponential':
      return Math.max(policy.minMs, policy.baseMs)
    case 'progressive':
      return policy.baseMs
    case 'custom':
      return policy.delaysMs.reduce((least, delay) => Math.min(least, delay), policy.delaysMs[0] ?? 0)
  }
}

/** No delay of this policy is longer, whatever the jitter. */
export const delayCapMs = (policy: RetryPolicy): DurationMs => {
  switch (policy.kind) {
    case 'fixed':
      // Decorrelated jitter grows away from the fixed delay, so it needs a cap: the usual one.
      if (policy.jitter === 'decorrelated') return Math.max(policy.delayMs, DEFAULT_MAX_DELAY_MS)
      return policy.delayMs
    case 'exponential':
    case 'progressive':
      return policy.maxMs
    case 'custom':
      return policy.delaysMs.reduce((most, delay) => Math.max(most, delay), 0)
  }
}

/** A whole number in `from..to`, both included. */
const between = (from: number, to: number, random: number): number =>
  Math.min(to, from + Math.floor(random * (to - from + 1)))

/**
 * The delay in whole milliseconds after `attempt` failed (1 = the first). With `d` as the plain delay
 *
 *     fixed        d = delayMs
 *     exponential  d = min(maxMs, max(minMs, baseMs * factor^(attempt-1)))
 *     progressive  d = min(maxMs, baseMs + stepMs * (attempt-1))
 *     custom       d = delaysMs[attempt-1]
 *
 * and `random_between` uniform over whole milliseconds, `minMs` being 0 where the policy has none:
 *
 *     none          d
 *     full          random_between(minMs, d)
 *     equal         random_between(max(minMs, d/2), d)
 *     decorrelated  min(cap, random_between(start, 3 * previous delay))
 *
 * The three jitters are those of M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog (2015); the floor
 * `minMs` is ours, as a minimum that chance may undercut would be none. Decorrelated jitter grows by itself and looks
 * only at the previous delay: `start` is delayMs, max(minMs, baseMs), baseMs or the shortest listed delay, `cap` is
 * {@link delayCapMs}, and the first time the previous delay is `start`.
 *
 * @param random in [0, 1); used only with jitter
 * @param previousDelayMs what this function answered last time for this message; 0 or absent = never
 */
export const delayForAttempt = (
  policy: RetryPolicy,
  attempt: number,
  random: number,
  previousDelayMs: DurationMs = 0,
): DurationMs => {
  invariant(Number.isInteger(attempt) && attempt >= 1, `I4 attempts count from 1, found ${attempt}`)
  invariant(random >= 0 && random < 1, `I7 the random number must lie in [0, 1), found ${random}`)
  const plainMs = plainDelayMs(policy, attempt)
  const floorMs = policy.kind === 'exponential' ? policy.minMs : 0
  switch (policy.jitter) {
    case 'none':
      return plainMs
    case 'full':
      return between(floorMs, plainMs, random)
    case 'equal':
      return between(Math.max(floorMs, Math.ceil(plainMs / 2)), plainMs, random)
    case 'decorrelated': {
      const start = startMs(policy)
      return Math.min(delayCapMs(policy), between(start, 3 * Math.max(start, previousDelayMs), random))
    }
  }
}

/** Retries that are left after `attempt` failed. */
export const retriesLeft = (policy: RetryPolicy, attempt: number): number =>
  Math.max(0, policy.retriesMax - attempt + 1)

/** Would a retry that starts `delayMs` after `now` start later than the policy's total time allows? */
export const wouldExceedBudget = (
  policy: RetryPolicy,
  firstAttemptAt: EpochMs,
  now: EpochMs,
  delayMs: DurationMs,
): boolean => policy.budgetMs !== undefined && now + delayMs - firstAttemptAt > policy.budgetMs

export type FailedAttempt = Readonly<{
  /** The attempt that failed, 1 = the first. */
  attempt: number
  /** Where the budget starts to run. */
  firstAt: EpochMs
  at: EpochMs
  random: number
  previousDelayMs?: DurationMs
}>
export type GiveUpReason = 'attemptsExhausted' | 'budgetExceeded'
export type RetryDecision =
  | Readonly<{ _tag: 'Retry'; delayMs: DurationMs }>
  | Readonly<{ _tag: 'GiveUp'; reason: GiveUpReason }>

/** One more attempt, or none. The count decides before the budget: both may be spent, and the count is the plainer reason. */
export const decideRetry = (policy: RetryPolicy, failed: FailedAttempt): RetryDecision => {
  const { attempt, firstAt, at, random, previousDelayMs } = failed
  if (retriesLeft(policy, attempt) === 0) return { _tag: 'GiveUp', reason: 'attemptsExhausted' }
  const delayMs = delayForAttempt(policy, attempt, random, previousDelayMs)
  if (wouldExceedBudget(policy, firstAt, at, delayMs)) return { _tag: 'GiveUp', reason: 'budgetExceeded' }
  return { _tag: 'Retry', delayMs }
}
