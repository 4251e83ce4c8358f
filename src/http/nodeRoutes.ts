// What only nodes of the cluster ask.
import { FOLLOW_UPS_ROUTE, FollowUpsBody } from '../cluster/nodeMessages.js'
import { NoQuery } from './codecs.js'
import { BATCH_BODY_BYTES_MAX } from './limits.js'
import { HttpProblem } from './problem.js'
import { ok, type Route, route } from './route.js'

const followUps = route({
  method: 'POST',
  path: FOLLOW_UPS_ROUTE,
  summary:
    'Of nodes only: enqueues what the ends of messages asked for, under its own names, and says which it has',
  body: FollowUpsBody,
  query: NoQuery,
  nodesOnly: true,
  bodyBytesMax: BATCH_BODY_BYTES_MAX,
  answer: async ({ ledger }, { params, body }) => {
    if (ledger.cluster === undefined)
      throw new HttpProblem(404, 'no_cluster', 'This server is no node of a cluster.')
    // Whoever asks does not know how far the node before it had come.
    const wave = body.followUps.map((one) => ({ ...one, isRepeat: true }))
    return ok(await ledger.cluster.deliver(params.queue ?? '', wave))
  },
})

export const nodeRoutes: ReadonlyArray<Route> = [followUps]
