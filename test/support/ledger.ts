// A ledger, or one queue of it, in memory, on a clock that is moved by hand and a log that fails on order. A crash drops
// the process: nothing it had planned runs any more, and the next one opens on the same log.
import { strict as assert } from 'node:assert'
import type { LedgerEvent, RecordedBatch } from '../../domain/batch.js'
import { partitionStream } from '../../domain/ids.js'
import { configure, type QueueEntry, type QueueSettings } from '../../domain/queue/index.js'
import { stateHash } from '../../projections/partition/index.js'
import { memoryFinishedRegister } from '../../src/adapters/memory/finishedRegister.js'
import { type LedgerOptions, openLedgerOn, type Trouble } from '../../src/api/openLedger.js'
import type { Ledger } from '../../src/api/types/index.js'
import type { PartitionDeps } from '../../src/engine/partition.js'
import { QueueEngine } from '../../src/engine/queueEngine.js'
import { recoverPartition } from '../../src/engine/recovery.js'
import type { Answered, Failure, Reply } from '../../src/engine/replies.js'
import type {
  Claimed,
  ClaimRequest,
  Delivery,
  Enqueued,
  NewMessage,
  Settled,
  Settlement,
} from '../../src/engine/requests.js'
import type { EventLog } from '../../src/ports/eventLog.js'
import type { Ids } from '../../src/ports/ids.js'
import { isOfLostProcess } from '../../src/worker/localWorkers.js'
import { FaultyLog } from './faultyLog.js'
import { ManualClock } from './manualClock.js'
import { openTestLog } from './testLog.js'

let lastUnique = 0
/** Unique within the test process; no chance, so that a failed test fails again. */
export const countedIds = (random: () => number = () => 0.5): Ids => ({
  unique: () => `u${++lastUnique}`,
  random,
})

export const message = (payload: unknown, over: Partial<NewMessage> = {}): NewMessage => ({
  callerId: undefined,
  payload: JSON.stringify(payload),
  priority: 0,
  delayMs: 0,
  notBefore: 0,
  ttlMs: 0,
  attributes: undefined,
  ...over,
})

export const right = <A>(reply: Reply<A>): Answered<A> => {
  assert.ok(reply._tag === 'Right', `expected an answer, got ${JSON.stringify(reply)}`)
  return reply.right
}
export const failureOf = (reply: Reply<unknown>): Failure => {
  assert.ok(reply._tag === 'Left', `expected a failure, got ${JSON.stringify(reply)}`)
  return reply.left
}

/** What one call may hold is less where an append has a limit: so many small messages fit any log. */
const CALL_MESSAGES_MAX = 500
export const calls = <A>(items: ReadonlyArray<A>): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(items.length / CALL_MESSAGES_MAX) }, (_, n) =>
    items.slice(n * CALL_MESSAGES_MAX, (n + 1) * CALL_MESSAGES_MAX),
  )

/** Every batch of a stream, as it is in the log. */
export const batchesOf = async (log: EventLog, stream: string): Promise<ReadonlyArray<RecordedBatch>> => {
  const batches: RecordedBatch[] = []
  for (let from = 0; ; ) {
    const page = await log.read(stream, from, 1_000_000)()
    assert.ok(page._tag === 'Right', JSON.stringify(page))
    batches.push(...page.right.batches)
    from = page.right.next
    if (page.right.atEnd) return batches
  }
}

export type TestQueueOptions = Readonly<{
  settings?: QueueSettings
  snapshotEveryEvents?: number
  payloadCacheBytes?: number
  random?: () => number
}>

/** One queue without the public face: requests go to its engine as the API sends them. */
export class TestQueue {
  readonly troubles: Array<{ message: string; final: boolean }> = []
  log: FaultyLog
  engine!: QueueEngine
  incarnation = ''
  private die: () => void = () => undefined
  private readonly entry: QueueEntry

