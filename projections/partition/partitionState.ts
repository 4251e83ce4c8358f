// Everything the writer of one partition must know: the fold of its stream (I6), kept incrementally. `apply` is the
// columnar reducer; domain/message/evolve.ts is its readable specification, and a property test holds the two equal.
// The views for decisions (what is ready, what is due, which key was seen) hang off the same fold.
import type { LedgerEvent } from '../../domain/batch.js'
import { NO_REVISION } from '../../domain/batch.js'
import { Defect, invariant } from '../../domain/invariant.js'
import { ABSENT, type Message, type MessageEnqueued, type MessageEvent } from '../../domain/message/index.js'
import { DEFAULT_QUEUE_CONFIG, type QueueConfig } from '../../domain/queue/index.js'
import { type EpochMs, NO_INSTANT } from '../../domain/time.js'
import { DedupWindow } from '../dedup/dedupWindow.js'
import { SlotHeap } from '../dueTimes/slotHeap.js'
import { GroupOrder } from '../groups/groupOrder.js'
import * as L from '../messageTable/layout.js'
import { MessageTable } from '../messageTable/messageTable.js'
import { ReadyBands } from '../ready/readyBands.js'
import { ClaimIds } from './claimIds.js'
import { Counts } from './counts.js'
import { FinishedRing } from './finishedRing.js'

