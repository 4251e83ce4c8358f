// B8: tenants take turns, and inside a tenant its lanes do. Whoever has work that could start is passed by each other at most once
// before it is served itself. Turns are not recorded: each term, and each change of the configuration, may begin a new round.
// Whoever runs out of work, by a start or because what waited is gone, comes back at the end of the round: passes count anew.
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
    const inTenant = ready.filter((other) => tenantName(other) === tenantName(one))
    this.turn(this.tenants, tenantName(one), ready.map(tenantName), 'tenant')
    this.turn(this.lanes, laneName(one), inTenant.map(laneName), 'lane')
    this.onlyThese(ready)
  }

  /**
   * Only these could start now. Asked at each start and whenever something that waited is gone: between two starts a tenant's
   * work may be purged, expire or be cancelled, and other work of it fall due later.
   */
  onlyThese(ready: ReadonlyArray<Live>): void {
    forget(this.tenants, new Set(ready.map(tenantName)))
    forget(this.lanes, new Set(ready.map(laneName)))
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

/** What is in doubt has rounds of its own. */
const tenantName = ({ attributes, inDoubt }: Live): string => `${inDoubt} ${attributes.tenant ?? ''}`
const laneName = (one: Live): string => `${one.inDoubt} ${laneOf(one)}`

const forget = (passed: Passed, ready: ReadonlySet<string>): void => {
  for (const name of [...passed.keys()]) if (!ready.has(name)) passed.delete(name)
}
