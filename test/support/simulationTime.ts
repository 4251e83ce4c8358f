// Time and turns of a simulated world. Nothing happens by itself: what a process has ready, and every answer from outside,
// runs one at a time, in an order that is drawn, so that a crash or a pause may fall between any two of them. Each process has
// a wall clock that may be wrong, a monotonic clock with a beginning of its own, and may be stopped, go on, or die.
import type { Clock } from '../../src/ports/clock.js'

type Timer = { readonly atTick: number; readonly run: () => void }
type Ready = { readonly of: SimulatedProcess | undefined; readonly run: () => void }

const START_WALL_MS = 1_790_000_000_000
const START_TICK_MS = 1_000
/** Turns without anything to do, before all is taken to be quiet: scans give way to the event loop now and then. */
const QUIET_TURNS = 3
/** Far more than any run needs. */
const STEPS_MAX = 50_000
const TIMERS_PER_TICK_MAX = 1_000
/** What does not come within so much time does not come. */
const WAIT_MS_MAX = 600_000

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export class SimulatedTime {
  private tick = START_TICK_MS
  private wall = START_WALL_MS
  private timers: Timer[] = []
  private ready: Ready[] = []
  /** What was run so far: what a run has cost, whatever the machine. */
  turns = 0

  constructor(readonly random: () => number) {}

  process(of: { skewMs?: number; bootedMs?: number } = {}): SimulatedProcess {
    return new SimulatedProcess(this, of.skewMs ?? 0, of.bootedMs ?? 0)
  }

  get tickMs(): number {
    return this.tick
  }
  get wallMs(): number {
    return this.wall
  }

  /** Outside of all processes (a disk, a network): it happens whoever stops or dies. */
  soon(run: () => void): void {
    this.ready.push({ of: undefined, run })
  }
  after(delayMs: number, run: () => void): () => void {
    // What Node does with a delay that does not fit 32 bits.
    const inMs = delayMs > 2_147_483_647 || Number.isNaN(delayMs) ? 1 : Math.max(0, delayMs)
    const timer: Timer = { atTick: this.tick + inMs, run }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((other) => other !== timer)
    }
  }
  enqueue(of: SimulatedProcess, run: () => void): void {
    this.ready.push({ of, run })
  }

  /** All wall clocks together. */
  jumpWall(ms: number): void {
    this.wall += ms
  }

  /** Time passes, and nobody gets a turn. */
  block(ms: number): void {
    this.tick += ms
    this.wall += ms
  }

  private runOne(): boolean {
    this.ready = this.ready.filter(({ of }) => of?.isDead !== true)
    const runnable = this.ready.filter(({ of }) => of?.isStopped !== true)
    const chosen = runnable[Math.floor(this.random() * runnable.length)]
    if (chosen === undefined) return false
    this.ready.splice(this.ready.indexOf(chosen), 1)
    this.turns++
    chosen.run()
    return true
  }

  /** So many turns at most; false = nothing was left to do before. */
  async steps(count: number): Promise<boolean> {
    for (let n = 0; n < count; n++) {
      if (!this.runOne()) return false
      await turn()
    }
    return true
  }

  /** Everything that does not wait for time. */
  async settle(): Promise<void> {
    for (let quiet = 0, steps = 0; quiet < QUIET_TURNS; steps++) {
      if (steps > STEPS_MAX) throw new Error('what is ready makes more ready, without end')
      quiet = this.runOne() ? 0 : quiet + 1
      await turn()
    }
  }

  async advance(ms: number): Promise<void> {
    const until = this.tick + ms
    await this.settle()
    for (let atOnce = 0; ; ) {
      const next = this.nextTimer()
      if (next === undefined || next.atTick > until) break
      atOnce = next.atTick > this.tick ? 0 : atOnce + 1
      if (atOnce > TIMERS_PER_TICK_MAX) throw new Error('timers fire again and again at the same tick')
      this.fire(next)
      await this.settle()
    }
    this.block(Math.max(0, until - this.tick))
    await this.settle()
  }

  private fire(timer: Timer): void {
    this.block(Math.max(0, timer.atTick - this.tick))
    this.timers = this.timers.filter((other) => other !== timer)
    timer.run()
  }

  private nextTimer(): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.timers) if (next === undefined || timer.atTick < next.atTick) next = timer
    return next
  }

  /** What the promise comes to, with as much time passing as that takes. */
  async until<A>(promise: Promise<A>): Promise<A> {
    let isOver = false
    const over = (): void => {
      isOver = true
    }
    promise.then(over, over)
    const latest = this.tick + WAIT_MS_MAX
    await this.settle()
    while (!isOver) {
      const next = this.nextTimer()
      if (next === undefined || next.atTick > latest)
        throw new Error('still waiting, and nothing is left that could run')
      this.fire(next)
      await this.settle()
    }
    return promise
  }
}

/** One process: what it runs, it runs while it lives and is not stopped. */
export class SimulatedProcess {
  isDead = false
  isStopped = false
  readonly clock: Clock
  /** What it has planned for its next turns, in order. */
  private planned: Array<() => void> = []

  constructor(
    readonly time: SimulatedTime,
    /** Its wall clock is ahead of the others by this. */
    public skewMs: number,
    bootedMs: number,
  ) {
    this.clock = {
      wallMs: () => time.wallMs + this.skewMs,
      tickMs: () => time.tickMs + bootedMs,
      after: (delayMs, callback) => time.after(delayMs, () => this.plan(callback)),
      soon: (callback) => this.plan(callback),
    }
  }

  /** Its own turns come in the order in which they were planned. */
  private plan(callback: () => void): void {
    if (this.isDead) return
    this.planned.push(callback)
    this.time.enqueue(this, () => this.planned.shift()?.())
  }

  /** An answer from outside: it is heard in a turn of its own, before or after others. */
  hear(callback: () => void): void {
    if (!this.isDead) this.time.enqueue(this, callback)
  }

  /** The answer to a question that goes outside; a dead process hears nothing. */
  asks<A>(question: () => Promise<A>): Promise<A> {
    return new Promise((resolve, reject) => {
      question().then(
        (answer) => this.hear(() => resolve(answer)),
        (error: unknown) => this.hear(() => reject(error)),
      )
    })
  }
}
