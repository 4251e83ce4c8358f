// Follow-ups: what the end of a message asked for becomes exactly one message each, whatever crashes in between.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { positionAt } from '../../domain/batch.js'
import { partitionStream } from '../../domain/ids.js'
import { fixed } from '../../domain/retry/index.js'
import type { FollowUpRequest } from '../../src/api/types/followUps.js'
import type { Queue, SettlementRequest } from '../../src/api/types/index.js'
import { wishFrom, writtenValue } from '../../src/sandbox/threadMessages.js'
import { complete, settlementOfValue } from '../../src/worker/attempt.js'
import type { PlannedFault } from '../support/faultyLog.js'
import { batchesOf, TestLedger } from '../support/ledger.js'

const open = async (options: Parameters<typeof TestLedger.open>[0] = {}) => {
  const test = await TestLedger.open(options)
  const orders = await test.done(test.ledger.queue('orders'))
  /** What was enqueued there, as the log tells it: each message once, in its order. */
  const payloadsIn = async (queue: string, partitions = 1): Promise<unknown[]> => {
    const payloads: unknown[] = []
    for (let partition = 0; partition < partitions; partition++)
      for (const { events } of await batchesOf(
        test.inner,
        partitionStream({ queue, generation: 1, partition }),
      ))
        for (const event of events)
          if (event.type === 'MessageEnqueued') payloads.push(JSON.parse(event.payload))
    return payloads
  }
  const cursor = async (): Promise<number[]> =>
    (await batchesOf(test.inner, 'process-followups')).flatMap(({ events }) =>
      events.flatMap((event) => (event.type === 'FollowUpsDone' ? [event.position] : [])),
    )
  return { test, orders, payloadsIn, cursor }
}

const acking = (leaseToken: string | undefined, followUps: unknown): SettlementRequest => ({
  leaseToken: leaseToken ?? '',
  outcome: 'ack',
  followUps: followUps as ReadonlyArray<FollowUpRequest>,
})

const completing = (result: unknown, followUps: unknown): unknown =>
  complete(result, { followUps: followUps as ReadonlyArray<FollowUpRequest> })

/** Acks the next message of the queue with these follow-ups, and nothing else. */
const ackWith = async (
  test: TestLedger,
  queue: Queue<unknown>,
  followUps: ReadonlyArray<FollowUpRequest>,
): Promise<void> => {
  const [claimed] = await test.done(queue.claim({ worker: 'w' }))
  const [result] = await test.done(queue.settle([acking(claimed?.leaseToken, followUps)]))
  expect(result).toMatchObject({ ok: true })
}

/** All that is in the log, and where: not every log counts its positions one by one. */
const recorded = async ({ inner }: TestLedger): Promise<Array<{ type: string; position: number }>> => {
  const found: Array<{ type: string; position: number }> = []
  for (let from = 0; ; ) {
    const page = await inner.readAll(from, 1_000_000)()
    assert.ok(page._tag === 'Right', JSON.stringify(page))
    for (const batch of page.right.batches)
      for (const [index, { type }] of batch.events.entries())
        found.push({ type, position: positionAt(batch, index) })
    from = page.right.next
    if (page.right.atEnd) return found
  }
}

