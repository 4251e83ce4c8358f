// Everything the writer of one partition must know: the fold of its stream (I6), kept incrementally. What message events do
// is in messageFold.ts, which messages are ready or due in placement.ts, circuits in ../circuits, numbers in measures.ts.
import type { LedgerEvent } from '../../domain/batch.js'
import { NO_REVISION } from '../../domain/batch.js'
import { Defect, invariant } from '../../domain/invariant.js'
import { ABSENT, type Message } from '../../domain/message/index.js'
import {
  DEFAULT_QUEUE_CONFIG,
  isDraining,
  type Layouts,
  layoutsAtCreation,
  NO_SWITCHES,
  type QueueConfig,
  type Switches,
} from '../../domain/queue/index.js'
import type { EpochMs } from '../../domain/time.js'
import { CircuitBoard } from '../circuits/circuitBoard.js'
import type { ReadyLanes } from '../lanes/readyLanes.js'
import * as L from '../messageTable/layout.js'
import { MessageTable } from '../messageTable/messageTable.js'
import { Measures } from './measures.js'
import { MessageFold } from './messageFold.js'
import { Placement } from './placement.js'

/** A full partition says so again only after it was below this share of its capacity. */
const CAPACITY_RELIEVED = 0.9

export class PartitionState {
  readonly table = new MessageTable()
  readonly measures = new Measures()
  readonly counts = this.measures.counts
  readonly circuits = new CircuitBoard()
  private readonly placement = new Placement(this.table, this.counts, this.circuits)
  private readonly messages = new MessageFold(this.table, this.measures, this.placement, this.circuits)
  /** What {@link Placement} keeps, for readers. */
  readonly ready = this.placement.ready
  readonly readyInDoubt = this.placement.readyInDoubt
  readonly due = this.placement.due
  readonly leases = this.placement.leases
  readonly groups = this.placement.groups
  readonly limits = this.placement.limits
  /** What {@link MessageFold} keeps, for readers. */
  readonly dedup = this.messages.dedup
  readonly callerIds = this.messages.callerIds
  readonly deadLetters = this.messages.deadLetters
  readonly finished = this.messages.finished
  readonly claimIds = this.messages.claimIds

  /** `partition` = its number in the queue: limits are split by it. */
  constructor(readonly partition = 0) {
    this.adopt(0)
  }

  config: QueueConfig = DEFAULT_QUEUE_CONFIG
  /** Empty = none adopted yet. */
  layouts: Layouts = []
  switches: Switches = NO_SWITCHES
  controlRevision = Number.NaN
  paused = false
  /** It was told that the partition is full, and it has not been relieved since. */
  toldFull = false
  epoch = 0
  nextRevision = 0
  /** Recorded time of the last batch: no later batch may carry a smaller one (I9). */
  lastAt: EpochMs = 0

  get nextOrdinal(): number {
    return this.messages.nextOrdinal
  }
  set nextOrdinal(ordinal: number) {
    this.messages.nextOrdinal = ordinal
  }
  get nextFence(): number {
    return this.messages.nextFence
  }
  set nextFence(fence: number) {
    this.messages.nextFence = fence
  }

  /** New messages belong elsewhere, unless they belong to what is here (ADR 0013). */
  get isDraining(): boolean {
    return isDraining(this.layouts, this.partition)
  }

  /** See {@link Placement.isOverShare}. */
  get isOverShare(): boolean {
    return this.placement.isOverShare
  }

  /** No live message, and no dead letter. */
  get isEmpty(): boolean {
    return this.size === 0 && this.counts.dead === 0
  }

  /** Whether it has members here, dead letters among them. */
  holdsGroup(group: string): boolean {
    return this.groups.has(group) || this.messages.deadGroups.has(group)
  }

  /** Waiting and running messages: what counts against `maxSize`. */
  get size(): number {
    const { scheduled, pending, retrying, processing } = this.counts
    return scheduled + pending + retrying + processing
  }

  /**
   * Takes in the next event of the stream. `tick` is the monotonic time from which leases count: 0 in replay (they are
   * granted anew after it, §4.11). Answers the revision of the message's event before this one.
   */
  apply(event: LedgerEvent, at: EpochMs, tick: number): number {
    const revision = this.nextRevision++
    if (at !== this.lastAt) {
      invariant(at > this.lastAt, `I9 recorded time went back at revision ${revision}`)
      this.lastAt = at
      this.dedup.forget(at, this.config.dedupWindowMs)
      this.measures.rates.moveTo(at)
    }
    switch (event.type) {
      case 'MessageEnqueued':
        this.messages.enqueued(event, revision, at)
        return NO_REVISION
      case 'MessageEdited':
      case 'AttemptStarted':
      case 'LeaseExtended':
      case 'AttemptSucceeded':
      case 'AttemptFailed':
      case 'RetryScheduled':
      case 'MessageDeadLettered':
      case 'AttemptReleased':
      case 'MessageRedriven':
      case 'MessageCancelled':
      case 'CancelRequested':
      case 'MessageExpired':
      case 'MessagePurged': {
        const previous = this.messages.apply(event, revision, at, tick)
        // What made room for another message left the partition as full as it was.
        const isRelief = event.type !== 'MessagePurged' || event.cause !== 'overflow'
        if (this.toldFull && isRelief && this.size < this.config.maxSize * CAPACITY_RELIEVED) {
          this.toldFull = false
        }
        return previous
      }
      default:
        this.partitionEvent(event, revision, at)
        return NO_REVISION
    }
  }

