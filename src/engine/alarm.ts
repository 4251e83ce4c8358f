// One timer for many reasons to wake up: it rings at the earliest of them, and whoever is woken says what comes next. A
// delay longer than a timer can hold rings early, which costs one look (R22).
import { type Clock, TIMER_MS_MAX } from '../ports/clock.js'

export class Alarm {
  private cancel: (() => void) | undefined
  private atTick = Number.POSITIVE_INFINITY

  constructor(
    private readonly clock: Clock,
    private readonly ring: () => void,
  ) {}

  /** Rings at this tick, or soon if it has passed; unless it rings earlier anyway. */
  setFor(tick: number): void {
    if (tick === Number.POSITIVE_INFINITY) return
    if (this.cancel !== undefined && this.atTick <= tick) return
    this.cancel?.()
    this.atTick = tick
    const inMs = Math.max(0, Math.ceil(tick - this.clock.tickMs()))
    this.cancel = this.clock.after(Math.min(TIMER_MS_MAX, inMs), () => {
      this.cancel = undefined
      this.atTick = Number.POSITIVE_INFINITY
      this.ring()
    })
  }

  clear(): void {
    this.cancel?.()
    this.cancel = undefined
    this.atTick = Number.POSITIVE_INFINITY
  }
}
