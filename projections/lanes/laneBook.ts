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
const SWEEP_AT = 256
const NO_ZONES: ReadonlyArray<string> = []

export class LaneBook {
  private readonly lanes: Array<Lane | undefined> = []
  private readonly numbers = new Map<string, number>()
  /** Lanes that are a tenant's and nothing else: the common case needs no key put together for each message. */
  private readonly plain = new Map<string, Lane>()
  private readonly tenants = new Map<string | undefined, Tenant>()
  private readonly freeLanes: number[] = []
  private readonly freeTenants: number[] = []
  private tenantNumbers = 0
  private sweepAt = SWEEP_AT
  readonly unnamed = this.add('', undefined, NO_ZONES, undefined)

  /** `onGone` is told of lanes nobody is in any more. */
  constructor(private readonly onGone: (lane: Lane) => void) {}

  at(number: number): Lane {
    return number === 0 ? this.unnamed : this.lanes[number]!
  }

  find({ tenant, zone, fallbackZones, gate }: Wishes): Lane {
    if (tenant === undefined && gate === undefined && zone === undefined && fallbackZones === undefined) {
      return this.unnamed
    }
    const isPlain = gate === undefined && zone === undefined && fallbackZones === undefined
    if (isPlain && tenant !== undefined) {
      const lane = this.plain.get(tenant)
      if (lane !== undefined) return lane
    }
    const key = keyOf(tenant, zone, fallbackZones, gate)
    const known = this.numbers.get(key)
    if (known !== undefined) return this.at(known)
    if (this.numbers.size >= this.sweepAt) this.sweep()
    // Beyond this many at once (they all hold messages) lanes are shared: order and limits of the unnamed one.
    if (this.numbers.size >= LANES_MAX) return this.unnamed
    const zones = [...(zone === undefined ? NO_ZONES : [zone]), ...(fallbackZones ?? NO_ZONES)]
    const lane = this.add(key, tenant, zones, gate)
    if (isPlain && tenant !== undefined) this.plain.set(tenant, lane)
    return lane
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
    this.numbers.set(key, lane.number)
    return lane
  }

  private sweep(): void {
    for (const [key, number] of this.numbers) {
      const lane = this.at(number)
      if (lane.messages > 0 || number === 0) continue
      this.onGone(lane)
      this.numbers.delete(key)
      this.lanes[number] = undefined
      this.freeLanes.push(number)
      const { tenant } = lane
      tenant.lanes--
      if (tenant.name !== undefined && this.plain.get(tenant.name) === lane) this.plain.delete(tenant.name)
      if (tenant.lanes > 0) continue
      this.tenants.delete(tenant.name)
      this.freeTenants.push(tenant.number)
    }
    this.sweepAt = Math.max(SWEEP_AT, 2 * this.numbers.size)
  }
}

/** Names hold no control characters, so the separators are in none of them. */
const keyOf = (
  tenant: string | undefined,
  zone: string | undefined,
  fallbackZones: ReadonlyArray<string> | undefined,
  gate: string | undefined,
): string =>
  `${tenant ?? ABSENT}\u0000${gate ?? ABSENT}\u0000${zone ?? ABSENT}\u0000${fallbackZones?.join('\u0000') ?? ''}`

const ABSENT = '\u0001'