  private constructor(
    private readonly options: TestQueueOptions,
    readonly inner: EventLog,
    readonly clock: ManualClock = new ManualClock(),
  ) {
    this.log = new FaultyLog(inner)
    const created = configure(options.settings ?? {})
    assert.ok(created._tag === 'Right', JSON.stringify(created))
    this.entry = { queue: 'orders', generation: 1, created: created.right, deleted: false }
  }

  static async open(options: TestQueueOptions = {}): Promise<TestQueue> {
    const queue = new TestQueue(options, await openTestLog())
    await queue.begin()
    return queue
  }

  /** A second process on the log of the first, which goes on. */
  static async openBeside(other: TestQueue): Promise<TestQueue> {
    const queue = new TestQueue(other.options, other.inner, other.clock)
    await queue.begin()
    return queue
  }

  private async begin(): Promise<void> {
    const { options } = this
    const ids = countedIds(options.random)
    this.incarnation = ids.unique()
    const { clock, die } = this.clock.process()
    this.die = die
    const deps: PartitionDeps = {
      log: this.log.port,
      register: memoryFinishedRegister(),
      clock,
      ids,
      node: 'node',
      incarnation: this.incarnation,
      isCertainlyDead: isOfLostProcess(this.incarnation),
      snapshotEveryEvents: options.snapshotEveryEvents ?? 0,
      payloadCacheBytes: options.payloadCacheBytes ?? 1_000_000,
    }
    const opening = QueueEngine.open(this.entry, deps, {
      onDurable: () => undefined,
      onTrouble: (_, text, final) => this.troubles.push({ message: text, final }),
    })
    this.engine = await this.clock.settled(opening)
  }

  /** What is on its way to the log when the process dies may still arrive: `log.release()` of the old log. */
  crash(): FaultyLog {
    this.die()
    this.log.die()
    const old = this.log
    this.log = new FaultyLog(this.inner)
    return old
  }

  async restart(): Promise<void> {
    this.crash()
    await this.begin()
  }

  /** Another process begins a term while this one goes on, as after a pause that was taken for a death. */
  async takeOver(): Promise<{ log: FaultyLog; die: () => void }> {
    const { log, die } = this
    this.log = new FaultyLog(this.inner)
    await this.begin()
    return {
      log,
      die: () => {
        die()
        log.die()
      },
    }
  }

  get stream(): string {
    return partitionStream({ queue: 'orders', generation: 1, partition: 0 })
  }

  get localWorker(): string {
    return `local:${this.incarnation}:1`
  }

  enqueue(...messages: NewMessage[]): Promise<Reply<ReadonlyArray<Enqueued>>> {
    // A partition that does not drain never says "not here".
    return this.engine.enqueue(0, messages) as Promise<Reply<ReadonlyArray<Enqueued>>>
  }

  async enqueued(...messages: NewMessage[]): Promise<ReadonlyArray<Enqueued>> {
    return right(await this.clock.settled(this.enqueue(...messages))).value
  }

  claim(
    over: Partial<Omit<ClaimRequest, 'max' | 'answer'>> & { max?: number } = {},
  ): Promise<Reply<Claimed>> {
    const { max = 1, ...rest } = over
    return this.engine.claimFrom(0, {
      max: () => max,
      worker: 'remote-1',
      leaseMs: 30_000,
      claimId: undefined,
      waitMs: 0,
      mayRunInDoubt: true,
      cancelled: () => false,
      ...rest,
    })
  }

  async claimed(over: Parameters<TestQueue['claim']>[0] = {}): Promise<ReadonlyArray<Delivery>> {
    return right(await this.clock.settled(this.claim(over))).value.deliveries
  }

  async one(over: Parameters<TestQueue['claim']>[0] = {}): Promise<Delivery> {
    const [delivery, ...more] = await this.claimed(over)
    assert.ok(delivery !== undefined && more.length === 0, 'expected one delivery')
    return delivery
  }

  settle(...settlements: Settlement[]): Promise<Reply<ReadonlyArray<Settled>>> {
    return this.engine.settle(0, settlements)
  }

  async settled(...settlements: Settlement[]): Promise<ReadonlyArray<Settled>> {
    return right(await this.clock.settled(this.settle(...settlements))).value
  }

