// Where each live message of a partition stands: among the ready ones of its lane, the due times or the leases, and in its
// group. All of it follows from the records, the configuration and the time, so a snapshot carries none of it (`relink`) but
// the meters of rates. Which of them are next is decided here; what an event makes of a record is decided in messageFold.ts.
import {
  DEFAULT_QUEUE_CONFIG,
  type Layouts,
  type QueueConfig,
  type Switches,
  shareIn,
  sharersIn,
} from '../../domain/queue/index.js'
import { type EpochMs, NO_INSTANT } from '../../domain/time.js'
import type { CircuitBoard } from '../circuits/circuitBoard.js'
import { SlotHeap } from '../dueTimes/slotHeap.js'
import { GroupOrder } from '../groups/groupOrder.js'
import { type Lane, LaneBook } from '../lanes/laneBook.js'
import { LaneDoors } from '../lanes/laneDoors.js'
import { ReadyLanes, since } from '../lanes/readyLanes.js'
import { LimitMeters } from '../limits/limitMeters.js'
import * as L from '../messageTable/layout.js'
import type { MessageTable } from '../messageTable/messageTable.js'
import type { Counts } from './counts.js'

/** What placement hangs off. `isNewcomer`: a resize made this partition, and this is the first that it adopts. */
export type Adopted = Readonly<{
  config: QueueConfig
  layouts: Layouts
  switches: Switches
  partition: number
  isNewcomer: boolean
}>

export class Placement {
  readonly limits = new LimitMeters()
  readonly ready: ReadyLanes
  /** Ready messages whose last worker died with them: they run alone (§4.5). */
  readonly readyInDoubt: ReadyLanes
  /** Scheduled, retrying and expiring messages, by log time. */
  readonly due: SlotHeap
  /** Running attempts, by the monotonic ticks of this term. */
  readonly leases: SlotHeap
  readonly groups: GroupOrder
  private readonly doors: LaneDoors
  private readonly book: LaneBook
  private config: QueueConfig = DEFAULT_QUEUE_CONFIG

  constructor(
    private readonly table: MessageTable,
    private readonly counts: Counts,
    circuits: CircuitBoard,
  ) {
    this.due = new SlotHeap(table)
    this.leases = new SlotHeap(table)
    this.groups = new GroupOrder(table)
    this.doors = new LaneDoors(this.limits, circuits)
    this.ready = new ReadyLanes(table, this.doors, this.config, false)
    this.readyInDoubt = new ReadyLanes(table, this.doors, this.config, true)
    this.book = new LaneBook((lane) => {
      this.ready.forget(lane)
      this.readyInDoubt.forget(lane)
    })
  }

  /** Takes over what the partition has adopted. Another order means that all that is ready is sorted anew, in one go. */
  configure({ config, layouts, switches, partition, isNewcomer }: Adopted, at: EpochMs): void {
    const { config: before, groups } = this
    this.config = config
    this.limits.configure(config.limits, sharersIn(layouts), shareIn(layouts, partition), at, isNewcomer)
    this.doors.closedGates = new Set(switches.closedGates)
    if (before.order !== config.order || !sameShares(before, config)) this.sortAnew()
    for (const number of groups.pause(new Set(switches.pausedGroups))) this.regroup(number)
    if (before.groupHead !== config.groupHead) this.restage()
    this.ready.reopenAll()
    this.readyInDoubt.reopenAll()
  }

  /** A waiting message was handed out: it waits no longer, and its lane and its tenant have had their turn. */
  attemptStarted(slot: number, at: EpochMs, untilTick: number): void {
    const lane = this.laneOf(slot)
    this.endWaiting(slot, lane, true)
    this.limits.attemptStarted(lane.tenant.name, at)
    this.run(slot, lane, untilTick)
    const group = this.table.int(slot, L.GROUP)
    if (group === 0) return
    // In replay no due time passes by itself: one that had let others go first starts while another is still offered, and
    // has its place back, as when it fell due.
    this.groups.stepBack(slot)
    this.regroup(group)
  }

  attemptEnded(slot: number): void {
    const { table, counts } = this
    this.leases.remove(slot)
    counts.processing--
    if ((table.int(slot, L.FLAGS) & L.LANE_BITS) !== 0) {
      const { tenant } = this.laneOf(slot)
      tenant.running--
      this.ready.tenantFreed(tenant)
      this.readyInDoubt.tenantFreed(tenant)
      this.leaveLane(slot)
    }
    const group = table.int(slot, L.GROUP)
    if (group === 0) return
    this.groups.run(slot, -1)
    // An older member may have been redriven meanwhile.
    this.regroup(group)
  }

  private run(slot: number, lane: Lane, untilTick: number): void {
    this.leases.set(slot, untilTick)
    if (this.table.int(slot, L.GROUP) !== 0) this.groups.run(slot, 1)
    this.counts.processing++
    if (lane.number !== 0) lane.tenant.running++
  }

