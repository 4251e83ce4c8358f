// Arbitraries and laws of the kit: what is generated is what ledgerq accepts, and each law sees what breaks it. Through their
// public face only.
import fc from 'fast-check'
import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import {
  classify,
  DEFAULT_FAILURE_RULES,
  DEFAULT_RETRY_POLICY,
  exponential,
  fixed,
  progressive,
  RETRY_PRESETS,
  type RetryPolicy,
} from '../../src/index.js'
import { testLedger } from '../../src/testing/index.js'
import {
  checkLaws,
  classifierLaws,
  failureRules,
  failureTypes,
  handlerIdempotenceLaw,
  histories,
  messages,
  payloadCodecLaws,
  retryPolicies,
  retryPolicyLaws,
  thrownValues,
} from '../../src/testing/properties/index.js'

describe('G5: arbitraries', () => {
  it('messages are accepted by a real ledger, and come back as they were', async () => {
    const test = await testLedger()
    let runs = 0
    await fc.assert(
      fc.asyncProperty(messages(), async (message) => {
        const queue = await test.queue(`q${++runs}`)
        const { payload, ...options } = message
        const { id } = await queue.enqueue(payload, options)
        const view = await queue.message(id)
        expect(view?.payload).toEqual(payload)
        expect(view?.headers).toEqual(options.headers ?? {})
      }),
      { numRuns: 60 },
    )
    await test.close()
  })

  it('failure rules are accepted by a queue, retry policies and failure types with them', async () => {
    const test = await testLedger()
    let runs = 0
    await fc.assert(
      fc.asyncProperty(failureRules(), async (failures) => {
        const queue = await test.queue(`q${++runs}`, { failures })
        expect((await queue.view()).config.failures).toEqual({ ...DEFAULT_FAILURE_RULES, ...failures })
      }),
      { numRuns: 40 },
    )
    await test.close()
    fc.assert(fc.property(failureTypes(), (type) => /^[A-Z][A-Z0-9_]{0,63}$/.test(type)))
  })

  it('histories begin with the enqueue, never go back in time, and reach every end', () => {
    const last = new Set<string>()
    fc.assert(
      fc.property(histories(), (history) => {
        expect(history[0]?.type).toBe('MessageEnqueued')
        expect(history.filter(({ type }) => type === 'MessageEnqueued')).toHaveLength(1)
        const times = history.map(({ at }) => Date.parse(at))
        expect(times).toEqual([...times].sort((a, b) => a - b))
        expect(history.map(({ revision }) => revision)).toEqual(history.map((_, index) => index + 1))
        // An attempt ends before the next one starts.
        let running = 0
        for (const { type } of history) {
          if (type === 'AttemptStarted') running += 1
          if (/^Attempt(?:Succeeded|Failed|Released)$/.test(type)) running -= 1
          expect(running === 0 || running === 1).toBe(true)
        }
        last.add(history.at(-1)?.type ?? '')
      }),
      { numRuns: 2_000 },
    )
    for (const type of ['AttemptSucceeded', 'MessageDeadLettered', 'MessageCancelled', 'MessageExpired']) {
      expect(last).toContain(type)
    }
  })

  it('thrown values hold no surprise for the default classifier', () => {
    fc.assert(fc.property(thrownValues(), (thrown) => typeof classify(thrown) === 'string'))
  })
})

describe('G5: laws of retry policies', () => {
  it.each(Object.entries({ ...DEFAULT_FAILURE_RULES, ...presets() }))(
    'hold for %s',
    async (_name, policy) => {
      await checkLaws(retryPolicyLaws(policy))
    },
  )

  it('hold for every policy there is', async () => {
    await checkLaws(retryPolicyLaws(retryPolicies()), { numRuns: 200 })
  })

  it('hold for a constructor of one’s own over all its arguments', async () => {
    const polite = fc
      .integer({ min: 1, max: 60_000 })
      .map((baseMs) => progressive({ baseMs, stepMs: baseMs, maxMs: 600_000, retriesMax: 5 }))
    await checkLaws(retryPolicyLaws(polite, { endsWithinMs: 15 * 60_000 }))
  })

  it('with expectations say whether the policy outlasts an outage, and when it has given up', async () => {
    // 5, 10 and 20 s: 35 s.
    await checkLaws(retryPolicyLaws(DEFAULT_RETRY_POLICY, { outlastsMs: 35_000, endsWithinMs: 35_000 }))
    const impatient = checkLaws(retryPolicyLaws(DEFAULT_RETRY_POLICY, { outlastsMs: 60_000 }))
    await expect(impatient).rejects.toThrow(/^it goes on trying for at least 60000 ms: Property failed/)
    const jittery = exponential({ jitter: 'full' })
    await expect(checkLaws(retryPolicyLaws(jittery, { outlastsMs: 35_000 }))).rejects.toThrow(
      /at least 35000/,
    )
  })

  it.each<readonly [string, RetryPolicy, RegExp]>([
    ['a field that JSON drops', { ...fixed(), secret: () => 1 } as unknown as RetryPolicy, /JSON/],
    ['a cap below its delays', { ...exponential(), baseMs: -5 } as RetryPolicy, /JSON|cap|negative/],
  ])('see %s', async (_what, policy, sentence) => {
    await expect(checkLaws(retryPolicyLaws(policy))).rejects.toThrow(sentence)
  })
})

