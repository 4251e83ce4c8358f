// Which planned instants are due, which of them are enqueued, and how many were missed. Pure: the instants of a cron
// expression come from a function, and the present from the caller.
import type { EpochMs } from '../time.js'
import type { Schedule, When } from './schedule.js'

/** The first planned instant after this one; undefined = there is none any more. Rising with its argument. */
export type NextAfter = (at: EpochMs) => EpochMs | undefined

/** A newest tick that is not later than this was not missed: timers ring late, and a log may hesitate. */
export const ON_TIME_MS = 60_000

/** Missed instants beyond so many are counted as this many: looking at each of them would take seconds. */
export const MISSED_COUNT_MAX = 1_000

/** `enqueue` in rising order; afterwards everything up to `upTo` is done with. */
export type Ticks = Readonly<{ enqueue: ReadonlyArray<EpochMs>; upTo: EpochMs; missed: number }>

/** The instants of a fixed interval. */
export const everyAfter =
  ({ everyMs, from }: Extract<When, { kind: 'every' }>): NextAfter =>
  (at) =>
    at < from ? from : from + (Math.floor((at - from) / everyMs) + 1) * everyMs

/** The next instant that the schedule plans after `after`, inside its bounds. */
export const nextTick = (schedule: Schedule, after: EpochMs, nextAfter: NextAfter): EpochMs | undefined => {
  const next = nextAfter(Math.max(after, schedule.startAt - 1))
  return next === undefined || (schedule.endAt > 0 && next >= schedule.endAt) ? undefined : next
}

/** Undefined when nothing is due. `after`: everything up to it is done with. */
export const ticksDue = (
  schedule: Schedule,
  after: EpochMs,
  now: EpochMs,
  nextAfter: NextAfter,
): Ticks | undefined => {
  const next: NextAfter = (at) => nextTick(schedule, at, nextAfter)
  const wanted = typeof schedule.missed === 'string' ? 1 : schedule.missed.atMost
  const { due, complete } = dueUpTo(after, now, wanted + MISSED_COUNT_MAX, next)
  const newest = complete ? due.slice(-wanted) : newestUpTo(after, now, wanted, next)
  const upTo = newest.at(-1)
  if (upTo === undefined) return undefined
  const isLate = schedule.missed === 'skip' && now - upTo > ON_TIME_MS
  const enqueue = isLate ? [] : newest
  return { enqueue, upTo, missed: Math.min(MISSED_COUNT_MAX, due.length - enqueue.length) }
}

/** Beyond `countMax` they need not be known one by one. */
const dueUpTo = (
  after: EpochMs,
  now: EpochMs,
  countMax: number,
  next: NextAfter,
): { due: EpochMs[]; complete: boolean } => {
  const due: EpochMs[] = []
  for (let tick = next(after); tick !== undefined && tick <= now; tick = next(tick)) {
    if (due.length > countMax) return { due, complete: false }
    due.push(tick)
  }
  return { due, complete: true }
}

const FIRST_SPAN_MS = 1_000
const SPAN_FACTOR = 4

/** The newest `wanted` of very many: looks back from now in growing spans until there are enough in one. */
const newestUpTo = (after: EpochMs, now: EpochMs, wanted: number, next: NextAfter): EpochMs[] => {
  for (let spanMs = FIRST_SPAN_MS; ; spanMs *= SPAN_FACTOR) {
    const from = Math.max(after, now - spanMs)
    const found: EpochMs[] = []
    for (let tick = next(from); tick !== undefined && tick <= now; tick = next(tick)) found.push(tick)
    if (found.length >= wanted || from === after) return found.slice(-wanted)
  }
}
