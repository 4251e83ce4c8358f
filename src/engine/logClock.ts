// Recorded time (I9): never below what was recorded before, moving on with the monotonic clock while the wall clock stands
// behind. The difference is the skew that operators see.
import type { Clock } from '../ports/clock.js'

export class LogClock {
  private lastAt: number
  private lastTick: number

  constructor(
    private readonly clock: Clock,
    lastRecordedAt: number,
  ) {
    this.lastAt = Math.max(lastRecordedAt, Math.floor(clock.wallMs()))
    this.lastTick = clock.tickMs()
  }

  now(): number {
    const tick = this.clock.tickMs()
    const elapsed = Math.floor(tick - this.lastTick)
    const wall = Math.floor(this.clock.wallMs())
    if (wall >= this.lastAt + elapsed) {
      this.lastAt = wall
      this.lastTick = tick
    } else if (elapsed > 0) {
      this.lastAt = Math.max(wall, this.lastAt + elapsed)
      this.lastTick += elapsed
    }
    return this.lastAt
  }

  /** How far recorded time is ahead of the wall clock, in milliseconds. */
  skewMs(): number {
    return Math.max(0, this.now() - Math.floor(this.clock.wallMs()))
  }
}
