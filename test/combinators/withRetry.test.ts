import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { classify } from '../../domain/failure/index.js'
import {
  custom,
  delayForAttempt,
  exponential,
  fixed,
  progressive,
  type RetryPolicy,
  RetryPolicyError,
} from '../../domain/retry/index.js'
import { RetriesExhaustedError } from '../../src/combinators/errors.js'
import { DEFAULT_CALL_RETRY, type Retry, withRetry } from '../../src/combinators/withRetry.js'
import { ManualClock, watch } from '../support/manualClock.js'

const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'it was fulfilled',
    (error: unknown) => error,
  )
const DAY_MS = 24 * 3_600_000

/** Fails so many times, each time with an error of its own, and then answers with the number of calls. */
const failing = (clock: ManualClock, times: number, ranMs: (call: number) => number = () => 0) => {
  const startedAt: number[] = []
  const fn = async (): Promise<number> => {
    startedAt.push(clock.tickMs())
    const call = startedAt.length
    await new Promise<void>((resolve) => clock.after(ranMs(call), resolve))
    if (call <= times) throw new Error(`failure ${call}`)
    return call
  }
  return { fn, startedAt, waited: () => startedAt.map((at) => at - (startedAt[0] ?? 0)) }
}

describe('C8: withRetry', () => {
  it('A14: three retries after 0.1, 0.2 and 0.4 s, where nothing is said', async () => {
    const clock = new ManualClock()
    const { fn, waited } = failing(clock, 3)
    const answer = withRetry(fn, { clock })()
    await clock.advance(700)
    expect(await clock.settled(answer)).toBe(4)
    expect(waited()).toEqual([0, 100, 300, 700])
  })

  it('A14: never more than 10 s apart, and no retry starts after 30 s', async () => {
    expect(DEFAULT_CALL_RETRY).toMatchObject({ retriesMax: 3, baseMs: 100, maxMs: 10_000, budgetMs: 30_000 })
    const clock = new ManualClock()
    const { fn, startedAt } = failing(clock, 9, () => 15_000)
    const error = errorOf(withRetry(fn, { clock })())
    await clock.advance(60_000)
    expect(await clock.settled(error)).toMatchObject({ reason: 'budgetExceeded' })
    expect(startedAt).toHaveLength(2)
  })

  it('C8: when no retry is left the error holds what each attempt threw', async () => {
    const clock = new ManualClock()
    const { fn } = failing(clock, 9)
    const error = errorOf(withRetry(fn, { clock, policy: fixed({ delayMs: 5, retriesMax: 2 }) })())
    await clock.advance(10)
    const found = await clock.settled(error)
    expect(found).toBeInstanceOf(RetriesExhaustedError)
    expect(found).toMatchObject({
      code: 'retries_exhausted',
      reason: 'attemptsExhausted',
      message: '3 attempts failed, and no retry is left',
      causes: [{ message: 'failure 1' }, { message: 'failure 2' }, { message: 'failure 3' }],
      cause: { message: 'failure 3' },
    })
  })

  it('C8: the queue finds the failure type of the last cause', async () => {
    const clock = new ManualClock()
    const refused = Object.assign(new Error('no'), { code: 'ECONNREFUSED' })
    const policy = fixed({ retriesMax: 0 })
    const error = await clock.settled(errorOf(withRetry(() => Promise.reject(refused), { clock, policy })()))
    expect(classify(error)).toBe('NETWORK')
  })

  it('C8: a synchronous function is retried as well, with the arguments of the call', async () => {
    const clock = new ManualClock()
    const seen: string[] = []
    const parse = (text: string): number => {
      seen.push(text)
      if (seen.length < 3) throw new Error('not yet')
      return text.length
    }
    const answer = withRetry(parse, { clock })('four')
    await clock.advance(300)
    expect(await clock.settled(answer)).toBe(4)
    expect(seen).toEqual(['four', 'four', 'four'])
  })

  it('C8: an error that is not worth another attempt is thrown on as it is', async () => {
    const clock = new ManualClock()
    const wrong = new TypeError('wrong')
    const fn = (): never => {
      throw wrong
    }
    const retryIf = (error: unknown): boolean => !(error instanceof TypeError)
    expect(await clock.settled(errorOf(withRetry(fn, { clock, retryIf })()))).toBe(wrong)
  })

  it('C8: of itself it does not ask again what the business or a validation has refused', async () => {
    const clock = new ManualClock()
    for (const failureType of ['BUSINESS', 'VALIDATION']) {
      const refusal = Object.assign(new Error('no'), { failureType })
      expect(await clock.settled(errorOf(withRetry(() => Promise.reject(refusal), { clock })()))).toBe(
        refusal,
      )
    }
  })

  it('C8: each wait is told before it begins', async () => {
    const clock = new ManualClock()
    const told: Retry[] = []
    const { fn } = failing(clock, 2)
    const answer = withRetry(fn, { clock, onRetry: (retry) => told.push(retry) })()
    await clock.advance(300)
    await clock.settled(answer)
    expect(told).toMatchObject([
      { attempt: 1, delayMs: 100, error: { message: 'failure 1' } },
      { attempt: 2, delayMs: 200, error: { message: 'failure 2' } },
    ])
  })

  it('C8: jitter comes from the random number that it is given', async () => {
    const clock = new ManualClock()
    const { fn, waited } = failing(clock, 1)
    const policy = fixed({ delayMs: 1_000, jitter: 'full' })
    const answer = withRetry(fn, { clock, policy, random: () => 0.25 })()
    await clock.advance(1_000)
    await clock.settled(answer)
    expect(waited()).toEqual([0, 250])
  })

  it('C8: aborting ends the wait with its reason, leaves no timer, and there is no further attempt', async () => {
    const clock = new ManualClock()
    const caller = new AbortController()
    const { fn, startedAt } = failing(clock, 9)
    const call = withRetry(fn, { clock, signal: caller.signal })
    const error = errorOf(call())
    await clock.advance(50)
    caller.abort('shutting down')
    expect(await clock.settled(error)).toBe('shutting down')
    expect(await clock.settled(errorOf(call()))).toBe('shutting down')
    expect(startedAt).toHaveLength(1)
    expect(clock.timerCount).toBe(0)
  })

  it('R22: a wait that no timer can hold is kept in full', async () => {
    const clock = new ManualClock()
    const { fn, startedAt } = failing(clock, 1)
    const answer = withRetry(fn, { clock, policy: fixed({ delayMs: 30 * DAY_MS }) })()
    await clock.advance(30 * DAY_MS - 1)
    expect(startedAt).toHaveLength(1)
    await clock.advance(1)
    expect(await clock.settled(answer)).toBe(2)
  })

  it('C8: an attempt that the event loop would start after the budget is not made', async () => {
    const clock = new ManualClock()
    const { fn, startedAt } = failing(clock, 9)
    const policy = fixed({ delayMs: 100, retriesMax: 5, budgetMs: 150 })
    const seen = watch(errorOf(withRetry(fn, { clock, policy })()))
    await clock.advance(10)
    clock.block(200)
    await clock.advance(0)
    expect(seen.value).toMatchObject({ reason: 'budgetExceeded', causes: [{ message: 'failure 1' }] })
    expect(startedAt).toHaveLength(1)
  })

  it('C8: a policy that is none is refused where it is written', () => {
    expect(() => withRetry(() => 1, { policy: { ...fixed(), retriesMax: -1 } })).toThrow(RetryPolicyError)
  })
})

