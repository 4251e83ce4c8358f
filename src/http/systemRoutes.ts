// The server as a whole: figures, the events of its log, and whether it lives and is ready.
import { UnavailableError } from '../api/errors.js'
import { EXPOSITION_TYPE } from '../consumers/metrics/exposition.js'
import { EventsQuery, NoQuery } from './codecs.js'
import { gatheredStats } from './gathered.js'
import { LIST_LIMIT_DEFAULT } from './limits.js'
import { HttpProblem } from './problem.js'
import { ok, type Route, route } from './route.js'
import { shownSeries } from './serverSeries.js'

const stats = route({
  method: 'GET',
  path: '/api/v1/stats',
  gathers: gatheredStats,
  summary: 'Counts of every queue and the condition of the log',
  query: NoQuery,
  answer: async ({ ledger }) => {
    const { queues, log, followUps, relay } = await ledger.stats()
    // Why a log has stopped names files and errors of this machine, which its own log is for.
    const reason = log.reason === undefined ? undefined : 'see the log of the server'
    return ok({ queues, log: { ...log, reason }, followUps, ...(relay === undefined ? {} : { relay }) })
  },
})

const events = route({
  method: 'GET',
  path: '/api/v1/events',
  summary: 'Durable events of all queues in the order of the log, page by page',
  query: EventsQuery,
  answer: async ({ ledger }, { query }) => ok(await ledger.events({ limit: LIST_LIMIT_DEFAULT, ...query })),
})

const live = route({
  method: 'GET',
  path: '/livez',
  summary: 'The process answers',
  open: true,
  answer: async () => ok({ status: 'live' }),
})

const ready = route({
  method: 'GET',
  path: '/readyz',
  summary:
    'The log is open and takes messages; of a node, also that it is in the cluster and leads what it should',
  open: true,
  answer: async ({ ledger, waits }) => {
    const { log } = await ledger.stats()
    if (log.state !== 'open' || waits.stopping.aborted) throw new UnavailableError(`the log is ${log.state}`)
    if (ledger.cluster?.isReady === false)
      throw new HttpProblem(503, 'not_ready', 'This node is no member, or has not opened all that it leads.')
    return ok({ status: 'ready' })
  },
})

const metrics = route({
  method: 'GET',
  path: '/metrics',
  summary: 'Numbers of this server for Prometheus',
  answer: async ({ ledger }) => ({ status: 200, body: await shownSeries(ledger), media: EXPOSITION_TYPE }),
})

export const systemRoutes: ReadonlyArray<Route> = [stats, events, live, ready, metrics]
