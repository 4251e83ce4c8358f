// Time that stands still until a test moves it: wall clock and ticks apart, timers that fire on the way, and `soon` as a
// queue. `settle` runs what is ready until nothing is: no test waits for real time.
import type { Clock } from '../../src/ports/clock.js'

type Timer = { readonly atTick: number; readonly callback: () => void }

/** So many timers at one and the same tick are a loop that would burn a processor. */
const TIMERS_PER_TICK_MAX = 1_000
/** Turns without anything to do, before all is taken to be quiet: a turn may set off another one. */
const QUIET_TURNS = 3

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class ManualClock implements Clock {
  private tick = 1_000
  private timers: Timer[] = []
  private waiting: Array<() => void> = []

  constructor(private wall = 1_790_000_000_000) {}

  readonly wallMs = (): number => this.wall
  readonly tickMs = (): number => this.tick
  readonly after = (delayMs: number, callback: () => void): (() => void) => {
    // What Node does with a delay that does not fit 32 bits.
    const inMs = delayMs > 2_147_483_647 || Number.isNaN(delayMs) ? 1 : Math.max(0, delayMs)
    const timer: Timer = { atTick: this.tick + inMs, callback }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((other) => other !== timer)
    }
  }
  readonly soon = (callback: () => void): void => {
    this.waiting.push(callback)
  }

  /** Only the wall clock; durations must not notice. */
  jumpWall(ms: number): void {
    this.wall += ms
  }

  /** The event loop is blocked: time passes, and nothing is called. */
  block(ms: number): void {
    this.tick += ms
    this.wall += ms
  }

  get timerCount(): number {
    return this.timers.length
  }

  /** Runs everything that does not wait for time. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      const ready = this.waiting.splice(0)
      for (const callback of ready) callback()
      await turn()
      quiet = ready.length === 0 && this.waiting.length === 0 ? quiet + 1 : 0
    }
  }

  /** Both clocks move on, and each timer on the way fires at its time. */
  async advance(ms: number): Promise<void> {
    const until = this.tick + ms
    await this.settle()
    for (let atOnce = 0; ; ) {
      const next = this.nextTimer()
      if (next === undefined || next.atTick > until) break
      atOnce = next.atTick > this.tick ? 0 : atOnce + 1
      if (atOnce > TIMERS_PER_TICK_MAX) throw new Error('timers fire again and again at the same tick')
      this.block(Math.max(0, next.atTick - this.tick))
      this.timers = this.timers.filter((timer) => timer !== next)
      next.callback()
      await this.settle()
    }
    this.block(Math.max(0, until - this.tick))
    await this.settle()
  }

  private nextTimer(): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.timers) if (next === undefined || timer.atTick < next.atTick) next = timer
    return next
  }

  /** What the promise came to; a test fails here, by name, when it is still waiting. */
  async settled<A>(promise: Promise<A>): Promise<A> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    promise.then(over, over)
    await this.settle()
    if (!isOver) throw new Error('still waiting, and nothing is left that could run')
    return promise
  }

  /** The clock of one process: when it dies, none of its callbacks runs any more. */
  process(): { clock: Clock; die: () => void } {
    let alive = true
    const whileAlive = (callback: () => void) => (): void => {
      if (alive) callback()
    }
    return {
      clock: {
        wallMs: this.wallMs,
        tickMs: this.tickMs,
        after: (delayMs, callback) => this.after(delayMs, whileAlive(callback)),
        soon: (callback) => this.soon(whileAlive(callback)),
      },
      die: () => {
        alive = false
      },
    }
  }
}

/** Whether a promise is still open; looks without waiting. */
export const watch = <A>(promise: Promise<A>): { isOpen: boolean; value: A | undefined } => {
  const seen: { isOpen: boolean; value: A | undefined } = { isOpen: true, value: undefined }
  promise.then(
    (value) => {
      seen.isOpen = false
      seen.value = value
    },
    () => {
      seen.isOpen = false
    },
  )
  return seen
}
