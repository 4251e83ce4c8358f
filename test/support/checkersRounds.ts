// B8: tenants take turns, and inside a tenant its lanes do. Whoever has work that could start is passed by each other at most once
// before it is served itself. Turns are not recorded: each term, and each change of the configuration, may begin a new round.
import { type Live, laneOf } from './checkersLive.js'

type Must = (holds: boolean, rule: string) => void

/** By those who wait: who has been served since they began to. */
type Passed = Map<string, Set<string>>

export class Rounds {
  private readonly tenants: Passed = new Map()
  private readonly lanes: Passed = new Map()

  constructor(private readonly must: Must) {}

  newRound(): void {
    this.tenants.clear()
    this.lanes.clear()
  }

  /** `ready` = all that could have started now, `one` among them; empty when that is not certain. */
  started(one: Live, ready: ReadonlyArray<Live>): void {
    if (ready.length === 0) return this.newRound()
    const tenantOf = ({ attributes, inDoubt }: Live): string => `${inDoubt} ${attributes.tenant ?? ''}`
    const lane = (other: Live): string => `${other.inDoubt} ${laneOf(other)}`
    const inTenant = ready.filter((other) => tenantOf(other) === tenantOf(one))
    this.turn(this.tenants, tenantOf(one), ready.map(tenantOf), 'tenant')
    this.turn(this.lanes, lane(one), inTenant.map(lane), 'lane')
    // Without work that could start one is not in the round, and comes back at its end.
    forget(this.tenants, new Set(ready.map(tenantOf)))
    forget(this.lanes, new Set(ready.map(lane)))
  }

  private turn(passed: Passed, served: string, ready: ReadonlyArray<string>, what: string): void {
    for (const waiting of new Set(ready)) {
      if (waiting === served) continue
      const before = passed.get(waiting) ?? new Set()
      this.must(!before.has(served), `B8 ${what} ${served} was served twice, and ${waiting} was not`)
      passed.set(waiting, before.add(served))
    }
    passed.delete(served)
  }
}

const forget = (passed: Passed, ready: ReadonlySet<string>): void => {
  for (const name of [...passed.keys()]) if (!ready.has(name)) passed.delete(name)
}
