// Recurring messages: the schedules of a queue as resources.

import { isFields } from '../../domain/storedFields.js'
import { NotFoundError } from '../api/errors.js'
import type { MissedPolicy, Queue, ScheduleRequest, ScheduleView } from '../api/types/index.js'
import { accepting, closedRecord } from './closedRecord.js'
import { NoQuery, OperatorBody } from './codecs.js'
import { by, flag, instant, json, priority, strings, text, wholeNumber } from './fields.js'
import { type Answer, actorOf, done, ok, type Route, route } from './route.js'

const SCHEDULES = '/api/v1/queues/{queue}/schedules'
const SCHEDULE = `${SCHEDULES}/{name}`

const count = wholeNumber(1, Number.MAX_SAFE_INTEGER)
/** Which of them are accepted is the ledger's to say, so that HTTP and library refuse alike. */
const missed = accepting(
  '"skip", "one" or an object',
  (value): value is MissedPolicy => typeof value === 'string' || isFields(value),
)

const ScheduleBody = closedRecord(
  'a schedule',
  { payload: json },
  {
    cron: text,
    timeZone: text,
    everyMs: count,
    from: instant,
    missed,
    paused: flag,
    startAt: instant,
    endAt: instant,
    type: text,
    topic: text,
    group: text,
    tenant: text,
    priority,
    headers: strings,
    ttlMs: count,
    timeoutMs: count,
    by,
  },
)
const RemoveQuery = closedRecord('a removal', {}, { who: text, why: text })
const PreviewQuery = closedRecord('a preview', {}, { count: text })

type Params = Readonly<{ params: Readonly<Record<string, string>> }>
const queueOf = ({ params }: Params): string => params.queue ?? ''
const nameOf = ({ params }: Params): string => params.name ?? ''

const found = async (queue: Queue<unknown>, name: string): Promise<ScheduleView> => {
  const view = (await queue.schedules()).find((one) => one.name === name)
  if (view === undefined)
    throw new NotFoundError('schedule_not_found', `there is no schedule "${name}"`, { name })
  return view
}

const list = route({
  method: 'GET',
  path: SCHEDULES,
  summary: 'The schedules of a queue by name, each with its next and last tick',
  query: NoQuery,
  answer: async ({ queues }, call) => ok({ schedules: await (await queues.find(queueOf(call))).schedules() }),
})

const put = route({
  method: 'PUT',
  path: SCHEDULE,
  summary: 'Sets a schedule; 201 when it is new. One that is set as it is already goes on undisturbed',
  body: ScheduleBody,
  query: NoQuery,
  answer: async ({ queues }, call): Promise<Answer> => {
    const queue = await queues.find(queueOf(call))
    const { by: who, ...request } = call.body
    const isNew = !(await queue.schedules()).some(({ name }) => name === nameOf(call))
    // Whether cron or everyMs was given is checked behind the door, with everything else.
    const asked = { ...request, name: nameOf(call) } as ScheduleRequest<unknown>
    return { status: isNew ? 201 : 200, body: await queue.schedule(asked, actorOf(who, call.from)) }
  },
})

const get = route({
  method: 'GET',
  path: SCHEDULE,
  summary: 'One schedule with its next and last tick',
  query: NoQuery,
  answer: async ({ queues }, call) => ok(await found(await queues.find(queueOf(call)), nameOf(call))),
})

const preview = route({
  method: 'GET',
  path: `${SCHEDULE}/preview`,
  summary:
    'The next planned instants of a schedule, as if it were not paused; count of them, 10 when left out',
  query: PreviewQuery,
  answer: async ({ queues }, call) => {
    const queue = await queues.find(queueOf(call))
    const asked = call.query.count === undefined ? undefined : Number(call.query.count)
    return ok({ ticks: await queue.preview(nameOf(call), asked) })
  },
})

const pause = route({
  method: 'POST',
  path: `${SCHEDULE}:pause`,
  summary: 'Plans nothing until it is resumed; what passes meanwhile is not enqueued later',
  body: OperatorBody,
  query: NoQuery,
  answer: async ({ queues }, call) => {
    const queue = await queues.find(queueOf(call))
    return ok(await queue.pauseSchedule(nameOf(call), actorOf(call.body.by, call.from)))
  },
})

const resume = route({
  method: 'POST',
  path: `${SCHEDULE}:resume`,
  summary: 'Plans again, from the next instant on',
  body: OperatorBody,
  query: NoQuery,
  answer: async ({ queues }, call) => {
    const queue = await queues.find(queueOf(call))
    return ok(await queue.resumeSchedule(nameOf(call), actorOf(call.body.by, call.from)))
  },
})

const remove = route({
  method: 'DELETE',
  path: SCHEDULE,
  summary: 'Removes a schedule; messages of it that are in the queue stay there',
  query: RemoveQuery,
  answer: async ({ queues }, call) => {
    const { who, why } = call.query
    const actor = who === undefined ? undefined : { who, ...(why === undefined ? {} : { why }) }
    await (await queues.find(queueOf(call))).unschedule(nameOf(call), actorOf(actor, call.from))
    return done
  },
})

export const scheduleRoutes: ReadonlyArray<Route> = [list, put, get, preview, pause, resume, remove]