describe('C9: follow-ups of a handler', () => {
  it('C9: are recorded in the event of the success, and enqueued with what they ask for', async () => {
    const { test, orders } = await open()
    const { id } = await test.done(orders.enqueue({ n: 1 }))
    orders.process(() =>
      completing('done', [
        { queue: 'mails', payload: { to: 'ada' }, type: 'welcome', headers: { trace: '7' } },
        { queue: 'mails', payload: null, delayMs: 5_000 },
      ]),
    )
    await test.clock.settle()
    expect(await test.done(orders.message(id))).toMatchObject({ state: 'succeeded', result: 'done' })
    const recorded = (await test.events('orders')).find(({ type }) => type === 'AttemptSucceeded')
    expect(recorded).toMatchObject({
      followUps: [{ queue: 'mails', payload: '{"to":"ada"}' }, { delayMs: 5_000 }],
    })
    const enqueued = (await test.events('mails')).filter(({ type }) => type === 'MessageEnqueued')
    expect(enqueued).toMatchObject([
      { payload: '{"to":"ada"}', attributes: { type: 'welcome', headers: { trace: '7' }, causationId: id } },
      { payload: 'null', notBefore: test.clock.wallMs() + 5_000 },
    ])
    expect(enqueued[0]).toMatchObject({
      callerId: expect.stringMatching(/^orders\.0\.1~then\.[0-9a-z]+\.0$/),
    })
  })

  it('C9: keep their order within one target', async () => {
    const { test, orders, payloadsIn } = await open()
    await test.done(orders.enqueue(null))
    await ackWith(
      test,
      orders,
      Array.from({ length: 100 }, (_, n) => ({ queue: 'mails', payload: n })),
    )
    expect(await payloadsIn('mails')).toEqual(Array.from({ length: 100 }, (_, n) => n))
  })

  it.each<[string, unknown, RegExp]>([
    ['no list', 'mails', /^followUps: accepted is a list/],
    [
      'too many',
      Array.from({ length: 101 }, () => ({ queue: 'q', payload: 1 })),
      /^followUps: accepted is a list of at most 100/,
    ],
    ['no queue name', [{ queue: 'a b', payload: 1 }], /^followUps\[0\]\.queue: accepted are/],
    ['no payload', [{ queue: 'q' }], /^followUps\[0\]\.payload: /],
    ['a payload that is no JSON', [{ queue: 'q', payload: 1n }], /^followUps\[0\]\.payload: /],
    [
      'an unknown field',
      [{ queue: 'q', payload: 1, prio: 1 }],
      /^followUps\[0\]\.prio: unknown; known are queue/,
    ],
    ['a wrong delay', [{ queue: 'q', payload: 1, delayMs: -1 }], /^followUps\[0\]\.delayMs: accepted/],
    ['wrong headers', [{ queue: 'q', payload: 1, headers: { a: 1 } }], /^followUps\[0\]\.headers: accepted/],
    [
      'too much in all',
      [
        { queue: 'q', payload: 'x'.repeat(200_000) },
        { queue: 'q', payload: 'x'.repeat(100_000) },
      ],
      /^followUps: accepted are payloads of at most 262144 bytes in all/,
    ],
  ])('C9: %s is refused before the end is recorded', async (_, asked, message) => {
    expect(() => completing(1, asked)).toThrow(message)
    const { test, orders } = await open()
    await test.done(orders.enqueue(null))
    const [claimed] = await test.done(orders.claim({ worker: 'w' }))
    const [result] = await test.done(orders.settle([acking(claimed?.leaseToken, asked)]))
    expect(result).toMatchObject({ ok: false, code: 'invalid', message: expect.stringMatching(message) })
  })

  it('C9: of several partitions all arrive, in a target of several partitions', async () => {
    const { test, payloadsIn } = await open()
    const many = await test.done(test.ledger.queue('many', { partitions: 3 }))
    await test.done(test.ledger.queue('mails', { partitions: 4 }))
    await test.done(many.enqueueBatch(Array.from({ length: 60 }, (_, n) => ({ payload: n }))))
    many.process(({ payload }) => completing(undefined, [{ queue: 'mails', payload }]), { concurrency: 7 })
    await test.clock.settle()
    const numbers = ((await payloadsIn('mails', 4)) as number[]).sort((a, b) => a - b)
    expect(numbers).toEqual(Array.from({ length: 60 }, (_, n) => n))
  })

  it('C9: two messages with the same id in two queues each get theirs, and so does each end of one message', async () => {
    const { test, orders, payloadsIn } = await open()
    const others = await test.done(test.ledger.queue('others'))
    for (const queue of [orders, others]) {
      await test.done(queue.enqueue(null, { id: 'same', retryable: false, onFailure: { queue: 'mails' } }))
      for (let end = 0; end < 2; end++) {
        const [claimed] = await test.done(queue.claim({ worker: 'w' }))
        await test.done(queue.settle([{ leaseToken: claimed?.leaseToken ?? '', outcome: 'fail' }]))
        await test.done(queue.redrive())
      }
    }
    expect(await payloadsIn('mails')).toMatchObject([
      { operationId: 'same', queue: 'orders', error: { type: 'UNKNOWN' } },
      { operationId: 'same', queue: 'orders' },
      { operationId: 'same', queue: 'others' },
      { operationId: 'same', queue: 'others' },
    ])
  })
})

