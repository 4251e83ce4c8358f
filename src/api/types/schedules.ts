// Recurring messages (B5), as programs see them.
import type { MissedPolicy } from '../../../domain/schedule/index.js'
import type { Actor, EnqueueOptions } from './index.js'

export type { MissedPolicy }

/** When it ticks: give `cron` or `everyMs`. */
export type ScheduleTimes =
  | Readonly<{
      /** Five fields, or six with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly. */
      cron: string
      /** On whose wall clock. Default UTC. */
      timeZone?: string
    }>
  | Readonly<{
      /** By elapsed time, at least 1000. */
      everyMs: number
      /** Ticks at this instant and every `everyMs` after it. Default: whole multiples since 1970-01-01T00:00:00Z. */
      from?: Date | number | string
    }>

export type ScheduleRequest<A> = ScheduleTimes &
  Pick<
    EnqueueOptions,
    'type' | 'topic' | 'group' | 'tenant' | 'priority' | 'headers' | 'ttlMs' | 'timeoutMs'
  > &
  Readonly<{
    /** Unique in the queue. */
    name: string
    payload: A
    /**
     * What becomes of instants that pass while the ledger is not running. Of several, `one` (the default) enqueues the
     * newest, however late; `skip` the newest if it is not more than a minute late; `all` the newest `atMost`.
     */
    missed?: MissedPolicy
    /** Plans nothing while it is paused, and takes up again with the first instant after it is set unpaused. */
    paused?: boolean
    /** Nothing before this instant. */
    startAt?: Date | number | string
    /** Nothing at or after this instant. */
    endAt?: Date | number | string
  }>

export type ScheduleView = Readonly<{
  name: string
  queue: string
  cron: string | undefined
  timeZone: string | undefined
  everyMs: number | undefined
  from: string | undefined
  payload: unknown
  type: string | undefined
  topic: string | undefined
  group: string | undefined
  tenant: string | undefined
  priority: number
  headers: Readonly<Record<string, string>>
  ttlMs: number | undefined
  timeoutMs: number | undefined
  missed: MissedPolicy
  paused: boolean
  startAt: string | undefined
  endAt: string | undefined
  /** Undefined while it is paused, and when nothing is planned any more. */
  nextTick: string | undefined
  /** The newest planned instant that is done with. */
  lastTick: string | undefined
  enqueued: number
  /** Planned instants that never got their message; more than 1000 at once are counted as 1000. */
  missedTicks: number
}>

export type ScheduleOperations<A> = Readonly<{
  /** Sets the schedule of this name, new or not. One that is set as it is already goes on undisturbed. */
  schedule: (request: ScheduleRequest<A>, by?: Actor) => Promise<ScheduleView>
  /** Nothing is planned until it is resumed; instants that pass meanwhile are not missed, they are not planned. */
  pauseSchedule: (name: string, by?: Actor) => Promise<ScheduleView>
  resumeSchedule: (name: string, by?: Actor) => Promise<ScheduleView>
  /** Its messages that are in the queue already stay there. */
  unschedule: (name: string, by?: Actor) => Promise<void>
  /** By name. */
  schedules: () => Promise<ReadonlyArray<ScheduleView>>
  /** The next planned instants of a schedule, as if it were not paused: up to 1000, 10 when left out. */
  preview: (name: string, count?: number) => Promise<ReadonlyArray<string>>
}>
