// Finished messages run again (C16): which, with what contents, once for each operation, and how it is followed and ended.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MessageView, Queue, QueueSettings, Rerun } from '../../src/api/types/index.js'
import { calls, TestLedger } from '../support/ledger.js'

const open = async (settings: QueueSettings = {}) => {
  const test = await TestLedger.open()
  const done = <A>(promise: Promise<A>): Promise<A> => test.done(promise)
  const queue = await done(test.ledger.queue('orders', { circuit: null, maxSize: 100_000, ...settings }))
  return { test, queue, done }
}
type Opened = Awaited<ReturnType<typeof open>>

/** Enqueues and acks; answers the ids. */
const succeed = async ({ queue, done }: Opened, count: number, more = {}): Promise<string[]> => {
  const items = Array.from({ length: count }, (_, n) => ({ payload: { n }, ...more }))
  const results = []
  for (const some of calls(items)) results.push(...(await done(queue.enqueueBatch(some))))
  const ids = results.map((result) => ('id' in result ? result.id : ''))
  await ackAll({ queue, done } as Opened)
  return ids
}
const ackAll = async ({ queue, done }: Opened): Promise<void> => {
  for (;;) {
    const claimed = await done(queue.claim({ worker: 'w', max: 500 }))
    if (claimed.length === 0) return
    await done(queue.settle(claimed.map(({ leaseToken }) => ({ leaseToken, outcome: 'ack' }) as const)))
  }
}
const waiting = async ({ queue, done }: Opened): Promise<ReadonlyArray<MessageView>> =>
  (await done(queue.list({ state: ['pending', 'scheduled'], sort: 'oldest', limit: 500 }))).messages

