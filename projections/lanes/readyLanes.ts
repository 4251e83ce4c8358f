// Which message is next among the lanes of a queue: tenants with ready work take turns, inside a tenant its lanes do, inside
// a lane the queue's order decides (B4, B8). A tenant that is at its cap or out of tokens leaves the round, and so does a lane
// whose gate is closed (C15) or none of whose zones is well (C7); they come back at the end of it when what closed them is
// over. Each pick costs the same however many lanes there are.
// Whoever is found closed when its turn comes is closed then: nothing is evaluated for lanes that nobody asks for.
import type { EpochMs } from '../../domain/time.js'
import * as L from '../messageTable/layout.js'
import type { MessageTable } from '../messageTable/messageTable.js'
import { KeyedHeap } from '../ready/keyedHeap.js'
import { newOrder, type OrderSettings } from '../ready/orders.js'
import type { ReadyOrder } from '../ready/readyOrder.js'
import type { Lane, Tenant } from './laneBook.js'
import type { LaneDoors } from './laneDoors.js'
import { type InRing, Ring } from './ring.js'

interface LaneTurn extends InRing<LaneTurn> {
  readonly lane: Lane
  readonly tenant: TenantTurn
  readonly order: ReadyOrder
  /** Messages that are ready; the order may hold entries of others. */
  ready: number
  pushes: number
}

interface TenantTurn extends InRing<TenantTurn> {
  readonly tenant: Tenant
  readonly lanes: Ring<LaneTurn>
  /** When it may go on: 0 = it is not held back, Infinity = when one of its attempts ends. */
  heldUntil: EpochMs
}

/** An order is swept when it holds this many entries more than twice what is ready. */
const STALE_MAX = 1_024

export class ReadyLanes {
  private lanes: Array<LaneTurn | undefined> = []
  private tenants: Array<TenantTurn | undefined> = []
  private readonly round = new Ring<TenantTurn>()
  private readonly closedByGate = new Set<LaneTurn>()
  /** Closed for want of a zone that is well, by their zones: whether one is well is asked once for all of them. */
  private readonly closedByZones = new Map<string, Set<LaneTurn>>()
  /** Tenant numbers by when their rate lets them go on. */
  private readonly waking = new KeyedHeap()
  private count = 0

  constructor(
    private readonly table: MessageTable,
    private readonly doors: LaneDoors,
    private settings: OrderSettings,
    /** Messages in doubt are apart: they run alone (§4.5). */
    private readonly inDoubt: boolean,
  ) {}

  /** Messages that are ready. */
  get size(): number {
    return this.count
  }

  push(lane: Lane, slot: number): void {
    const { table } = this
    const turn = this.lanes[lane.number] ?? this.enter(lane)
    const readySince = this.settings.order === 'adaptive' ? since(table, slot) : 0
    turn.order.push(table.int(slot, L.PRIORITY), table.double(slot, L.ORDINAL), readySince)
    turn.ready++
    this.count++
    turn.pushes++
    if (turn.pushes > 2 * turn.ready + STALE_MAX) {
      if (turn.order.size > 2 * turn.ready + STALE_MAX) turn.order.sweep()
      turn.pushes = turn.order.size
    }
    this.join(turn)
  }

  /** The slot that is next, -1 when there is none, or all that is ready is held back. */
  peek(at: EpochMs): number {
    if (this.closedByZones.size > 0) this.reopenZones()
    this.wake(at)
    for (;;) {
      const tenant = this.round.first
      if (tenant === undefined) return -1
      const turn = tenant.lanes.first
      if (turn === undefined) this.round.remove(tenant)
      else if (this.isHeld(tenant, at)) this.round.remove(tenant)
      else if (this.isClosed(turn)) tenant.lanes.remove(turn)
      else {
        const ordinal = turn.order.peek(at)
        if (!Number.isNaN(ordinal)) return this.table.slotOf(ordinal)
        tenant.lanes.remove(turn)
      }
    }
  }

  /** The message was handed out, and was ready: its tenant and its lane have had their turn. */
  served(lane: Lane, slot: number): void {
    const { table } = this
    const turn = this.lanes[lane.number]!
    turn.ready--
    this.count--
    turn.order.served(table.int(slot, L.PRIORITY), table.double(slot, L.ORDINAL))
    turn.tenant.lanes.toBack(turn)
    this.round.toBack(turn.tenant)
  }

  /** The message was ready, and is so no longer. */
  drop(lane: Lane, slot: number): void {
    const { table } = this
    const turn = this.lanes[lane.number]!
    turn.ready--
    this.count--
    turn.order.dropHead(table.int(slot, L.PRIORITY), table.double(slot, L.ORDINAL))
  }

  /** One attempt of the tenant ended. */
  tenantFreed({ number }: Tenant): void {
    const tenant = this.tenants[number]
    if (tenant?.heldUntil === Number.POSITIVE_INFINITY) this.letGoOn(tenant)
  }

  /** Gates, limits or circuits may have changed: whatever is closed is looked at anew when its turn comes. */
  reopenAll(): void {
    for (const turn of this.closedByGate) this.join(turn)
    this.closedByGate.clear()
    for (const turns of this.closedByZones.values()) for (const turn of turns) this.join(turn)
    this.closedByZones.clear()
    for (const tenant of this.tenants) if (tenant !== undefined) this.letGoOn(tenant)
  }

