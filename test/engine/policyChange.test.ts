// R67: settings change while messages are on their way. A change is an event, and the partition adopts it before it decides by
// it; what was decided before stands as it was recorded (I7). So live = replay, whatever changes when.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { configure, type QueueSettings } from '../../domain/queue/index.js'
import { fixed } from '../../domain/retry/index.js'
import { ack, extend, fail, message, release, right, TestQueue } from '../support/ledger.js'

const retries = (retriesMax: number, delayMs = 1_000): QueueSettings => ({
  failures: { UNKNOWN: fixed({ delayMs, retriesMax }) },
})

const change = async (queue: TestQueue, settings: QueueSettings): Promise<void> => {
  const config = configure(settings)
  if (config._tag === 'Left') throw new Error(JSON.stringify(config.left))
  await queue.clock.settled(
    queue.engine.changeControl(() => [{ type: 'QueueConfigured', config: config.right, by: { who: 'ada' } }]),
  )
  await queue.clock.settle()
}

const lastOf = async (queue: TestQueue) => (await queue.events()).at(-1)

describe('R67 with fewer attempts than before', () => {
  it('a message that runs dies with its next failure, by the policy of that moment', async () => {
    const queue = await TestQueue.open({ settings: retries(9) })
    await queue.enqueued(message(1))
    for (let n = 0; n < 3; n++) {
      await queue.settled(fail(await queue.one()))
      await queue.clock.advance(1_000)
    }
    const running = await queue.one()
    await change(queue, retries(1))
    expect(await queue.eventTypes()).not.toContain('MessageDeadLettered')
    await queue.settled(fail(running))
    expect(await lastOf(queue)).toMatchObject({ type: 'MessageDeadLettered', reason: 'attemptsExhausted' })
    await queue.assertReplayAgrees()
  })

  it('a retry that was promised comes at its recorded time, and is the last', async () => {
    const queue = await TestQueue.open({ settings: retries(9, 60_000) })
    await queue.enqueued(message(1))
    await queue.settled(fail(await queue.one()))
    await change(queue, retries(0, 5))
    await queue.clock.advance(59_999)
    expect(await queue.claimed()).toEqual([])
    await queue.restart()
    await queue.clock.advance(1)
    const last = await queue.one()
    expect(last.attempt).toBe(2)
    await queue.settled(fail(last))
    expect(await lastOf(queue)).toMatchObject({ type: 'MessageDeadLettered' })
    await queue.assertReplayAgrees()
  })
})

describe('R67 a change of other settings', () => {
  it('leaves leases as they were granted, and bounds their next extension', async () => {
    const queue = await TestQueue.open({ settings: { leaseMs: 10_000 } })
    await queue.enqueued(message(1), message(2))
    const [first, second] = await queue.claimed({ max: 2, leaseMs: undefined })
    if (first === undefined || second === undefined) throw new Error('two deliveries were expected')
    await change(queue, { leaseMs: 1_000, messageTimeoutMs: 5_000, handlerTimeoutMs: 1_000 })
    await queue.clock.advance(9_999)
    expect(await queue.eventTypes()).not.toContain('AttemptFailed')
    expect(await queue.settled(extend(first, 60_000))).toMatchObject([
      { left: { type: 'LeaseLimitReached' } },
    ])
    await queue.clock.advance(1)
    expect((await queue.eventTypes()).filter((type) => type === 'AttemptFailed')).toHaveLength(2)
    await queue.assertReplayAgrees()
  })

  it('drops nothing when the queue is made smaller, and takes new ones once there is room', async () => {
    const queue = await TestQueue.open({ settings: { maxSize: 4 } })
    await queue.enqueued(message(1), message(2), message(3))
    await change(queue, { maxSize: 2 })
    expect(await queue.clock.settled(queue.enqueue(message(4)))).toMatchObject({
      left: { refusal: { type: 'QueueFull', maxSize: 2, size: 3 } },
    })
    for (const delivery of await queue.claimed({ max: 2 })) await queue.settled(ack(delivery))
    expect(right(await queue.clock.settled(queue.enqueue(message(4)))).value).toHaveLength(1)
    await queue.assertReplayAgrees()
  })

  it('keeps the dead letters there are when the queue keeps no more', async () => {
    const queue = await TestQueue.open()
    await queue.enqueued(message(1), message(2))
    await queue.settled(fail(await queue.one(), { retryable: false }))
    await change(queue, { deadLetters: false })
    await queue.settled(fail(await queue.one(), { retryable: false }))
    const state = queue.engine.partition(0).state
    expect([...(state?.deadLetters ?? [])]).toEqual([1])
    expect(await lastOf(queue)).toMatchObject({ type: 'MessagePurged', ordinal: 2, cause: 'noDeadLetters' })
    await queue.assertReplayAgrees()
  })

  it('is adopted by an event before the first decision that rests on it, also by a process that comes after', async () => {
    const queue = await TestQueue.open({ settings: retries(9) })
    await queue.enqueued(message(1))
    const running = await queue.one({ leaseMs: 3_600_000 })
    const config = configure(retries(0))
    if (config._tag === 'Left') throw new Error('settings')
    queue.log.always = 'held'
    void queue.engine.changeControl(() => [{ type: 'QueueConfigured', config: config.right, by: undefined }])
    await queue.clock.settle()
    await queue.restart()
    await queue.settled(fail(running))
    const events = await queue.events()
    const adopted = events.findLastIndex(
      (event) => event.type === 'ConfigAdopted' && event.controlRevision === 0,
    )
    expect(adopted).toBeGreaterThan(0)
    expect(events.findIndex(({ type }) => type === 'MessageDeadLettered')).toBeGreaterThan(adopted)
    await queue.assertReplayAgrees()
  })
})

