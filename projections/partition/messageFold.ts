// What each message event makes of a partition's records, counts and views: the columnar reducer. domain/message/evolve.ts
// is its readable specification, and a property test holds the two equal. An event that does not fit is a corrupt log.
import { UNNAMED_CIRCUIT } from '../../domain/circuit/index.js'
import { Defect } from '../../domain/invariant.js'
import {
  type AttemptFailed,
  type AttemptReleased,
  type AttemptStarted,
  type Contents,
  type MessageDeadLettered,
  type MessageEdited,
  type MessageEnqueued,
  type MessageEvent,
  type MessagePurged,
  NO_WISHES,
  type Outcome,
  type RetryScheduled,
  SYSTEM_FAILURE,
  wishesOf,
} from '../../domain/message/index.js'
import { type EpochMs, NO_INSTANT } from '../../domain/time.js'
import type { CircuitBoard } from '../circuits/circuitBoard.js'
import { DedupWindow } from '../dedup/dedupWindow.js'
import { KeyBytes } from '../dedup/keyBytes.js'
import * as K from '../measures/kindCounts.js'
import * as R from '../measures/recentRates.js'
import * as L from '../messageTable/layout.js'
import type { MessageTable } from '../messageTable/messageTable.js'
import { CallerIds } from './callerIds.js'
import { ClaimIds } from './claimIds.js'
import { DeadGroups } from './deadGroups.js'
import { FinishedRing } from './finishedRing.js'
import type { Measures } from './measures.js'
import type { Placement } from './placement.js'
import { SortedOrdinals } from './sortedOrdinals.js'

export class MessageFold {
  private readonly key = new KeyBytes()
  readonly dedup = new DedupWindow(this.key)
  readonly callerIds: CallerIds
  readonly deadLetters = new SortedOrdinals()
  readonly deadGroups = new DeadGroups()
  readonly finished = new FinishedRing()
  readonly claimIds = new ClaimIds()
  nextOrdinal = 1
  nextFence = 1

  constructor(
    private readonly table: MessageTable,
    private readonly measures: Measures,
    private readonly placement: Placement,
    private readonly circuits: CircuitBoard,
  ) {
    this.callerIds = new CallerIds(table, this.key)
  }

  enqueued(event: MessageEnqueued, revision: number, at: EpochMs): void {
    const { table, measures } = this
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
    if (callerId !== undefined) this.callerIds.add(callerId, slot)
    if (callerId !== undefined || attributes !== undefined) this.withAttributes(slot, event, at)
    const kind = measures.kinds.numberOf(event.priority, attributes?.type)
    table.setInt(slot, L.KIND, kind)
    measures.kinds.add(kind, K.ENQUEUED, 1)
    measures.kinds.add(kind, K.WAITING, 1)
    measures.counts.enqueued++
    measures.rates.note(R.RATE_ENQUEUED)
    this.placement.startWaiting(slot, at)
  }

  private withAttributes(slot: number, event: MessageEnqueued, at: EpochMs): void {
    const { callerId, attributes } = event
    const wishes = wishesOf(attributes)
    if (callerId !== undefined || wishes !== NO_WISHES) this.table.setCold(slot, { callerId, wishes })
    this.rememberKeys(event, at)
    const group = attributes?.group
    if (group !== undefined) this.placement.groups.join(slot, group)
  }

  /** Anew when another message's contents have come to this one: whoever debounces for longer than the window finds it still. */
  private rememberKeys({ ordinal, attributes }: Contents, at: EpochMs): void {
    const { dedupKey, idempotencyKey } = attributes ?? {}
    if (dedupKey !== undefined) this.dedup.remember('dedup', dedupKey, ordinal, at)
    if (idempotencyKey !== undefined) this.dedup.remember('idempotency', idempotencyKey, ordinal, at)
  }

