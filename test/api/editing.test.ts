// A waiting message gets new contents (A11): field by field, against others who do the same, and what a worker is given then.
import * as t from 'io-ts'
import { describe, expect, it } from 'vitest'
import type { MessageChanges, Queue } from '../../src/api/types/index.js'
import { TestLedger } from '../support/ledger.js'

const BY = { who: 'ops', why: 'typo' }
const headers = { trace: 'x' }

const open = async (
  options: Parameters<Queue<unknown>['enqueue']>[1] = {},
  payload: unknown = { total: 7 },
) => {
  const test = await TestLedger.open()
  const queue = await test.done(test.ledger.queue('orders'))
  const { id } = await test.done(queue.enqueue(payload, { id: 'order-7', ...options }))
  const edit = (changes: MessageChanges<unknown>) => test.done(queue.edit(id, changes, BY))
  const claim = () => test.done(queue.claim({ worker: 'w' }))
  return { test, queue, id, edit, claim }
}
const edits = async (test: TestLedger) =>
  (await test.events('orders')).filter(({ type }) => type === 'MessageEdited')

describe('editing a waiting message (A11)', () => {
  it('A11: the payload alone changes, all else stays, and the event says all of it and who asked', async () => {
    const options = { priority: 3, headers, type: 'order', group: 'g', dedupKey: 'k', timeoutMs: 50 } as const
    const { test, edit, claim, queue, id } = await open(options)
    await edit({ payload: { total: 8 } })
    expect(await edits(test)).toMatchObject([
      {
        callerId: id,
        payload: '{"total":8}',
        priority: 3,
        notBefore: 0,
        expiresAt: 0,
        attributes: { headers, type: 'order', group: 'g', dedupKey: 'k', timeoutMs: 50 },
        cause: 'operator',
        by: BY,
      },
    ])
    expect(await test.done(queue.message(id))).toMatchObject({ payload: { total: 8 }, priority: 3, headers })
    const again = await test.done(queue.enqueue('another', { dedupKey: 'k' }))
    expect(again).toMatchObject({ id, duplicate: true })
    expect(await claim()).toMatchObject([
      { id, payload: { total: 8 }, type: 'order', group: 'g', timeoutMs: 50 },
    ])
  })

  it('A11: priority moves it among the others', async () => {
    const { test, queue, edit, claim } = await open()
    await test.done(queue.enqueue('other', { priority: 5 }))
    await edit({ priority: 'high' })
    expect(await claim()).toMatchObject([{ payload: { total: 7 }, priority: 10 }])
    await test.done(queue.enqueue('low', { id: 'low', priority: 9 }))
    await test.done(queue.edit('low', { priority: -3 }))
    expect(await claim()).toMatchObject([{ payload: 'other' }])
    expect(await claim()).toMatchObject([{ payload: 'low', priority: -3 }])
  })

  it('A11: a delay from now, an instant, and neither any more', async () => {
    const { test, edit, claim } = await open({ delayMs: 60_000 })
    await edit({ headers })
    expect(await claim()).toEqual([])
    await edit({ delayMs: 1_000 })
    await test.clock.advance(999)
    expect(await claim()).toEqual([])
    await edit({ notBefore: new Date(test.clock.wallMs() + 500) })
    await test.clock.advance(499)
    expect(await claim()).toEqual([])
    await edit({ delayMs: 0 })
    expect(await claim()).toMatchObject([{ headers }])
  })

  it('A11, A7: a time to live from now, and none', async () => {
    const { test, queue, id, edit, claim } = await open({ ttlMs: 1_000 })
    await edit({ ttlMs: 0 })
    await test.clock.advance(2_000)
    await edit({ ttlMs: 500 })
    await edit({ payload: 'new' })
    await test.clock.advance(500)
    expect(await claim()).toEqual([])
    expect(await test.done(queue.message(id))).toMatchObject({ state: 'expired' })
  })

  it('A11: headers are replaced as a whole', async () => {
    const { edit, claim } = await open({ headers: { old: '1' } })
    await edit({ headers })
    expect((await claim())[0]?.headers).toEqual(headers)
  })

  it('A11, C2: a retry stays waited for, with its attempts', async () => {
    const { test, queue, id, edit, claim } = await open()
    const [held] = await claim()
    const leaseToken = held?.leaseToken ?? ''
    await test.done(queue.settle([{ leaseToken, outcome: 'fail', delayMs: 1_000 }]))
    await edit({ payload: 'repaired' })
    expect(await test.done(queue.message(id))).toMatchObject({ state: 'retrying', attempts: 1 })
    await test.clock.advance(999)
    expect(await claim()).toEqual([])
    await test.clock.advance(1)
    expect(await claim()).toMatchObject([{ payload: 'repaired', attempt: 2 }])
  })

  it('A11, C3: a redriven message that is edited does not get back the time to live that it has left behind', async () => {
    const { test, queue, id, edit, claim } = await open({ ttlMs: 500 })
    const [held] = await claim()
    await test.done(queue.settle([{ leaseToken: held?.leaseToken ?? '', outcome: 'fail', retryable: false }]))
    await test.clock.advance(1_000)
    await test.done(queue.redrive({ ids: [id] }))
    await edit({ payload: 'repaired' })
    await test.clock.advance(1_000)
    expect(await claim()).toMatchObject([{ payload: 'repaired' }])
  })

  it('A11: the new contents are there after a restart, and when the payload has to be read from the log', async () => {
    const { test, edit, claim } = await open()
    await edit({ payload: 'second' })
    await test.restart()
    const queue = await test.done(test.ledger.queue('orders'))
    await test.done(queue.edit('order-7', { priority: 1 }))
    expect(await test.done(queue.message('order-7'))).toMatchObject({ payload: 'second', priority: 1 })
    expect(await test.done(queue.claim({ worker: 'w' }))).toMatchObject([{ payload: 'second', priority: 1 }])
    await expect(claim()).rejects.toThrow()
  })

  it('A11: two edits at the same time both land, each over the other', async () => {
    const { test, queue, id, claim } = await open()
    const both = [
      queue.edit(id, { payload: 'new' }),
      queue.edit(id, { priority: 4 }),
      queue.edit(id, { headers }),
    ]
    await test.done(Promise.all(both))
    expect(await edits(test)).toHaveLength(3)
    expect(await claim()).toMatchObject([{ payload: 'new', priority: 4, headers }])
  })

  it('A11: an edit that a claim overtakes is refused, and the worker has the old contents', async () => {
    const { test, queue, id } = await open()
    const claimed = queue.claim({ worker: 'w' })
    const edited = queue.edit(id, { payload: 'late' })
    edited.catch(() => undefined)
    expect(await test.done(claimed)).toMatchObject([{ payload: { total: 7 } }])
    await expect(test.done(edited)).rejects.toMatchObject({ code: 'message_not_editable' })
  })

  it('A11: one that runs, is dead, or has ended is refused by what it is; one that never was is not found', async () => {
    const { test, queue, edit, claim } = await open()
    const [held] = await claim()
    const leaseToken = held?.leaseToken ?? ''
    const refused = { code: 'message_not_editable' }
    await expect(edit({ payload: 1 })).rejects.toMatchObject(refused)
    await test.done(queue.settle([{ leaseToken, outcome: 'fail', retryable: false }]))
    await expect(edit({ payload: 1 })).rejects.toMatchObject(refused)
    await test.done(queue.discard('order-7'))
    await expect(edit({ payload: 1 })).rejects.toMatchObject(refused)
    await test.restart()
    const reopened = await test.done(test.ledger.queue('orders'))
    await expect(test.done(reopened.edit('order-7', { payload: 1 }))).rejects.toMatchObject(refused)
    await expect(test.done(reopened.edit('never', { payload: 1 }))).rejects.toMatchObject({
      code: 'message_not_found',
    })
  })

  it.each<readonly [string, object, RegExp]>([
    ['an unknown field', { group: 'g' }, /group: unknown; what can be changed/],
    ['a priority that is none', { priority: 5_000 }, /priority/],
    ['a delay and an instant', { delayMs: 1, notBefore: 5 }, /notBefore: give delayMs or notBefore/],
    ['a negative time to live', { ttlMs: -1 }, /ttlMs/],
    ['headers that are no texts', { headers: { a: 1 } }, /headers/],
    ['a payload that is no JSON', { payload: Number.NaN }, /payload/],
  ])('A11: %s is refused, and nothing is recorded', async (_, changes, message) => {
    const { test, edit } = await open()
    await expect(edit(changes as MessageChanges<unknown>)).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringMatching(message),
    })
    expect(await edits(test)).toEqual([])
  })

  it('A11, A5: the new payload goes through the codec of the queue', async () => {
    const test = await TestLedger.open()
    const queue = await test.done(test.ledger.queue('orders', { payload: t.strict({ total: t.number }) }))
    const { id } = await test.done(queue.enqueue({ total: 7 }))
    const wrong = { total: 'eight' } as unknown as { total: number }
    await expect(test.done(queue.edit(id, { payload: wrong }))).rejects.toMatchObject({ code: 'invalid' })
    await test.done(queue.edit(id, { payload: { total: 8 } }))
    expect(await test.done(queue.message(id))).toMatchObject({ payload: { total: 8 } })
  })
})