  private partitionEvent(event: LedgerEvent, revision: number, at: EpochMs): void {
    switch (event.type) {
      case 'PartitionOpened':
        invariant(event.epoch > this.epoch, `I2 epoch ${event.epoch} at revision ${revision} is not new`)
        this.epoch = event.epoch
        return
      case 'LayoutsAdopted':
        this.layouts = event.layouts
        // A newcomer has no configuration yet: it comes next.
        if (!Number.isNaN(this.controlRevision)) this.adopt(at)
        return
      case 'ConfigAdopted': {
        const isFirst = Number.isNaN(this.controlRevision)
        if (this.layouts.length === 0) this.layouts = layoutsAtCreation(event.config.partitions)
        this.config = event.config
        this.controlRevision = event.controlRevision
        this.paused = event.paused
        this.switches = event.switches
        this.adopt(at, isFirst && this.layouts.length > 1)
        return
      }
      case 'CircuitOpened':
      case 'CircuitHalfOpened':
      case 'CircuitClosed':
        this.circuits.apply(event, at)
        return
      case 'CapacityReached':
        this.toldFull = true
        return
      case 'PrefixCarried':
        this.nextOrdinal = Math.max(this.nextOrdinal, event.nextOrdinal)
        this.nextFence = Math.max(this.nextFence, event.nextFence)
        return
      default:
        throw new Defect(`I8 ${event.type} at revision ${revision} has no place in this stream`)
    }
  }

  /** The slot that is to be claimed next, -1 when none is ready, or all are held back. */
  nextReady(at: EpochMs, lanes: ReadyLanes = this.ready): number {
    return this.placement.nextReady(at, lanes)
  }

  /** Whether the message in this slot may start now, out of turn. */
  mayStart(slot: number, at: EpochMs): boolean {
    return this.placement.mayStart(slot, at)
  }

  /** When a rate lets something start that is ready; Infinity = none holds anything back. */
  nextOpenAt(at: EpochMs): EpochMs {
    return this.placement.nextOpenAt(at)
  }

  /** Since when the message that has waited longest could have run; Infinity = none can run. */
  oldestReadySince(): EpochMs {
    return this.placement.oldestReadySince()
  }

  /** Which of its zones the message would run in now; undefined = it names none. */
  effectiveZone(slot: number): string | undefined {
    return this.placement.effectiveZone(slot)
  }

  /** The next log time at which something happens by the passing of time alone: a due message, an expiry, a circuit. */
  nextDueAt(): EpochMs {
    return Math.min(this.due.nextAt(), this.circuits.nextAt())
  }

  /** What hangs off the configuration and the switches in force. */
  private adopt(at: EpochMs, isNewcomer = false): void {
    const { config, switches, partition } = this
    const layouts = this.layouts.length === 0 ? layoutsAtCreation(config.partitions) : this.layouts
    this.circuits.adopt(config.circuit, switches.forcedCircuits)
    this.placement.configure({ config, layouts, switches, partition, isNewcomer }, at)
  }

  /** The message in its readable form; what has left the table is known for a while by the ring of finished ones. */
  messageAt(ordinal: number): Message {
    const slot = this.table.slotOf(ordinal)
    if (slot >= 0) return this.table.read(slot)
    return this.finished.find(ordinal) ?? ABSENT
  }

  /**
   * Moves waiting messages whose due time has passed among the ready ones. Passing time decides nothing, so this is no
   * event: the same messages are ready in any replay that asks at the same time. Answers the slots that have expired;
   * the writer decides about those.
   */
  promote(at: EpochMs, max: number): number[] {
    return this.placement.promote(at, max)
  }

  /** As `DedupWindow.seedHash`, for live ids as well. */
  seedHash(seed: string): void {
    if (this.callerIds.size === 0) this.dedup.seedHash(seed)
  }

  /** Grants every lease anew, in full, on the clock of this term (§4.11). */
  regrantLeases(tick: number): void {
    this.placement.regrantLeases(tick)
  }

  /** The lease lasts from this tick on, unless it has ended. */
  beginLease(ordinal: number, fence: number, tick: number): void {
    this.placement.beginLease(ordinal, fence, tick)
  }

  /**
   * After the table came from a snapshot: rebuilds what is derived from the records. Due times count as of the last
   * recorded time.
   */
  relink(): void {
    const { table, callerIds } = this
    for (let slot = 0; slot < table.slotCount; slot++) {
      if (table.int(slot, L.TAG) === L.TAG_FREE) continue
      const { callerId } = table.cold(slot)
      if (callerId !== undefined) callerIds.add(callerId, slot)
      if (table.int(slot, L.TAG) === L.TAG_DEAD) this.messages.addDead(slot)
    }
    this.adopt(this.lastAt)
    this.placement.relink(this.lastAt)
  }
}
