// The public face of a ledger in memory: what goes in is checked at the door, and everything can be asked for afterwards.
import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import { fixed } from '../../domain/retry/index.js'
import { NotFoundError, RefusedError, UnavailableError } from '../../src/api/errors.js'
import type { Queue } from '../../src/api/types/index.js'
import { TestLedger } from '../support/ledger.js'

const NEVER = new Promise<never>(() => undefined)
const deadAtOnce = { failures: { UNKNOWN: fixed({ retriesMax: 0 }) } }

const open = async (settings: Parameters<TestLedger['ledger']['queue']>[1] = {}) => {
  const test = await TestLedger.open()
  return { test, queue: await test.done(test.ledger.queue('orders', settings)) }
}

/** Every message is handled once, and `failing` payloads fail. */
const handleAll = async (
  test: TestLedger,
  queue: Queue<unknown>,
  failing: (payload: unknown) => boolean,
): Promise<void> => {
  const worker = queue.process(({ payload }) => {
    if (failing(payload)) throw new Error(`no ${String(payload)}`)
    return { handled: payload }
  })
  await test.clock.settle()
  await test.done(worker.stop())
}

describe('payload codecs (A5)', () => {
  const Order = t.strict({ total: t.number, lines: t.array(t.string) })

  it('A5: refuse what does not fit with the place and what was expected, and nothing of it is recorded', async () => {
    const test = await TestLedger.open()
    const queue = await test.done(test.ledger.queue('orders', { payload: Order }))
    const before = (await test.events('orders')).length
    const wrong = { total: 'seven', lines: ['a'] } as unknown as t.TypeOf<typeof Order>
    await expect(queue.enqueue(wrong)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/payload: .*"seven".*total: number/),
    })
    await expect(
      queue.enqueueBatch([{ payload: { total: 1, lines: [] } }, { payload: wrong }]),
    ).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(/^message 1: payload/),
    })
    expect((await test.events('orders')).length).toBe(before)
  })

  it('A5: store the encoded form, and decode it for the handler', async () => {
    const Instant = new t.Type<Date, string>(
      'Instant',
      (value): value is Date => value instanceof Date,
      (value, context) => {
        const date = new Date(String(value))
        return typeof value === 'string' && !Number.isNaN(date.getTime())
          ? t.success(date)
          : t.failure(value, context)
      },
      (date) => date.toISOString(),
    )
    const test = await TestLedger.open()
    const queue = await test.done(test.ledger.queue('orders', { payload: t.strict({ at: Instant }) }))
    const at = new Date(1_790_000_000_000)
    const { id } = await test.done(queue.enqueue({ at }))
    const seen: Date[] = []
    queue.process(({ payload }) => void seen.push(payload.at))
    await test.clock.settle()
    expect(seen).toEqual([at])
    expect(await test.done(queue.message(id))).toMatchObject({ payload: { at: at.toISOString() } })
  })

  it('A5, C3: a payload that fits no longer is a system error, which is not retried', async () => {
    const { test, queue } = await open()
    await test.done(queue.enqueue({ total: 'old form' }))
    const strict = await test.done(test.ledger.queue('orders', { payload: Order }))
    strict.process(({ payload }) => payload.total)
    await test.clock.settle()
    const { messages } = await test.done(queue.deadLetters())
    expect(messages).toMatchObject([{ reason: 'systemError', failure: { type: 'SYSTEM' } }])
  })

  it.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['NaN', Number.NaN],
    ['a bigint', 1n],
  ])('A1: a payload that JSON would change is refused: %s', async (_, payload) => {
    const { queue } = await open()
    await expect(queue.enqueue(payload)).rejects.toMatchObject({ code: 'invalid' })
  })
})