  /** Counts a waiting message, and puts it where it will be found: among the ready ones, or among the due times. */
  startWaiting(slot: number, at: EpochMs): void {
    const { table, counts, groups } = this
    const expiresAt = table.double(slot, L.EXPIRES_AT)
    const dueAt = table.double(slot, L.DUE_AT)
    const group = table.int(slot, L.GROUP)
    const lane = this.enterLane(slot)
    if (dueAt > at) {
      if (table.int(slot, L.FAILURE_TYPE) === 0) counts.scheduled++
      else counts.retrying++
      this.due.set(slot, expiresAt === NO_INSTANT ? dueAt : Math.min(dueAt, expiresAt))
      if (group === 0) return
      if (this.config.groupHead === 'skip') groups.stepAside(slot)
    } else {
      counts.pending++
      table.setFlag(slot, L.FLAG_DUE, true)
      if (expiresAt !== NO_INSTANT) this.due.set(slot, expiresAt)
      if (group === 0) return this.offer(slot, lane)
      groups.stepBack(slot)
    }
    this.regroup(group)
  }

  stopWaiting(slot: number): void {
    this.endWaiting(slot, this.laneOf(slot), false)
    this.leaveLane(slot)
  }

  private endWaiting(slot: number, lane: Lane, isServed: boolean): void {
    const { table, counts } = this
    const flags = table.int(slot, L.FLAGS)
    if ((flags & L.FLAG_DUE) !== 0) counts.pending--
    else if (table.int(slot, L.FAILURE_TYPE) === 0) counts.scheduled--
    else counts.retrying--
    if ((flags & L.FLAG_READY) !== 0) {
      const lanes = (flags & L.FLAG_IN_DOUBT) !== 0 ? this.readyInDoubt : this.ready
      if (isServed) lanes.served(lane, slot)
      else lanes.drop(lane, slot)
      const group = table.int(slot, L.GROUP)
      if (group !== 0) this.groups.setOffered(group, -1)
    }
    table.setInt(slot, L.FLAGS, flags & ~(L.FLAG_DUE | L.FLAG_READY))
    this.due.remove(slot)
  }

  leaveGroup(slot: number): void {
    if (this.table.int(slot, L.GROUP) === 0) return
    const number = this.groups.leave(slot)
    if (number !== 0) this.regroup(number)
  }

  /** Sees to it that the member of the group that may run is among the ready ones if it is due, and no other is. */
  private regroup(number: number): void {
    const { table, groups } = this
    const first = groups.runnable(number)
    const mayRun = first >= 0 && table.int(first, L.TAG) === L.TAG_WAITING && table.hasFlag(first, L.FLAG_DUE)
    const next = mayRun ? first : -1
    const offered = groups.offeredOf(number)
    if (offered === next) return
    if (offered >= 0) this.takeBack(offered)
    groups.setOffered(number, next)
    if (next < 0) return
    table.touch(next)
    this.offer(next, this.laneOf(next))
  }

  private offer(slot: number, lane: Lane): void {
    const { table } = this
    const flags = table.int(slot, L.FLAGS)
    table.setInt(slot, L.FLAGS, flags | L.FLAG_READY)
    const lanes = (flags & L.FLAG_IN_DOUBT) !== 0 ? this.readyInDoubt : this.ready
    lanes.push(lane, slot)
  }

  private takeBack(slot: number): void {
    const { table } = this
    table.touch(slot)
    table.setFlag(slot, L.FLAG_READY, false)
    const lanes = table.hasFlag(slot, L.FLAG_IN_DOUBT) ? this.readyInDoubt : this.ready
    lanes.drop(this.laneOf(slot), slot)
  }

  private laneOf(slot: number): Lane {
    return this.book.at(this.table.int(slot, L.FLAGS) >>> L.LANE_SHIFT)
  }

  /** Anew each time it begins to wait: a retry may have named a gate, an edit a tenant. */
  private enterLane(slot: number): Lane {
    const { table, book } = this
    if (!table.hasFlag(slot, L.FLAG_COLD)) return book.unnamed
    const lane = book.find(table.cold(slot).wishes)
    if (lane.number === 0) return lane
    lane.messages++
    table.setInt(slot, L.FLAGS, table.int(slot, L.FLAGS) | (lane.number << L.LANE_SHIFT))
    return lane
  }

  private leaveLane(slot: number): void {
    const { table } = this
    const flags = table.int(slot, L.FLAGS)
    if ((flags & L.LANE_BITS) === 0) return
    this.laneOf(slot).messages--
    table.setInt(slot, L.FLAGS, flags & ~L.LANE_BITS)
  }

  /** The slot that is to be claimed next, -1 when none is ready, or all are held back. */
  nextReady(at: EpochMs, lanes: ReadyLanes = this.ready): number {
    if (this.limits.queueOpensAt(this.counts.processing, at) > at) return -1
    return lanes.peek(at)
  }

  /** Whether this very message may start now, out of turn. */
  mayStart(slot: number, at: EpochMs): boolean {
    if (!this.table.hasFlag(slot, L.FLAG_READY)) return false
    if (this.limits.queueOpensAt(this.counts.processing, at) > at) return false
    return this.doors.admitsOneOf(this.laneOf(slot), at)
  }

