import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  custom,
  decideRetry,
  delayCapMs,
  delayForAttempt,
  exponential,
  fixed,
  progressive,
  RETRY_PRESETS,
  type RetryPolicy,
  retriesLeft,
  wouldExceedBudget,
} from '../../../domain/retry/index.js'
import { attempt, random, retryPolicy } from './arbitraries.js'

const HALF = 0.5
const firstDelays = (policy: RetryPolicy, count: number): number[] =>
  Array.from({ length: count }, (_, index) => delayForAttempt(policy, index + 1, HALF))
const withoutJitter = (policy: RetryPolicy): RetryPolicy => ({ ...policy, jitter: 'none' })

describe('C2 the delay before each retry', () => {
  it('fixed waits the same each time', () => {
    expect(firstDelays(fixed({ delayMs: 700 }), 3)).toEqual([700, 700, 700])
  })

  it('exponential doubles from 5 s and stops at 300 s by default', () => {
    expect(firstDelays(exponential(), 8)).toEqual([
      5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000,
    ])
  })

  it('exponential never goes below its minimum, and stays at the cap however late the attempt', () => {
    const policy = exponential({ baseMs: 100, minMs: 350, maxMs: 900 })
    expect(firstDelays(policy, 5)).toEqual([350, 350, 400, 800, 900])
    expect(delayForAttempt(policy, 100_000, HALF)).toBe(900)
  })

  it('exponential from 0 stays 0 after the power has overflowed', () => {
    expect(delayForAttempt(exponential({ baseMs: 0, factor: 100 }), 1_000, HALF)).toBe(0)
  })

  it('progressive grows by its step, which is its base if none is given', () => {
    expect(firstDelays(progressive({ baseMs: 1_000, stepMs: 250, maxMs: 1_600 }), 4)).toEqual([
      1_000, 1_250, 1_500, 1_600,
    ])
    expect(firstDelays(progressive(), 3)).toEqual([5_000, 10_000, 15_000])
  })

  it('custom waits as listed', () => {
    expect(firstDelays(custom({ delaysMs: [5, 1, 9] }), 3)).toEqual([5, 1, 9])
  })

  it('the presets of earlier systems keep their delays', () => {
    expect(firstDelays(RETRY_PRESETS.exponential, 5)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000])
    expect(delayForAttempt(RETRY_PRESETS.exponential, 9, HALF)).toBe(60_000)
    expect(RETRY_PRESETS.exponential.retriesMax).toBe(5)
    expect(RETRY_PRESETS.fixed.retriesMax).toBe(5)
    expect(RETRY_PRESETS.custom([1, 2, 3, 4]).retriesMax).toBe(4)
    expect(firstDelays(RETRY_PRESETS.powersOfTwo, 9)).toEqual(
      [2, 4, 8, 16, 32, 64, 128, 256, 300].map((seconds) => seconds * 1_000),
    )
  })

  it('jitter spreads over the whole of its stated range', () => {
    const ends = (jitter: 'full' | 'equal' | 'decorrelated', previousDelayMs: number) =>
      [0, 1 - 2 ** -53].map((random) =>
        delayForAttempt(exponential({ baseMs: 100, maxMs: 10_000, jitter }), 3, random, previousDelayMs),
      )
    expect(ends('full', 0)).toEqual([0, 400])
    expect(ends('equal', 0)).toEqual([200, 400])
    expect(ends('decorrelated', 0)).toEqual([100, 300])
    expect(ends('decorrelated', 1_000)).toEqual([100, 3_000])
    expect(ends('decorrelated', 9_000)).toEqual([100, 10_000])
  })

  it('decorrelated jitter on a fixed or custom policy walks between its shortest delay and its cap', () => {
    const ends = (policy: RetryPolicy, previousDelayMs: number) =>
      [0, 1 - 2 ** -53].map((random) => delayForAttempt(policy, 1, random, previousDelayMs))
    const fixedDelay = fixed({ delayMs: 1_000, jitter: 'decorrelated' })
    expect(ends(fixedDelay, 0)).toEqual([1_000, 3_000])
    expect(ends(fixedDelay, 200_000)).toEqual([1_000, 300_000])
    expect(ends(custom({ delaysMs: [40, 10, 70], jitter: 'decorrelated' }), 30)).toEqual([10, 70])
  })

  it('an attempt that does not count from 1, or a random number outside [0, 1), is a defect', () => {
    for (const wrong of [0, -1, 1.5, Number.NaN])
      expect(() => delayForAttempt(fixed(), wrong, 0)).toThrow('I4')
    for (const wrong of [-0.1, 1, Number.NaN]) expect(() => delayForAttempt(fixed(), 1, wrong)).toThrow('I7')
  })
})

