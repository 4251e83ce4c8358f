// Everything the writer of one partition must know: the fold of its stream (I6), kept incrementally. `apply` is the
// columnar reducer; domain/message/evolve.ts is its readable specification, and a property test holds the two equal.
// The views for decisions (which key was seen, what is ready or due: placement.ts) hang off the same fold.
import type { LedgerEvent } from '../../domain/batch.js'
import { NO_REVISION } from '../../domain/batch.js'
import { Defect, invariant } from '../../domain/invariant.js'
import {
  ABSENT,
  type AttemptReleased,
  type AttemptStarted,
  type Message,
  type MessageDeadLettered,
  type MessageEnqueued,
  type MessageEvent,
  type MessageRedriven,
  type Outcome,
} from '../../domain/message/index.js'
import { DEFAULT_QUEUE_CONFIG, type QueueConfig } from '../../domain/queue/index.js'
import { type EpochMs, NO_INSTANT } from '../../domain/time.js'
import { DedupWindow } from '../dedup/dedupWindow.js'
import * as L from '../messageTable/layout.js'
import { MessageTable } from '../messageTable/messageTable.js'
import type { ReadyBands } from '../ready/readyBands.js'
import { ClaimIds } from './claimIds.js'
import { Counts } from './counts.js'
import { FinishedRing } from './finishedRing.js'
import { Placement } from './placement.js'

export class PartitionState {
  readonly table = new MessageTable()
  readonly counts = new Counts()
  private readonly placement = new Placement(this.table, this.counts)
  /** What {@link Placement} keeps, for readers. */
  readonly ready = this.placement.ready
  readonly readyInDoubt = this.placement.readyInDoubt
  readonly due = this.placement.due
  readonly leases = this.placement.leases
  readonly groups = this.placement.groups
  readonly dedup = new DedupWindow()
  readonly callerIds = new Map<string, number>()
  readonly deadLetters = new Set<number>()
  readonly finished = new FinishedRing()
  readonly claimIds = new ClaimIds()

  config: QueueConfig = DEFAULT_QUEUE_CONFIG
  controlRevision = Number.NaN
  paused = false
  epoch = 0
  nextOrdinal = 1
  nextFence = 1
  nextRevision = 0
  /** Recorded time of the last batch: no later batch may carry a smaller one (I9). */
  lastAt: EpochMs = 0

  /**
   * Takes in the next event of the stream. `tick` is the monotonic time of this term, 0 in replay (leases are granted
   * anew after it, §4.11). Answers the revision of the message's event before this one.
   */
  apply(event: LedgerEvent, at: EpochMs, tick: number): number {
    const revision = this.nextRevision++
    if (at !== this.lastAt) {
      invariant(at > this.lastAt, `I9 recorded time went back at revision ${revision}`)
      this.lastAt = at
      this.dedup.forget(at, this.config.dedupWindowMs)
    }
    switch (event.type) {
      case 'PartitionOpened':
        invariant(event.epoch > this.epoch, `I2 epoch ${event.epoch} at revision ${revision} is not new`)
        this.epoch = event.epoch
        return NO_REVISION
      case 'ConfigAdopted':
        this.config = event.config
        this.controlRevision = event.controlRevision
        this.paused = event.paused
        return NO_REVISION
      case 'PrefixCarried':
        this.nextOrdinal = Math.max(this.nextOrdinal, event.nextOrdinal)
        this.nextFence = Math.max(this.nextFence, event.nextFence)
        return NO_REVISION
      case 'MessageEnqueued':
        this.enqueued(event, revision, at)
        return NO_REVISION
      case 'MessageCarriedForward':
      case 'QueueCreated':
      case 'QueueDeleted':
      case 'QueueConfigured':
      case 'QueuePaused':
      case 'QueueResumed':
        throw new Defect(`I8 ${event.type} at revision ${revision} has no place in this stream`)
      default:
        return this.messageEvent(event, revision, at, tick)
    }
  }