describe('C9: follow-ups of a handler in a thread of its own', () => {
  it('C9: come out of the thread whole, also when they are larger than a result may be', () => {
    const payload = 'x'.repeat(50_000)
    const written = writtenValue(1, completing({ total: 7 }, [{ queue: 'mails', payload }]), 16_384)
    const wish = written.kind === 'wished' ? structuredClone(written.wish) : {}
    expect(settlementOfValue({ ordinal: 1, fence: 2 }, wishFrom(wish))).toEqual({
      ordinal: 1,
      fence: 2,
      outcome: 'ack',
      result: '{"total":7}',
      followUps: [{ queue: 'mails', payload: JSON.stringify(payload) }],
    })
  })
})

describe('C9: follow-ups of a batch handler', () => {
  it('C9: each message of a batch may have its own, in the list of outcomes', async () => {
    const { test, orders, payloadsIn } = await open()
    await test.done(orders.enqueueBatch([{ payload: 1 }, { payload: 2 }]))
    orders.processBatch((messages) =>
      messages.map(({ payload }) => completing(undefined, [{ queue: 'mails', payload }])),
    )
    await test.clock.advance(1_000)
    expect(await payloadsIn('mails')).toEqual([1, 2])
  })

  it('C9: one answer for the whole batch cannot have any: its messages fail, and none is lost in silence', async () => {
    const { test, orders, payloadsIn } = await open()
    await test.done(orders.enqueueBatch([{ payload: 1 }, { payload: 2 }]))
    orders.processBatch(() => completing(undefined, [{ queue: 'mails', payload: 'whose?' }]))
    await test.clock.advance(1_000)
    expect(await payloadsIn('mails')).toEqual([])
    const failed = (await test.events('orders')).filter(({ type }) => type === 'AttemptFailed')
    expect(failed).toMatchObject([
      { message: expect.stringContaining('answer a list with an outcome for each') },
      { message: expect.stringContaining('answer a list with an outcome for each') },
    ])
  })
})

describe('C9: callbacks into a queue', () => {
  it('C9: onSuccess gets the operation, its queue and the result', async () => {
    const { test, orders, payloadsIn } = await open()
    await test.done(orders.enqueue(1, { id: 'op-1', onSuccess: { queue: 'mails', type: 'paid' } }))
    orders.process(() => ({ total: 7 }))
    await test.clock.settle()
    expect(await payloadsIn('mails')).toEqual([
      { operationId: 'op-1', queue: 'orders', result: { total: 7 } },
    ])
  })

  it('C9: onFailure gets the error and the attempts, once it is a dead letter and not before', async () => {
    const { test, orders, payloadsIn } = await open()
    const retry = fixed({ delayMs: 1_000, retriesMax: 1 })
    await test.done(orders.enqueue(1, { id: 'op-2', retry, onFailure: { queue: 'mails' } }))
    orders.process(() => {
      throw new Error('no stock')
    })
    await test.clock.settle()
    expect(await payloadsIn('mails')).toEqual([])
    await test.clock.advance(1_000)
    expect(await payloadsIn('mails')).toEqual([
      { operationId: 'op-2', queue: 'orders', attempts: 2, error: { type: 'UNKNOWN', message: 'no stock' } },
    ])
  })
})