describe('C2 laws of every policy', () => {
  it('a delay is a whole number of milliseconds, never negative, never above the cap', () => {
    fc.assert(
      fc.property(retryPolicy, attempt, random, fc.nat(), (policy, attempt, random, previous) => {
        const delayMs = delayForAttempt(policy, attempt, random, previous)
        expect(Number.isSafeInteger(delayMs)).toBe(true)
        expect(delayMs).toBeGreaterThanOrEqual(0)
        expect(delayMs).toBeLessThanOrEqual(delayCapMs(policy))
      }),
    )
  })

  it('without jitter a delay never falls (custom: is as listed), and the random number plays no part', () => {
    fc.assert(
      fc.property(retryPolicy.map(withoutJitter), attempt, random, random, (policy, attempt, one, other) => {
        const delayMs = delayForAttempt(policy, attempt, one)
        expect(delayForAttempt(policy, attempt, other)).toBe(delayMs)
        if (policy.kind === 'custom') return
        expect(delayForAttempt(policy, attempt + 1, one)).toBeGreaterThanOrEqual(delayMs)
      }),
    )
  })

  it('jitter stays within its stated bounds', () => {
    fc.assert(
      fc.property(retryPolicy, attempt, random, (policy, attempt, random) => {
        const plainMs = delayForAttempt(withoutJitter(policy), attempt, random)
        const delayMs = delayForAttempt(policy, attempt, random)
        const minMs = policy.kind === 'exponential' ? policy.minMs : 0
        expect(delayMs).toBeGreaterThanOrEqual(minMs)
        if (policy.jitter !== 'decorrelated') expect(delayMs).toBeLessThanOrEqual(plainMs)
        if (policy.jitter === 'equal') expect(delayMs).toBeGreaterThanOrEqual(plainMs / 2)
      }),
    )
  })

  it('decorrelated jitter lies between the start and three times the previous delay', () => {
    const walking = exponential({ baseMs: 50, maxMs: 1_000_000, jitter: 'decorrelated' })
    fc.assert(
      fc.property(fc.array(random, { minLength: 1, maxLength: 20 }), (randoms) => {
        let previousMs = 0
        for (const [index, random] of randoms.entries()) {
          const delayMs = delayForAttempt(walking, index + 1, random, previousMs)
          expect(delayMs).toBeGreaterThanOrEqual(50)
          expect(delayMs).toBeLessThanOrEqual(Math.min(1_000_000, 3 * Math.max(50, previousMs)))
          previousMs = delayMs
        }
      }),
    )
  })

  it('I7 the same arguments give the same delay', () => {
    fc.assert(
      fc.property(retryPolicy, attempt, random, fc.nat(), (policy, attempt, random, previous) => {
        expect(delayForAttempt(policy, attempt, random, previous)).toBe(
          delayForAttempt(structuredClone(policy), attempt, random, previous),
        )
      }),
    )
  })
})

describe('C2 whether there is another attempt', () => {
  const at = { firstAt: 1_000, at: 1_000, random: HALF }

  it('retriesMax retries are granted, then the attempts are exhausted', () => {
    const policy = fixed({ delayMs: 10, retriesMax: 2 })
    expect(decideRetry(policy, { ...at, attempt: 1 })).toEqual({ _tag: 'Retry', delayMs: 10 })
    expect(decideRetry(policy, { ...at, attempt: 2 })).toEqual({ _tag: 'Retry', delayMs: 10 })
    expect(decideRetry(policy, { ...at, attempt: 3 })).toEqual({
      _tag: 'GiveUp',
      reason: 'attemptsExhausted',
    })
  })

  it('no retries and an empty list of delays give up at once', () => {
    for (const policy of [fixed({ retriesMax: 0 }), custom({ delaysMs: [] })]) {
      expect(decideRetry(policy, { ...at, attempt: 1 })).toEqual({
        _tag: 'GiveUp',
        reason: 'attemptsExhausted',
      })
    }
  })

  it('a retry that would start after the budget is not granted; one that starts at its end is', () => {
    const policy = fixed({ delayMs: 100, retriesMax: 9, budgetMs: 500 })
    expect(wouldExceedBudget(policy, 1_000, 1_400, 100)).toBe(false)
    expect(wouldExceedBudget(policy, 1_000, 1_401, 100)).toBe(true)
    expect(decideRetry(policy, { ...at, at: 1_400, attempt: 2 })).toEqual({ _tag: 'Retry', delayMs: 100 })
    expect(decideRetry(policy, { ...at, at: 1_401, attempt: 2 })).toEqual({
      _tag: 'GiveUp',
      reason: 'budgetExceeded',
    })
  })

  it('without a budget no time is too long', () => {
    expect(wouldExceedBudget(fixed(), 0, Number.MAX_SAFE_INTEGER - 1, 1)).toBe(false)
  })

  it('however long each attempt runs, neither the retries nor the budget are exceeded', () => {
    const runs = fc.array(fc.tuple(fc.nat({ max: 100_000 }), random), { minLength: 1, maxLength: 50 })
    fc.assert(
      fc.property(retryPolicy, runs, (policy, runs) => {
        let at = 0
        let granted = 0
        let previousDelayMs = 0
        for (const [index, [ranMs, random]] of runs.entries()) {
          at += ranMs
          const decision = decideRetry(policy, {
            attempt: index + 1,
            firstAt: 0,
            at,
            random,
            previousDelayMs,
          })
          expect(retriesLeft(policy, index + 1) === 0).toBe(index + 1 > policy.retriesMax)
          if (decision._tag === 'GiveUp') break
          granted += 1
          previousDelayMs = decision.delayMs
          at += decision.delayMs
          expect(granted).toBeLessThanOrEqual(policy.retriesMax)
          expect(at).toBeLessThanOrEqual(policy.budgetMs ?? Number.POSITIVE_INFINITY)
        }
      }),
    )
  })
})
