// When leases begin and when they may run out, so that nobody loses one because we were slow. A lease begins when its grant
// is durable, not when it was decided: before that its worker has not heard of it (R12). And when this process was held up,
// heartbeats and acks lie unread in its sockets: they are given time to be heard before a lease is called over (R20).
import type { LedgerEvent } from '../../domain/batch.js'
import type { PartitionState } from '../../projections/partition/index.js'

/** A lease that ran out this long ago and was not looked at: our own loop did not turn meanwhile. */
const HELD_UP_MS = 50
/** A connection that waits to be accepted is read some turns of the loop later than one that is open. */
const HEARING_MS = 100

/** The tick at which leases are granted while their batch is not durable: they cannot run out. */
export const NOT_BEGUN = Number.POSITIVE_INFINITY

export class LeaseTimes {
  /** When it was noticed last that we had been held up. */
  private heldUpTick = Number.NEGATIVE_INFINITY

  constructor(private readonly state: PartitionState) {}

  /** These events are durable now: the leases that they grant or extend last from this tick on. */
  begin(events: ReadonlyArray<LedgerEvent>, tick: number): boolean {
    let hasBegun = false
    for (const event of events) {
      if (event.type !== 'AttemptStarted' && event.type !== 'LeaseExtended') continue
      this.state.beginLease(event.ordinal, event.fence, tick)
      hasBegun = true
    }
    return hasBegun
  }

  /** Leases that end by the answered tick are over. */
  overBy(tick: number): number {
    const endTick = this.state.leases.nextAt()
    if (tick - endTick <= HELD_UP_MS) return tick
    // Each lease is waited for once: a loop that is always late must not keep a dead worker's messages for ever.
    if (endTick > this.heldUpTick) this.heldUpTick = tick
    return tick < this.heldUpTick + HEARING_MS ? Number.NEGATIVE_INFINITY : this.heldUpTick
  }

  /** The tick at which to look for leases that are over. */
  nextTick(): number {
    const endTick = this.state.leases.nextAt()
    return endTick > this.heldUpTick ? endTick : this.heldUpTick + HEARING_MS
  }
}