export class PartitionState {
  readonly table = new MessageTable()
  readonly ready = new ReadyBands()
  /** Ready messages whose last worker died with them: they run alone (§4.5). */
  readonly readyInDoubt = new ReadyBands()
  /** Scheduled, retrying and expiring messages, by log time. */
  readonly due = new SlotHeap(this.table)
  /** Running attempts, by the monotonic ticks of this term. */
  readonly leases = new SlotHeap(this.table)
  readonly groups = new GroupOrder(this.table)
  readonly dedup = new DedupWindow()
  readonly callerIds = new Map<string, number>()
  readonly deadLetters = new Set<number>()
  readonly finished = new FinishedRing()
  readonly claimIds = new ClaimIds()
  readonly counts = new Counts()

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
    invariant(ordinal === this.nextOrdinal, `I8 ordinal ${ordinal} at revision ${revision} leaves a gap`)
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
    this.startWaiting(slot, at)
  }

  private messageEvent(
    event: Exclude<MessageEvent, MessageEnqueued>,
    revision: number,
    at: EpochMs,
    tick: number,
  ): number {
    const { table, counts } = this
    const slot = table.slotOf(event.ordinal)
    invariant(slot >= 0, `I8 ${event.type} at revision ${revision} on a message that is not there`)
    table.touch(slot)
    const previous = table.double(slot, L.LAST_REVISION)
    table.setDouble(slot, L.LAST_REVISION, revision)
    switch (event.type) {
      case 'AttemptStarted': {
        this.expect(slot, L.TAG_WAITING, event, revision)
        this.stopWaiting(slot)
        table.setInt(slot, L.TAG, L.TAG_LEASED)
        table.setInt(slot, L.ATTEMPTS, table.int(slot, L.ATTEMPTS) + 1)
        if (table.double(slot, L.FIRST_STARTED_AT) === NO_INSTANT) table.setDouble(slot, L.FIRST_STARTED_AT, at)
        invariant(event.fence >= this.nextFence, `I3 fence ${event.fence} at revision ${revision} is not new`)
        this.nextFence = event.fence + 1
        table.setDouble(slot, L.FENCE, event.fence)
        table.setInt(slot, L.LEASE_MS, event.leaseMs)
        table.setWorker(slot, event.worker)
        if (event.claimId !== undefined) this.claimIds.add(event.claimId, event.ordinal, event.fence)
        this.leases.set(slot, tick + event.leaseMs)
        this.groups.run(slot, 1)
        counts.attempts++
        counts.processing++
        return previous
      }
      case 'LeaseExtended':
        this.expectLease(slot, event, revision)
        table.setInt(slot, L.LEASE_MS, event.leaseMs)
        this.leases.set(slot, tick + event.leaseMs)
        return previous
      case 'AttemptSucceeded':
        this.expectLease(slot, event, revision)
        this.endLease(slot)
        counts.succeeded++
        this.finish(slot, 'succeeded', event.fence, at)
        return previous
      case 'AttemptFailed':
        this.expectLease(slot, event, revision)
        this.endLease(slot)
        table.setFailureType(slot, event.failureType)
        table.setFlag(slot, L.FLAG_IN_DOUBT, event.ended === 'workerLost')
        counts.failure(event.failureType)
        this.becomeWaiting(slot, NO_INSTANT, at)
        return previous
      case 'RetryScheduled':
        this.expect(slot, L.TAG_WAITING, event, revision)
        table.setDouble(slot, L.PREVIOUS_DELAY_MS, event.delayMs)
        this.stopWaiting(slot)
        this.becomeWaiting(slot, event.retryAt, at)
        return previous
      case 'MessageDeadLettered': {
        this.expect(slot, L.TAG_WAITING, event, revision)
        this.stopWaiting(slot)
        table.setInt(slot, L.TAG, L.TAG_DEAD)
        table.setDouble(slot, L.DUE_AT, at)
        table.setFlag(slot, L.FLAG_IN_DOUBT, false)
        this.leaveGroup(slot)
        this.deadLetters.add(event.ordinal)
        counts.dead++
        counts.deadLettered++
        return previous
      }
      case 'AttemptReleased': {
        this.expectLease(slot, event, revision)
        this.endLease(slot)
        const attempts = table.int(slot, L.ATTEMPTS) - 1
        table.setInt(slot, L.ATTEMPTS, attempts)
        if (attempts === 0) table.setDouble(slot, L.FIRST_STARTED_AT, NO_INSTANT)
        counts.released++
        this.becomeWaiting(slot, event.notBefore, at)
        return previous
      }
      case 'MessageRedriven': {
        this.expect(slot, L.TAG_DEAD, event, revision)
        this.deadLetters.delete(event.ordinal)
        counts.dead--
        counts.redriven++
        table.setInt(slot, L.ATTEMPTS, 0)
        table.setDouble(slot, L.FIRST_STARTED_AT, NO_INSTANT)
        table.setDouble(slot, L.PREVIOUS_DELAY_MS, 0)
        table.setDouble(slot, L.EXPIRES_AT, NO_INSTANT)
        table.setFailureType(slot, undefined)
        const { group } = table.cold(slot)
        if (group !== undefined) this.groups.join(slot, group)
        this.becomeWaiting(slot, NO_INSTANT, at)
        return previous
      }
      case 'MessageCancelled':
        this.expect(slot, L.TAG_WAITING, event, revision)
        this.stopWaiting(slot)
        counts.cancelled++
        this.finish(slot, 'cancelled', 0, at)
        return previous
      case 'MessageExpired':
        this.expect(slot, L.TAG_WAITING, event, revision)
        this.stopWaiting(slot)
        counts.expired++
        this.finish(slot, 'expired', 0, at)
        return previous
      case 'MessagePurged':
        this.expect(slot, L.TAG_DEAD, event, revision)
        this.deadLetters.delete(event.ordinal)
        counts.dead--
        counts.purged++
        this.finish(slot, 'purged', 0, at)
        return previous
    }
  }

  private expect(slot: number, tag: number, event: MessageEvent, revision: number): void {
    invariant(this.table.int(slot, L.TAG) === tag, `I8 ${event.type} at revision ${revision} does not fit`)
  }

  private expectLease(slot: number, event: MessageEvent & { fence: number }, revision: number): void {
    this.expect(slot, L.TAG_LEASED, event, revision)
    invariant(
      this.table.double(slot, L.FENCE) === event.fence,
      `I3 ${event.type} at revision ${revision} is stale`,
    )
  }

  private endLease(slot: number): void {
    this.leases.remove(slot)
    this.table.setWorker(slot, undefined)
    this.groups.run(slot, -1)
    this.counts.processing--
    const head = this.groups.headOf(slot)
    if (head >= 0 && head !== slot) this.offerIfDue(head)
  }

  private becomeWaiting(slot: number, dueAt: EpochMs, at: EpochMs): void {
    this.table.setInt(slot, L.TAG, L.TAG_WAITING)
    this.table.setDouble(slot, L.DUE_AT, dueAt)
    this.startWaiting(slot, at)
  }

  /** Counts a waiting message, and puts it where it will be found: among the ready ones, or among the due times. */
  private startWaiting(slot: number, at: EpochMs): void {
    const { table, counts } = this
    const expiresAt = table.double(slot, L.EXPIRES_AT)
    const dueAt = table.double(slot, L.DUE_AT)
    if (dueAt > at) {
      if (table.int(slot, L.FAILURE_TYPE) === 0) counts.scheduled++
      else counts.retrying++
      this.due.set(slot, expiresAt === NO_INSTANT ? dueAt : Math.min(dueAt, expiresAt))
      return
    }
    counts.pending++
    table.setFlag(slot, L.FLAG_DUE, true)
    if (expiresAt !== NO_INSTANT) this.due.set(slot, expiresAt)
    this.offer(slot)
  }

  private stopWaiting(slot: number): void {
    const { table, counts } = this
    const flags = table.int(slot, L.FLAGS)
    if ((flags & L.FLAG_DUE) !== 0) counts.pending--
    else if (table.int(slot, L.FAILURE_TYPE) === 0) counts.scheduled--
    else counts.retrying--
    if ((flags & L.FLAG_READY) !== 0) {
      const bands = (flags & L.FLAG_IN_DOUBT) !== 0 ? this.readyInDoubt : this.ready
      bands.dropHead(table.int(slot, L.PRIORITY), table.double(slot, L.ORDINAL))
    }
    table.setInt(slot, L.FLAGS, flags & ~(L.FLAG_DUE | L.FLAG_READY))
    this.due.remove(slot)
  }

  /** Among the ready ones, unless it is there, or its group has another one first. */
  private offer(slot: number): void {
    const { table } = this
    if (table.hasFlag(slot, L.FLAG_READY) || !this.groups.mayRun(slot)) return
    table.setFlag(slot, L.FLAG_READY, true)
    const bands = table.hasFlag(slot, L.FLAG_IN_DOUBT) ? this.readyInDoubt : this.ready
    bands.push(table.int(slot, L.PRIORITY), table.double(slot, L.ORDINAL))
  }

  private finish(
    slot: number,
    outcome: 'succeeded' | 'cancelled' | 'expired' | 'purged',
    fence: number,
    at: EpochMs,
  ): void {
    const { table } = this
    const ordinal = table.double(slot, L.ORDINAL)
    const { callerId } = table.cold(slot)
    if (callerId !== undefined) {
      this.callerIds.delete(callerId)
      this.dedup.remember('id', callerId, ordinal, at)
    }
    this.finished.add(ordinal, outcome, fence)
    this.leaveGroup(slot)
    table.remove(slot)
  }

  private leaveGroup(slot: number): void {
    const head = this.groups.leave(slot)
    if (head >= 0) this.offerIfDue(head)
  }

  /** The head of a group may have become free to run. */
  private offerIfDue(slot: number): void {
    const { table } = this
    if (table.int(slot, L.TAG) !== L.TAG_WAITING || !table.hasFlag(slot, L.FLAG_DUE)) return
    table.touch(slot)
    this.offer(slot)
  }

  /** The slot that is to be claimed next, -1 when none is ready. Entries that are ready no longer are dropped here. */
  nextReady(bands: ReadyBands = this.ready): number {
    for (;;) {
      const ordinal = bands.peek()
      if (Number.isNaN(ordinal)) return -1
      const slot = this.table.slotOf(ordinal)
      if (slot >= 0 && this.table.hasFlag(slot, L.FLAG_READY)) {
        if (this.groups.mayRun(slot)) return slot
        // An older member was redriven ahead of it: it is offered again when that one leaves.
        this.table.touch(slot)
        this.table.setFlag(slot, L.FLAG_READY, false)
      }
      bands.take()
    }
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
    const expired: number[] = []
    const { table, due } = this
    for (let n = 0; n < max && due.nextAt() <= at; n++) {
      const slot = due.peek()
      table.touch(slot)
      const expiresAt = table.double(slot, L.EXPIRES_AT)
      if (expiresAt !== NO_INSTANT && expiresAt <= at) {
        expired.push(slot)
        due.remove(slot)
        continue
      }
      this.stopWaiting(slot)
      this.startWaiting(slot, at)
    }
    return expired
  }

  /** Grants every lease anew, in full, on the clock of this term (§4.11). */
  regrantLeases(tick: number): void {
    const { table } = this
    for (const slot of [...this.leases.members()]) {
      table.touch(slot)
      this.leases.set(slot, tick + table.int(slot, L.LEASE_MS))
    }
  }

  /**
   * After the table came from a snapshot: rebuilds what is derived from the records. In order of ordinals, so that bands
   * and groups are filled as they were in the first place; due times count as of the last recorded time.
   */
  relink(): void {
    const { table, counts } = this
    const ordinals = new Float64Array(table.size)
    let n = 0
    for (let slot = 0; slot < table.slotCount; slot++) {
      if (table.int(slot, L.TAG) === L.TAG_FREE) continue
      for (const field of [L.HEAP_PLACE, L.GROUP, L.GROUP_PREVIOUS, L.GROUP_NEXT]) table.setInt(slot, field, 0)
      ordinals[n++] = table.double(slot, L.ORDINAL)
    }
    ordinals.sort()
    counts.scheduled = counts.pending = counts.retrying = 0
    for (const ordinal of ordinals) {
      const slot = table.slotOf(ordinal)
      const { callerId, group } = table.cold(slot)
      if (callerId !== undefined) this.callerIds.set(callerId, ordinal)
      const tag = table.int(slot, L.TAG)
      if (group !== undefined && tag !== L.TAG_DEAD) this.groups.join(slot, group)
      if (tag !== L.TAG_LEASED) continue
      this.leases.set(slot, table.int(slot, L.LEASE_MS))
      this.groups.run(slot, 1)
    }
    for (const ordinal of ordinals) {
      const slot = table.slotOf(ordinal)
      if (table.int(slot, L.TAG) !== L.TAG_WAITING) continue
      table.setInt(slot, L.FLAGS, table.int(slot, L.FLAGS) & ~(L.FLAG_DUE | L.FLAG_READY))
      this.startWaiting(slot, this.lastAt)
    }
  }
}
