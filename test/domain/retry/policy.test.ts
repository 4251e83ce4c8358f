import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import { describe, expect, it } from 'vitest'
import {
  CUSTOM_DELAYS_MAX,
  custom,
  DELAY_MS_MAX,
  describeRetryPolicyRefusal,
  exponential,
  fixed,
  fromJSON,
  progressive,
  RETRIES_MAX,
  RetryPolicyCodec,
  RetryPolicyError,
  toJSON,
} from '../../../domain/retry/index.js'
import { retryPolicy } from './arbitraries.js'

const refusalOf = (json: unknown) => {
  const decoded = fromJSON(json)
  if (E.isRight(decoded)) throw new Error('the policy was accepted')
  return decoded.left
}

describe('C2 policies as JSON', () => {
  it('every policy comes back from JSON text as it was', () => {
    fc.assert(
      fc.property(retryPolicy, (policy) => {
        const there = JSON.parse(JSON.stringify(toJSON(policy)))
        expect(fromJSON(there)).toEqual(E.right(policy))
        expect(RetryPolicyCodec.decode(JSON.parse(JSON.stringify(RetryPolicyCodec.encode(policy))))).toEqual(
          E.right(policy),
        )
        expect(RetryPolicyCodec.is(policy)).toBe(true)
      }),
    )
  })

  it('the JSON of a policy is a copy: changing it leaves the policy alone', () => {
    const policy = custom({ delaysMs: [1, 2] })
    const json = toJSON(policy)
    if (json.kind === 'custom') Object.assign(json.delaysMs, [9, 9])
    expect(policy.delaysMs).toEqual([1, 2])
  })

  it('decoding never throws, whatever the JSON', () => {
    const kinds = fc.constantFrom('fixed', 'exponential', 'progressive', 'custom', '__proto__', 'constructor')
    const nearly = fc.tuple(fc.dictionary(fc.string(), fc.jsonValue()), kinds)
    fc.assert(
      fc.property(
        fc.oneof(
          fc.jsonValue(),
          nearly.map(([rest, kind]) => ({ ...rest, kind })),
        ),
        (json) => {
          const decoded = RetryPolicyCodec.decode(json)
          if (E.isRight(decoded)) expect(RetryPolicyCodec.is(decoded.right)).toBe(true)
        },
      ),
    )
  })

  it('missing fields take the defaults: 5 s, at most 300 s, 3 retries, no jitter', () => {
    expect(fromJSON({ kind: 'exponential' })).toEqual(
      E.right({
        kind: 'exponential',
        baseMs: 5_000,
        factor: 2,
        minMs: 0,
        maxMs: 300_000,
        retriesMax: 3,
        jitter: 'none',
      }),
    )
    expect(fromJSON({ kind: 'progressive', baseMs: 40 })).toEqual(
      E.right({
        kind: 'progressive',
        baseMs: 40,
        stepMs: 40,
        maxMs: 300_000,
        retriesMax: 3,
        jitter: 'none',
      }),
    )
    expect(fromJSON({ kind: 'custom', delaysMs: [1, 2] })).toEqual(
      E.right({ kind: 'custom', delaysMs: [1, 2], retriesMax: 2, jitter: 'none' }),
    )
  })

  it('a refusal names the field, what was found and what is accepted', () => {
    expect(refusalOf({ kind: 'fixed', retriesMax: 1.5 })).toEqual({
      type: 'RetryPolicyInvalid',
      field: 'retriesMax',
      found: '1.5',
      accepted: `a whole number from 0 to ${RETRIES_MAX}`,
    })
    expect(describeRetryPolicyRefusal(refusalOf({ kind: 'fixed', delayMs: '5s' }))).toBe(
      `Retry policy, field delayMs: found "5s", accepted is a whole number from 0 to ${DELAY_MS_MAX}.`,
    )
  })

  it.each([
    ['', null],
    ['', []],
    ['kind', {}],
    ['kind', { kind: 'constructor' }],
    ['jitter', { kind: 'fixed', jitter: 'some' }],
    ['budgetMs', { kind: 'fixed', budgetMs: -1 }],
    ['retriesMax', { kind: 'fixed', retriesMax: RETRIES_MAX + 1 }],
    ['delayMs', { kind: 'fixed', delayMs: DELAY_MS_MAX + 1 }],
    ['"maxRetries"', { kind: 'fixed', maxRetries: 3 }],
    ['"factor"', { kind: 'fixed', factor: 3 }],
    ['factor', { kind: 'exponential', factor: 0.5 }],
    ['factor', { kind: 'exponential', factor: Number.NaN }],
    ['baseMs', { kind: 'exponential', baseMs: 600_000 }],
    ['minMs', { kind: 'exponential', minMs: 600_000 }],
    ['stepMs', { kind: 'progressive', stepMs: null }],
    ['baseMs', { kind: 'progressive', baseMs: 7, maxMs: 6 }],
    ['delaysMs', { kind: 'custom' }],
    ['delaysMs', { kind: 'custom', delaysMs: Array.from({ length: CUSTOM_DELAYS_MAX + 1 }, () => 1) }],
    ['delaysMs.1', { kind: 'custom', delaysMs: [1, '2'] }],
    ['retriesMax', { kind: 'custom', delaysMs: [1, 2], retriesMax: 3 }],
    ['delayMs', { kind: 'fixed', delayMs: 0, jitter: 'decorrelated' }],
    ['baseMs', { kind: 'progressive', baseMs: 0, jitter: 'decorrelated' }],
    ['delaysMs', { kind: 'custom', delaysMs: [3, 0], jitter: 'decorrelated' }],
  ])('field %j is refused in %j', (field, json) => {
    expect(refusalOf(json).field).toBe(field)
  })

  it('the codec reports the same sentence', () => {
    expect(PathReporter.report(RetryPolicyCodec.decode({ kind: 'fixed', delayMs: -5 }))).toEqual([
      `Retry policy, field delayMs: found -5, accepted is a whole number from 0 to ${DELAY_MS_MAX}.`,
    ])
  })
})

describe('C2 policies in code', () => {
  it('a wrong number throws where the policy is written', () => {
    expect(() => fixed({ delayMs: -1 })).toThrow(RetryPolicyError)
    expect(() => exponential({ factor: 0 })).toThrow('field factor')
    expect(() => progressive({ retriesMax: 0.5 })).toThrow('field retriesMax')
    expect(() => custom({ delaysMs: [1.5] })).toThrow('field delaysMs.0')
  })

  it('a custom policy keeps its own copy of the list', () => {
    const delaysMs = [1, 2]
    const policy = custom({ delaysMs })
    delaysMs.push(3)
    expect(policy.delaysMs).toEqual([1, 2])
  })
})
