// The decisions about schedules, and their fold. A tick is recorded after its message is enqueued: between the two a crash
// may come, so the message's id is derived from the instant and recording is a matter of progress only.
import { type Either, left, right } from 'fp-ts/lib/Either.js'
import { invariant } from '../invariant.js'
import type { Actor } from '../message/index.js'
import { type EpochMs, NO_INSTANT } from '../time.js'
import type { ScheduleEvent } from './events.js'
import { SCHEDULES_MAX, type Schedule, sameWhen } from './schedule.js'
import type { Ticks } from './ticks.js'

export type ScheduleState = Readonly<{
  schedule: Schedule
  /** Only instants after this one are still to be done. */
  after: EpochMs
  /** The newest instant that was done or missed; 0 = none yet. */
  lastTick: EpochMs
  enqueued: number
  missed: number
}>
export type Schedules = ReadonlyMap<string, ScheduleState>
export const NO_SCHEDULES: Schedules = new Map()

export type ScheduleRefusal =
  | Readonly<{ type: 'ScheduleInvalid'; field: string; accepted: string }>
  | Readonly<{ type: 'ScheduleNotFound'; name: string }>
  | Readonly<{ type: 'TooManySchedules'; max: number }>

/**
 * Setting what is set already changes nothing. A schedule that keeps its instants goes on where it was; one that gets other
 * instants, or is resumed, begins now: what passed before is not its concern. Never before an instant that is done with.
 */
export const setSchedule = (
  schedules: Schedules,
  schedule: Schedule,
  at: EpochMs,
  by: Actor | undefined,
): Either<ScheduleRefusal, ReadonlyArray<ScheduleEvent>> => {
  const known = schedules.get(schedule.name)
  if (known === undefined) {
    if (schedules.size >= SCHEDULES_MAX) return left({ type: 'TooManySchedules', max: SCHEDULES_MAX })
    return right([{ type: 'ScheduleSet', schedule, after: at, by }])
  }
  if (isSame(known.schedule, schedule)) return right([])
  const goesOn = sameWhen(known.schedule.when, schedule.when) && !known.schedule.paused
  const after = goesOn ? known.after : Math.max(at, known.after)
  return right([{ type: 'ScheduleSet', schedule, after, by }])
}

export const removeSchedule = (
  schedules: Schedules,
  name: string,
  by: Actor | undefined,
): Either<ScheduleRefusal, ReadonlyArray<ScheduleEvent>> =>
  schedules.has(name)
    ? right([{ type: 'ScheduleRemoved', name, by }])
    : left({ type: 'ScheduleNotFound', name })

/** Already so when the schedule is gone, or when these instants are done with: a repetition after a doubtful append. */
export const recordTicks = (
  schedules: Schedules,
  name: string,
  ticks: Ticks,
): ReadonlyArray<ScheduleEvent> => {
  const known = schedules.get(name)
  if (known === undefined || ticks.upTo <= known.after) return []
  return [
    {
      type: 'ScheduleTicked',
      name,
      tick: ticks.upTo,
      enqueued: ticks.enqueue.length,
      missed: ticks.missed,
    },
  ]
}

export const evolveSchedules = (schedules: Schedules, event: ScheduleEvent): Schedules => {
  const next = new Map(schedules)
  switch (event.type) {
    case 'ScheduleSet': {
      const { schedule, after } = event
      const { lastTick = NO_INSTANT, enqueued = 0, missed = 0 } = schedules.get(schedule.name) ?? {}
      next.set(schedule.name, { schedule, after, lastTick, enqueued, missed })
      return next
    }
    case 'ScheduleRemoved':
      invariant(schedules.has(event.name), `I8 schedule ${event.name} was removed, but does not exist`)
      next.delete(event.name)
      return next
    case 'ScheduleTicked': {
      const known = schedules.get(event.name)
      invariant(
        known !== undefined && event.tick > known.after,
        `I8 schedule ${event.name} ticked at ${event.tick}, which is done with or not its own`,
      )
      next.set(event.name, {
        schedule: known.schedule,
        after: event.tick,
        lastTick: event.tick,
        enqueued: known.enqueued + event.enqueued,
        missed: known.missed + event.missed,
      })
      return next
    }
  }
}

const isSame = (one: Schedule, other: Schedule): boolean => canonical(one) === canonical(other)

/** The order in which options and headers were written down is no difference. */
const canonical = (schedule: Schedule): string =>
  JSON.stringify(schedule, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