  /** When a rate lets somebody go on; Infinity when none is waited for. */
  nextOpenAt(): EpochMs {
    return this.waking.size === 0 ? Number.POSITIVE_INFINITY : this.waking.key()
  }

  /** Forgets all entries, and orders those to come in another way. */
  restart(settings: OrderSettings): void {
    this.settings = settings
    this.count = 0
    this.lanes = []
    this.tenants = []
    this.round.first = undefined
    this.closedByGate.clear()
    this.closedByZones.clear()
    while (this.waking.size > 0) this.waking.drop()
  }

  /** Nobody is in the lane any more. */
  forget({ number, tenant }: Lane): void {
    const turn = this.lanes[number]
    if (turn === undefined) return
    turn.tenant.lanes.remove(turn)
    this.closedByGate.delete(turn)
    this.closedByZones.get(zonesKey(turn.lane))?.delete(turn)
    this.lanes[number] = undefined
    if (tenant.lanes > 1) return
    this.round.remove(turn.tenant)
    this.tenants[tenant.number] = undefined
  }

  /**
   * Visits the first ready messages of each lane, the one that has waited longest among them. Lanes behind a closed gate
   * or a sick zone are left out, because they cannot run at all; those that wait for a cap or a rate are late.
   */
  forEachHead(visit: (slot: number) => void): void {
    for (const turn of this.lanes) {
      if (turn === undefined || turn.ready === 0) continue
      if (!this.doors.isGateOpen(turn.lane) || !this.doors.admits(turn.lane.zones)) continue
      turn.order.forEachHead((ordinal) => visit(this.table.slotOf(ordinal)))
    }
  }

  private enter(lane: Lane): LaneTurn {
    const { number } = lane.tenant
    let tenant = this.tenants[number]
    if (tenant === undefined) {
      tenant = { tenant: lane.tenant, lanes: new Ring(), heldUntil: 0, next: undefined, previous: undefined }
      this.tenants[number] = tenant
    }
    const turn: LaneTurn = {
      lane,
      tenant,
      order: this.newOrder(lane),
      ready: 0,
      pushes: 0,
      next: undefined,
      previous: undefined,
    }
    this.lanes[lane.number] = turn
    return turn
  }

  private newOrder(lane: Lane): ReadyOrder {
    const { table } = this
    const mask = L.FLAG_READY | L.FLAG_IN_DOUBT | L.LANE_BITS
    const flags = L.FLAG_READY | (this.inDoubt ? L.FLAG_IN_DOUBT : 0) | (lane.number << L.LANE_SHIFT)
    return newOrder(this.settings, {
      // Ready, but elsewhere by now: this entry is a left-over.
      priorityOf: (ordinal) => {
        const slot = table.slotOf(ordinal)
        if (slot < 0) return Number.NaN
        const { ints } = table.chunks[slot >> L.CHUNK_SLOTS_BITS]!
        const record = (slot & L.CHUNK_SLOT_MASK) * L.RECORD_INTS
        return (ints[record + L.FLAGS]! & mask) === flags ? ints[record + L.PRIORITY]! : Number.NaN
      },
      sinceOf: (ordinal) => since(table, table.slotOf(ordinal)),
    })
  }

  private join(turn: LaneTurn): void {
    const { tenant } = turn
    tenant.lanes.add(turn)
    if (tenant.heldUntil === 0) this.round.add(tenant)
  }

  private isClosed(turn: LaneTurn): boolean {
    const { doors } = this
    const { lane } = turn
    if (!doors.isGateOpen(lane)) this.closedByGate.add(turn)
    else if (!doors.admits(lane.zones)) {
      const key = zonesKey(lane)
      const alike = this.closedByZones.get(key)
      if (alike === undefined) this.closedByZones.set(key, new Set([turn]))
      else alike.add(turn)
    } else return false
    return true
  }

  private reopenZones(): void {
    for (const [key, turns] of this.closedByZones) {
      const [one] = turns
      if (one !== undefined && !this.doors.admits(one.lane.zones)) continue
      this.closedByZones.delete(key)
      for (const turn of turns) this.join(turn)
    }
  }

  private isHeld(tenant: TenantTurn, at: EpochMs): boolean {
    const opensAt = this.doors.tenantOpensAt(tenant.tenant, at)
    if (opensAt <= at) return false
    tenant.heldUntil = opensAt
    if (opensAt !== Number.POSITIVE_INFINITY) this.waking.push(opensAt, tenant.tenant.number)
    return true
  }

  private wake(at: EpochMs): void {
    // Without anybody the key is NaN.
    while (this.waking.key() <= at) {
      const tenant = this.tenants[this.waking.value()]
      // Another instant: it was let go before, and held again since.
      if (tenant?.heldUntil === this.waking.key()) this.letGoOn(tenant)
      this.waking.drop()
    }
  }

  private letGoOn(tenant: TenantTurn): void {
    tenant.heldUntil = 0
    this.round.add(tenant)
  }
}

/** Since when the message in this slot could have run. */
export const since = (table: MessageTable, slot: number): EpochMs =>
  Math.max(table.double(slot, L.ENQUEUED_AT), table.double(slot, L.DUE_AT))

const zonesKey = ({ zones }: Lane): string => zones.join('\u0000')
