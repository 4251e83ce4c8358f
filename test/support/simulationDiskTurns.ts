// Whose turn it is: calls that wait for the disk, messages between threads and timers run one at a time, in an order that is
// drawn; time stands still but for `advance`.
import type { Scheduling, SimulatedMachine } from './simulatedDiskMachine.js'
import type { Dice } from './simulationSwarm.js'

/** Far more than any call needs. */
const TURNS_MAX = 5_000
const START_MS = 1_790_000_000_000

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

type Timer = Readonly<{ atMs: number; callback: () => void }>

export class TurnScheduler implements Scheduling {
  private waiting: Array<() => void> = []
  private timers: Timer[] = []
  private ms = START_MS
  /** What happens in one turn happens at once. */
  count = 0

  constructor(private readonly dice: Dice) {}

  readonly nowMs = (): number => this.ms
  readonly later = (run: () => void): void => {
    this.waiting.push(run)
  }
  readonly after = (delayMs: number, callback: () => void): (() => void) => {
    const timer = { atMs: this.ms + delayMs, callback }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter((other) => other !== timer)
    }
  }

  /** Without any waiting, for those who only look. */
  readonly atOnce: Scheduling = { later: (run) => run(), after: () => () => undefined, nowMs: this.nowMs }

  /** Nothing that was planned happens. */
  forget(): void {
    this.waiting = []
    this.timers = []
  }

  /** One of those that wait, whichever. */
  async step(): Promise<boolean> {
    const at = Math.floor(this.dice.random() * this.waiting.length)
    const [run] = this.waiting.splice(at, 1)
    this.count += 1
    run?.()
    await turn()
    return run !== undefined
  }

  async advance(ms: number): Promise<void> {
    this.ms += ms
    const due = this.timers.filter(({ atMs }) => atMs <= this.ms).sort((a, b) => a.atMs - b.atMs)
    this.timers = this.timers.filter(({ atMs }) => atMs > this.ms)
    for (const { callback } of due) callback()
    await turn()
  }

  async untilIdle(): Promise<void> {
    for (let turns = 0; turns < TURNS_MAX && (await this.step()); turns++);
  }

  /** Steps until the promise is settled; false: the process died first, or nothing is left to do. */
  async untilDone(promise: Promise<unknown>, machine: SimulatedMachine): Promise<boolean> {
    let isDone = false
    const done = (): void => {
      isDone = true
    }
    promise.then(done, done)
    for (let turns = 0; turns < TURNS_MAX && machine.isRunning; turns++) {
      if (isDone) return true
      const hadWork = await this.step()
      if (!hadWork && !isDone) await this.advance(100)
    }
    return isDone && machine.isRunning
  }
}
