// Time that stands still until a test moves it: wall clock and ticks apart, and timers that fire on the way. What does not
// wait for time runs by itself, or, where a test asks for every step, only when it is told to.
import type { Clock } from '../ports/clock.js'

type Timer = { readonly atTick: number; readonly callback: () => void }

/** So many timers at one and the same tick are a loop that would burn a processor. */
const TIMERS_PER_TICK_MAX = 1_000
/** Turns without anything to do, before all is taken to be quiet: a turn may set off another one. */
const QUIET_TURNS = 3
/** Far more than any test needs: a turn takes some microseconds. */
const TURNS_MAX = 500_000
const START_WALL_MS = 1_790_000_000_000
const START_TICK_MS = 1_000

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export type VirtualClockOptions = Readonly<{
  /** What the wall clock says at first. Default: some day in 2026. */
  wallMs?: number
  /** `itself` = in the next turn of the event loop; `settled` = not before `settle`, `settled` or `advance`. */
  ready?: 'itself' | 'settled'
}>

export class VirtualClock implements Clock {
  private tick = START_TICK_MS
  private wall: number
  private timers: Timer[] = []
  private waiting: Array<() => void> = []
  private readonly runsByItself: boolean
  private isPlanned = false

  constructor({ wallMs = START_WALL_MS, ready = 'itself' }: VirtualClockOptions = {}) {
    this.wall = wallMs
    this.runsByItself = ready === 'itself'
  }

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
    if (!this.runsByItself || this.isPlanned) return
    this.isPlanned = true
    setImmediate(() => {
      this.isPlanned = false
      this.runWaiting()
    })
  }

  private runWaiting(): number {
    const ready = this.waiting.splice(0)
    for (const callback of ready) callback()
    return ready.length
  }

  /** The wall clock as a date: what is recorded, and what `notBefore` and cron go by. */
  now(): Date {
    return new Date(this.wall)
  }

  /** Only the wall clock, either way; durations must not notice. */
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

  /** How long until the next timer fires; undefined = nothing waits for time. */
  get nextTimerInMs(): number | undefined {
    const next = this.nextTimer()
    return next === undefined ? undefined : Math.max(0, next.atTick - this.tick)
  }

  /** Runs everything that does not wait for time; throws when there is no end to it. */
  async settle(): Promise<void> {
    if (!(await this.settleWithin(TURNS_MAX))) throw new Error('what is ready makes more ready, without end')
  }

  /** The same for so many turns of the event loop at most; false = there was more. */
  async settleWithin(turnsMax: number): Promise<boolean> {
    for (let quiet = 0, turns = 0; quiet < QUIET_TURNS; turns += 1) {
      if (turns >= turnsMax) return false
      const count = this.runWaiting()
      await turn()
      quiet = count === 0 && this.waiting.length === 0 ? quiet + 1 : 0
    }
    return true
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

  /** What the promise came to, without any time passing; throws when it is still waiting. */
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
