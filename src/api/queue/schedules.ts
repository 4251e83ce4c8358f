// Schedules of one queue in this process: what a caller may ask for, and how it is shown.
import { isLeft } from 'fp-ts/lib/Either.js'
import {
  EVERY_MS_MAX,
  EVERY_MS_MIN,
  isMissedPolicy,
  isScheduleName,
  MISSED_RULE,
  nextTick,
  removeSchedule,
  SCHEDULE_NAME_RULE,
  type Schedule,
  type ScheduleState,
  setSchedule,
  type TickOptions,
  type When,
} from '../../../domain/schedule/index.js'
import { type EpochMs, NO_INSTANT } from '../../../domain/time.js'
import { instantOf } from '../../door/newMessage.js'
import type { QueueEngine } from '../../engine/queueEngine.js'
import type { NewMessage } from '../../engine/requests.js'
import { acceptCron } from '../../schedules/cronTimes.js'
import { instantsOf, nextTickOf } from '../../schedules/nextTicks.js'
import type { Scheduler } from '../../schedules/scheduler.js'
import { SCHEDULE_HEADER, TICK_HEADER } from '../../schedules/tickMessage.js'
import { accepted } from '../acceptedOptions.js'
import { actorOf } from '../actor.js'
import { LedgerqError } from '../errors.js'
import { errorOf, withPublicErrors } from '../refusals.js'
import type {
  Actor,
  EnqueueOptions,
  ScheduleOperations,
  ScheduleRequest,
  ScheduleView,
} from '../types/index.js'
import { locate, type ReadDeps } from './queueReads.js'

export type ScheduleDesk<A> = Readonly<{
  engine: QueueEngine
  scheduler: Scheduler
  /** The queue's own door for messages. */
  accept: (payload: A, options: EnqueueOptions) => NewMessage | LedgerqError
}>

export const PREVIEW_MAX = 1_000
const PREVIEW_DEFAULT = 10

const OWN_FIELDS = [
  'name',
  'cron',
  'timeZone',
  'everyMs',
  'from',
  'missed',
  'paused',
  'startAt',
  'endAt',
] as const
const MESSAGE_FIELDS = [
  'type',
  'topic',
  'group',
  'tenant',
  'priority',
  'headers',
  'ttlMs',
  'timeoutMs',
] as const
const FIELDS: ReadonlySet<string> = new Set([...OWN_FIELDS, 'payload', ...MESSAGE_FIELDS])

const invalid = (field: string, accepted: string): LedgerqError =>
  errorOf({ type: 'ScheduleInvalid', field, accepted })

const ACCEPTED_INSTANT = 'a Date, milliseconds since 1970, or an ISO 8601 instant with a zone'
const instant = (field: string, value: unknown): EpochMs => {
  const found = instantOf(value)
  if (found === undefined) throw invalid(field, ACCEPTED_INSTANT)
  return found
}

/** @throws LedgerqError */
const whenOf = (request: Readonly<Record<string, unknown>>, at: EpochMs): When => {
  const { cron, timeZone, everyMs, from } = request
  if ((cron === undefined) === (everyMs === undefined)) throw invalid('cron', 'one of cron and everyMs')
  if (cron !== undefined) {
    if (from !== undefined) throw invalid('from', 'nothing beside cron: it belongs to everyMs')
    const accepted = acceptCron(cron, timeZone ?? 'UTC', at)
    if (isLeft(accepted)) throw errorOf(accepted.left)
    return { kind: 'cron', ...accepted.right }
  }
  if (timeZone !== undefined) throw invalid('timeZone', 'nothing beside everyMs: it belongs to cron')
  if (
    typeof everyMs !== 'number' ||
    !Number.isInteger(everyMs) ||
    everyMs < EVERY_MS_MIN ||
    everyMs > EVERY_MS_MAX
  )
    throw invalid('everyMs', `a whole number of milliseconds from ${EVERY_MS_MIN} to ${EVERY_MS_MAX}`)
  return { kind: 'every', everyMs, from: instant('from', from) }
}

/** @throws LedgerqError */
const optionsOf = <A>(
  desk: ScheduleDesk<A>,
  request: ScheduleRequest<A>,
): Readonly<{ payload: string; options: TickOptions }> => {
  const asked: Record<string, unknown> = {}
  for (const field of MESSAGE_FIELDS) if (request[field] !== undefined) asked[field] = request[field]
  const { headers = {}, ...rest } = asked as EnqueueOptions
  // Checked with the headers that each tick gets, so that no tick is refused for what is added to it.
  const headersOfTick = {
    ...headers,
    [SCHEDULE_HEADER]: request.name,
    [TICK_HEADER]: new Date(0).toISOString(),
  }
  const message = desk.accept(request.payload, { ...rest, headers: headersOfTick })
  if (message instanceof LedgerqError) throw message
  const priority = asked.priority === undefined ? {} : { priority: message.priority }
  return { payload: message.payload, options: { ...(asked as TickOptions), ...priority } }
}