describe('a re-run', () => {
  it('C16: enqueues a new message with the same contents, which names the first; the first stays as it was', async () => {
    const here = await open()
    const { queue, done } = here
    const contents = {
      type: 'invoice',
      topic: 'billing',
      headers: { trace: 'x' },
      priority: 7,
      group: 'g',
      tenant: 'acme',
      zone: 'eu',
      correlationId: 'c-1',
    }
    const first = { id: 'invoice-7', dedupKey: 'k', causationId: 'd-1', idempotencyKey: 'i', delayMs: 0 }
    await done(queue.enqueue({ total: 7 }, { ...contents, ...first }))
    await ackAll(here)
    const before = await done(queue.message('invoice-7'))
    const { operation, ...rerun } = await done(queue.rerun({ ids: ['invoice-7'] }))
    expect(rerun).toEqual({
      rerun: 1,
      repeated: 0,
      reconciled: 0,
      refused: 0,
      dryRun: false,
      cursor: undefined,
    })
    expect(operation).toMatch(/^[\w-]{16}$/)
    const [again] = await waiting(here)
    expect(again).toMatchObject({
      ...contents,
      payload: { total: 7 },
      state: 'pending',
      attempts: 0,
      rerunOf: 'invoice-7',
      causationId: 'invoice-7',
    })
    expect(again?.id).not.toBe('invoice-7')
    const [enqueued] = await done(queue.history(again?.id ?? ''))
    expect(enqueued?.data).toMatchObject({
      attributes: { idempotencyKey: `rerun/${operation}/invoice-7`, rerunOf: 'invoice-7' },
    })
    expect(enqueued?.data).not.toMatchObject({ attributes: { dedupKey: 'k' } })
    const { position: _then, ...seen } = before ?? { position: 0 }
    expect(await done(queue.message('invoice-7'))).toMatchObject(seen)
  })

  it('C16: takes the contents as they were last edited, and the time to live they came with', async () => {
    const here = await open()
    const { queue, done } = here
    const { id } = await done(queue.enqueue({ v: 1 }, { delayMs: 1_000, ttlMs: 60_000 }))
    await done(queue.edit(id, { payload: { v: 2 }, priority: 'high' }))
    await here.test.clock.advance(1_000)
    await ackAll(here)
    await done(queue.rerun({ ids: [id] }))
    const [again] = await waiting(here)
    expect(again).toMatchObject({ payload: { v: 2 }, priority: 10, notBefore: undefined })
    const ttlMs = Date.parse(again?.expiresAt ?? '') - Date.parse(again?.enqueuedAt ?? '')
    expect(ttlMs).toBeGreaterThanOrEqual(59_000)
    expect(ttlMs).toBeLessThanOrEqual(60_000)
  })

  it('C16: the same operation again enqueues nothing twice, another one does', async () => {
    const here = await open()
    const { queue, done } = here
    await succeed(here, 30)
    expect(await done(queue.rerun({ operation: 'fix-42' }))).toMatchObject({ rerun: 30, repeated: 0 })
    expect(await done(queue.rerun({ operation: 'fix-42' }))).toMatchObject({ rerun: 0, repeated: 30 })
    expect(await waiting(here)).toHaveLength(30)
    expect(await done(queue.rerun({ operation: 'fix-43' }))).toMatchObject({ rerun: 30, repeated: 0 })
  })

  it('C16: interrupted anywhere and taken up again under its name, enqueues each message exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
        async (partitions, limits) => {
          const here = await open({ partitions })
          const ids = await succeed(here, 60)
          for (const limit of limits) await here.done(here.queue.rerun({ operation: 'op', limit }))
          const rest = await here.done(here.queue.rerun({ operation: 'op' }))
          assert.equal(rest.cursor, undefined)
          const origins = (await waiting(here)).map(({ rerunOf }) => rerunOf)
          assert.deepEqual([...origins].sort(), [...ids].sort())
        },
      ),
      { numRuns: 12 },
    )
  })

  it('C16: by filter and range of time, only what finished as it was asked for', async () => {
    const here = await open()
    const { test, queue, done } = here
    await succeed(here, 3, { type: 'mail' })
    await test.clock.advance(1_000)
    const from = test.clock.wallMs()
    await succeed(here, 4, { type: 'mail' })
    await succeed(here, 5, { type: 'invoice' })
    const [cancelled] = await done(queue.enqueueBatch([{ payload: 0, type: 'mail' }]))
    await done(queue.cancel(cancelled !== undefined && 'id' in cancelled ? cancelled.id : ''))
    await test.clock.advance(1_000)
    const enqueuedTo = test.clock.wallMs()
    await succeed(here, 2, { type: 'mail' })
    const asked = { type: 'mail', enqueuedFrom: from, enqueuedTo }
    expect(await done(queue.rerun({ ...asked, dryRun: true }))).toMatchObject({ rerun: 4, dryRun: true })
    expect(await waiting(here)).toEqual([])
    expect(await done(queue.rerun(asked))).toMatchObject({ rerun: 4 })
    expect(await done(queue.rerun({ ...asked, state: 'cancelled' }))).toMatchObject({ rerun: 1 })
    expect(
      await done(queue.rerun({ ...asked, state: ['succeeded', 'cancelled'], dryRun: true })),
    ).toMatchObject({
      rerun: 5,
    })
  })

  it('C16: what a hook says is done already is left out, in the dry run, too', async () => {
    const here = await open()
    const { queue, done } = here
    await succeed(here, 10)
    const asked: unknown[] = []
    const reconcile = ({ payload }: MessageView) => {
      asked.push(payload)
      return Promise.resolve((payload as { n: number }).n % 2 === 0 ? ('done' as const) : undefined)
    }
    expect(await done(queue.rerun({ reconcile, dryRun: true }))).toMatchObject({ rerun: 5, reconciled: 5 })
    expect(asked).toEqual(Array.from({ length: 10 }, (_, n) => ({ n })))
    expect(await done(queue.rerun({ reconcile }))).toMatchObject({ rerun: 5, reconciled: 5 })
    expect((await waiting(here)).every(({ payload }) => (payload as { n: number }).n % 2 === 1)).toBe(true)
  })

  it('C16: does not run after messages that finish while it goes on, its own included', async () => {
    const here = await open()
    const { queue, done } = here
    await succeed(here, 1_000)
    queue.process(() => 'again')
    // Later is what came in a later millisecond.
    const onProgress = (): void => {
      here.test.clock.jumpWall(1)
      void queue.enqueue('new')
    }
    const result = await done(queue.rerun({ onProgress }))
    expect(result).toMatchObject({ rerun: 1_000, cursor: undefined })
    await here.test.clock.settle()
    expect((await done(queue.stats())).succeeded).toBeGreaterThanOrEqual(2_000)
  })

  it('C16: goes in steps, tells how far it is, stops on a signal, and goes on from its cursor', async () => {
    const here = await open()
    const { queue, done } = here
    await succeed(here, 900)
    const stop = new AbortController()
    const told: Rerun[] = []
    const first = await done(
      queue.rerun({
        operation: 'op',
        signal: stop.signal,
        onProgress: (progress) => {
          told.push(progress)
          if (told.length === 2) stop.abort()
        },
      }),
    )
    expect(told.map(({ rerun }) => rerun)).toEqual([200, 400])
    expect(first).toMatchObject({ rerun: 400, cursor: expect.any(String) })
    const rest = await done(queue.rerun({ operation: 'op', cursor: first.cursor ?? '' }))
    expect(rest).toMatchObject({ rerun: 500, repeated: 0, cursor: undefined })
  })

  it('C16: keeps to a rate', async () => {
    const here = await open()
    await succeed(here, 30)
    let result: Rerun | undefined
    void here.queue.rerun({ ratePerSecond: 10 }).then((rerun) => {
      result = rerun
    })
    await here.test.clock.advance(1_000)
    expect(await waiting(here)).toHaveLength(11)
    await here.test.clock.advance(3_000)
    expect(result).toMatchObject({ rerun: 30 })
  })

  it('C16: is not taken for a duplicate where content makes one', async () => {
    const here = await open({ dedup: 'content' })
    await succeed(here, 3)
    expect(await here.done(here.queue.rerun())).toMatchObject({ rerun: 3, repeated: 0 })
  })

  it('C16: a full queue ends it with what it came to, and its name takes it up again', async () => {
    const here = await open({ maxSize: 300 })
    const { queue, done } = here
    await succeed(here, 300)
    await succeed(here, 250)
    await expect(done(queue.rerun({ operation: 'op' }))).rejects.toMatchObject({
      code: 'unknown_outcome',
      message: expect.stringMatching(/^200 messages were dealt with, then: the queue holds 200 messages/),
      details: { operation: 'op', rerun: 200, cursor: expect.any(String) },
    })
    await ackAll(here)
    expect(await done(queue.rerun({ operation: 'op', limit: 200 }))).toMatchObject({
      rerun: 200,
      repeated: 200,
    })
  })

  it('C16: ids of messages that have not finished, or are not there, are refused and counted', async () => {
    const here = await open()
    const { queue, done } = here
    const [finished = ''] = await succeed(here, 1)
    const { id: live } = await done(queue.enqueue(1))
    expect(await done(queue.rerun({ ids: [live, 'nobody', finished] }))).toMatchObject({
      rerun: 1,
      refused: 2,
    })
  })

  it.each([
    [{ state: 'pending' }, 'state'],
    [{ operation: 'a b' }, 'operation'],
    [{ cursor: 'x' }, 'cursor'],
    [{ limit: 0 }, 'limit'],
    [{ enqueuedFrom: 'soon' }, 'enqueuedFrom'],
  ])('C16: %j is refused by the name of the field', async (options, field) => {
    const { queue, done } = await open()
    await expect(done((queue as Queue<unknown>).rerun(options as never))).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(new RegExp(`^${field}: `)),
    })
  })

  it('I1: is told as unknown when one partition took its share and another could not; repeated, each runs once', async () => {
    const here = await open({ partitions: 2 })
    const { test, queue, done } = here
    const ids = await succeed(here, 2)
    test.log.plan('none', 'full')
    const failed = done(queue.rerun({ ids, operation: 'again' }))
    await expect(failed).rejects.toMatchObject({ code: 'unknown_outcome', details: { rerun: 1 } })
    await test.clock.advance(1_000)
    expect(await done(queue.rerun({ ids, operation: 'again' }))).toMatchObject({ rerun: 1, repeated: 1 })
    expect(await waiting(here)).toHaveLength(2)
  })

  it('I1: so is a redrive of named dead letters', async () => {
    const { test, queue, done } = await open({ partitions: 2 })
    const results = await done(queue.enqueueBatch([{ payload: 1 }, { payload: 2 }]))
    const ids = results.map((result) => ('id' in result ? result.id : ''))
    for (const _ of ids) {
      const [claimed] = await done(queue.claim({ worker: 'w' }))
      const { leaseToken = '' } = claimed ?? {}
      await done(queue.settle([{ leaseToken, outcome: 'fail', retryable: false }]))
    }
    test.log.plan('none', 'full')
    await expect(done(queue.redrive({ ids }))).rejects.toMatchObject({ code: 'unknown_outcome' })
    await test.clock.advance(1_000)
    expect(await done(queue.redrive({ ids }))).toMatchObject({ redriven: 1, refused: 1 })
  })
})