const jitter = fc.constantFrom('none' as const, 'full' as const, 'equal' as const)
const limits = fc.record(
  { retriesMax: fc.nat({ max: 6 }), jitter, budgetMs: fc.nat({ max: 2_000 }) },
  { requiredKeys: ['retriesMax', 'jitter'] },
)
const delayMs = fc.nat({ max: 500 })
const shortPolicy: fc.Arbitrary<RetryPolicy> = fc.oneof(
  fc.tuple(delayMs, limits).map(([delayMs, limits]) => fixed({ delayMs, ...limits })),
  fc.tuple(delayMs, limits).map(([baseMs, limits]) => exponential({ baseMs, maxMs: 800, ...limits })),
  fc.tuple(delayMs, limits).map(([baseMs, limits]) => progressive({ baseMs, maxMs: 800, ...limits })),
  fc.array(delayMs, { maxLength: 6 }).map((delaysMs) => custom({ delaysMs })),
)

describe('C8: laws of withRetry', () => {
  it('C8: never more attempts than the policy has, none after its budget, and none given up without need', async () => {
    const reasons = new Set<unknown>()
    await fc.assert(
      fc.asyncProperty(
        shortPolicy,
        fc.nat({ max: 8 }),
        fc.array(fc.nat({ max: 600 }), { minLength: 8, maxLength: 8 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        async (policy, failures, ranMs, random) => {
          const clock = new ManualClock()
          const { fn, startedAt } = failing(clock, failures, (call) => ranMs[call - 1] ?? 0)
          const delays: number[] = []
          const onRetry = ({ delayMs }: Retry): number => delays.push(delayMs)
          const result = errorOf(withRetry(fn, { clock, policy, random: () => random, onRetry })())
          await clock.advance(20_000)
          const found = await clock.settled(result)
          const firstAt = startedAt[0] ?? 0
          const calls = startedAt.length
          expect(calls).toBeLessThanOrEqual(policy.retriesMax + 1)
          for (const [index, at] of startedAt.entries()) {
            expect(at - firstAt).toBeLessThanOrEqual(
              index === 0 ? 0 : (policy.budgetMs ?? Number.POSITIVE_INFINITY),
            )
            const before = startedAt[index - 1]
            if (before !== undefined)
              expect(at).toBe(before + (ranMs[index - 1] ?? 0) + (delays[index - 1] ?? 0))
          }
          if (found === 'it was fulfilled') expect(calls).toBe(failures + 1)
          else {
            const { reason } = found as RetriesExhaustedError
            reasons.add(reason)
            if (reason === 'attemptsExhausted') expect(calls).toBe(policy.retriesMax + 1)
            else {
              const endedAt = (startedAt.at(-1) ?? 0) + (ranMs[calls - 1] ?? 0)
              const nextMs = delayForAttempt(policy, calls, random, delays.at(-1))
              expect(endedAt + nextMs - firstAt).toBeGreaterThan(policy.budgetMs ?? Number.POSITIVE_INFINITY)
            }
          }
        },
      ),
      { numRuns: 60 },
    )
    expect([...reasons].sort()).toEqual(['attemptsExhausted', 'budgetExceeded'])
  })
})
