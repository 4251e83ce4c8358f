// Queues as resources: their settings, pause, and dead letters.

import { DeleteQuery, DiscardBody, NoQuery, OperatorBody, QueueBody, ResizeBody } from './codecs.js'
import { gatheredQueues } from './gathered.js'
import { queueNotFound } from './queueHandles.js'
import { type Answer, actorOf, done, ok, type Route, route } from './route.js'

const QUEUE = '/api/v1/queues/{queue}'

const name = ({ params }: { params: Readonly<Record<string, string>> }): string => params.queue ?? ''

const putQueue = route({
  method: 'PUT',
  path: QUEUE,
  creates: true,
  summary: 'Creates the queue, or changes the settings that are given; 201 when it is new',
  body: QueueBody,
  query: NoQuery,
  answer: async ({ ledger, queues }, call): Promise<Answer> => {
    const { by, ...settings } = call.body
    const existing = await queues.view(name(call))
    if (existing === undefined) {
      const created = await ledger.queue(name(call), settings)
      return { status: 201, body: await created.view() }
    }
    const queue = await queues.find(name(call))
    if (Object.keys(settings).length === 0) return ok(existing)
    return ok(await queue.configure(settings, actorOf(by, call.from)))
  },
})

const resize = route({
  method: 'POST',
  path: `${QUEUE}:resize`,
  summary: 'Another number of partitions, while it works: new ones are opened, those before drain',
  body: ResizeBody,
  query: NoQuery,
  answer: async ({ queues }, call) => {
    const { partitions, by } = call.body
    return ok(await (await queues.find(name(call))).resize(partitions, actorOf(by, call.from)))
  },
})

const getQueue = route({
  method: 'GET',
  path: QUEUE,
  summary: 'Settings and counts of one queue',
  query: NoQuery,
  answer: async ({ queues }, call) => {
    const queue = await queues.find(name(call))
    const [view, stats] = await Promise.all([queue.view(), queue.stats()])
    return ok({ ...view, stats })
  },
})

const deleteQueue = route({
  method: 'DELETE',
  path: QUEUE,
  summary: 'Deletes the queue; one that holds messages only with evenIfNotEmpty=true',
  query: DeleteQuery,
  answer: async ({ ledger, queues }, call) => {
    if ((await queues.view(name(call))) === undefined) throw queueNotFound(name(call))
    const { evenIfNotEmpty, who, why } = call.query
    const by = who === undefined ? undefined : { who, ...(why === undefined ? {} : { why }) }
    await ledger.deleteQueue(name(call), {
      evenIfNotEmpty: evenIfNotEmpty === 'true',
      by: actorOf(by, call.from),
    })
    queues.forget(name(call))
    return done
  },
})

const listQueues = route({
  method: 'GET',
  path: '/api/v1/queues',
  gathers: gatheredQueues,
  summary: 'All queues with their settings',
  query: NoQuery,
  answer: async ({ ledger }) => ok({ queues: await ledger.queues() }),
})

const pause = route({
  method: 'POST',
  path: `${QUEUE}:pause`,
  summary: 'Stops handing out messages; enqueues go on',
  body: OperatorBody,
  query: NoQuery,
  answer: async ({ queues }, call) => {
    await (await queues.find(name(call))).pause(actorOf(call.body.by, call.from))
    return done
  },
})

const resume = route({
  method: 'POST',
  path: `${QUEUE}:resume`,
  summary: 'Hands out messages again',
  body: OperatorBody,
  query: NoQuery,
  answer: async ({ queues }, call) => {
    await (await queues.find(name(call))).resume(actorOf(call.body.by, call.from))
    return done
  },
})

const discard = route({
  method: 'POST',
  path: `${QUEUE}/dlq:discard`,
  summary: 'Drops the dead letters named for good; their history stays. A result each',
  body: DiscardBody,
  query: NoQuery,
  answer: async ({ queues }, call) => {
    const queue = await queues.find(name(call))
    return ok({ results: await queue.discardEach(call.body.ids, actorOf(call.body.by, call.from)) })
  },
})

export const queueRoutes: ReadonlyArray<Route> = [
  listQueues,
  putQueue,
  resize,
  getQueue,
  deleteQueue,
  pause,
  resume,
  discard,
]