describe('C9: crashes', () => {
  it('C9: a crash between the ack and the follow-up loses nothing', async () => {
    const { test, orders, payloadsIn } = await open()
    await test.done(test.ledger.queue('mails'))
    await test.done(orders.enqueue(null))
    const [claimed] = await test.done(orders.claim({ worker: 'w' }))
    test.log.plan('none', 'held')
    await test.done(orders.settle([acking(claimed?.leaseToken, [{ queue: 'mails', payload: 'hello' }])]))
    // The enqueue of the follow-up is on its way, and never arrives.
    expect(test.log.heldCount).toBe(1)
    await test.restart()
    await test.clock.settle()
    expect(await payloadsIn('mails')).toEqual(['hello'])
  })

  it('C9: a crash between the follow-up and the cursor enqueues it again, which is the same message', async () => {
    const { test, orders, payloadsIn, cursor } = await open()
    await test.done(orders.enqueue(null))
    await ackWith(test, orders, [{ queue: 'mails', payload: 'hello' }])
    expect(await payloadsIn('mails')).toEqual(['hello'])
    expect(await cursor()).toEqual([])
    for (let n = 0; n < 3; n++) {
      await test.restart()
      await test.clock.settle()
    }
    expect(await payloadsIn('mails')).toEqual(['hello'])
  })

  it('C9: also when the follow-up has finished, and its queue has forgotten its name', async () => {
    const { test, orders, payloadsIn } = await open()
    const queue = await test.done(test.ledger.queue('mails', { dedupWindowMs: 0 }))
    await test.done(orders.enqueue(null))
    await ackWith(test, orders, [{ queue: 'mails', payload: 'hello' }])
    const [claimed] = await test.done(queue.claim({ worker: 'w' }))
    await test.done(queue.settle([{ leaseToken: claimed?.leaseToken ?? '', outcome: 'ack' }]))
    await test.restart()
    await test.clock.settle()
    expect(await payloadsIn('mails')).toEqual(['hello'])
  })

  it('C9: the cursor is written some time after the enqueue, and what it covers is not looked at again', async () => {
    const { test, orders, cursor } = await open()
    await test.done(orders.enqueue(null))
    await ackWith(test, orders, [{ queue: 'mails', payload: 'hello' }])
    await test.clock.advance(4_999)
    expect(await cursor()).toEqual([])
    await test.clock.advance(1)
    const [position = 0] = await cursor()
    expect(position).toBeGreaterThan(0)
    await test.clock.advance(60_000)
    expect(await cursor()).toHaveLength(1)
  })

  it('C9: closing writes the cursor at once, and a ledger without follow-ups never has one', async () => {
    for (const followUps of [[], [{ queue: 'mails', payload: 'hello' }]]) {
      const { test, orders } = await open()
      await test.done(orders.enqueue(null))
      await ackWith(test, orders, followUps)
      await test.clock.settle()
      let appends = 0
      test.inner.onAppended(() => appends++)
      await test.done(test.ledger.close())
      expect(appends).toBe(followUps.length)
    }
  })

  it('C9: an enqueue of unknown outcome is asked again, and comes once, even if the message has finished meanwhile', async () => {
    // A guard would refuse before the repeats are used up.
    const { test, orders, payloadsIn } = await open({ logGuard: false })
    const mails = await test.done(test.ledger.queue('mails', { dedupWindowMs: 0 }))
    await test.done(orders.enqueue(null))
    const [claimed] = await test.done(orders.claim({ worker: 'w' }))
    test.log.plan('none', ...Array.from({ length: 21 }, () => 'lostReply' as const), 'held')
    const followUps = [{ queue: 'mails', payload: 'hello' }]
    await test.done(orders.settle([acking(claimed?.leaseToken, followUps)]))
    await test.clock.advance(5_000)
    expect(test.troubles.map(({ message }) => message)).toContainEqual(
      expect.stringContaining('follow-ups wait'),
    )
    // The partition is opened anew after the follow-up was asked for again, and the message is quicker than the next time.
    await test.clock.advance(150)
    test.log.release()
    await test.clock.settle()
    const [mail] = await test.done(mails.claim({ worker: 'w' }))
    expect(mail?.payload).toBe('hello')
    await test.done(mails.settle([{ leaseToken: mail?.leaseToken ?? '', outcome: 'ack' }]))
    await test.clock.advance(20_000)
    expect(await payloadsIn('mails')).toEqual(['hello'])
  })
})

