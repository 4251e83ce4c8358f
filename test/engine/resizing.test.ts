// A queue is resized while it works (§4.1, F2, ADR 0013): whatever is asked of it and whenever it is resized, groups, keys, ids and
// limits hold, nothing is lost, and the log says it all.
import { strict as assert } from 'node:assert'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { generatedId } from '../../domain/ids.js'
import { resizeQueue } from '../../domain/queue/index.js'
import type { Delivery } from '../../src/engine/requests.js'
import { isFailure } from '../../src/engine/routing.js'
import { ack, fail, message, right, TestQueue } from '../support/ledger.js'
import { ResizeJudge, type Sent } from '../support/resizeJudge.js'

const WINDOW_MS = 10_000
/** Against what never ends: shrinking on a busy machine takes its time. */
const GUARD_MS = 300_000
const CONCURRENCY = 12
const RATE = { count: 12, perMs: 1_000 }

type Action =
  | Readonly<{ do: 'enqueue'; sent: Sent }>
  | Readonly<{ do: 'claim'; max: number }>
  | Readonly<{ do: 'ack' | 'die' | 'retry'; which: number }>
  | Readonly<{ do: 'redrive'; which: number }>
  | Readonly<{ do: 'resize'; partitions: number }>
  | Readonly<{ do: 'restart' }>
  | Readonly<{ do: 'wait'; ms: number }>

const sent: fc.Arbitrary<Sent> = fc.oneof(
  fc.record({ group: fc.constantFrom('a', 'b', 'c', 'd') }),
  fc.record({ dedupKey: fc.constantFrom('k', 'l', 'm') }),
  fc.record({ callerId: fc.constantFrom('x', 'y', 'z') }),
  fc.constant({}),
)
const which = fc.nat({ max: 20 })
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('enqueue' as const), sent }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('claim' as const), max: fc.nat({ max: 4 }).map((n) => n + 1) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('ack' as const, 'ack' as const, 'die' as const, 'retry' as const),
      which,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('redrive' as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('resize' as const), partitions: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(10, 1_000, WINDOW_MS) }),
  },
)

/** Many messages wait, and whatever is asked is about who may start. */
const loadedAction: fc.Arbitrary<Action> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant('enqueue' as const), sent: fc.constant({}) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('claim' as const), max: fc.constant(12) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('ack' as const, 'retry' as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('resize' as const), partitions: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(10, 100, 1_000) }),
  },
)

type Held = Readonly<{ id: string; partition: number; delivery: Delivery }>

/** Does what is asked, one after the other, and tells the judge. */
class Story {
  readonly held: Held[] = []
  private count = 0

  private constructor(
    readonly queue: TestQueue,
    readonly judge: ResizeJudge,
  ) {}

  static async begin(partitions: number, snapshotEveryEvents: number): Promise<Story> {
    const settings = {
      partitions,
      dedupWindowMs: WINDOW_MS,
      leaseMs: 3_600_000,
      messageTimeoutMs: 3_600_000,
      handlerTimeoutMs: 3_600_000,
      limits: { concurrencyMax: CONCURRENCY, rate: RATE },
    }
    const queue = await TestQueue.open({ settings, snapshotEveryEvents })
    return new Story(queue, new ResizeJudge(WINDOW_MS, CONCURRENCY, RATE))
  }

  private get at(): number {
    return this.queue.clock.wallMs()
  }

  private pick<A>(list: ReadonlyArray<A>, n: number): A | undefined {
    return list[n % Math.max(1, list.length)]
  }

  async act(step: Action): Promise<void> {
    switch (step.do) {
      case 'enqueue':
        return this.enqueue(step.sent)
      case 'claim':
        await this.claim(step.max)
        return undefined
      case 'redrive':
        return this.redrive(step.which)
      case 'resize':
        return this.resize(step.partitions)
      case 'restart':
        return this.restart()
      case 'wait':
        await this.queue.clock.advance(step.ms)
        return undefined
      default:
        return this.settle(step.do, step.which)
    }
  }

  async enqueue({ callerId, ...attributes }: Sent): Promise<void> {
    const isPlain = Object.keys(attributes).length === 0
    const asked = message(++this.count, { callerId, ...(isPlain ? {} : { attributes }) })
    const [one] = await this.queue.clock.settled(this.queue.engine.enqueueRouted([asked]))
    assert.ok(one !== undefined && !isFailure(one), JSON.stringify(one))
    this.judge.accepted(
      { ...attributes, ...(callerId === undefined ? {} : { callerId }) },
      one.id,
      one.duplicate,
      this.at,
    )
  }

  async claim(max: number): Promise<number> {
    const { clock, engine } = this.queue
    const wish = { max: () => max, worker: 'remote-1', leaseMs: undefined, claimId: undefined }
    const claim = engine.claim({ ...wish, waitMs: 0, mayRunInDoubt: true, cancelled: () => false })
    const { deliveries, partition } = right(await clock.settled(claim)).value
    for (const delivery of deliveries) {
      const { ref } = engine.partition(partition)
      const id = (await this.idOf(partition, delivery)) ?? generatedId(ref, delivery.ordinal)
      this.held.push({ id, partition, delivery })
      this.judge.started(id, this.at)
    }
    return deliveries.length
  }