  private enqueued(event: MessageEnqueued, revision: number, at: EpochMs): void {
    const { table, counts } = this
    const { ordinal, callerId, attributes } = event
    if (ordinal !== this.nextOrdinal) {
      throw new Defect(`I8 ordinal ${ordinal} at revision ${revision} leaves a gap`)
    }
    this.nextOrdinal = ordinal + 1
    const slot = table.insert(ordinal)
    table.setDouble(slot, L.ENQUEUED_AT, at)
    table.setDouble(slot, L.DUE_AT, event.notBefore)
    table.setDouble(slot, L.EXPIRES_AT, event.expiresAt)
    table.setDouble(slot, L.PAYLOAD_REVISION, revision)
    table.setDouble(slot, L.LAST_REVISION, revision)
    table.setInt(slot, L.PRIORITY, event.priority)
    if (callerId !== undefined) this.callerIds.set(callerId, ordinal)
    if (callerId !== undefined || attributes !== undefined) {
      const { group, retry, timeoutMs, dedupKey, idempotencyKey } = attributes ?? {}
      if (callerId !== undefined || group !== undefined || retry !== undefined || timeoutMs !== undefined) {
        table.setCold(slot, { callerId, group, retry, timeoutMs })
      }
      if (dedupKey !== undefined) this.dedup.remember('dedup', dedupKey, ordinal, at)
      if (idempotencyKey !== undefined) this.dedup.remember('idempotency', idempotencyKey, ordinal, at)
      if (group !== undefined) this.groups.join(slot, group)
    }
    counts.enqueued++
    this.placement.startWaiting(slot, at)
  }

  private messageEvent(
    event: Exclude<MessageEvent, MessageEnqueued>,
    revision: number,
    at: EpochMs,
    tick: number,
  ): number {
    const { table } = this
    const slot = table.slotOf(event.ordinal)
    // Not `invariant`: its message would be put together for each event.
    if (slot < 0) throw new Defect(`I8 ${event.type} at revision ${revision} on a message that is not there`)
    table.touch(slot)
    const previous = table.double(slot, L.LAST_REVISION)
    table.setDouble(slot, L.LAST_REVISION, revision)
    switch (event.type) {
      case 'AttemptStarted':
        this.expect(slot, L.TAG_WAITING, event, revision)
        if (event.fence < this.nextFence) {
          throw new Defect(`I3 fence ${event.fence} at revision ${revision} is not new`)
        }
        this.attemptStarted(slot, event, at, tick)
        return previous
      case 'LeaseExtended':
        this.expectLease(slot, event, revision)
        table.setInt(slot, L.LEASE_MS, event.leaseMs)
        this.leases.set(slot, tick + event.leaseMs)
        return previous
      case 'AttemptSucceeded':
        this.expectLease(slot, event, revision)
        this.endLease(slot)
        this.counts.succeeded++
        this.finish(slot, 'succeeded', event.fence, at)
        return previous
      case 'AttemptFailed':
        this.expectLease(slot, event, revision)
        this.endLease(slot)
        table.setFailureType(slot, event.failureType)
        table.setFlag(slot, L.FLAG_IN_DOUBT, event.ended === 'workerLost')
        this.counts.failure(event.failureType)
        this.becomeWaiting(slot, NO_INSTANT, at)
        return previous
      case 'RetryScheduled':
        this.expect(slot, L.TAG_WAITING, event, revision)
        table.setDouble(slot, L.PREVIOUS_DELAY_MS, event.delayMs)
        this.placement.stopWaiting(slot)
        this.becomeWaiting(slot, event.retryAt, at)
        return previous
      case 'MessageDeadLettered':
        this.expect(slot, L.TAG_WAITING, event, revision)
        this.deadLettered(slot, event, at)
        return previous
      case 'AttemptReleased':
        this.expectLease(slot, event, revision)
        this.attemptReleased(slot, event, at)
        return previous
      case 'MessageRedriven':
        this.expect(slot, L.TAG_DEAD, event, revision)
        this.redriven(slot, event, at)
        return previous
      case 'MessageCancelled':
        this.expect(slot, L.TAG_WAITING, event, revision)
        this.placement.stopWaiting(slot)
        this.counts.cancelled++
        this.finish(slot, 'cancelled', 0, at)
        return previous
      case 'MessageExpired':
        this.expect(slot, L.TAG_WAITING, event, revision)
        this.placement.stopWaiting(slot)
        this.counts.expired++
        this.finish(slot, 'expired', 0, at)
        return previous
      case 'MessagePurged':
        this.expect(slot, L.TAG_DEAD, event, revision)
        this.deadLetters.delete(event.ordinal)
        this.counts.dead--
        this.counts.purged++
        this.finish(slot, 'purged', 0, at)
        return previous
    }
  }

