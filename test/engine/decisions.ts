// The decisions of one partition by themselves: a state, payloads and an open batch, at a time that the test moves. What the
// writer does around them (appending, waiting, answering) is left out, so a decision shows the events that it adds and no more.
import type { LedgerEvent } from '../../domain/batch.js'
import {
  DEFAULT_QUEUE_CONFIG,
  NO_SWITCHES,
  type QueueConfig,
  type Switches,
} from '../../domain/queue/index.js'
import { PartitionState } from '../../projections/partition/index.js'
import { openMemoryLog } from '../../src/adapters/memory/eventLog.js'
import { decideEnqueue, type Placed } from '../../src/engine/decideEnqueue.js'
import {
  type DecisionContext,
  decideExpiries,
  decideOperation,
  decideSettlement,
  decideStart,
  type StartWish,
} from '../../src/engine/decideRequests.js'
import { OpenBatch } from '../../src/engine/openBatch.js'
import { Payloads } from '../../src/engine/payloads.js'
import type { PartitionRefusal } from '../../src/engine/replies.js'
import type { NewMessage, OperatorCommand, Settled, Settlement } from '../../src/engine/requests.js'
import { message } from '../support/ledger.js'

export const START_AT = 1_000_000
export const WISH: StartWish = { worker: 'w', leaseMs: undefined, claimId: undefined }

type Outcome = Settlement extends infer S ? (S extends unknown ? Omit<S, 'ordinal' | 'fence'> : never) : never
export const failing = (failureType = 'BUSINESS', over: Readonly<{ delayMs?: number }> = {}): Outcome => ({
  outcome: 'fail',
  failureType,
  message: 'it failed',
  retryable: true,
  delayMs: undefined,
  ...over,
})

export class Decisions {
  readonly state = new PartitionState()
  readonly payloads = new Payloads(openMemoryLog(), 'partition-orders~1.0', 10_000_000)
  at = START_AT
  batch = this.newBatch()
  private switches: Switches = NO_SWITCHES
  private told = 0

  constructor(private config: Partial<QueueConfig> = {}) {
    this.adopt(config)
  }

  get context(): DecisionContext {
    const { state, payloads, batch } = this
    const ref = { queue: 'orders', generation: 1, partition: 0 }
    return { ref, state, payloads, batch, random: () => 0.5 }
  }

  newBatch(): OpenBatch {
    this.told = 0
    return new OpenBatch(this.at, this.at, this.state, true)
  }

  adopt(config: Partial<QueueConfig>, switches: Partial<Switches> = {}, paused = false): void {
    this.config = { ...this.config, ...config }
    this.switches = { ...this.switches, ...switches }
    this.batch.add({
      type: 'ConfigAdopted',
      controlRevision: this.batch.firstRevision + this.batch.events.length,
      config: { ...DEFAULT_QUEUE_CONFIG, ...this.config },
      paused,
      switches: this.switches,
    })
    this.told = this.batch.events.length
  }

  /** A batch of a later time. Messages that are due by then are ready, those that have expired are answered. */
  pass(ms: number): number[] {
    this.at += ms
    this.batch = this.newBatch()
    return this.state.promote(this.at, 100_000)
  }

  /** What was added since this was asked last. */
  events(): ReadonlyArray<LedgerEvent> {
    const from = this.told
    this.told = this.batch.events.length
    return this.batch.events.slice(from)
  }
  types(): string[] {
    return this.events().map(({ type }) => type)
  }

  /** Where the batch may be cut. */
  get cuts(): ReadonlyArray<number> {
    return this.batch.seal('b', 1).cuts ?? []
  }

  offer(...messages: ReadonlyArray<NewMessage>): PartitionRefusal | ReadonlyArray<Placed> {
    return decideEnqueue(this.context, messages)
  }

  /** Ordinals of the new messages. */
  enqueue(...overs: ReadonlyArray<Partial<NewMessage>>): number[] {
    const placed = this.offer(...overs.map((over, n) => message(n, over)))
    if ('type' in placed) throw new Error(`refused: ${placed.type}`)
    return placed.map(({ ordinal }) => ordinal)
  }
  one(over: Partial<NewMessage> = {}): number {
    const [ordinal = Number.NaN] = this.enqueue(over)
    return ordinal
  }

  slot(ordinal: number): number {
    return this.state.table.slotOf(ordinal)
  }
  keeps(ordinal: number): boolean {
    return this.payloads.get(this.slot(ordinal)) !== undefined
  }
  tag(ordinal: number): string {
    return this.state.messageAt(ordinal).tag
  }

  start(ordinal: number, wish: Partial<StartWish> = {}): boolean {
    return decideStart(this.context, this.slot(ordinal), { ...WISH, ...wish })
  }
  /** The fence of the attempt that runs. */
  fence(ordinal: number): number {
    const running = this.state.messageAt(ordinal)
    return running.tag === 'Leased' ? running.fence : Number.NaN
  }
  settle(ordinal: number, outcome: Outcome, fence = this.fence(ordinal)): Settled {
    return decideSettlement(this.context, { ordinal, fence, ...outcome } as Settlement)
  }
  operate(command: OperatorCommand, ordinal: number): Settled {
    return decideOperation(this.context, command, ordinal, { who: 'ops' })
  }
  expire(tick: number): void {
    decideExpiries(this.context, tick)
  }
  /** Their batch is durable: leases begin. */
  durable(ordinal: number): void {
    this.state.beginLease(ordinal, this.fence(ordinal), this.at)
  }
}
