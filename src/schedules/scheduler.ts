// Lets the schedules of all queues of one ledger tick: one timer for all of them, set for the next planned instant. The
// timer runs on ticks and the instants are the wall clock's, so it looks again from time to time: a wall clock that was set
// is noticed within a minute, and no timer is longer than one can be (R22).
import type { EpochMs } from '../../domain/time.js'
import { Alarm } from '../engine/alarm.js'
import type { QueueEngine } from '../engine/queueEngine.js'
import type { Clock } from '../ports/clock.js'
import { QueueSchedules, type ScheduleDeps } from './queueSchedules.js'

const LOOK_AGAIN_MS = 60_000

type Watched = { readonly schedules: QueueSchedules; running: Promise<void> | undefined; again: boolean }

export class Scheduler {
  private readonly queues = new Map<QueueEngine, Watched>()
  private readonly alarm: Alarm
  private closed = false

  constructor(private readonly deps: ScheduleDeps) {
    this.alarm = new Alarm(deps.clock, () => this.look())
  }

  get clock(): Clock {
    return this.deps.clock
  }

  /** By the wall clock, which is the one that schedules are about. */
  now(): EpochMs {
    return Math.floor(this.deps.clock.wallMs())
  }

  /** The schedules of a queue changed, or the queue was opened. */
  changed(engine: QueueEngine): void {
    if (this.closed) return
    let watched = this.queues.get(engine)
    if (watched === undefined) {
      if (engine.control.schedules.size === 0) return
      watched = { schedules: new QueueSchedules(engine, this.deps), running: undefined, again: false }
      this.queues.set(engine, watched)
    }
    this.run(watched)
  }

  /** Resolves when nothing of this queue is under way any more. */
  async forget(engine: QueueEngine): Promise<void> {
    const watched = this.queues.get(engine)
    if (watched === undefined) return
    this.queues.delete(engine)
    watched.schedules.close()
    await watched.running
  }

  async close(): Promise<void> {
    this.closed = true
    this.alarm.clear()
    await Promise.all([...this.queues.keys()].map((engine) => this.forget(engine)))
  }

  private run(watched: Watched): void {
    if (watched.running !== undefined) {
      watched.again = true
      return
    }
    watched.again = false
    watched.running = watched.schedules.run().then(() => {
      watched.running = undefined
      if (this.closed) return
      if (watched.again) this.run(watched)
      else this.arm()
    })
  }

  private look(): void {
    if (this.closed) return
    const now = this.deps.clock.tickMs()
    for (const watched of this.queues.values())
      if (watched.running === undefined && watched.schedules.nextLookTick() <= now) this.run(watched)
    this.arm()
  }

  private arm(): void {
    let soonest = Number.POSITIVE_INFINITY
    for (const { schedules, running } of this.queues.values())
      if (running === undefined) soonest = Math.min(soonest, schedules.nextLookTick())
    if (soonest === Number.POSITIVE_INFINITY) return
    this.alarm.setFor(Math.min(soonest, this.deps.clock.tickMs() + LOOK_AGAIN_MS))
  }
}