describe('C9: targets that cannot take it', () => {
  it('C9: a full target is asked again with growing pauses; the others go on, and the order is kept', async () => {
    const { test, orders, payloadsIn, cursor } = await open()
    const full = await test.done(test.ledger.queue('full', { maxSize: 2 }))
    await test.done(orders.enqueue(null))
    const then = [0, 1, 2, 3, 4].flatMap((payload) => [
      { queue: 'full', payload },
      { queue: 'free', payload },
    ])
    await ackWith(test, orders, then)
    expect(await payloadsIn('free')).toEqual([0, 1, 2, 3, 4])
    expect(await payloadsIn('full')).toEqual([0, 1])
    expect(test.troubles).toMatchObject([
      {
        queue: 'full',
        message: expect.stringContaining('follow-ups wait for the queue full (3)'),
        final: false,
      },
    ])
    await test.clock.advance(5_000)
    // What is not enqueued holds the cursor back.
    const success = (await recorded(test)).find(({ type }) => type === 'AttemptSucceeded')?.position ?? 0
    expect((await cursor()).at(-1) ?? 0).toBeLessThanOrEqual(success)
    const seen: unknown[] = []
    full.process(({ payload }) => void seen.push(payload))
    await test.clock.advance(60_000)
    expect(seen).toEqual([0, 1, 2, 3, 4])
    expect((await cursor()).at(-1) ?? 0).toBeGreaterThan(success)
  })

  it('C9: where queues are not created by use, a target that does not exist is waited for, and that is told', async () => {
    const { test, payloadsIn } = await open()
    await test.restart({ autoCreateQueues: false })
    const again = await test.done(test.ledger.queue('orders'))
    await test.done(again.enqueue(null))
    await ackWith(test, again, [{ queue: 'later', payload: 1 }])
    await test.clock.advance(60_000)
    expect(test.troubles[0]).toMatchObject({
      queue: 'later',
      message: expect.stringContaining('there is no queue'),
    })
    expect(test.troubles.length).toBeLessThan(5)
    expect(await test.done(test.ledger.stats())).toMatchObject({ followUps: { waiting: 1 } })
    await test.restart()
    await test.done(test.ledger.createQueue('later'))
    await test.clock.advance(60_000)
    expect(await payloadsIn('later')).toEqual([1])
    expect(await test.done(test.ledger.stats())).toMatchObject({ followUps: { waiting: 0 } })
  })

  it('C9: a target that does not exist is created', async () => {
    const { test, orders, payloadsIn } = await open()
    await test.done(orders.enqueue(null))
    await ackWith(test, orders, [{ queue: 'new-one', payload: 1 }])
    const names = (await test.done(test.ledger.queues())).map(({ queue }) => queue)
    expect(names).toContain('new-one')
    expect(await payloadsIn('new-one')).toEqual([1])
  })

  it('C9: what does not fit into memory stays in the log until there is room, and all of it arrives in its order', async () => {
    const { test, orders, payloadsIn } = await open()
    const full = await test.done(test.ledger.queue('full', { maxSize: 1 }))
    await test.done(full.enqueue('first'))
    const acks = 103
    await test.done(orders.enqueueBatch(Array.from({ length: acks }, () => ({ payload: null }))))
    const claimed = await test.done(orders.claim({ worker: 'w', max: acks }))
    for (const [n, { leaseToken }] of claimed.entries()) {
      const followUps = Array.from({ length: 100 }, (_, m) => ({ queue: 'full', payload: n * 100 + m }))
      await test.done(orders.settle([acking(leaseToken, followUps)]))
    }
    // The 10,000 that fit stand before these: nothing else is taken, whoever it is for.
    await test.done(orders.enqueue(null))
    await ackWith(test, orders, [{ queue: 'free', payload: 'late' }])
    await test.clock.settle()
    expect(await payloadsIn('free')).toEqual([])
    await test.done(full.configure({ maxSize: 100_000 }))
    await test.clock.advance(60_000)
    expect((await payloadsIn('full')).slice(1)).toEqual(Array.from({ length: acks * 100 }, (_, n) => n))
    expect(await payloadsIn('free')).toEqual(['late'])
  })

  it('C9: what waits for a full queue does not keep the rest from being taken out of the log again', async () => {
    const { test, orders, payloadsIn } = await open()
    const others = await test.done(test.ledger.queue('others'))
    const full = await test.done(test.ledger.queue('full', { maxSize: 1 }))
    await test.done(full.enqueue('first'))
    /** Acks so many messages of the queue in one append, each with a hundred follow-ups. */
    const acks = async (queue: Queue<unknown>, count: number, target: string) => {
      await test.done(queue.enqueueBatch(Array.from({ length: count }, () => ({ payload: null }))))
      const claimed = await test.done(queue.claim({ worker: 'w', max: count }))
      return claimed.map(({ leaseToken }) =>
        acking(
          leaseToken,
          Array.from({ length: 100 }, (_, n) => ({ queue: target, payload: n })),
        ),
      )
    }
    await test.done(orders.settle(await acks(orders, 60, 'full')))
    const crowd = await acks(orders, 50, 'free')
    const late = await acks(others, 10, 'free')
    // Six thousand are stuck. The crowd reaches the bound in one append, so that the other one finds no room.
    await Promise.all([test.done(orders.settle(crowd)), test.done(others.settle(late))])
    await test.clock.settle()
    expect(await payloadsIn('free')).toHaveLength(6_000)
  })
})