  private async idOf(partition: number, { ordinal }: Delivery): Promise<string | undefined> {
    const look = this.queue.engine.look(partition, ({ table }) => table.cold(table.slotOf(ordinal)).callerId)
    return right(await this.queue.clock.settled(look)).value
  }

  async settle(how: 'ack' | 'die' | 'retry', n: number): Promise<void> {
    const one = this.pick(this.held, n)
    if (one === undefined) return
    this.held.splice(this.held.indexOf(one), 1)
    const failed = how === 'die' ? { retryable: false } : { delayMs: 1 }
    const settlement = how === 'ack' ? ack(one.delivery) : fail(one.delivery, failed)
    const { clock, engine } = this.queue
    const [result] = right(await clock.settled(engine.settle(one.partition, [settlement]))).value
    assert.equal(result?._tag, 'Right', JSON.stringify(result))
    const dead = right(
      await clock.settled(engine.look(one.partition, (state) => state.messageAt(one.delivery.ordinal).tag)),
    ).value
    this.judge.ended(one.id, how === 'ack' ? 'acked' : dead === 'Dead' ? 'dead' : 'waiting', this.at)
  }

  private async redrive(n: number): Promise<void> {
    const { clock, engine } = this.queue
    const dead = right(await clock.settled(engine.lookAll((state) => [...state.deadLetters]))).value
    const places = dead.flatMap(({ value }, partition) => value.map((ordinal) => ({ partition, ordinal })))
    const place = this.pick(places, n)
    if (place === undefined) return
    const { partition, ordinal } = place
    const id =
      (await this.idOf(partition, { ordinal } as Delivery)) ??
      generatedId(engine.partition(partition).ref, ordinal)
    const [result] = right(
      await clock.settled(engine.operate(partition, 'redrive', [ordinal], undefined)),
    ).value
    assert.equal(result?._tag, 'Right', JSON.stringify(result))
    this.judge.redriven(id)
  }

  async resize(partitions: number): Promise<void> {
    const { clock, engine } = this.queue
    const change = engine.changeControl((control) => {
      const events = resizeQueue(control, partitions, undefined)
      return events._tag === 'Right' ? events.right : []
    })
    await clock.settled(change)
    await clock.settled(engine.layouts.advance())
  }

  private async restart(): Promise<void> {
    await this.queue.restart()
  }

  /** Everything that lives runs to its end; dead letters stay. */
  async drain(): Promise<void> {
    for (let n = 0; n < 500 && this.held.length + this.judge.in('waiting').length > 0; n++) {
      while (this.held.length > 0) await this.settle('ack', 0)
      if ((await this.claim(5)) === 0) await this.queue.clock.advance(1_000)
    }
    assert.deepEqual(this.judge.in('waiting'), [], 'nothing is lost')
  }

  async assertReplayAgrees(): Promise<void> {
    for (const { ref } of this.queue.engine.partitions) await this.queue.assertReplayAgrees(ref.partition)
  }
}

describe('4.1, F2: a queue that is resized while it works', () => {
  it(
    'keeps groups, keys, ids and limits, loses nothing, and is what its log says',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 4 }),
          fc.constantFrom(0, 20),
          fc.array(action, { minLength: 10, maxLength: 80, size: 'max' }),
          async (partitions, snapshotEveryEvents, actions) => {
            const story = await Story.begin(partitions, snapshotEveryEvents)
            for (const step of actions) await story.act(step)
            await story.assertReplayAgrees()
            await story.drain()
            await story.assertReplayAgrees()
          },
        ),
        { numRuns: 60 },
      )
    },
    GUARD_MS,
  )

  it(
    'B8: never starts more than its limits allow, however often it is resized under load',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 4 }),
          fc.array(loadedAction, { minLength: 10, maxLength: 60, size: 'max' }),
          async (partitions, actions) => {
            const story = await Story.begin(partitions, 0)
            for (let n = 0; n < 40; n++) await story.enqueue({})
            for (const step of actions) await story.act(step)
            await story.drain()
            await story.assertReplayAgrees()
          },
        ),
        { numRuns: 60 },
      )
    },
    GUARD_MS,
  )

  it('says once that the older partitions are drained, and gives their share of the limits to the others', async () => {
    const story = await Story.begin(2, 0)
    for (let n = 0; n < 6; n++) await story.enqueue({})
    await story.resize(3)
    expect(story.queue.engine.control.layouts).toMatchObject([{ isDrained: false }, { isDrained: false }])
    await story.drain()
    await story.queue.clock.advance(1_000)
    expect(story.queue.engine.control.layouts).toEqual([
      { first: 0, partitions: 2, isDrained: true },
      { first: 2, partitions: 3, isDrained: false },
    ])
    for (const { state } of story.queue.engine.partitions)
      expect(state?.layouts).toEqual(story.queue.engine.control.layouts)
  })
})