describe('reading (A1, C3)', () => {
  it('A1: a message is found by its id with all that was said about it, from the first event to the last', async () => {
    const { test, queue } = await open()
    const options = {
      id: 'invoice-7',
      type: 'invoice',
      topic: 'billing',
      headers: { trace: 'x' },
      correlationId: 'c',
      causationId: 'd',
      group: 'g',
      priority: 'high',
    } as const
    expect(await test.done(queue.enqueue({ total: 7 }, options))).toMatchObject({
      id: 'invoice-7',
      duplicate: false,
    })
    const waiting = {
      id: 'invoice-7',
      state: 'pending',
      attempts: 0,
      payload: { total: 7 },
      priority: 10,
      headers: { trace: 'x' },
    }
    expect(await test.done(queue.message('invoice-7'))).toMatchObject({
      ...waiting,
      type: 'invoice',
      group: 'g',
    })
    await handleAll(test, queue, () => false)
    expect(await test.done(queue.message('invoice-7'))).toMatchObject({
      state: 'succeeded',
      attempts: 1,
      result: { handled: { total: 7 } },
    })
    const history = await test.done(queue.history('invoice-7'))
    expect(history.map(({ type }) => type)).toEqual(['MessageEnqueued', 'AttemptStarted', 'AttemptSucceeded'])
    expect(history.map(({ revision }) => revision)).toEqual(
      [...history.map(({ revision }) => revision)].sort((a, b) => a - b),
    )
    expect(await test.done(test.ledger.history('invoice-7'))).toEqual(history)
  })

  it('knows no message that never was, and says so', async () => {
    const { test, queue } = await open()
    for (const id of ['orders.0.1', 'orders.9.1', 'mail.0.1', 'nobody', '', '../x']) {
      expect(await test.done(queue.message(id))).toBeUndefined()
      await expect(test.done(queue.history(id))).rejects.toThrow(NotFoundError)
      await expect(test.done(queue.cancel(id))).rejects.toThrow(NotFoundError)
    }
  })

  it('lists messages of each state, newest first, page by page', async () => {
    const { test, queue } = await open(deadAtOnce)
    await test.done(queue.enqueueBatch(Array.from({ length: 10 }, (_, n) => ({ payload: n }))))
    await handleAll(test, queue, (payload) => Number(payload) % 2 === 1)
    await test.done(queue.enqueueBatch([{ payload: 'later', delayMs: 60_000 }, { payload: 'now' }]))
    const payloadsOf = async (state?: 'succeeded' | 'dead-lettered' | 'scheduled' | 'pending') => {
      const found: unknown[] = []
      let cursor: string | undefined
      do {
        const page = await test.done(
          queue.list({ limit: 2, ...(state && { state }), ...(cursor && { cursor }) }),
        )
        found.push(...page.messages.map(({ payload }) => payload))
        cursor = page.cursor
      } while (cursor !== undefined)
      return found
    }
    expect(await payloadsOf('succeeded')).toEqual([8, 6, 4, 2, 0])
    expect(await payloadsOf('dead-lettered')).toEqual([9, 7, 5, 3, 1])
    expect(await payloadsOf('scheduled')).toEqual(['later'])
    expect(await payloadsOf('pending')).toEqual(['now'])
    expect(await payloadsOf()).toEqual(['now', 'later', 9, 8, 7, 6, 5, 4, 3, 2, 1, 0])
  })

  it.each([
    [{ limit: 0 }, 'limit'],
    [{ limit: 501 }, 'limit'],
    [{ cursor: 'x' }, 'cursor'],
    [{ state: 'nothing' as 'pending' }, 'state'],
  ])('refuses %j and names the field', async (options, field) => {
    const { queue } = await open()
    await expect(queue.list(options)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(`^${field}: `),
    })
  })

  it('C3: dead letters carry their reason, last failure and payload; redrive says first what it would do', async () => {
    const { test, queue } = await open(deadAtOnce)
    await test.done(queue.enqueueBatch([{ payload: 'a' }, { payload: 'b' }, { payload: 'c' }]))
    await handleAll(test, queue, () => true)
    const { messages } = await test.done(queue.deadLetters())
    expect(messages.map(({ payload }) => payload)).toEqual(['c', 'b', 'a'])
    expect(messages[0]).toMatchObject({
      reason: 'attemptsExhausted',
      attempts: 1,
      failure: { type: 'UNKNOWN', message: 'no c' },
      deadAt: expect.any(String),
    })
    expect(await test.done(queue.redrive({ dryRun: true }))).toEqual({
      redriven: 3,
      refused: 0,
      dryRun: true,
    })
    expect((await test.done(queue.stats())).dead).toBe(3)
    expect(await test.done(queue.redrive({ limit: 1, by: { who: 'ada', why: 'fixed' } }))).toMatchObject({
      redriven: 1,
    })
    const ids = messages.map(({ id }) => id)
    expect(await test.done(queue.redrive({ ids: [...ids, 'nobody'] }))).toEqual({
      redriven: 2,
      refused: 2,
      dryRun: false,
    })
    expect(await test.done(queue.message(ids[2] ?? ''))).toMatchObject({ state: 'pending', attempts: 0 })
    const [, , , , redriven] = await test.done(queue.history(ids[2] ?? ''))
    expect(redriven).toMatchObject({ type: 'MessageRedriven', data: { by: { who: 'ada', why: 'fixed' } } })
  })

  it('C3: a discarded dead letter is gone from the list, and its events stay', async () => {
    const { test, queue } = await open(deadAtOnce)
    const { id } = await test.done(queue.enqueue('a'))
    await handleAll(test, queue, () => true)
    await test.done(queue.discard(id, { who: 'ada' }))
    expect((await test.done(queue.deadLetters())).messages).toEqual([])
    expect((await test.done(queue.history(id))).at(-1)?.type).toBe('MessagePurged')
    await expect(test.done(queue.discard(id))).resolves.toBeUndefined()
  })

  it('counts what was and what is', async () => {
    const { test, queue } = await open(deadAtOnce)
    await test.done(queue.enqueueBatch([{ payload: 1 }, { payload: 2 }, { payload: 3 }]))
    await handleAll(test, queue, (payload) => payload === 3)
    const { id } = await test.done(queue.enqueue(4, { delayMs: 60_000 }))
    await test.done(queue.enqueue(5))
    await test.done(queue.cancel(id))
    await test.clock.advance(2_000)
    expect(await test.done(queue.stats())).toMatchObject({
      enqueued: 5,
      succeeded: 2,
      failed: 1,
      dead: 1,
      cancelled: 1,
      pending: 1,
      scheduled: 0,
      processing: 0,
      failuresByType: { UNKNOWN: 1 },
      oldestClaimableAgeMs: 2_000,
    })
  })
})

