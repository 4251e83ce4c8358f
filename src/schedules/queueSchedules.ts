// The schedules of one queue: when the next of them is due, and what is done then. A tick is enqueued first and recorded
// after it; whoever cannot be sure that nobody was here before looks the tick's id up first, because the queue remembers
// the ids of finished messages for a while only.
import { type Either, isLeft, right } from 'fp-ts/lib/Either.js'
import {
  nextTick,
  recordTicks,
  type ScheduleState,
  type Ticks,
  tickId,
  ticksDue,
} from '../../domain/schedule/index.js'
import { type EpochMs, NO_INSTANT } from '../../domain/time.js'
import { errorOfFailure } from '../api/refusals.js'
import type { QueueEngine } from '../engine/queueEngine.js'
import type { Failure } from '../engine/replies.js'
import { isFailure } from '../engine/routing.js'
import type { Clock } from '../ports/clock.js'
import { instantsOf, nextTickOf } from './nextTicks.js'
import { tickMessage } from './tickMessage.js'

export type ScheduleDeps = Readonly<{
  clock: Clock
  onTrouble: (queue: string, message: string) => void
  /** Whether the queue has, or ever had, a message of this id. */
  isKnown: (engine: QueueEngine, id: string) => Promise<boolean>
}>

/** Ticks on their way to the log together. */
const AT_ONCE = 100
const TURN_MS = 10
const RETRY_MS_MIN = 1_000
/** A tick is late by this much at most once the log takes appends again. */
const RETRY_MS_MAX = 10_000

type Plan = {
  readonly state: ScheduleState
  /** By the wall clock; infinite = never. */
  readonly nextAt: EpochMs
  /** Instants up to this one may have their message already, whatever is recorded of them. */
  doubtUntil: EpochMs
  /** What was tried last, in this process. */
  attemptedUpTo: EpochMs
  failures: number
  notBeforeTick: number
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

export class QueueSchedules {
  private readonly plans = new Map<string, Plan>()
  private closing = false
  private turnAtTick = 0

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
    const isAnyNew = [...schedules.keys()].some((name) => !this.plans.has(name))
    const recordedAt = isAnyNew ? await this.recordedNow() : NO_INSTANT
    for (const name of this.plans.keys()) if (!schedules.has(name)) this.plans.delete(name)
    for (const [name, state] of schedules) {
      const known = this.plans.get(name)
      if (known?.state === state) continue
      await this.breathe()
      if (this.closing) return
      const doubtUntil = known?.doubtUntil ?? recordedAt
      const { attemptedUpTo = NO_INSTANT } = known ?? {}
      const nextAt = this.nextAt(state)
      this.plans.set(name, { state, nextAt, doubtUntil, attemptedUpTo, failures: 0, notBeforeTick: 0 })
    }
  }

  private nextAt(state: ScheduleState): EpochMs {
    try {
      return nextTickOf(state)
    } catch (error) {
      // Accepted by another version, or with another table of zones: the others go on.
      this.trouble(`the schedule ${state.schedule.name} cannot be followed: ${messageOf(error)}`)
      return Number.POSITIVE_INFINITY
    }
  }

  /** Lets others have their turn when these calculations have held the processor for a while. */
  private async breathe(): Promise<void> {
    const { clock } = this.deps
    if (clock.tickMs() - this.turnAtTick < TURN_MS) return
    await new Promise<void>((resolve) => clock.soon(resolve))
    this.turnAtTick = clock.tickMs()
  }

  private trouble(message: string): void {
    this.deps.onTrouble(this.engine.name, message)
  }

  /** Enqueues what these have due, and records all of it in one append. */
  private async round(names: ReadonlyArray<string>): Promise<void> {
    const reached = await this.recorded()
    if (isLeft(reached)) return this.failed(names, errorOfFailure(reached.left))
    const now = Math.min(Math.floor(this.deps.clock.wallMs()), ...reached.right)
    const done = new Map<string, Ticks>()
    const failed: string[] = []
    let reason: unknown
    const failure = (name: string, error: unknown): void => {
      failed.push(name)
      reason ??= error
    }
    for (let from = 0; from < names.length && !this.closing; from += AT_ONCE) {
      const underWay: Promise<void>[] = []
      for (const name of names.slice(from, from + AT_ONCE)) {
        await this.breathe()
        try {
          const ticks = await this.ticksOf(name, now)
          if (ticks === undefined) continue
          const enqueued = this.enqueue(name, ticks)
          underWay.push(
            enqueued.then(() => void done.set(name, ticks)).catch((error) => failure(name, error)),
          )
        } catch (error) {
          failure(name, error)
        }
      }
      await Promise.all(underWay)
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
      plan.doubtUntil = Math.max(plan.doubtUntil, plan.attemptedUpTo)
    }
    const others = names.length === 1 ? '' : ` and ${names.length - 1} more`
    this.trouble(
      `the schedule ${names[0]}${others} could not tick and will be tried again: ${messageOf(reason)}`,
    )
  }

  /**
   * What is due of a schedule; undefined when it is gone, or nothing is. `now`: no later than what every partition records from now
   * on. A batch keeps the time at which it was opened while an append before it is held up, so the wall clock may be far ahead of it.
   */
  private async ticksOf(name: string, now: EpochMs): Promise<Ticks | undefined> {
    const plan = this.plans.get(name)
    if (plan === undefined) return undefined
    const { schedule, after } = plan.state
    const next = instantsOf(schedule.when)
    const oldest = nextTick(schedule, after, next)
    // What was enqueued and not recorded was not missed, whatever became due since.
    if (oldest !== undefined && oldest <= now && (await this.isThere(plan, oldest)))
      return { enqueue: [oldest], upTo: oldest, missed: 0 }
    return ticksDue(schedule, after, now, next)
  }

  /** Each instant once; resolves when all of them are durable. */
  private async enqueue(name: string, ticks: Ticks): Promise<void> {
    const plan = this.plans.get(name)
    if (plan === undefined) return
    plan.attemptedUpTo = Math.max(plan.attemptedUpTo, ticks.upTo)
    await Promise.all(
      ticks.enqueue.map(async (instant) => {
        if (await this.isThere(plan, instant)) return
        const message = tickMessage(plan.state.schedule, instant)
        const [routed] = await this.engine.enqueueRouted([message])
        if (routed !== undefined && isFailure(routed)) throw errorOfFailure(routed)
      }),
    )
  }

  private isThere({ state, doubtUntil }: Plan, instant: EpochMs): Promise<boolean> {
    if (instant > doubtUntil) return Promise.resolve(false)
    return this.deps.isKnown(this.engine, tickId(state.schedule.name, instant))
  }

  /**
   * Nobody enqueues an instant before recorded time has reached it, and that never goes back: what lies after it has no message yet,
   * whoever wrote before us and whatever the wall clock did since.
   */
  private async recordedNow(): Promise<EpochMs> {
    const reached = await this.recorded()
    return isLeft(reached) ? Number.POSITIVE_INFINITY : Math.max(...reached.right)
  }

  /** Of each partition; what is decided after this has at least that time. */
  private async recorded(): Promise<Either<Failure, ReadonlyArray<EpochMs>>> {
    const reply = await this.engine.lookAll((_, at) => at)
    return isLeft(reply) ? reply : right(reply.right.value.map(({ value }) => value))
  }
}
