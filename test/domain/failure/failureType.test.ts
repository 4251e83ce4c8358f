import fc from 'fast-check'
import * as E from 'fp-ts/lib/Either.js'
import { PathReporter } from 'io-ts/lib/PathReporter.js'
import { describe, expect, it } from 'vitest'
import {
  BUILT_IN_FAILURE_TYPES,
  DEFAULT_FAILURE_RULES,
  FAILURE_RULES_MAX,
  FailureRulesCodec,
  FailureTypeCodec,
  failureRules,
  ruleFor,
} from '../../../domain/failure/index.js'
import { decideRetry, delayForAttempt, exponential, fixed } from '../../../domain/retry/index.js'
import { retryPolicy } from '../retry/arbitraries.js'

describe('C1 failure types and their default policies', () => {
  it.each([
    ['TIMEOUT', 3, 'exponential', [5_000, 10_000, 20_000]],
    ['NETWORK', 5, 'progressive', [5_000, 10_000, 15_000, 20_000, 25_000]],
    ['DATABASE', 3, 'exponential', [5_000, 10_000, 20_000]],
    ['VALIDATION', 1, 'fixed', [5_000]],
    ['RESOURCE', 2, 'fixed', [60_000, 60_000]],
    ['BUSINESS', 0, 'fixed', []],
    ['CRASH', 3, 'fixed', [0, 0, 0]],
    ['UNKNOWN', 3, 'exponential', [5_000, 10_000, 20_000]],
  ])('%s: %i retries, %s', (type, retriesMax, kind, delays) => {
    const policy = ruleFor(DEFAULT_FAILURE_RULES, type)
    expect(policy.kind).toBe(kind)
    expect(policy.retriesMax).toBe(retriesMax)
    expect(delays.map((_, index) => delayForAttempt(policy, index + 1, 0))).toEqual(delays)
    const last = { attempt: retriesMax + 1, firstAt: 0, at: 0, random: 0 }
    expect(decideRetry(policy, last)).toEqual({ _tag: 'GiveUp', reason: 'attemptsExhausted' })
  })

  it('every built-in type has a rule, and there is no other', () => {
    expect(Object.keys(DEFAULT_FAILURE_RULES)).toEqual([...BUILT_IN_FAILURE_TYPES])
  })

  it("users' types are added to the built-in ones and may replace them", () => {
    const rules = failureRules({ OUT_OF_STOCK: fixed({ delayMs: 9 }), BUSINESS: fixed({ retriesMax: 1 }) })
    expect(ruleFor(rules, 'OUT_OF_STOCK')).toEqual(fixed({ delayMs: 9 }))
    expect(ruleFor(rules, 'BUSINESS').retriesMax).toBe(1)
    expect(ruleFor(rules, 'NETWORK')).toBe(DEFAULT_FAILURE_RULES.NETWORK)
  })

  it('A14 a type without a rule follows UNKNOWN, also one that every object inherits', () => {
    const unknown = exponential({ retriesMax: 7 })
    const rules = failureRules({ UNKNOWN: unknown })
    for (const type of ['NEVER_HEARD_OF', 'constructor', '__proto__', 'toString']) {
      expect(ruleFor(rules, type)).toBe(unknown)
      expect(ruleFor({}, type).retriesMax).toBe(3)
    }
  })

  it('names that are no failure types, and too many of them, are refused', () => {
    for (const name of ['lower', '1ST', 'WITH-DASH', '', 'A'.repeat(65), 'constructor']) {
      expect(() => failureRules({ [name]: fixed() })).toThrow(RangeError)
      expect(E.isLeft(FailureTypeCodec.decode(name))).toBe(true)
    }
    const many = Object.fromEntries(
      Array.from({ length: FAILURE_RULES_MAX + 1 }, (_, i) => [`T${i}`, fixed()]),
    )
    expect(() => failureRules(many)).toThrow('at most')
    expect(E.isLeft(FailureRulesCodec.decode(many))).toBe(true)
  })
})

describe('C1 failure rules as JSON', () => {
  const name = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,63}$/)

  it('rules come back from JSON as they were', () => {
    fc.assert(
      fc.property(fc.dictionary(name, retryPolicy, { maxKeys: 10, noNullPrototype: true }), (rules) => {
        const there = JSON.parse(JSON.stringify(FailureRulesCodec.encode(rules)))
        expect(FailureRulesCodec.decode(there)).toEqual(E.right(rules))
        expect(FailureRulesCodec.is(rules)).toBe(true)
      }),
    )
    expect(FailureRulesCodec.decode(JSON.parse(JSON.stringify(DEFAULT_FAILURE_RULES)))).toEqual(
      E.right(DEFAULT_FAILURE_RULES),
    )
  })

  it('decoding never throws, whatever the JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (json) => {
        FailureRulesCodec.decode(json)
      }),
    )
  })

  it('a refusal says which field of which policy', () => {
    expect(
      PathReporter.report(FailureRulesCodec.decode({ SLOW: { kind: 'fixed', delayMs: -1 } }))[0],
    ).toContain('field delayMs: found -1')
    expect(PathReporter.report(FailureRulesCodec.decode({ slow: { kind: 'fixed' } }))[0]).toContain('"slow"')
    for (const json of [null, [], 7]) expect(E.isLeft(FailureRulesCodec.decode(json))).toBe(true)
  })
})
