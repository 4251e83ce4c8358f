// Who is in the cluster and who leads what, as the node that is asked sees it.
import { NotFoundError } from '../api/errors.js'
import { NoQuery } from './codecs.js'
import { ok, type Route, route } from './route.js'

const cluster = route({
  method: 'GET',
  path: '/api/v1/cluster',
  summary: 'The nodes, whether they live, and which of them leads which queue; 404 for a server on its own',
  query: NoQuery,
  answer: async ({ ledger }) => {
    if (ledger.cluster === undefined)
      throw new NotFoundError('no_cluster', 'this server is no node of a cluster')
    return ok(ledger.cluster.report())
  },
})

export const clusterRoutes: ReadonlyArray<Route> = [cluster]