  /** Payloads that are ready, in the order in which they are handed out; they stay claimed. */
  async drainPayloads(): Promise<unknown[]> {
    const deliveries = await this.claimed({ max: 1_000 })
    return deliveries.map(({ enqueued }) => JSON.parse(enqueued.payload))
  }

  async events(): Promise<ReadonlyArray<LedgerEvent>> {
    return (await batchesOf(this.inner, this.stream)).flatMap(({ events }) => events)
  }

  async eventTypes(): Promise<string[]> {
    return (await this.events()).map(({ type }) => type)
  }

  /** The live state is what the log gives, with and without snapshots (I6). Only when nothing is in flight. */
  async assertReplayAgrees(number = 0): Promise<void> {
    const { state, stream } = this.engine.partition(number)
    assert.ok(state !== undefined, 'the partition is open')
    const whole = await recoverPartition(this.inner, stream, { useSnapshots: false })
    const short = await recoverPartition(this.inner, stream)
    assert.equal(stateHash(whole.state), stateHash(state), 'replay of the whole log')
    assert.equal(stateHash(short.state), stateHash(state), 'snapshot and tail')
  }
}

export const ack = ({ ordinal, fence }: Delivery, result?: string): Settlement => ({
  ordinal,
  fence,
  outcome: 'ack',
  result,
})
export const fail = (
  { ordinal, fence }: Delivery,
  over: Partial<Extract<Settlement, { outcome: 'fail' }>> = {},
): Settlement => ({
  ordinal,
  fence,
  outcome: 'fail',
  failureType: 'UNKNOWN',
  message: 'it did not work',
  retryable: true,
  delayMs: undefined,
  ...over,
})
export const extend = ({ ordinal, fence }: Delivery, leaseMs: number): Settlement => ({
  ordinal,
  fence,
  outcome: 'extend',
  leaseMs,
})
export const release = ({ ordinal, fence }: Delivery, delayMs = 0): Settlement => ({
  ordinal,
  fence,
  outcome: 'release',
  delayMs,
})

/** A whole ledger, and its process. */
export class TestLedger {
  readonly troubles: Trouble[] = []
  readonly register = memoryFinishedRegister()
  log: FaultyLog
  ledger!: Ledger
  private die: () => void = () => undefined

  private constructor(
    readonly clock: ManualClock,
    readonly inner: EventLog,
    private options: Omit<LedgerOptions, 'log' | 'clock'>,
  ) {
    this.log = new FaultyLog(inner)
  }

  static async open(options: Omit<LedgerOptions, 'log' | 'clock'> = {}): Promise<TestLedger> {
    const test = new TestLedger(new ManualClock(), await openTestLog(), options)
    await test.begin()
    return test
  }

  private async begin(): Promise<void> {
    const { clock, die } = this.clock.process()
    this.die = die
    this.ledger = await this.clock.settled(
      openLedgerOn(this.log.port, this.register, {
        ids: countedIds(),
        node: 'node',
        onTrouble: (trouble) => this.troubles.push(trouble),
        ...this.options,
        clock,
      }),
    )
  }

  /** The process dies at once; what its handlers still do has no effect. */
  async restart(changed: Partial<Omit<LedgerOptions, 'log' | 'clock'>> = {}): Promise<void> {
    this.die()
    this.log.die()
    this.log = new FaultyLog(this.inner)
    this.options = { ...this.options, ...changed }
    await this.begin()
  }

  /** Runs what the call needs, and answers what it came to. */
  done<A>(promise: Promise<A>): Promise<A> {
    return this.clock.settled(promise)
  }

  async events(queue: string, partition = 0): Promise<ReadonlyArray<LedgerEvent>> {
    const stream = partitionStream({ queue, generation: 1, partition })
    return (await batchesOf(this.inner, stream)).flatMap(({ events }) => events)
  }
}

export const batchesOfQueue = (queue: TestQueue): Promise<ReadonlyArray<RecordedBatch>> =>
  batchesOf(queue.inner, queue.stream)
