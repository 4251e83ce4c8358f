// The schedules of one queue: when the next of them is due, and what is done then. A tick is enqueued first and recorded
// after it; whoever cannot be sure that nobody was here before looks the tick's id up first, because the queue remembers
// the ids of finished messages for a while only.
import { isLeft } from 'fp-ts/lib/Either.js'
import {
  everyAfter,
  type NextAfter,
  nextTick,
  recordTicks,
  type ScheduleState,
  type Ticks,
  tickId,
  ticksDue,
  type When,
} from '../../domain/schedule/index.js'
import type { EpochMs } from '../../domain/time.js'
import { errorOfFailure } from '../api/refusals.js'
import type { QueueEngine } from '../engine/queueEngine.js'
import type { Clock } from '../ports/clock.js'
import { nextAfter } from './cronTimes.js'
import { tickMessage } from './tickMessage.js'

export type ScheduleDeps = Readonly<{
  clock: Clock
  onTrouble: (queue: string, message: string) => void
  /** Whether the queue has, or ever had, a message of this id. */
  isKnown: (engine: QueueEngine, id: string) => Promise<boolean>
}>

/** So many are worked out in one turn of the event loop: an expression costs some 60 microseconds. */
const AT_ONCE = 100
const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 60_000

type Plan = {
  readonly state: ScheduleState
  /** By the wall clock; infinite = never. */
  readonly nextAt: EpochMs
  /** Nobody else can have enqueued what comes next. */
  sure: boolean
  failures: number
  notBeforeTick: number
}

export const instantsOf = (when: When): NextAfter =>
  when.kind === 'every' ? everyAfter(when) : (at) => nextAfter(when.expression, when.timeZone, at)

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export class QueueSchedules {
  private readonly plans = new Map<string, Plan>()
  private closing = false

  constructor(
    private readonly engine: QueueEngine,
    private readonly deps: ScheduleDeps,
  ) {}

  /** No round begins any more, and the one that runs ends early. */
  close(): void {
    this.closing = true
  }

  /** In ticks of the clock; infinite when nothing is planned. */
  nextLookTick(): number {
    const { clock } = this.deps
    const aheadMs = clock.tickMs() - clock.wallMs()
    let soonest = Number.POSITIVE_INFINITY
    for (const { nextAt, notBeforeTick } of this.plans.values())
      soonest = Math.min(soonest, Math.max(nextAt + aheadMs, notBeforeTick))
    return soonest
  }

  /** Does what is due, until nothing is. Never rejects. */
  async run(): Promise<void> {
    await this.refresh()
    while (!this.closing) {
      const due = this.due()
      if (due.length === 0) return
      await this.round(due)
      await this.refresh()
    }
  }

  private due(): string[] {
    const { clock } = this.deps
    const now = Math.floor(clock.wallMs())
    const tick = clock.tickMs()
    const names: string[] = []
    for (const [name, { nextAt, notBeforeTick }] of this.plans)
      if (nextAt <= now && notBeforeTick <= tick) names.push(name)
    return names
  }

  /** Takes over what changed in the control stream. */
  private async refresh(): Promise<void> {
    const { schedules } = this.engine.control
    for (const name of this.plans.keys()) if (!schedules.has(name)) this.plans.delete(name)
    let worked = 0
    for (const [name, state] of schedules) {
      const known = this.plans.get(name)
      if (known?.state === state) continue
      if (++worked % AT_ONCE === 0) await this.turn()
      if (this.closing) return
      const sure = known?.sure === true && known.state.schedule === state.schedule
      this.plans.set(name, { state, nextAt: this.nextAt(state), sure, failures: 0, notBeforeTick: 0 })
    }
  }

  private nextAt({ schedule, after }: ScheduleState): EpochMs {
    if (schedule.paused) return Number.POSITIVE_INFINITY
    try {
      return nextTick(schedule, after, instantsOf(schedule.when)) ?? Number.POSITIVE_INFINITY
    } catch (error) {
      // Accepted by another version, or with another table of zones: the others go on.
      this.trouble(`the schedule ${schedule.name} cannot be followed: ${messageOf(error)}`)
      return Number.POSITIVE_INFINITY
    }
  }

  private turn(): Promise<void> {
    return new Promise((resolve) => this.deps.clock.soon(resolve))
  }

  private trouble(message: string): void {
    this.deps.onTrouble(this.engine.name, message)
  }

  /** Enqueues what these have due, and records all of it in one append. */
  private async round(names: ReadonlyArray<string>): Promise<void> {
    const done = new Map<string, Ticks>()
    const failed: string[] = []
    let reason: unknown
    for (let from = 0; from < names.length && !this.closing; from += AT_ONCE) {
      const share = names.slice(from, from + AT_ONCE)
      await Promise.all(
        share.map(async (name) => {
          try {
            const ticks = await this.tick(name)
            if (ticks !== undefined) done.set(name, ticks)
          } catch (error) {
            failed.push(name)
            reason ??= error
          }
        }),
      )
    }
    try {
      if (done.size > 0) {
        await this.engine.changeControl(({ schedules }) =>
          [...done].flatMap(([name, ticks]) => recordTicks(schedules, name, ticks)),
        )
      }
    } catch (error) {
      failed.push(...done.keys())
      reason ??= error
    }
    if (failed.length > 0) this.failed(failed, reason)
  }

  private failed(names: ReadonlyArray<string>, reason: unknown): void {
    const tick = this.deps.clock.tickMs()
    for (const name of names) {
      const plan = this.plans.get(name)
      if (plan === undefined) continue
      plan.notBeforeTick = tick + Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** plan.failures)
      plan.failures++
      // It may be in the log all the same, and be finished and forgotten before the next try.
      plan.sure = false
    }
    const others = names.length === 1 ? '' : ` and ${names.length - 1} more`
    this.trouble(
      `the schedule ${names[0]}${others} could not tick and will be tried again: ${messageOf(reason)}`,
    )
  }

  /** Enqueues what is due, each instant once; answers what is done with, once it is durable. */
  private async tick(name: string): Promise<Ticks | undefined> {
    const plan = this.plans.get(name)
    if (plan === undefined) return undefined
    const { schedule, after } = plan.state
    const now = Math.floor(this.deps.clock.wallMs())
    const next = instantsOf(schedule.when)
    const { sure } = plan
    if (!sure) {
      // What was enqueued and not recorded was not missed, whatever became due since.
      const oldest = nextTick(schedule, after, next)
      if (oldest !== undefined && oldest <= now && (await this.isKnown(tickId(name, oldest))))
        return { enqueue: [oldest], upTo: oldest, missed: 0 }
    }
    const ticks = ticksDue(schedule, after, now, next)
    if (ticks === undefined) return undefined
    await Promise.all(
      ticks.enqueue.map(async (instant) => {
        if (!sure && (await this.isKnown(tickId(name, instant)))) return
        const message = tickMessage(schedule, instant)
        const reply = await this.engine.enqueue(this.engine.route(message), [message])
        if (isLeft(reply)) throw errorOfFailure(reply.left)
      }),
    )
    plan.sure = true
    return ticks
  }

  private isKnown(id: string): Promise<boolean> {
    return this.deps.isKnown(this.engine, id)
  }
}
