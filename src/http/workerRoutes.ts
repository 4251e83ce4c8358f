// What remote workers use: claims and settlements.
import { ClaimBody, NoQuery, SettlementsBody } from './codecs.js'
import { claimWaiting } from './longPoll.js'
import { ok, type Route, route } from './route.js'

const claims = route({
  method: 'POST',
  path: '/api/v1/queues/{queue}/claims',
  summary: 'Claims messages, waiting up to waitMs for the first; the same claimId answers the same again',
  body: ClaimBody,
  query: NoQuery,
  waits: true,
  answer: async ({ queues, waits }, { params, body, gone }) => {
    const queue = await queues.find(params.queue ?? '')
    return ok({ messages: await claimWaiting({ queue, options: body, gone }, waits) })
  },
})

const settlements = route({
  method: 'POST',
  path: '/api/v1/queues/{queue}/settlements',
  summary: 'Acks, failures, releases and extensions of leases, a result for each',
  body: SettlementsBody,
  query: NoQuery,
  answer: async ({ queues }, { params, body }) => {
    const queue = await queues.find(params.queue ?? '')
    return ok({ results: await queue.settle(body.settlements) })
  },
})

export const workerRoutes: ReadonlyArray<Route> = [claims, settlements]
