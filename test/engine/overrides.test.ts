// What a message says about itself wins over its queue (A13), and how long one attempt may hold its lease (A14).
import { describe, expect, it } from 'vitest'
import type { MessageAttributes } from '../../domain/message/index.js'
import type { QueueSettings } from '../../domain/queue/index.js'
import { fixed } from '../../domain/retry/index.js'
import { extend, fail, message, TestQueue } from '../support/ledger.js'

const RETRIES = { failures: { UNKNOWN: fixed({ delayMs: 1_000, retriesMax: 5 }) } }

const failed = async (attributes: MessageAttributes, settings: QueueSettings = RETRIES) => {
  const queue = await TestQueue.open({ settings })
  await queue.enqueued(message(1, { attributes }))
  await queue.settled(fail(await queue.one()))
  return { queue, last: (await queue.events()).at(-1) }
}

describe('a message against its queue (A13)', () => {
  it('A13: its retry policy decides, not the queue’s, for every type of failure', async () => {
    const { queue, last } = await failed({ retry: fixed({ delayMs: 7, retriesMax: 1 }) })
    expect(last).toMatchObject({ type: 'RetryScheduled', delayMs: 7 })
    await queue.clock.advance(7)
    await queue.settled(fail(await queue.one(), { failureType: 'BUSINESS' }))
    expect((await queue.events()).at(-1)).toMatchObject({ reason: 'attemptsExhausted' })
  })

  it('A13: retryable: false is no retry, whatever the policies say', async () => {
    const { last } = await failed({ retryable: false, retry: fixed({ delayMs: 7, retriesMax: 9 }) })
    expect(last).toMatchObject({ type: 'MessageDeadLettered', reason: 'notRetryable' })
  })

  it('A13: fireAndForget is one delivery, also when its worker’s lease runs out', async () => {
    const { last } = await failed({ guarantee: 'fireAndForget', retry: fixed({ delayMs: 7, retriesMax: 9 }) })
    expect(last).toMatchObject({ type: 'MessageDeadLettered', reason: 'singleDelivery' })
    const queue = await TestQueue.open({ settings: RETRIES })
    await queue.enqueued(message(1, { attributes: { guarantee: 'fireAndForget' } }))
    await queue.one()
    await queue.clock.advance(30_000)
    expect((await queue.events()).slice(-2)).toMatchObject([
      { type: 'AttemptFailed', ended: 'leaseExpired' },
      { type: 'MessageDeadLettered', reason: 'singleDelivery' },
    ])
  })

  it('A13: its lease is that of each attempt, unless the worker asks for another', async () => {
    const queue = await TestQueue.open({ settings: { leaseMs: 10_000 } })
    const mine = message(1, { attributes: { leaseMs: 2_000 } })
    await queue.enqueued(mine, mine, message(3))
    const leaseOf = async (leaseMs: number | undefined) => (await queue.one({ leaseMs })).leaseMs
    expect([await leaseOf(undefined), await leaseOf(500), await leaseOf(undefined)]).toEqual([
      2_000, 500, 10_000,
    ])
    await queue.clock.advance(2_000)
    const ended = (await queue.events()).flatMap((event) =>
      event.type === 'AttemptFailed' ? [event.ordinal] : [],
    )
    expect(ended.sort()).toEqual([1, 2])
  })

  it('A13: its time limit comes with the delivery, also after a restart', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1, { attributes: { timeoutMs: 123 } }), message(2))
    await queue.restart()
    expect((await queue.claimed({ max: 2 })).map(({ timeoutMs }) => timeoutMs)).toEqual([123, undefined])
  })
})

describe('how long one attempt holds its lease (A14)', () => {
  const held = async (attributes: MessageAttributes | undefined, settings: QueueSettings) => {
    const queue = await TestQueue.open({ settings: { leaseMs: 30_000, ...settings } })
    await queue.enqueued(message(1, { attributes }))
    const delivery = await queue.one()
    const extendedAt = async (ms: number): Promise<unknown> => {
      await queue.clock.advance(ms)
      const [settled] = await queue.settled(extend(delivery, 30_000))
      return settled?._tag === 'Left' ? settled.left : 'extended'
    }
    return { queue, extendedAt }
  }
  const settings = { messageTimeoutMs: 60_000, handlerTimeoutMs: 20_000 }

  it('A14: heartbeats are refused after messageTimeoutMs, and the lease then ends the attempt', async () => {
    const { queue, extendedAt } = await held(undefined, settings)
    expect(await extendedAt(29_999)).toBe('extended')
    expect(await extendedAt(29_999)).toBe('extended')
    expect(await extendedAt(2)).toEqual({
      type: 'LeaseLimitReached',
      heldMs: 60_000,
      messageTimeoutMs: 60_000,
    })
    await queue.clock.advance(30_000)
    expect(await queue.eventTypes()).toContain('AttemptFailed')
  })

  it.each<readonly [string, MessageAttributes | undefined, QueueSettings]>([
    ['the message’s own timeoutMs', { timeoutMs: 100_000 }, settings],
    ['the queue’s handlerTimeoutMs', undefined, { ...settings, handlerTimeoutMs: 100_000 }],
  ])('A14, A13: but not before %s, when that is longer', async (_, attributes, queueSettings) => {
    const { extendedAt } = await held(attributes, queueSettings)
    for (let n = 0; n < 4; n++) expect(await extendedAt(24_999)).toBe('extended')
    expect(await extendedAt(4)).toMatchObject({ type: 'LeaseLimitReached', messageTimeoutMs: 100_000 })
  })

  it('A14: each attempt has its own', async () => {
    const { queue, extendedAt } = await held(undefined, {
      ...settings,
      failures: { CRASH: fixed({ delayMs: 0 }) },
    })
    expect(await extendedAt(20_000)).toBe('extended')
    await queue.clock.advance(30_000)
    const again = await queue.one()
    await queue.clock.advance(25_000)
    expect(await queue.settled(extend(again, 30_000))).toMatchObject([{ _tag: 'Right' }])
  })
})