describe('queues', () => {
  it('of a deleted one nothing is found; created again, it is another one', async () => {
    const { test, queue } = await open()
    const { id } = await test.done(queue.enqueue('old'))
    await expect(test.done(test.ledger.deleteQueue('orders'))).rejects.toMatchObject({
      code: 'queue_not_empty',
    })
    await test.done(test.ledger.deleteQueue('orders', { evenIfNotEmpty: true, by: { who: 'ada' } }))
    expect(await test.done(test.ledger.queues())).toEqual([])
    await expect(test.done(queue.enqueue('to nowhere'))).rejects.toThrow(UnavailableError)
    const again = await test.done(test.ledger.queue('orders'))
    expect(await test.done(again.view())).toMatchObject({ generation: 2 })
    const { id: newId } = await test.done(again.enqueue('new'))
    expect(newId).not.toBe(id)
    expect(await test.done(again.message(id))).toBeUndefined()
    await test.restart()
    const reopened = await test.done(test.ledger.queue('orders'))
    expect(await test.done(reopened.message(newId))).toMatchObject({ payload: 'new' })
  })

  it('that are deleted stop their workers, without a word of complaint', async () => {
    const { test, queue } = await open()
    const errors: Error[] = []
    queue.process(() => undefined, { onError: (error) => errors.push(error) })
    await test.clock.settle()
    await test.done(test.ledger.deleteQueue('orders'))
    await test.clock.advance(60_000)
    expect(errors).toEqual([])
    expect(test.clock.timerCount).toBe(0)
  })

  it('settings of one that exists are changed to those it is opened with', async () => {
    const { test } = await open({ maxSize: 5 })
    const again = await test.done(test.ledger.queue('orders', { maxSize: 7 }))
    expect(await test.done(again.view())).toMatchObject({ config: { maxSize: 7 } })
    await expect(test.done(test.ledger.queue('orders', { maxSize: 0 }))).rejects.toThrow(RefusedError)
    await expect(test.done(test.ledger.queue('../orders'))).rejects.toMatchObject({ code: 'invalid' })
  })

  it('paused and resumed are seen in the view and in the statistics, also after a restart', async () => {
    const { test, queue } = await open()
    await test.done(queue.pause({ who: 'ada' }))
    expect(await test.done(queue.view())).toMatchObject({ paused: true })
    await test.restart()
    const again = await test.done(test.ledger.queue('orders'))
    expect(await test.done(again.stats())).toMatchObject({ paused: true })
    await test.done(again.enqueue(1))
    expect(await test.done(again.claim({ worker: 'w' }))).toEqual([])
    await test.done(again.resume())
    expect(await test.done(again.claim({ worker: 'w' }))).toHaveLength(1)
  })
})