type Turn = Readonly<{
  settings: QueueSettings
  settle: ReadonlyArray<boolean>
  passMs: number
  crash: boolean
}>

const turn: fc.Arbitrary<Turn> = fc.record({
  settings: fc.record({
    maxSize: fc.constantFrom(2, 5, 100),
    dedupWindowMs: fc.constantFrom(0, 500, 60_000),
    leaseMs: fc.constantFrom(1_000, 30_000),
    order: fc.constantFrom('priority' as const, 'fifo' as const, 'lifo' as const, 'weighted' as const),
    overflow: fc.constantFrom('reject' as const, 'dropOldest' as const),
    groupHead: fc.constantFrom('block' as const, 'skip' as const),
    deadLetters: fc.boolean(),
    limits: fc.constantFrom({}, { concurrencyMax: 1 }, { rate: { count: 1, perMs: 400 } }),
    failures: fc.constantFrom(retries(0).failures ?? {}, retries(1, 200).failures ?? {}, {
      UNKNOWN: fixed({ delayMs: 0, retriesMax: 5 }),
    }),
  }),
  settle: fc.array(fc.boolean(), { maxLength: 3 }),
  passMs: fc.constantFrom(0, 100, 1_000),
  crash: fc.constantFrom(false, false, true),
})

describe('R67 any change at any time', () => {
  it('I6 leaves live and replay the same', () =>
    fc.assert(
      fc.asyncProperty(fc.array(turn, { minLength: 2, maxLength: 6 }), async (turns) => {
        const queue = await TestQueue.open({ snapshotEveryEvents: 9 })
        for (const [n, { settings, settle, passMs, crash }] of turns.entries()) {
          const group = n % 2 === 0 ? { group: 'g' } : {}
          const one = message(n, { attributes: { dedupKey: `k${n % 3}`, ...group }, priority: n % 4 })
          await queue.clock.settled(queue.enqueue(one, message(n)))
          const held = await queue.claimed({ max: settle.length, leaseMs: undefined })
          await change(queue, settings)
          for (const [i, delivery] of held.entries())
            await queue.settled(settle[i] === true ? ack(delivery) : fail(delivery))
          await queue.clock.advance(passMs)
          await queue.assertReplayAgrees()
          if (crash) await queue.restart()
        }
        await queue.assertReplayAgrees()
      }),
      { numRuns: 40 },
    ))
})

describe('R67 B1 with groups that block where they let others go first', () => {
  it('the head that comes back to wait blocks its group, also for the process after', async () => {
    const queue = await TestQueue.open({ settings: { groupHead: 'skip' } })
    const attributes = { group: 'g' }
    await queue.enqueued(message('head', { attributes, delayMs: 400 }), message('next', { attributes }))
    await queue.clock.advance(500)
    const head = await queue.one()
    expect(head.enqueued.payload).toBe('"head"')
    await change(queue, { groupHead: 'block' })
    await queue.settled(release(head, 1_000))
    await queue.restart()
    expect(await queue.drainPayloads()).toEqual([])
    await queue.clock.advance(1_000)
    expect(await queue.drainPayloads()).toEqual(['head'])
  })
})