  private attemptStarted(slot: number, event: AttemptStarted, at: EpochMs, tick: number): void {
    const { table } = this
    this.placement.stopWaiting(slot)
    table.setInt(slot, L.TAG, L.TAG_LEASED)
    table.setInt(slot, L.ATTEMPTS, table.int(slot, L.ATTEMPTS) + 1)
    if (table.double(slot, L.FIRST_STARTED_AT) === NO_INSTANT) table.setDouble(slot, L.FIRST_STARTED_AT, at)
    this.nextFence = event.fence + 1
    table.setDouble(slot, L.FENCE, event.fence)
    table.setInt(slot, L.LEASE_MS, event.leaseMs)
    table.setWorker(slot, event.worker)
    if (event.claimId !== undefined) this.claimIds.add(event.claimId, event.ordinal, event.fence)
    this.placement.startLease(slot, tick + event.leaseMs)
    this.counts.attempts++
  }

  private attemptReleased(slot: number, event: AttemptReleased, at: EpochMs): void {
    const { table } = this
    this.endLease(slot)
    const attempts = table.int(slot, L.ATTEMPTS) - 1
    table.setInt(slot, L.ATTEMPTS, attempts)
    if (attempts === 0) table.setDouble(slot, L.FIRST_STARTED_AT, NO_INSTANT)
    this.counts.released++
    this.becomeWaiting(slot, event.notBefore, at)
  }

  private deadLettered(slot: number, event: MessageDeadLettered, at: EpochMs): void {
    const { table } = this
    this.placement.stopWaiting(slot)
    table.setInt(slot, L.TAG, L.TAG_DEAD)
    table.setDouble(slot, L.DUE_AT, at)
    table.setFlag(slot, L.FLAG_IN_DOUBT, false)
    this.placement.leaveGroup(slot)
    this.deadLetters.add(event.ordinal)
    this.counts.dead++
    this.counts.deadLettered++
  }

  private redriven(slot: number, event: MessageRedriven, at: EpochMs): void {
    const { table } = this
    this.deadLetters.delete(event.ordinal)
    this.counts.dead--
    this.counts.redriven++
    table.setInt(slot, L.ATTEMPTS, 0)
    table.setDouble(slot, L.FIRST_STARTED_AT, NO_INSTANT)
    table.setDouble(slot, L.PREVIOUS_DELAY_MS, 0)
    table.setDouble(slot, L.EXPIRES_AT, NO_INSTANT)
    table.setFailureType(slot, undefined)
    const { group } = table.cold(slot)
    if (group !== undefined) this.groups.join(slot, group)
    this.becomeWaiting(slot, NO_INSTANT, at)
  }

  private expect(slot: number, tag: number, event: MessageEvent, revision: number): void {
    if (this.table.int(slot, L.TAG) !== tag) {
      throw new Defect(`I8 ${event.type} at revision ${revision} does not fit`)
    }
  }

  private expectLease(slot: number, event: MessageEvent & { fence: number }, revision: number): void {
    this.expect(slot, L.TAG_LEASED, event, revision)
    if (this.table.double(slot, L.FENCE) !== event.fence) {
      throw new Defect(`I3 ${event.type} at revision ${revision} is stale`)
    }
  }

  private endLease(slot: number): void {
    this.table.setWorker(slot, undefined)
    this.placement.endLease(slot)
  }

  private becomeWaiting(slot: number, dueAt: EpochMs, at: EpochMs): void {
    this.table.setInt(slot, L.TAG, L.TAG_WAITING)
    this.table.setDouble(slot, L.DUE_AT, dueAt)
    this.placement.startWaiting(slot, at)
  }

  private finish(slot: number, outcome: Outcome, fence: number, at: EpochMs): void {
    const { table } = this
    const ordinal = table.double(slot, L.ORDINAL)
    const { callerId } = table.cold(slot)
    if (callerId !== undefined) {
      this.callerIds.delete(callerId)
      this.dedup.remember('id', callerId, ordinal, at)
    }
    this.finished.add(ordinal, outcome, fence)
    this.placement.leaveGroup(slot)
    table.remove(slot)
  }

  /** The slot that is to be claimed next, -1 when none is ready. */
  nextReady(bands: ReadyBands = this.ready): number {
    return this.placement.nextReady(bands)
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

  /** Grants every lease anew, in full, on the clock of this term (§4.11). */
  regrantLeases(tick: number): void {
    this.placement.regrantLeases(tick)
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
      if (callerId !== undefined) callerIds.set(callerId, table.double(slot, L.ORDINAL))
    }
    this.placement.relink(this.lastAt)
  }
}
