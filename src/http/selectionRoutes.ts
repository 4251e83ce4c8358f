// Lists by filter, and operations over many messages: clear, redrive, discard (A8, C3). An operation goes on for a bounded
// number of messages in one call, and answers a cursor when there are more.
import { NoQuery } from './codecs.js'
import { LIST_LIMIT_DEFAULT, OPERATION_STEP_MAX } from './limits.js'
import { actorOf, ok, type Route, route } from './route.js'
import { ClearBody, CountQuery, DeadBody, DeadQuery, ListQuery, RedriveBody } from './selectionCodecs.js'

const QUEUE = '/api/v1/queues/{queue}'
const MESSAGES = `${QUEUE}/messages`

const name = ({ params }: { params: Readonly<Record<string, string>> }): string => params.queue ?? ''

const list = route({
  method: 'GET',
  path: MESSAGES,
  summary: 'Messages of a queue that a filter means, page by page',
  query: ListQuery,
  answer: async ({ queues }, call) =>
    ok(await (await queues.find(name(call))).list({ limit: LIST_LIMIT_DEFAULT, ...call.query })),
})

const count = route({
  method: 'GET',
  path: `${MESSAGES}:count`,
  summary: 'How many messages have not finished and match, by state',
  query: CountQuery,
  answer: async ({ queues }, call) => ok(await (await queues.find(name(call))).count(call.query)),
})

const deadLetters = route({
  method: 'GET',
  path: `${QUEUE}/dlq`,
  summary: 'Dead letters with the reason of each',
  query: DeadQuery,
  answer: async ({ queues }, call) =>
    ok(await (await queues.find(name(call))).deadLetters({ limit: LIST_LIMIT_DEFAULT, ...call.query })),
})

/** One step: the caller goes on with the cursor, or has gone meanwhile. */
const stepOf = ({
  body,
  from,
  gone,
}: {
  body: Readonly<{ limit?: number; by?: { who: string; why?: string } }>
  from: string
  gone: AbortSignal
}) => ({ limit: body.limit ?? OPERATION_STEP_MAX, by: actorOf(body.by, from), signal: gone })

const clear = route({
  method: 'POST',
  path: `${QUEUE}:clear`,
  summary:
    'Purges waiting messages, all or those that match; running ones are left alone. dryRun only counts',
  body: ClearBody,
  query: NoQuery,
  answer: async ({ queues }, call) =>
    ok(await (await queues.find(name(call))).clear({ ...call.body, ...stepOf(call) })),
})

const redrive = route({
  method: 'POST',
  path: `${QUEUE}/dlq:redrive`,
  summary: 'Gives dead letters another life: those named, those that match, or all; dryRun only counts',
  body: RedriveBody,
  query: NoQuery,
  answer: async ({ queues }, call) =>
    ok(await (await queues.find(name(call))).redrive({ ...call.body, ...stepOf(call) })),
})

const clearDead = route({
  method: 'POST',
  path: `${QUEUE}/dlq:clear`,
  summary: 'Drops dead letters for good, all or those that match; their history stays. dryRun only counts',
  body: DeadBody,
  query: NoQuery,
  answer: async ({ queues }, call) =>
    ok(await (await queues.find(name(call))).discardAll({ ...call.body, ...stepOf(call) })),
})

export const selectionRoutes: ReadonlyArray<Route> = [list, count, deadLetters, clear, redrive, clearDead]
