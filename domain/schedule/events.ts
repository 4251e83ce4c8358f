// What happens to schedules, in the control stream of their queue.
import type { Actor } from '../message/index.js'
import type { EpochMs } from '../time.js'
import type { Schedule } from './schedule.js'

/** A new schedule, or a known one changed. Only instants after `after` are its concern from here on. */
export type ScheduleSet = Readonly<{
  type: 'ScheduleSet'
  schedule: Schedule
  after: EpochMs
  by: Actor | undefined
}>
export type ScheduleRemoved = Readonly<{ type: 'ScheduleRemoved'; name: string; by: Actor | undefined }>

/**
 * The planned instants up to and including `tick` are done with: `enqueued` of them have their message in the log, `missed`
 * of them never will.
 */
export type ScheduleTicked = Readonly<{
  type: 'ScheduleTicked'
  name: string
  tick: EpochMs
  enqueued: number
  missed: number
}>

export type ScheduleEvent = ScheduleSet | ScheduleRemoved | ScheduleTicked
