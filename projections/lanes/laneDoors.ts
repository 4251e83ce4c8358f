// What can close a lane, and for how long: its gate, its circuits, its tenant's cap and rate. Lanes ask here when their turn
// comes; nothing is looked at for lanes that are not asked for.
import { UNNAMED_CIRCUIT } from '../../domain/circuit/index.js'
import type { EpochMs } from '../../domain/time.js'
import type { LimitMeters } from '../limits/limitMeters.js'
import type { Lane, Tenant } from './laneBook.js'

/** Of projections/circuits, what is asked here. */
type Circuits = Readonly<{ admits: (circuit: string) => boolean }>

export class LaneDoors {
  closedGates: ReadonlySet<string> = new Set()

  constructor(
    readonly limits: LimitMeters,
    private readonly circuits: Circuits,
  ) {}

  isGateOpen({ gate }: Lane): boolean {
    return gate === undefined || !this.closedGates.has(gate)
  }

  /** True while one of the circuits of these zones lets an attempt start. */
  admits(zones: ReadonlyArray<string>): boolean {
    const { circuits } = this
    if (zones.length === 0) return circuits.admits(UNNAMED_CIRCUIT)
    for (const zone of zones) if (circuits.admits(zone)) return true
    return false
  }

  /** Where a message of this lane is to run now (C7): the first of its zones that is well; undefined when it names none. */
  zoneOf({ zones }: Lane): string | undefined {
    for (const zone of zones) if (this.circuits.admits(zone)) return zone
    return zones[0]
  }

  admitsOneOf(lane: Lane, at: EpochMs): boolean {
    return this.isGateOpen(lane) && this.admits(lane.zones) && this.tenantOpensAt(lane.tenant, at) <= at
  }

  tenantOpensAt({ name, running }: Tenant, at: EpochMs): EpochMs {
    return this.limits.tenantOpensAt(name, running, at)
  }
}
