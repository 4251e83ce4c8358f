// The server as a whole: figures, and whether it lives and is ready.
import { UnavailableError } from '../api/errors.js'
import { NoQuery } from './codecs.js'
import { ok, type Route, route } from './route.js'

const stats = route({
  method: 'GET',
  path: '/api/v1/stats',
  summary: 'Counts of every queue and the condition of the log',
  query: NoQuery,
  answer: async ({ ledger }) => {
    const { queues, log } = await ledger.stats()
    // Why a log has stopped names files and errors of this machine, which its own log is for.
    const reason = log.reason === undefined ? undefined : 'see the log of the server'
    return ok({ queues, log: { ...log, reason } })
  },
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
  summary: 'The log is open and takes messages',
  open: true,
  answer: async ({ ledger, waits }) => {
    const { log } = await ledger.stats()
    if (log.state !== 'open' || waits.stopping.aborted) throw new UnavailableError(`the log is ${log.state}`)
    return ok({ status: 'ready' })
  },
})

export const systemRoutes: ReadonlyArray<Route> = [stats, live, ready]