/** @throws LedgerqError */
const scheduleOf = <A>(desk: ScheduleDesk<A>, request: ScheduleRequest<A>, at: EpochMs): Schedule => {
  const unknown = Object.keys(request).find((field) => !FIELDS.has(field))
  if (unknown !== undefined) throw invalid(unknown, `one of ${[...FIELDS].join(', ')}`)
  const { name, missed = 'one', paused = false } = request
  if (!isScheduleName(name)) throw invalid('name', SCHEDULE_NAME_RULE)
  if (!isMissedPolicy(missed)) throw invalid('missed', MISSED_RULE)
  if (typeof paused !== 'boolean') throw invalid('paused', 'true or false')
  const when = whenOf(request, at)
  const startAt = instant('startAt', request.startAt)
  const endAt = instant('endAt', request.endAt)
  if (endAt !== NO_INSTANT && endAt <= startAt) throw invalid('endAt', 'an instant after startAt')
  const kept = typeof missed === 'string' ? missed : { kind: missed.kind, atMost: missed.atMost }
  return { name, when, missed: kept, paused, startAt, endAt, ...optionsOf(desk, request) }
}

const isoOf = (at: EpochMs): string | undefined =>
  at === NO_INSTANT || at === Number.POSITIVE_INFINITY ? undefined : new Date(at).toISOString()

const viewOf = (queue: string, state: ScheduleState): ScheduleView => {
  const { schedule, lastTick, enqueued, missed } = state
  const { name, when, options, payload, paused, startAt, endAt } = schedule
  const { type, topic, group, tenant, priority = 0, headers = {}, ttlMs, timeoutMs } = options
  const isCron = when.kind === 'cron'
  return {
    name,
    queue,
    cron: isCron ? when.expression : undefined,
    timeZone: isCron ? when.timeZone : undefined,
    everyMs: isCron ? undefined : when.everyMs,
    from: isCron ? undefined : isoOf(when.from),
    payload: JSON.parse(payload) as unknown,
    type,
    topic,
    group,
    tenant,
    priority,
    headers,
    ttlMs,
    timeoutMs,
    missed: schedule.missed,
    paused,
    startAt: isoOf(startAt),
    endAt: isoOf(endAt),
    nextTick: isoOf(nextTickOf(state)),
    lastTick: isoOf(lastTick),
    enqueued,
    missedTicks: missed,
  }
}

const stateOf = ({ control }: QueueEngine, name: string): ScheduleState => {
  const state = control.schedules.get(name)
  if (state === undefined) throw errorOf({ type: 'ScheduleNotFound', name })
  return state
}

const previewOf = (state: ScheduleState, now: EpochMs, count: number): string[] => {
  const { schedule, after } = state
  const found: string[] = []
  const next = instantsOf(schedule.when)
  let from: EpochMs | undefined = Math.max(after, now)
  while (found.length < count) {
    from = nextTick(schedule, from, next)
    if (from === undefined) break
    found.push(new Date(from).toISOString())
  }
  return found
}

/** Rejects while the register of finished messages has gaps: a guess could enqueue a message twice. */
export const wasEnqueued = async (deps: ReadDeps, id: string): Promise<boolean> =>
  (await locate(deps, id)) !== undefined

export const scheduleOperations = <A>(desk: ScheduleDesk<A>): ScheduleOperations<A> => {
  const { engine, scheduler } = desk
  const set = async (
    name: string,
    at: EpochMs,
    schedule: () => Schedule,
    by: Actor | undefined,
  ): Promise<ScheduleView> => {
    const actor = actorOf(by)
    await withPublicErrors(
      engine.changeControl(({ schedules }) => {
        const events = setSchedule(schedules, schedule(), at, actor)
        if (isLeft(events)) throw errorOf(events.left)
        return events.right
      }),
    )
    scheduler.changed(engine)
    return viewOf(engine.name, stateOf(engine, name))
  }
  const setPaused = (name: string, paused: boolean, by: Actor | undefined): Promise<ScheduleView> =>
    set(name, scheduler.now(), () => ({ ...stateOf(engine, name).schedule, paused }), by)
  return {
    schedule: async (request, by) => {
      const at = scheduler.now()
      const schedule = scheduleOf(desk, accepted('schedule', request), at)
      return set(schedule.name, at, () => schedule, by)
    },
    pauseSchedule: (name, by) => setPaused(name, true, by),
    resumeSchedule: (name, by) => setPaused(name, false, by),
    unschedule: async (name, by) => {
      const actor = actorOf(by)
      await withPublicErrors(
        engine.changeControl(({ schedules }) => {
          const events = removeSchedule(schedules, name, actor)
          if (isLeft(events)) throw errorOf(events.left)
          return events.right
        }),
      )
      scheduler.changed(engine)
    },
    schedules: async () => {
      const states = [...engine.control.schedules.values()]
      states.sort((one, other) => (one.schedule.name < other.schedule.name ? -1 : 1))
      return states.map((state) => viewOf(engine.name, state))
    },
    preview: async (name, count = PREVIEW_DEFAULT) => {
      if (!Number.isInteger(count) || count < 1 || count > PREVIEW_MAX)
        throw invalid('count', `a whole number from 1 to ${PREVIEW_MAX}`)
      return previewOf(stateOf(engine, name), scheduler.now(), count)
    },
  }
}