  /** Answers the revision of the message's event before this one. */
  apply(event: Exclude<MessageEvent, MessageEnqueued>, revision: number, at: EpochMs, tick: number): number {
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
        this.attemptStarted(slot, event, at, tick, previous)
        return previous
      case 'AttemptSucceeded':
        this.expectLease(slot, event, revision)
        this.attemptSucceeded(slot, event.fence, at)
        return previous
      case 'LeaseExtended':
        this.expectLease(slot, event, revision)
        table.setInt(slot, L.LEASE_MS, event.leaseMs)
        this.placement.leases.set(slot, tick + event.leaseMs)
        return previous
      case 'CancelRequested':
        this.expectLease(slot, event, revision)
        table.setCold(slot, { ...table.cold(slot), cancelRequested: { by: event.by } })
        return previous
      case 'AttemptFailed':
        this.expectLease(slot, event, revision)
        this.attemptFailed(slot, event, at)
        return previous
      case 'AttemptReleased':
        this.expectLease(slot, event, revision)
        this.attemptReleased(slot, event, at)
        return previous
      case 'MessageRedriven':
        this.expect(slot, L.TAG_DEAD, event, revision)
        this.redriven(slot, at)
        return previous
      case 'MessagePurged':
        this.purged(slot, event, revision, at)
        return previous
      default:
        this.expect(slot, L.TAG_WAITING, event, revision)
        this.whileWaiting(slot, event, revision, at)
        return previous
    }
  }

  private whileWaiting(
    slot: number,
    event: Extract<
      MessageEvent,
      {
        type:
          | 'MessageEdited'
          | 'RetryScheduled'
          | 'MessageDeadLettered'
          | 'MessageCancelled'
          | 'MessageExpired'
      }
    >,
    revision: number,
    at: EpochMs,
  ): void {
    const { counts, rates } = this.measures
    this.placement.stopWaiting(slot)
    switch (event.type) {
      case 'MessageEdited':
        return this.edited(slot, event, revision, at)
      case 'RetryScheduled':
        return this.retryScheduled(slot, event, at)
      case 'MessageDeadLettered':
        return this.deadLettered(slot, event, at)
      case 'MessageCancelled':
        counts.cancelled++
        return this.finish(slot, 'cancelled', 0, at, K.WAITING)
      case 'MessageExpired':
        counts.expired++
        rates.note(R.RATE_EXPIRED)
        return this.finish(slot, 'expired', 0, at, K.WAITING)
    }
  }

  private edited(slot: number, event: MessageEdited, revision: number, at: EpochMs): void {
    const { table, measures } = this
    const { wishes: before, callerId } = table.cold(slot)
    const wishes = wishesOf(event.attributes)
    table.setCold(slot, { callerId, wishes })
    table.setDouble(slot, L.PAYLOAD_REVISION, revision)
    table.setDouble(slot, L.EXPIRES_AT, event.expiresAt)
    table.setInt(slot, L.PRIORITY, event.priority)
    const kind = measures.kinds.numberOf(event.priority, wishes.type)
    measures.kinds.add(table.int(slot, L.KIND), K.WAITING, -1)
    measures.kinds.add(kind, K.WAITING, 1)
    table.setInt(slot, L.KIND, kind)
    if (before.group !== wishes.group) {
      this.placement.leaveGroup(slot)
      if (wishes.group !== undefined) this.placement.groups.join(slot, wishes.group)
    }
    if (event.cause !== 'operator') this.rememberKeys(event, at)
    measures.counts.edited++
    this.becomeWaiting(slot, event.notBefore, at)
  }

  private attemptStarted(
    slot: number,
    event: AttemptStarted,
    at: EpochMs,
    tick: number,
    previous: number,
  ): void {
    const { table, measures } = this
    this.placement.attemptStarted(slot, at, tick + event.leaseMs)
    table.setInt(slot, L.TAG, L.TAG_LEASED)
    table.setInt(slot, L.ATTEMPTS, table.int(slot, L.ATTEMPTS) + 1)
    if (table.double(slot, L.FIRST_STARTED_AT) === NO_INSTANT) {
      table.setDouble(slot, L.FIRST_STARTED_AT, at)
      // The first of all its starts: one that was handed back or redriven has run before.
      if (previous === table.double(slot, L.PAYLOAD_REVISION)) {
        measures.waits.note(at - Math.max(table.double(slot, L.ENQUEUED_AT), table.double(slot, L.DUE_AT)))
      }
    }
    table.setDouble(slot, L.DUE_AT, at)
    this.nextFence = event.fence + 1
    table.setDouble(slot, L.FENCE, event.fence)
    table.setInt(slot, L.LEASE_MS, event.leaseMs)
    table.setWorker(slot, event.worker)
    if (event.zone !== undefined) table.setCold(slot, { ...table.cold(slot), zone: event.zone })
    if (event.claimId !== undefined) this.claimIds.add(event.claimId, event.ordinal, event.fence)
    this.circuits.attemptStarted(event.zone ?? UNNAMED_CIRCUIT, event.fence)
    const kind = table.int(slot, L.KIND)
    measures.kinds.add(kind, K.WAITING, -1)
    measures.kinds.add(kind, K.PROCESSING, 1)
    measures.counts.attempts++
    measures.rates.note(R.RATE_STARTED)
  }

  private attemptSucceeded(slot: number, fence: number, at: EpochMs): void {
    const { table, measures } = this
    this.circuits.attemptEnded(this.circuitOf(slot), fence, SUCCESS, at)
    measures.durations.note(at - table.double(slot, L.DUE_AT))
    measures.kinds.add(table.int(slot, L.KIND), K.SUCCEEDED, 1)
    measures.counts.succeeded++
    measures.rates.note(R.RATE_SUCCEEDED)
    this.endLease(slot)
    this.finish(slot, 'succeeded', fence, at, K.PROCESSING)
  }

  private attemptFailed(slot: number, event: AttemptFailed, at: EpochMs): void {
    const { table, measures } = this
    const { failureType } = event
    this.circuits.attemptEnded(this.circuitOf(slot), event.fence, { ok: false, failureType }, at)
    measures.durations.note(at - table.double(slot, L.DUE_AT))
    const kind = table.int(slot, L.KIND)
    measures.kinds.add(kind, failureType === SYSTEM_FAILURE ? K.SYSTEM_ERRORS : K.FAILURES, 1)
    measures.kinds.add(kind, K.PROCESSING, -1)
    measures.kinds.add(kind, K.WAITING, 1)
    measures.counts.failure(failureType)
    measures.rates.note(R.RATE_FAILED)
    this.endLease(slot)
    table.setFailureType(slot, failureType)
    table.setFlag(slot, L.FLAG_IN_DOUBT, event.ended === 'workerLost')
    this.becomeWaiting(slot, NO_INSTANT, at)
  }

  private retryScheduled(slot: number, event: RetryScheduled, at: EpochMs): void {
    const { table } = this
    table.setDouble(slot, L.PREVIOUS_DELAY_MS, event.delayMs)
    if (event.gate !== undefined) {
      const cold = table.cold(slot)
      table.setCold(slot, { ...cold, wishes: { ...cold.wishes, gate: event.gate } })
    }
    this.becomeWaiting(slot, event.retryAt, at)
  }

  private attemptReleased(slot: number, event: AttemptReleased, at: EpochMs): void {
    const { table, measures } = this
    this.circuits.attemptEnded(this.circuitOf(slot), event.fence, 'released', at)
    this.endLease(slot)
    const attempts = table.int(slot, L.ATTEMPTS) - 1
    table.setInt(slot, L.ATTEMPTS, attempts)
    if (attempts === 0) table.setDouble(slot, L.FIRST_STARTED_AT, NO_INSTANT)
    const kind = table.int(slot, L.KIND)
    measures.kinds.add(kind, K.PROCESSING, -1)
    measures.kinds.add(kind, K.WAITING, 1)
    measures.counts.released++
    this.becomeWaiting(slot, event.notBefore, at)
  }

  private deadLettered(slot: number, event: MessageDeadLettered, at: EpochMs): void {
    const { table, measures } = this
    table.setInt(slot, L.TAG, L.TAG_DEAD)
    table.setDouble(slot, L.DUE_AT, at)
    table.setFlag(slot, L.FLAG_IN_DOUBT, false)
    this.placement.leaveGroup(slot)
    this.addDead(slot)
    const kind = table.int(slot, L.KIND)
    measures.kinds.add(kind, K.WAITING, -1)
    measures.kinds.add(kind, K.DEAD, 1)
    measures.counts.dead++
    measures.counts.deadLettered++
    if (event.reason === 'systemError') measures.counts.systemErrors++
    measures.rates.note(R.RATE_DEAD_LETTERED)
  }

  private redriven(slot: number, at: EpochMs): void {
    const { table, measures } = this
    this.endDead(slot)
    const kind = table.int(slot, L.KIND)
    measures.kinds.add(kind, K.DEAD, -1)
    measures.kinds.add(kind, K.WAITING, 1)
    measures.counts.dead--
    measures.counts.redriven++
    table.setInt(slot, L.ATTEMPTS, 0)
    table.setDouble(slot, L.FIRST_STARTED_AT, NO_INSTANT)
    table.setDouble(slot, L.PREVIOUS_DELAY_MS, 0)
    table.setDouble(slot, L.EXPIRES_AT, NO_INSTANT)
    table.setFailureType(slot, undefined)
    const { group } = table.cold(slot).wishes
    if (group !== undefined) this.placement.groups.join(slot, group)
    // It waits from now on, however long ago it was enqueued.
    this.becomeWaiting(slot, at, at)
  }

  private purged(slot: number, event: MessagePurged, revision: number, at: EpochMs): void {
    const { counts } = this.measures
    counts.purged++
    if (event.cause === 'overflow') counts.overflowed++
    if (this.table.int(slot, L.TAG) === L.TAG_DEAD) {
      this.endDead(slot)
      counts.dead--
      return this.finish(slot, 'purged', 0, at, K.DEAD)
    }
    this.expect(slot, L.TAG_WAITING, event, revision)
    this.placement.stopWaiting(slot)
    this.finish(slot, 'purged', 0, at, K.WAITING)
  }

  addDead(slot: number): void {
    this.deadLetters.add(this.table.double(slot, L.ORDINAL))
    this.deadGroups.add(this.table.cold(slot).wishes.group)
  }

  private endDead(slot: number): void {
    this.deadLetters.delete(this.table.double(slot, L.ORDINAL))
    this.deadGroups.remove(this.table.cold(slot).wishes.group)
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

  private circuitOf(slot: number): string {
    return this.table.cold(slot).zone ?? UNNAMED_CIRCUIT
  }

  private endLease(slot: number): void {
    const { table } = this
    table.setWorker(slot, undefined)
    this.placement.attemptEnded(slot)
    const { callerId, wishes, zone, cancelRequested } = table.cold(slot)
    if (zone !== undefined || cancelRequested !== undefined) table.setCold(slot, { callerId, wishes })
  }

  private becomeWaiting(slot: number, dueAt: EpochMs, at: EpochMs): void {
    this.table.setInt(slot, L.TAG, L.TAG_WAITING)
    this.table.setDouble(slot, L.DUE_AT, dueAt)
    this.placement.startWaiting(slot, at)
  }

  private finish(slot: number, outcome: Outcome, fence: number, at: EpochMs, from: number): void {
    const { table } = this
    const ordinal = table.double(slot, L.ORDINAL)
    const { callerId } = table.cold(slot)
    if (callerId !== undefined) {
      this.callerIds.remove(slot)
      this.dedup.remember('id', callerId, ordinal, at)
    }
    this.measures.kinds.add(table.int(slot, L.KIND), from, -1)
    this.finished.add(ordinal, outcome, fence)
    this.placement.leaveGroup(slot)
    table.remove(slot)
  }
}

const SUCCESS = { ok: true } as const