describe('workers elsewhere (C4, R28)', () => {
  it('claim with tokens, and settle by them, each for itself', async () => {
    const { test, queue } = await open()
    await test.done(queue.enqueueBatch([{ payload: 1 }, { payload: 2 }]))
    const claimed = await test.done(queue.claim({ worker: 'w', max: 2, leaseMs: 5_000 }))
    expect(claimed).toMatchObject([{ payload: 1, attempt: 1, leaseMs: 5_000 }, { payload: 2 }])
    const [first, second] = claimed.map(({ leaseToken }) => leaseToken)
    expect(
      await test.done(
        queue.settle([
          { leaseToken: first ?? '', outcome: 'ack', result: { ok: true } },
          { leaseToken: 'nonsense', outcome: 'ack' },
          { leaseToken: second ?? '', outcome: 'fail', failure: { type: 'NETWORK' }, delayMs: -1 },
          { leaseToken: second ?? '', outcome: 'fail', failure: { type: 'NETWORK', message: 'gone' } },
        ]),
      ),
    ).toMatchObject([
      { ok: true },
      { ok: false, code: 'invalid' },
      { ok: false, code: 'invalid' },
      { ok: true },
    ])
  })

  it.each([
    [{ worker: '' }, 'worker'],
    [{ worker: 'local:x:1' }, 'worker'],
    [{ worker: 'w', max: 0 }, 'max'],
    [{ worker: 'w', waitMs: 20_001 }, 'waitMs'],
    [{ worker: 'w', leaseMs: 1 }, 'leaseMs'],
    [{ worker: 'w', claimId: 'a b' }, 'claimId'],
  ])('claiming with %j is refused, and the field named', async (options, field) => {
    const { queue } = await open()
    await expect(queue.claim(options)).rejects.toMatchObject({
      message: expect.stringMatching(`^${field}: `),
    })
  })
})

describe('the end', () => {
  it('R61: closing drains the workers, hands back what does not end, and then refuses everything', async () => {
    const { test, queue } = await open()
    await test.done(queue.enqueue('stuck'))
    queue.process(() => NEVER)
    await test.clock.settle()
    const mail = await test.done(test.ledger.queue('mail'))
    const waiting = mail.claim({ worker: 'remote', waitMs: 20_000 })
    const closed = test.ledger.close()
    await test.clock.advance(10_000)
    await test.done(closed)
    expect(await test.done(waiting)).toEqual([])
    expect(test.log.asked.at(-1)?.batch.events).toMatchObject([{ type: 'AttemptReleased', ordinal: 1 }])
    await expect(test.done(queue.enqueue(1))).rejects.toThrow(UnavailableError)
    await expect(test.done(queue.stats())).rejects.toThrow(UnavailableError)
    await expect(test.done(test.ledger.queue('more'))).rejects.toThrow(UnavailableError)
    expect(() => queue.process(() => undefined)).toThrow(UnavailableError)
    await expect(test.done(test.ledger.close())).resolves.toBeUndefined()
  })

  it('R61: closing waits for no claim that came while it was waiting for the log', async () => {
    const { test, queue } = await open()
    test.log.plan('held')
    const enqueued = queue.enqueue(1, { delayMs: 60_000 })
    await test.clock.settle()
    const closed = test.ledger.close()
    await test.clock.settle()
    const late = queue.claim({ worker: 'remote', waitMs: 20_000 })
    test.log.release()
    await test.done(closed)
    expect(await test.done(late)).toEqual([])
    expect(await test.done(enqueued)).toMatchObject({ duplicate: false })
  })
})
