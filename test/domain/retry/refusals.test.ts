// Which retry policies are refused, in which words, and that what is just within a bound is not.
import * as E from 'fp-ts/lib/Either.js'
import { describe, expect, it } from 'vitest'
import {
  custom,
  delayCapMs,
  delayForAttempt,
  describeRetryPolicyRefusal,
  exponential,
  fixed,
  fromJSON,
  RetryPolicyCodec,
} from '../../../domain/retry/index.js'

const THIRTY_DAYS_MS = 2_592_000_000
const LEAP_YEAR_MS = 31_622_400_000
const whole = (to: number) => `a whole number from 0 to ${to}`
const told = (json: unknown): string => {
  const decoded = fromJSON(json)
  if (E.isRight(decoded)) throw new Error('the policy was accepted')
  return describeRetryPolicyRefusal(decoded.left)
}

describe('C2 a refused policy', () => {
  it.each([
    ['field baseMs: found 1.5', whole(THIRTY_DAYS_MS), { kind: 'exponential', baseMs: 1.5 }],
    ['field maxMs: found -1', whole(THIRTY_DAYS_MS), { kind: 'exponential', maxMs: -1 }],
    ['field minMs: found -1', whole(THIRTY_DAYS_MS), { kind: 'exponential', minMs: -1 }],
    ['field minMs: found 9', 'at most maxMs (8)', { kind: 'exponential', baseMs: 1, minMs: 9, maxMs: 8 }],
    ['field baseMs: found 9', 'at most maxMs (8)', { kind: 'progressive', baseMs: 9, maxMs: 8 }],
    ['field budgetMs: found -1', whole(LEAP_YEAR_MS), { kind: 'fixed', budgetMs: -1 }],
    ['field factor: found "3"', 'a number from 1 to 100', { kind: 'exponential', factor: '3' }],
    ['field factor: found 100.5', 'a number from 1 to 100', { kind: 'exponential', factor: 100.5 }],
    [
      'field jitter: found "some"',
      'one of none, full, equal, decorrelated',
      { kind: 'fixed', jitter: 'some' },
    ],
    ['field kind: found a list of 1', 'one of fixed, exponential, progressive, custom', { kind: ['fixed'] }],
    ['field delaysMs: found 5', 'a list of at most 100 delays', { kind: 'custom', delaysMs: 5 }],
    [
      'field retriesMax: found 2',
      'the number of delays (1), or leave it out',
      { kind: 'custom', delaysMs: [1], retriesMax: 2 },
    ],
    [
      'field delayMs: found 0',
      'more than 0 when jitter is decorrelated',
      { kind: 'fixed', delayMs: 0, jitter: 'decorrelated' },
    ],
    [
      'field "tries": found 3',
      'no such field; fixed has kind, retriesMax, jitter, budgetMs, delayMs',
      { kind: 'fixed', tries: 3 },
    ],
  ])('is told where and what would do: %s, %s', (where, accepted, json) => {
    expect(told(json)).toBe(`Retry policy, ${where}, accepted is ${accepted}.`)
  })

  it('that is no policy at all is named as a whole', () => {
    expect(told(null)).toBe('Retry policy: found null, accepted is an object.')
  })

  it('in code is an error with a name of its own', () => {
    expect(() => fixed({ delayMs: -1 })).toThrow(expect.objectContaining({ name: 'RetryPolicyError' }))
  })

  it('is not taken for one by its codec either', () => {
    for (const wrong of [undefined, null, 5, 'fixed', {}, { kind: 'fixed' }, { ...fixed(), delayMs: -1 }]) {
      expect(RetryPolicyCodec.is(wrong)).toBe(false)
    }
  })
})

describe('C2 a policy that is just within its bounds', () => {
  it.each([
    { kind: 'fixed', delayMs: THIRTY_DAYS_MS, budgetMs: LEAP_YEAR_MS, retriesMax: 1_000 },
    { kind: 'exponential', factor: 100, maxMs: THIRTY_DAYS_MS, minMs: THIRTY_DAYS_MS },
    { kind: 'exponential', factor: 1, baseMs: 8, maxMs: 8 },
    { kind: 'custom', delaysMs: Array.from({ length: 100 }, () => 1) },
  ])('is accepted: %j', (json) => {
    expect(E.isRight(fromJSON(json))).toBe(true)
  })

  it.each([
    { kind: 'fixed', delayMs: THIRTY_DAYS_MS + 1 },
    { kind: 'fixed', budgetMs: LEAP_YEAR_MS + 1 },
    { kind: 'fixed', retriesMax: 1_001 },
    { kind: 'custom', delaysMs: Array.from({ length: 101 }, () => 1) },
  ])('is refused one step further: %j', (json) => {
    expect(E.isLeft(fromJSON(json))).toBe(true)
  })
})

describe('C2 delays to the millisecond', () => {
  it('a growth by fractions is rounded down', () => {
    const policy = exponential({ baseMs: 5, factor: 1.5 })
    expect([1, 2, 3].map((attempt) => delayForAttempt(policy, attempt, 0))).toEqual([5, 7, 11])
  })

  it('jitter gives each millisecond of its range the same share of chance', () => {
    const upToThree = exponential({ baseMs: 3, jitter: 'full' })
    const fromTwo = fixed({ delayMs: 4, jitter: 'equal' })
    const quarters = [0, 0.24, 0.25, 0.49, 0.5, 0.74, 0.75, 0.99]
    expect(quarters.map((random) => delayForAttempt(upToThree, 1, random))).toEqual([0, 0, 1, 1, 2, 2, 3, 3])
    expect([0, 0.33, 0.34, 0.66, 0.67, 0.99].map((random) => delayForAttempt(fromTwo, 1, random))).toEqual([
      2, 2, 3, 3, 4, 4,
    ])
  })

  it('a fixed delay is its own cap, unless decorrelated jitter walks away from it', () => {
    expect(delayCapMs(fixed({ delayMs: 700 }))).toBe(700)
    expect(delayCapMs(fixed({ delayMs: 700, jitter: 'full' }))).toBe(700)
    expect(delayCapMs(fixed({ delayMs: 700, jitter: 'decorrelated' }))).toBe(300_000)
    expect(delayCapMs(fixed({ delayMs: 400_000, jitter: 'decorrelated' }))).toBe(400_000)
    expect(delayCapMs(custom({ delaysMs: [5, 9, 1] }))).toBe(9)
  })
})