type Step =
  | Readonly<{ do: 'ack'; followUps: number }>
  | Readonly<{ do: 'fail' | 'work' | 'crash' | 'settle' }>
  | Readonly<{ do: 'advance'; ms: number }>
  | Readonly<{ do: 'fault'; faults: ReadonlyArray<PlannedFault> }>

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('ack' as const), followUps: fc.integer({ min: 0, max: 3 }) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('fail', 'work', 'crash', 'settle') }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.constantFrom(100, 1_000, 5_000, 40_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      faults: fc.array(
        fc.constantFrom<PlannedFault[]>('none', 'full', 'lostReply', 'lostRequest', 'lateRequest'),
        {
          minLength: 1,
          maxLength: 4,
        },
      ),
    }),
  },
)

describe('C9: the law of follow-ups', () => {
  it('C9: every recorded follow-up becomes exactly one message, whatever crashes and faults come in between', async () => {
    const seen = { recorded: 0, crashed: 0 }
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
        const { test, payloadsIn } = await open()
        // No memory of names, and room for so few that follow-ups wait for it.
        const settings = { dedupWindowMs: 0, maxSize: 3 }
        for (const name of ['mails', 'bills']) await test.done(test.ledger.queue(name, settings))
        let count = 0
        const act = async (one: Step): Promise<void> => {
          const orders = await test.ledger.queue('orders')
          if (one.do === 'ack' || one.do === 'fail') {
            const onFailure = { queue: 'bills', type: 'failed' }
            await orders.enqueue(count, { id: `order-${count}`, retryable: false, onFailure })
            const [claimed] = await orders.claim({ worker: 'w' })
            if (claimed === undefined) return
            const followUps = Array.from({ length: one.do === 'ack' ? one.followUps : 0 }, () => ({
              queue: count % 2 === 0 ? 'mails' : 'bills',
              payload: { n: ++count },
            }))
            const { leaseToken } = claimed
            await orders.settle([
              one.do === 'ack' ? acking(leaseToken, followUps) : { leaseToken, outcome: 'fail' },
            ])
          } else if (one.do === 'work') {
            for (const name of ['mails', 'bills']) {
              const queue = await test.ledger.queue(name)
              const claimed = await queue.claim({ worker: 'w', max: 10 })
              if (claimed.length > 0)
                await queue.settle(claimed.map(({ leaseToken }) => acking(leaseToken, [])))
            }
          }
        }
        for (const one of steps) {
          switch (one.do) {
            case 'crash':
              seen.crashed++
              await test.restart()
              break
            case 'settle':
              await test.clock.settle()
              break
            case 'advance':
              await test.clock.advance(one.ms)
              break
            case 'fault':
              test.log.plan(...one.faults)
              break
            default:
              // Whether it was refused, is still on its way or never comes back: what counts is what the log says.
              void act(one).catch(() => undefined)
              await test.clock.settle()
          }
        }
        test.log.release()
        await test.clock.settle()
        await test.restart()
        for (const name of ['mails', 'bills'])
          await test.done(test.ledger.queue(name, { ...settings, maxSize: 1_000 }))
        await test.clock.advance(120_000)
        const recorded = (await test.events('orders')).flatMap((event) =>
          event.type === 'AttemptSucceeded' || event.type === 'MessageDeadLettered'
            ? (event.followUps ?? [])
            : [],
        )
        seen.recorded += recorded.length
        const enqueued = [...(await payloadsIn('mails')), ...(await payloadsIn('bills'))]
        expect(enqueued.map((payload) => JSON.stringify(payload)).sort()).toEqual(
          recorded.map(({ payload }) => payload).sort(),
        )
      }),
      { numRuns: 80 },
    )
    // The law says nothing about histories in which nothing happened.
    expect(seen.recorded).toBeGreaterThan(100)
    expect(seen.crashed).toBeGreaterThan(20)
  }, 120_000)
})
