// E3: two things that happen at once, in every order that fast-check can think of: each request, each answer of the log, time
// and death are steps of one schedule. What was told has to be what the log says, whichever came first.
import { strict as assert } from 'node:assert'
import fc from 'fast-check'
import { isLeft, isRight } from 'fp-ts/lib/Either.js'
import { describe, it } from 'vitest'
import type { LedgerEvent } from '../../domain/batch.js'
import { fixed } from '../../domain/retry/index.js'
import type { Answered, Reply } from '../../src/engine/replies.js'
import type { Delivery, Settled } from '../../src/engine/requests.js'
import type { FaultyLog } from '../support/faultyLog.js'
import { ack, fail, message, TestQueue } from '../support/ledger.js'

const LEASE_MS = 100
const settings = { failures: { CRASH: fixed({ delayMs: 0, retriesMax: 5 }) } }
/** Answers of the log that come at a time of their own; those that are left come at the end. */
const ANSWERS_OF_THE_LOG = 3

type Step = Readonly<{ name: string; take: () => void }>
/** What a caller has been told so far. */
class Told<A> {
  reply: Reply<A> | undefined

  by(reply: Promise<Reply<A>>): void {
    void reply.then((value) => {
      this.reply = value
    })
  }
}
type Settlements = ReadonlyArray<Settled>
type Leases = Readonly<{ deliveries: ReadonlyArray<Delivery> }>

/** Takes the steps in the order of the schedule, with the log's answers held back until their own turn comes. */
const race = async (schedule: fc.Scheduler, queue: TestQueue, steps: ReadonlyArray<Step>): Promise<void> => {
  const release: Step = { name: 'the log answers', take: () => queue.log.release() }
  queue.log.always = 'held'
  for (const { name, take } of [...steps, ...Array.from({ length: ANSWERS_OF_THE_LOG }, () => release)])
    void schedule.schedule(Promise.resolve(), name).then(take)
  while (schedule.count() > 0) {
    await schedule.waitOne()
    await queue.clock.settle()
  }
  queue.log.heal()
  queue.log.release()
  await queue.clock.settle()
}

const claimedOne = async (queue: TestQueue): Promise<Delivery> => {
  await queue.enqueued(message('raced for'))
  return queue.one({ worker: 'remote', leaseMs: LEASE_MS })
}

const ofMessage = async (queue: TestQueue, type: LedgerEvent['type']): Promise<ReadonlyArray<LedgerEvent>> =>
  (await queue.events()).filter((event) => event.type === type)

const isOk = (one: Told<Settlements>): boolean => {
  const reply: Reply<Settlements> | undefined = one.reply
  assert.ok(reply !== undefined, 'it was answered')
  const [settled] = (reply as { right: Answered<Settlements> }).right.value
  assert.ok(settled !== undefined)
  if (isLeft(settled)) assert.equal(settled.left.type, 'LeaseNotHeld')
  return isRight(settled)
}

const inAnyOrder = (run: (schedule: fc.Scheduler, queue: TestQueue) => Promise<void>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.scheduler(), async (schedule) => {
      const queue = await TestQueue.open({ settings })
      await run(schedule, queue)
      await queue.assertReplayAgrees()
    }),
    { numRuns: 60 },
  )

