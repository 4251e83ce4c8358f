// What a server shows Prometheus of itself: its queues now, its log, its process and its relay. Counts over all time come from the topic
// (`ledgerq metrics`), so names differ: nothing is counted twice by who adds them up. Every name stands in docs/operations.md, and a test
// holds the two equal. Labels are never ids.
import { NotFoundError } from '../api/errors.js'
import type { Ledger, LedgerStats, QueueStats, RelayStatus } from '../api/types/index.js'
import { Exposition, type Sample } from '../consumers/metrics/exposition.js'

const MS_PER_S = 1_000
const US_PER_S = 1_000_000
const LIVE_STATES = ['scheduled', 'pending', 'retrying', 'processing', 'dead'] as const
const SHARD_STATES = ['starting', 'telling', 'waiting', 'standby', 'parked', 'stopped'] as const

export type ServerCondition = Readonly<{
  /** Undefined = a queue does not answer. */
  stats: LedgerStats | undefined
  relay: RelayStatus | undefined
  process: Readonly<{ residentBytes: number; cpuUs: number; upSeconds: number }>
}>

const addQueues = (exposition: Exposition, queues: ReadonlyArray<QueueStats>): void => {
  exposition.add(
    'ledgerq_server_messages',
    'gauge',
    'Messages now, by state, of the queues that this server leads',
    queues.flatMap((stats) =>
      LIVE_STATES.map((state): Sample => [{ queue: stats.queue, state }, stats[state]]),
    ),
  )
  exposition.add(
    'ledgerq_server_oldest_claimable_seconds',
    'gauge',
    'For how long a message could have been claimed that nobody took',
    queues.map(({ queue, oldestClaimableAgeMs }): Sample => [{ queue }, oldestClaimableAgeMs / MS_PER_S]),
  )
}

const addLog = (exposition: Exposition, { log, followUps }: LedgerStats): void => {
  const one = (name: string, type: 'counter' | 'gauge', help: string, value: number): void =>
    exposition.add(name, type, help, [[{}, value]])
  one('ledgerq_log_open', 'gauge', '1 while the log takes events', log.state === 'open' ? 1 : 0)
  one('ledgerq_log_position', 'gauge', 'Position of the last durable event', log.position)
  one('ledgerq_log_bytes', 'gauge', 'Size of the log', log.bytes)
  one('ledgerq_log_syncs_total', 'counter', 'Syncs of the log since the start', log.syncs)
  one(
    'ledgerq_server_follow_ups',
    'gauge',
    'Follow-ups that are recorded and not enqueued yet',
    followUps?.waiting ?? 0,
  )
}

const addRelay = (exposition: Exposition, { shards, openTransactions }: RelayStatus): void => {
  const perShard = (
    name: string,
    help: string,
    value: (shard: RelayStatus['shards'][number]) => number,
  ): void =>
    exposition.add(
      name,
      'gauge',
      help,
      shards.map((shard): Sample => [{ shard: String(shard.shard) }, value(shard)]),
    )
  exposition.add(
    'ledgerq_relay_events_total',
    'counter',
    'Events that were told to Kafka since the topic began; absent while that is not known',
    // Nothing, and then all of them, would look like a burst.
    shards.flatMap(({ shard, told }): Sample[] => (told > 0 ? [[{ shard: String(shard) }, told]] : [])),
  )
  perShard('ledgerq_relay_lag_positions', 'Positions of the log not looked at yet', ({ lag }) => lag)
  perShard(
    'ledgerq_relay_behind_seconds',
    'Age of the newest event that was looked at, while there are newer ones',
    ({ behindMs }) => behindMs / MS_PER_S,
  )
  perShard(
    'ledgerq_relay_still_seconds',
    'For how long there is something to tell, and nothing was told',
    ({ stillMs }) => stillMs / MS_PER_S,
  )
  exposition.add(
    'ledgerq_relay_state',
    'gauge',
    '1 for the state that the shard is in',
    shards.flatMap(({ shard, state }) =>
      SHARD_STATES.map((name): Sample => [{ shard: String(shard), state: name }, name === state ? 1 : 0]),
    ),
  )
  exposition.add(
    'ledgerq_relay_open_transactions',
    'gauge',
    'Partitions in which a transaction is open that nobody ends',
    [[{}, openTransactions.length]],
  )
}

export const serverSeries = ({ stats, relay, process: own }: ServerCondition): string => {
  const exposition = new Exposition()
  const answers = stats === undefined ? 0 : 1
  exposition.add(
    'ledgerq_server_answers',
    'gauge',
    '1 while every queue answers; else the series of queues and log are left out',
    [[{}, answers]],
  )
  exposition.add('ledgerq_server_resident_bytes', 'gauge', 'Memory of the process', [[{}, own.residentBytes]])
  exposition.add('ledgerq_server_cpu_seconds_total', 'counter', 'Processor time of the process', [
    [{}, own.cpuUs / US_PER_S],
  ])
  exposition.add('ledgerq_server_up_seconds', 'gauge', 'For how long the process runs', [[{}, own.upSeconds]])
  if (stats !== undefined) {
    addQueues(exposition, stats.queues)
    addLog(exposition, stats)
  }
  if (relay !== undefined) addRelay(exposition, relay)
  return exposition.text()
}

const noneOf = (error: unknown): undefined => {
  if (error instanceof NotFoundError) return undefined
  throw error
}

/** Of this node alone: each is asked for its own. */
export const shownSeries = async (ledger: Ledger): Promise<string> => {
  const { user, system } = process.cpuUsage()
  return serverSeries({
    stats: await ledger.stats().catch(() => undefined),
    relay: await ledger.relay().catch(noneOf),
    process: {
      residentBytes: process.memoryUsage.rss(),
      cpuUs: user + system,
      upSeconds: process.uptime(),
    },
  })
}