describe('G5: laws of classifiers', () => {
  it('hold for the default one, and for one that knows a little', async () => {
    await checkLaws(classifierLaws(classify), { numRuns: 500 })
    await checkLaws(classifierLaws((error) => (error instanceof TypeError ? 'OWN_BUG' : undefined)))
  })

  it.each<readonly [string, (error: unknown) => string | undefined, RegExp]>([
    [
      'one that trusts that errors are errors',
      (error) => (error as Error).name.toUpperCase(),
      /never throws/,
    ],
    ['one that answers what is no failure type', () => 'not a type', /answers a failure type/],
    ['one that changes its mind', alternating(), /the same for the same/],
  ])('see %s', async (_what, classifier, sentence) => {
    await expect(checkLaws(classifierLaws(classifier))).rejects.toThrow(sentence)
  })
})

describe('G5: laws of payload codecs', () => {
  const Instant = new t.Type<Date, string, unknown>(
    'Instant',
    (value): value is Date => value instanceof Date,
    (value, context) =>
      typeof value === 'string' && !Number.isNaN(Date.parse(value))
        ? t.success(new Date(value))
        : t.failure(value, context),
    (date) => date.toISOString(),
  )

  it('hold for one that round-trips', async () => {
    const Order = t.strict({ orderId: t.number, at: Instant })
    const orders = fc.record(
      { orderId: fc.integer(), at: fc.date({ noInvalidDate: true }) },
      { noNullPrototype: true },
    )
    await checkLaws(payloadCodecLaws(Order, orders))
  })

  it('see one that loses something, and one that makes what is no payload', async () => {
    const lossy = new t.Type<Date, string, unknown>('Day', Instant.is, Instant.validate, (date) =>
      date.toISOString().slice(0, 10),
    )
    await expect(checkLaws(payloadCodecLaws(lossy, fc.date({ noInvalidDate: true })))).rejects.toThrow(
      /decodes to the same/,
    )
    await expect(checkLaws(payloadCodecLaws(t.bigint, fc.bigInt()))).rejects.toThrow(/accepted as a payload/)
  })
})

describe('G5: the law of handlers', () => {
  const payloads = fc.record({ orderId: fc.nat({ max: 3 }) }, { noNullPrototype: true })

  it('holds for a handler that remembers what it has done', async () => {
    const shipped = handlerIdempotenceLaw({
      payloads,
      world: () => new Set<number>(),
      handler: (done) => async (message) => {
        await Promise.resolve()
        done.add(message.payload.orderId)
      },
      effects: (done) => [...done],
    })
    await shipped.check()
  })

  it('sees one that ships twice', async () => {
    const twice = handlerIdempotenceLaw({
      payloads,
      world: () => ({ parcels: 0 }),
      handler: (world) => () => {
        world.parcels += 1
      },
      effects: ({ parcels }) => parcels,
    })
    await expect(twice.check()).rejects.toThrow(/Property failed/)
  })

  it('sees one that refuses the second time', async () => {
    const touchy = handlerIdempotenceLaw({
      payloads,
      world: () => new Set<string>(),
      handler: (seen) => (message) => {
        if (seen.has(message.id)) throw new Error('seen before')
        seen.add(message.id)
      },
      effects: () => 'nothing',
    })
    await expect(touchy.check()).rejects.toThrow(/Property failed/)
  })
})

function presets(): Record<string, RetryPolicy> {
  const { exponential: rising, fixed: steady, powersOfTwo } = RETRY_PRESETS
  return { rising, steady, powersOfTwo, list: RETRY_PRESETS.custom([0, 5, 1]) }
}

function alternating(): () => string {
  let calls = 0
  return () => (calls++ % 2 === 0 ? 'ONE' : 'OTHER')
}