describe('cancelling through the ledger (A11)', () => {
  it('A11: the handler’s signal fires with the reason, and its failure ends the message as cancelled', async () => {
    const { test, queue, id } = await open()
    const reasons: unknown[] = []
    queue.process(
      (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reasons.push((signal.reason as Error).name)
            reject(signal.reason)
          })
        }),
    )
    await test.clock.settle()
    await test.done(queue.cancel(id, BY))
    await test.clock.settle()
    expect(reasons).toHaveLength(1)
    expect(await test.done(queue.message(id))).toMatchObject({ state: 'cancelled' })
  })

  it('A11: a worker behind the claim calls hears of it with its next heartbeat', async () => {
    const { test, queue, id, claim } = await open()
    const [held] = await claim()
    const leaseToken = held?.leaseToken ?? ''
    const heartbeat = () => test.done(queue.settle([{ leaseToken, outcome: 'extend' }]))
    expect(await heartbeat()).toEqual([{ leaseToken, ok: true }])
    await test.done(queue.cancel(id, BY))
    expect(await heartbeat()).toEqual([{ leaseToken, ok: true, cancelRequested: true }])
    await test.done(queue.settle([{ leaseToken, outcome: 'fail' }]))
    expect(await test.done(queue.message(id))).toMatchObject({ state: 'cancelled' })
  })
})