describe('at the same time', () => {
  it('R20 R25 an ack and the end of its lease: one of them ends the attempt, and the ack hears which', () =>
    inAnyOrder(async (schedule, queue) => {
      const delivery = await claimedOne(queue)
      const acked = new Told<Settlements>()
      await race(schedule, queue, [
        { name: 'ack', take: () => acked.by(queue.settle(ack(delivery))) },
        { name: 'the lease ends', take: () => void queue.clock.advance(LEASE_MS) },
      ])
      const succeeded = await ofMessage(queue, 'AttemptSucceeded')
      const failed = await ofMessage(queue, 'AttemptFailed')
      assert.equal(succeeded.length + failed.length, 1, 'one end of the attempt')
      assert.equal(isOk(acked), succeeded.length === 1)
    }))

  it('R26 a fail and an ack of one lease: the first counts, the other is refused', () =>
    inAnyOrder(async (schedule, queue) => {
      const delivery = await claimedOne(queue)
      const acked = new Told<Settlements>()
      const failed = new Told<Settlements>()
      await race(schedule, queue, [
        { name: 'ack', take: () => acked.by(queue.settle(ack(delivery))) },
        { name: 'fail', take: () => failed.by(queue.settle(fail(delivery))) },
      ])
      assert.deepEqual(
        [isOk(acked), isOk(failed)],
        [
          (await ofMessage(queue, 'AttemptSucceeded')).length === 1,
          (await ofMessage(queue, 'AttemptFailed')).length === 1,
        ],
      )
      assert.notEqual(isOk(acked), isOk(failed))
    }))

  it('R28 two claims with one claim id: each message is started once, and both are answered with it', () =>
    inAnyOrder(async (schedule, queue) => {
      await queue.enqueued(message(1), message(2), message(3))
      const claims: Array<Told<Leases>> = []
      const claim = (): void => {
        const one = new Told<Leases>()
        one.by(queue.claim({ max: 2, claimId: 'once', worker: 'remote', leaseMs: 10_000 }))
        claims.push(one)
      }
      await race(schedule, queue, [
        { name: 'claim', take: claim },
        { name: 'claim again', take: claim },
      ])
      assert.equal((await ofMessage(queue, 'AttemptStarted')).length, 2)
      const leases = claims.map(({ reply }) => {
        assert.ok(reply !== undefined && isRight(reply), 'it was answered')
        return reply.right.value.deliveries.map(({ ordinal, fence }) => [ordinal, fence])
      })
      assert.deepEqual(leases[0], leases[1])
      assert.equal(leases[0]?.length, 2)
    }))

  it('A11 a cancel and a start: it never runs, or whoever runs it is told to stop', () =>
    inAnyOrder(async (schedule, queue) => {
      await queue.enqueued(message('raced for'))
      const claimed = new Told<Leases>()
      const cancelled = new Told<Settlements>()
      await race(schedule, queue, [
        { name: 'claim', take: () => claimed.by(queue.claim({ worker: 'remote' })) },
        {
          name: 'cancel',
          take: () => cancelled.by(queue.engine.operate(0, 'cancel', [1], { who: 'ada' })),
        },
      ])
      assert.ok(isOk(cancelled))
      const { reply } = claimed
      assert.ok(reply !== undefined && isRight(reply), 'it was answered')
      const [delivery] = reply.right.value.deliveries
      if (delivery === undefined) return assert.equal((await ofMessage(queue, 'MessageCancelled')).length, 1)
      assert.equal((await ofMessage(queue, 'CancelRequested')).length, 1)
      await queue.settled(fail(delivery))
      assert.equal((await ofMessage(queue, 'MessageCancelled')).length, 1)
      return undefined
    }))

  it('I1 C5 an ack and the death of the process: what was told is in the log, and what is not there was not told', () =>
    inAnyOrder(async (schedule, queue) => {
      const delivery = await claimedOne(queue)
      const acked = new Told<Settlements>()
      let isDead = false
      let old: FaultyLog | undefined
      let repliedBefore = false
      await race(schedule, queue, [
        {
          name: 'ack',
          take: () => {
            if (!isDead) acked.by(queue.settle(ack(delivery)))
          },
        },
        {
          name: 'death',
          take: () => {
            repliedBefore = acked.reply !== undefined
            isDead = true
            old = queue.crash()
          },
        },
        { name: 'what was on its way arrives', take: () => old?.release() },
      ])
      assert.equal(acked.reply !== undefined, repliedBefore, 'the dead tell nothing')
      const isThere = (await ofMessage(queue, 'AttemptSucceeded')).length === 1
      if (repliedBefore) assert.ok(isThere && isOk(acked))
      await queue.restart()
      if (!isThere) await queue.settled(ack(delivery))
      assert.equal((await ofMessage(queue, 'AttemptSucceeded')).length, 1)
    }))
})
