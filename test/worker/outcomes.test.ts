// What a handler answers, and what is recorded of it: results, failures with their type, hand-backs.
import { describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import type { AttemptContext, Message, ProcessOptions } from '../../src/api/types/index.js'
import { fail, release } from '../../src/worker/attempt.js'
import { enqueueAll, handRun, open } from '../support/handRun.js'

/** What a query builder or an older promise library gives. */
const thenable = (run: (done: (value: unknown) => void, no: (error: Error) => void) => void): object =>
  Object.defineProperty({}, 'then', { value: run })

/** Runs one handler once over one message, and answers the events that came of it. */
const outcomeOf = async (
  handler: (message: Message<unknown>, context: AttemptContext) => unknown,
  options: ProcessOptions = {},
) => {
  const { test, queue } = await open({ failures: { UNKNOWN: fixed({ delayMs: 60_000, retriesMax: 3 }) } })
  await enqueueAll(test, queue, 1)
  queue.process(handler, options)
  await test.clock.settle()
  const events = await test.events('orders')
  return events.slice(events.findIndex(({ type }) => type === 'AttemptStarted') + 1)
}

describe('what a handler answers (A10, C1, C12)', () => {
  it.each<[string, () => unknown, string | undefined]>([
    ['nothing', () => undefined, undefined],
    ['a value', () => ({ total: 7 }), '{"total":7}'],
    ['a promise of a value', async () => [1, 2], '[1,2]'],
    ['null', () => null, 'null'],
    ['something that only has a then', () => thenable((done) => done(5)), '5'],
    ['what is no JSON', () => 10n, undefined],
    [
      'a cycle',
      () => {
        const a: Record<string, unknown> = {}
        Object.assign(a, { a })
        return a
      },
      undefined,
    ],
    ['a function', () => () => 1, undefined],
    ['more than 16 KiB', () => 'x'.repeat(16_384), undefined],
    ['just 16 KiB', () => 'x'.repeat(16_382), `"${'x'.repeat(16_382)}"`],
  ])('A10: %s: the attempt succeeded, and the result is kept when it can be', async (_, handler, result) => {
    expect(await outcomeOf(handler)).toEqual([
      { type: 'AttemptSucceeded', ordinal: 1, callerId: undefined, fence: 1, result },
    ])
  })

  it.each<[string, () => unknown, object]>([
    [
      'an error thrown at once',
      () => {
        throw new Error('no')
      },
      { failureType: 'UNKNOWN', message: 'no' },
    ],
    [
      'an error thrown later',
      async () => {
        throw new Error('no')
      },
      { failureType: 'UNKNOWN', message: 'no' },
    ],
    [
      'a string',
      () => {
        throw 'plain'
      },
      { failureType: 'UNKNOWN', message: 'plain' },
    ],
    [
      'undefined',
      () => {
        throw undefined
      },
      { failureType: 'UNKNOWN', message: 'undefined' },
    ],
    [
      'null',
      () => {
        throw null
      },
      { failureType: 'UNKNOWN', message: 'null' },
    ],
    ['a rejected thenable', () => thenable((_, no) => no(new Error('lazy'))), { message: 'lazy' }],
    [
      'a known code',
      () => {
        throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
      },
      { failureType: 'NETWORK' },
    ],
    [
      'fail()',
      () => fail({ type: 'RESOURCE', message: 'no seats', delayMs: 60_000 }),
      { failureType: 'RESOURCE', message: 'no seats' },
    ],
    ['release() with a delay that is none', () => release({ delayMs: -1 }), { failureType: 'UNKNOWN' }],
    [
      'fail() with a delay that is none',
      () => fail({ type: 'NETWORK', delayMs: Number.NaN }),
      { failureType: 'UNKNOWN' },
    ],
  ])('C1: %s: the attempt failed with its type and message, and is retried', async (_, handler, failed) => {
    expect(await outcomeOf(handler)).toMatchObject([
      { type: 'AttemptFailed', ended: 'reported', ...failed },
      { type: 'RetryScheduled' },
    ])
  })

  it('C1: an error that says it is not retryable, or a failure that does, ends among the dead letters', async () => {
    const error = Object.assign(new Error('never'), { retryable: false })
    const dead = [{ type: 'AttemptFailed' }, { type: 'MessageDeadLettered', reason: 'notRetryable' }]
    expect(await outcomeOf(() => Promise.reject(error))).toMatchObject(dead)
    expect(await outcomeOf(() => fail({ type: 'NETWORK', retryable: false }))).toMatchObject(dead)
  })

  it('C1: the queue’s classifier is asked first, and one that throws has no opinion', async () => {
    const refused = () => Promise.reject(Object.assign(new Error(), { code: 'ECONNREFUSED' }))
    expect(await outcomeOf(refused, { classify: () => 'DATABASE' })).toMatchObject([
      { failureType: 'DATABASE' },
      {},
    ])
    const broken = {
      classify: () => {
        throw new Error()
      },
    }
    expect(await outcomeOf(refused, broken)).toMatchObject([{ failureType: 'NETWORK' }, {}])
  })

  it('C1: the message of a failure is cut, whoever wrote it', async () => {
    const [failed] = await outcomeOf(() => fail({ type: 'NETWORK', message: 'x'.repeat(100_000) }))
    expect(failed?.type === 'AttemptFailed' && failed.message.length).toBeLessThanOrEqual(1_024)
  })

  it('C12: release() hands the message back and counts nothing', async () => {
    const { test, queue } = await open()
    await enqueueAll(test, queue, 1)
    const { runs, handler } = handRun()
    queue.process(handler)
    await test.clock.settle()
    runs[0]?.end(release({ delayMs: 1_000 }))
    await test.clock.advance(999)
    expect(runs).toHaveLength(1)
    await test.clock.advance(1)
    expect(runs[1]?.context.attempt).toBe(1)
  })

  it('A10: a wave of large results is recorded, in as many appends as it takes', async () => {
    const { test, queue, types } = await open()
    await enqueueAll(test, queue, ...Array.from({ length: 600 }, (_, n) => n))
    queue.process(async () => 'é'.repeat(16_000), { concurrency: 600 })
    await test.clock.settle()
    expect((await types()).filter((type) => type === 'AttemptSucceeded')).toHaveLength(600)
    expect(test.troubles).toEqual([])
  })

  it('a listener of errors that throws stops nothing', async () => {
    const { test, queue } = await open({ leaseMs: 3_000 })
    await enqueueAll(test, queue, 1, 2)
    const { runs, handler } = handRun()
    queue.process(handler, {
      concurrency: 1,
      onError: () => {
        throw new Error('in the listener')
      },
    })
    await test.clock.settle()
    test.clock.block(3_000)
    await test.done(queue.stats())
    runs[0]?.end()
    await test.clock.advance(60_000)
    expect(runs.length).toBeGreaterThan(1)
    expect(test.troubles).toEqual([])
  })
})
