// Where each live message of a partition stands: among the ready ones, the due times or the leases, and in its group. All
// of it follows from the records and the time, so a snapshot carries none of it (`relink`). Which of them are next is
// decided here; what an event makes of a record is decided in partitionState.ts.
import { type EpochMs, NO_INSTANT } from '../../domain/time.js'
import { SlotHeap } from '../dueTimes/slotHeap.js'
import { GroupOrder } from '../groups/groupOrder.js'
import * as L from '../messageTable/layout.js'
import type { MessageTable } from '../messageTable/messageTable.js'
import { ReadyBands } from '../ready/readyBands.js'
import type { Counts } from './counts.js'

export class Placement {
  readonly ready = new ReadyBands()
  /** Ready messages whose last worker died with them: they run alone (§4.5). */
  readonly readyInDoubt = new ReadyBands()
  /** Scheduled, retrying and expiring messages, by log time. */
  readonly due: SlotHeap
  /** Running attempts, by the monotonic ticks of this term. */
  readonly leases: SlotHeap
  readonly groups: GroupOrder

  constructor(
    private readonly table: MessageTable,
    private readonly counts: Counts,
  ) {
    this.due = new SlotHeap(table)
    this.leases = new SlotHeap(table)
    this.groups = new GroupOrder(table)
  }

  startLease(slot: number, untilTick: number): void {
    this.leases.set(slot, untilTick)
    this.groups.run(slot, 1)
    this.counts.processing++
  }

  endLease(slot: number): void {
    this.leases.remove(slot)
    this.groups.run(slot, -1)
    this.counts.processing--
    const head = this.groups.headOf(slot)
    if (head >= 0 && head !== slot) this.offerIfDue(head)
  }

  /** Counts a waiting message, and puts it where it will be found: among the ready ones, or among the due times. */
  startWaiting(slot: number, at: EpochMs): void {
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

  stopWaiting(slot: number): void {
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

  leaveGroup(slot: number): void {
    const head = this.groups.leave(slot)
    if (head >= 0) this.offerIfDue(head)
  }

  /** Among the ready ones, unless it is there, or its group has another one first. */
  private offer(slot: number): void {
    const { table } = this
    if (table.hasFlag(slot, L.FLAG_READY) || !this.groups.mayRun(slot)) return
    table.setFlag(slot, L.FLAG_READY, true)
    const bands = table.hasFlag(slot, L.FLAG_IN_DOUBT) ? this.readyInDoubt : this.ready
    bands.push(table.int(slot, L.PRIORITY), table.double(slot, L.ORDINAL))
  }

  /** The head of a group may have become free to run. */
  private offerIfDue(slot: number): void {
    const { table } = this
    if (table.int(slot, L.TAG) !== L.TAG_WAITING || !table.hasFlag(slot, L.FLAG_DUE)) return
    table.touch(slot)
    this.offer(slot)
  }

  /** The slot that is to be claimed next, -1 when none is ready. Entries that are ready no longer are dropped here. */
  nextReady(bands: ReadyBands): number {
    const inDoubt = bands === this.readyInDoubt
    for (;;) {
      const ordinal = bands.peek()
      if (Number.isNaN(ordinal)) return -1
      const slot = this.table.slotOf(ordinal)
      // A message that stood here before its worker died is ready among the others now: this entry is a left-over.
      if (
        slot >= 0 &&
        this.table.hasFlag(slot, L.FLAG_READY) &&
        this.table.hasFlag(slot, L.FLAG_IN_DOUBT) === inDoubt
      ) {
        if (this.groups.mayRun(slot)) return slot
        // An older member was redriven ahead of it: it is offered again when that one leaves.
        this.table.touch(slot)
        this.table.setFlag(slot, L.FLAG_READY, false)
      }
      bands.take()
    }
  }

  /** See {@link PartitionState.promote}. */
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

  regrantLeases(tick: number): void {
    const { table } = this
    for (const slot of [...this.leases.members()]) {
      table.touch(slot)
      this.leases.set(slot, tick + table.int(slot, L.LEASE_MS))
    }
  }

  /** In order of ordinals, so that bands and groups are filled as they were in the first place. */
  relink(at: EpochMs): void {
    const { table, counts } = this
    const ordinals = new Float64Array(table.size)
    let n = 0
    for (let slot = 0; slot < table.slotCount; slot++) {
      if (table.int(slot, L.TAG) === L.TAG_FREE) continue
      for (const field of [L.HEAP_PLACE, L.GROUP, L.GROUP_PREVIOUS, L.GROUP_NEXT])
        table.setInt(slot, field, 0)
      ordinals[n++] = table.double(slot, L.ORDINAL)
    }
    ordinals.sort()
    counts.scheduled = counts.pending = counts.retrying = counts.processing = 0
    for (const ordinal of ordinals) {
      const slot = table.slotOf(ordinal)
      const tag = table.int(slot, L.TAG)
      const { group } = table.cold(slot)
      if (group !== undefined && tag !== L.TAG_DEAD) this.groups.join(slot, group)
      if (tag === L.TAG_LEASED) this.startLease(slot, table.int(slot, L.LEASE_MS))
    }
    for (const ordinal of ordinals) {
      const slot = table.slotOf(ordinal)
      if (table.int(slot, L.TAG) !== L.TAG_WAITING) continue
      table.setInt(slot, L.FLAGS, table.int(slot, L.FLAGS) & ~(L.FLAG_DUE | L.FLAG_READY))
      this.startWaiting(slot, at)
    }
  }
}