  /** More run than may start by now: until they end, nobody else may have the room that they take. */
  get isOverShare(): boolean {
    return this.limits.isOverShare(this.counts.processing, this.book.tenantsRunning())
  }

  /** Where the waiting message in this slot is to run now (C7); undefined when it names no zone. */
  effectiveZone(slot: number): string | undefined {
    return this.doors.zoneOf(this.laneOf(slot))
  }

  /**
   * When something that is ready and held back by a rate may go on; Infinity = not by itself. An instant that has passed
   * means that `nextReady` has not been asked since. (When circuits change, the board knows.)
   */
  nextOpenAt(at: EpochMs): EpochMs {
    const queueAt = this.limits.queueOpensAt(this.counts.processing, at)
    return queueAt > at ? queueAt : Math.min(this.ready.nextOpenAt(), this.readyInDoubt.nextOpenAt())
  }

  /** Since when the message that has waited longest could have run; Infinity = none can run. */
  oldestReadySince(): EpochMs {
    let oldest = Number.POSITIVE_INFINITY
    const visit = (slot: number): void => {
      oldest = Math.min(oldest, since(this.table, slot))
    }
    this.ready.forEachHead(visit)
    this.readyInDoubt.forEachHead(visit)
    return oldest
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

  /** See {@link PartitionState.beginLease}. */
  beginLease(ordinal: number, fence: number, tick: number): void {
    const { table } = this
    const slot = table.slotOf(ordinal)
    if (slot < 0 || table.int(slot, L.TAG) !== L.TAG_LEASED || table.double(slot, L.FENCE) !== fence) return
    table.touch(slot)
    this.leases.set(slot, tick + table.int(slot, L.LEASE_MS))
  }

  /** After the table was loaded. In order of ordinals, so that orders and groups are filled as they were in the first place. */
  relink(at: EpochMs): void {
    const { table, counts } = this
    for (let slot = 0; slot < table.slotCount; slot++) {
      if (table.int(slot, L.TAG) === L.TAG_FREE) continue
      for (const field of [L.HEAP_PLACE, L.GROUP, L.GROUP_PREVIOUS, L.GROUP_NEXT])
        table.setInt(slot, field, 0)
      const derived = L.FLAG_DUE | L.FLAG_READY | L.LANE_BITS
      table.setInt(slot, L.FLAGS, table.int(slot, L.FLAGS) & ~derived)
    }
    const ordinals = this.ordinalsWhere(() => true)
    counts.scheduled = counts.pending = counts.retrying = counts.processing = 0
    for (const ordinal of ordinals) {
      const slot = table.slotOf(ordinal)
      const tag = table.int(slot, L.TAG)
      const { group } = table.cold(slot).wishes
      if (group !== undefined && tag !== L.TAG_DEAD) this.groups.join(slot, group)
      if (tag !== L.TAG_LEASED) continue
      this.run(slot, this.enterLane(slot), table.int(slot, L.LEASE_MS))
    }
    for (const ordinal of ordinals) {
      const slot = table.slotOf(ordinal)
      if (table.int(slot, L.TAG) === L.TAG_WAITING) this.startWaiting(slot, at)
    }
  }

  private sortAnew(): void {
    const { table } = this
    const isAny = this.ready.size + this.readyInDoubt.size > 0
    const ordinals = isAny ? this.ordinalsWhere((slot) => table.hasFlag(slot, L.FLAG_READY)) : []
    this.ready.restart(this.config)
    this.readyInDoubt.restart(this.config)
    for (const ordinal of ordinals) {
      const slot = table.slotOf(ordinal)
      this.offer(slot, this.laneOf(slot))
    }
  }

  /** Whether a member that is not due keeps its place has changed. */
  private restage(): void {
    const { table, groups } = this
    if (groups.size === 0) return
    const ordinals = this.ordinalsWhere(
      (slot) =>
        table.int(slot, L.TAG) === L.TAG_WAITING &&
        table.int(slot, L.GROUP) !== 0 &&
        !table.hasFlag(slot, L.FLAG_DUE),
    )
    for (const ordinal of ordinals) {
      const slot = table.slotOf(ordinal)
      table.touch(slot)
      if (this.config.groupHead === 'skip') groups.stepAside(slot)
      else groups.stepBack(slot)
      this.regroup(table.int(slot, L.GROUP))
    }
  }

  private ordinalsWhere(isWanted: (slot: number) => boolean): Float64Array {
    const { table } = this
    const ordinals = new Float64Array(table.size)
    let n = 0
    for (let slot = 0; slot < table.slotCount; slot++) {
      if (table.int(slot, L.TAG) === L.TAG_FREE || !isWanted(slot)) continue
      ordinals[n++] = table.double(slot, L.ORDINAL)
    }
    return ordinals.subarray(0, n).sort()
  }
}

const sameShares = ({ bandShares: one }: QueueConfig, { bandShares: other }: QueueConfig): boolean =>
  one.high === other.high && one.normal === other.normal && one.low === other.low
