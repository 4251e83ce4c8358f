// A message that runs and is to be stopped (A11): the wish is recorded, and whatever ends the attempt but success is its end.
import { describe, expect, it } from 'vitest'
import type { Settled, Settlement } from '../../src/engine/requests.js'
import { ack, extend, fail, message, release, right, TestQueue } from '../support/ledger.js'

const BY = { who: 'ops', why: 'wrong order' }

const running = async (attributes: Parameters<typeof message>[1] = {}) => {
  const queue = await TestQueue.open()
  await queue.enqueued(message('work', attributes))
  return { queue, held: await queue.one() }
}
const cancel = async (queue: TestQueue, ordinal = 1): Promise<Settled> => {
  const reply = await queue.clock.settled(queue.engine.operate(0, 'cancel', [ordinal], BY))
  const [settled] = right(reply).value
  if (settled === undefined) throw new Error('no answer')
  return settled
}
const wish = { type: 'CancelRequested', ordinal: 1, by: BY }
const end = { type: 'MessageCancelled', ordinal: 1, by: BY }

describe('cancelling a message that runs (A11)', () => {
  it('A11: is recorded once, with who asked, and changes nothing yet', async () => {
    const { queue, held } = await running()
    expect(await cancel(queue)).toMatchObject({ _tag: 'Right' })
    expect(await cancel(queue)).toMatchObject({ _tag: 'Right' })
    const events = await queue.events()
    expect(events.filter(({ type }) => type === 'CancelRequested')).toMatchObject([wish])
    expect(queue.engine.partition(0).state?.messageAt(1)).toMatchObject({ tag: 'Leased', fence: held.fence })
    expect(await queue.settled(extend(held, 60_000))).toMatchObject([{ _tag: 'Right' }])
    await queue.assertReplayAgrees()
  })

  it('A11: an ack still wins', async () => {
    const { queue, held } = await running()
    await cancel(queue)
    expect(await queue.settled(ack(held, '"done"'))).toMatchObject([{ _tag: 'Right' }])
    expect((await queue.events()).at(-1)).toMatchObject({ type: 'AttemptSucceeded', result: '"done"' })
    expect(await queue.eventTypes()).not.toContain('MessageCancelled')
  })

  it.each<readonly [string, (held: Parameters<typeof ack>[0]) => Settlement, string]>([
    ['a failure', (held) => fail(held), 'AttemptFailed'],
    ['a failure that is not retried', (held) => fail(held, { retryable: false }), 'AttemptFailed'],
    ['a failure with a delay', (held) => fail(held, { delayMs: 5 }), 'AttemptFailed'],
    ['a hand-back', (held) => release(held, 1_000), 'AttemptReleased'],
  ])('A11: %s ends it as cancelled, in the same batch', async (_, settlement, type) => {
    const { queue, held } = await running({ callerId: 'order-7' })
    await cancel(queue)
    await queue.settled(settlement(held))
    expect((await queue.events()).slice(-2)).toMatchObject([{ type }, { ...end, callerId: 'order-7' }])
    expect(await queue.settled(ack(held))).toMatchObject([{ _tag: 'Left', left: { type: 'LeaseNotHeld' } }])
    expect(queue.engine.partition(0).state?.size).toBe(0)
    await queue.assertReplayAgrees()
  })

  it('A11, C4: a lease that runs out ends it as cancelled', async () => {
    const { queue } = await running()
    await cancel(queue)
    await queue.clock.advance(30_000)
    expect((await queue.events()).slice(-2)).toMatchObject([
      { type: 'AttemptFailed', ended: 'leaseExpired' },
      end,
    ])
  })

  it('A11, C5: the death of its worker ends it as cancelled, also when the wish comes from a snapshot', async () => {
    const queue = await TestQueue.open({ snapshotEveryEvents: 1 })
    await queue.enqueued(message('work'))
    await queue.one({ worker: queue.localWorker })
    await cancel(queue)
    await queue.clock.settle()
    await queue.restart()
    expect((await queue.events()).slice(-2)).toMatchObject([
      { type: 'AttemptFailed', ended: 'workerLost' },
      end,
    ])
    await queue.assertReplayAgrees()
  })

  it('A11: the place of one that was cancelled so does not keep its payload', async () => {
    const { queue } = await running()
    await cancel(queue)
    await queue.clock.advance(30_000)
    await queue.enqueued(message('after', { delayMs: 120_000 }))
    await queue.clock.advance(120_000)
    expect(await queue.drainPayloads()).toEqual(['after'])
  })

  it('A11, A13: is refused, waiting or running, when the message says cancelable: false', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message('work', { attributes: { cancelable: false } }))
    const refusal = { _tag: 'Left', left: { type: 'MessageNotCancelable' } }
    expect(await cancel(queue)).toEqual(refusal)
    await queue.one()
    expect(await cancel(queue)).toEqual(refusal)
    expect(await queue.eventTypes()).not.toContain('CancelRequested')
  })

  it('A11: a later attempt of a redriven message is not stopped by an old wish', async () => {
    const { queue, held } = await running()
    await queue.settled(fail(held, { retryable: false }))
    expect(await cancel(queue)).toMatchObject({ left: { type: 'MessageNotCancellable', now: 'Dead' } })
    await queue.clock.settled(queue.engine.operate(0, 'redrive', [1], undefined))
    const again = await queue.one()
    await queue.settled(fail(again))
    expect((await queue.eventTypes()).at(-1)).toBe('RetryScheduled')
  })
})
