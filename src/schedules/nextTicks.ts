// When a schedule ticks next. Worked out once per situation of a schedule: an expression costs some 60 microseconds, and a
// list of a thousand schedules would hold up everybody else each time it is asked for.
import {
  everyAfter,
  type NextAfter,
  nextTick,
  type ScheduleState,
  type When,
} from '../../domain/schedule/index.js'
import type { EpochMs } from '../../domain/time.js'
import { nextAfter } from './cronTimes.js'

export const instantsOf = (when: When): NextAfter =>
  when.kind === 'every' ? everyAfter(when) : (at) => nextAfter(when.expression, when.timeZone, at)

const known = new WeakMap<ScheduleState, EpochMs>()

/** Infinite when it is paused, or when nothing is planned any more. */
export const nextTickOf = (state: ScheduleState): EpochMs => {
  const { schedule, after } = state
  if (schedule.paused) return Number.POSITIVE_INFINITY
  let next = known.get(state)
  if (next === undefined) {
    next = nextTick(schedule, after, instantsOf(schedule.when)) ?? Number.POSITIVE_INFINITY
    known.set(state, next)
  }
  return next
}
