// Which lanes there are. Messages of the same tenant, zones and gate form a lane: they can be held back together, and take
// turns with the others. Most messages name none of these and are in lane 0, which costs nothing. A lane is known while a
// message waits or runs in it; those without any are swept now and then, so that customers who come and go leave nothing.
import type { Wishes } from '../../domain/message/index.js'

export type Tenant = {
  readonly number: number
  /** undefined: the messages that name none. */
  readonly name: string | undefined
  /** Lanes of it. */
  lanes: number
  running: number
}

export type Lane = {
  readonly number: number
  readonly tenant: Tenant
  /** Where its messages may run, the preferred zone first; empty = they name none. */
  readonly zones: ReadonlyArray<string>
  readonly gate: string | undefined
  /** Messages that wait or run. */
  messages: number
}

/** The number stands in the upper bits of a record's flags (messageTable/layout.ts). */
const LANES_MAX = 1 << 23
/** Those who are gone are looked for when so many have come, and at least as many as were left then. */
const SWEEP_AFTER = 256
const NO_ZONES: ReadonlyArray<string> = []

export class LaneBook {
  private readonly lanes: Array<Lane | undefined> = []
  private readonly byKey = new Map<string, Lane>()
  private readonly tenants = new Map<string | undefined, Tenant>()
  private readonly freeLanes: number[] = []
  private readonly freeTenants: number[] = []
  private tenantNumbers = 0
  private sweepAfter = SWEEP_AFTER
  /** Wishes without a lane since the last sweep, those that got none among them. */
  private comers = 0
  readonly unnamed = this.add(keyOf({}), undefined, NO_ZONES, undefined)

  /** `onGone` is told of lanes nobody is in any more. */
  constructor(
    private readonly onGone: (lane: Lane) => void,
    private readonly lanesMax = LANES_MAX,
  ) {}

  at(number: number): Lane {
    return this.lanes[number]!
  }

  find(wishes: Wishes): Lane {
    const key = keyOf(wishes)
    const known = this.byKey.get(key)
    if (known !== undefined) return known
    if (++this.comers > this.sweepAfter) this.sweep()
    // Beyond this many at once (they all hold messages) lanes are shared: order and limits of the unnamed one.
    if (this.byKey.size >= this.lanesMax) return this.unnamed
    const { tenant, zone, fallbackZones, gate } = wishes
    const zones = [...(zone === undefined ? NO_ZONES : [zone]), ...(fallbackZones ?? NO_ZONES)]
    return this.add(key, tenant, zones, gate)
  }

  private add(
    key: string,
    name: string | undefined,
    zones: ReadonlyArray<string>,
    gate: string | undefined,
  ): Lane {
    let tenant = this.tenants.get(name)
    if (tenant === undefined) {
      tenant = { number: this.freeTenants.pop() ?? this.tenantNumbers++, name, lanes: 0, running: 0 }
      this.tenants.set(name, tenant)
    }
    tenant.lanes++
    const lane = { number: this.freeLanes.pop() ?? this.lanes.length, tenant, zones, gate, messages: 0 }
    this.lanes[lane.number] = lane
    this.byKey.set(key, lane)
    return lane
  }

  /** Of each tenant that has a name: how many of its messages run. */
  *tenantsRunning(): Iterable<number> {
    for (const { name, running } of this.tenants.values()) if (name !== undefined) yield running
  }

  private sweep(): void {
    for (const [key, lane] of this.byKey) {
      const { number, tenant } = lane
      if (lane.messages > 0 || number === 0) continue
      this.onGone(lane)
      this.byKey.delete(key)
      this.lanes[number] = undefined
      this.freeLanes.push(number)
      tenant.lanes--
      if (tenant.lanes > 0) continue
      this.tenants.delete(tenant.name)
      this.freeTenants.push(tenant.number)
    }
    this.sweepAfter = Math.max(SWEEP_AFTER, this.byKey.size)
    this.comers = 0
  }
}

/**
 * Names are not empty and hold no control characters, so the separator is in none of them. A tenant's name alone is a key by itself:
 * the common case needs none put together for each message.
 */
const keyOf = ({ tenant, zone, fallbackZones, gate }: Wishes): string =>
  zone === undefined && gate === undefined && fallbackZones === undefined
    ? (tenant ?? '')
    : [tenant, gate, zone, ...(fallbackZones ?? NO_ZONES)].join('\u0000')
