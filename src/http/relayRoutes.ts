// How far the relay to Kafka is; of several nodes one runs it, and that one answers.
import { NoQuery } from './codecs.js'
import { ok, type Route, route } from './route.js'

const relay = route({
  method: 'GET',
  path: '/api/v1/relay',
  summary: 'Shard by shard how far events are passed on to Kafka, and what holds them up; 404 where none are',
  anywhere: true,
  query: NoQuery,
  answer: async ({ ledger }) => ok(await ledger.relay()),
})

export const relayRoutes: ReadonlyArray<Route> = [relay]
