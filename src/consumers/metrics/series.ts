// Which series `ledgerq metrics` shows. Labels are names of queues, failure types, reasons and states, each of a bounded number; never
// an id. Every name stands in docs/metrics.md, and a test holds the two equal.
import type { LedgerTotals, QueueTotals } from '../../../projections/topic/ledgerTotals.js'
import { Exposition, type Labels, type Sample } from './exposition.js'

export type ReaderCondition = Readonly<{
  /** By partition of the topic. */
  lag: ReadonlyArray<number>
  isConnected: boolean
  gaps: number
  repeats: number
  /** Recorded time of the latest event that was counted; 0 = none was. */
  lastEventAt: number
  /** Of the checkpoint; 0 = none was written. */
  savedAt: number
}>

type Count = Readonly<{ name: string; help: string; of: (queue: QueueTotals) => number }>

const COUNTS: ReadonlyArray<Count> = [
  {
    name: 'ledgerq_messages_enqueued_total',
    help: 'Messages that were enqueued',
    of: ({ counts }) => counts.enqueued,
  },
  {
    name: 'ledgerq_attempts_started_total',
    help: 'Attempts that were started',
    of: ({ counts }) => counts.attempts,
  },
  {
    name: 'ledgerq_attempts_succeeded_total',
    help: 'Attempts, and so messages, that succeeded',
    of: ({ counts }) => counts.succeeded,
  },
  {
    name: 'ledgerq_attempts_released_total',
    help: 'Attempts that were handed back without an outcome',
    of: ({ counts }) => counts.released,
  },
  {
    name: 'ledgerq_retries_scheduled_total',
    help: 'Retries that were scheduled',
    of: ({ retries }) => retries,
  },
  {
    name: 'ledgerq_messages_redriven_total',
    help: 'Dead letters that were sent on their way again',
    of: ({ counts }) => counts.redriven,
  },
  {
    name: 'ledgerq_messages_cancelled_total',
    help: 'Messages that were cancelled',
    of: ({ counts }) => counts.cancelled,
  },
  {
    name: 'ledgerq_messages_expired_total',
    help: 'Messages whose time ran out before they were started',
    of: ({ counts }) => counts.expired,
  },
  {
    name: 'ledgerq_messages_edited_total',
    help: 'Edits of waiting messages',
    of: ({ counts }) => counts.edited,
  },
  {
    name: 'ledgerq_circuit_openings_total',
    help: 'Times that a circuit opened',
    of: ({ circuitOpenings }) => circuitOpenings,
  },
  {
    name: 'ledgerq_partition_openings_total',
    help: 'Terms of writers that began: starts and takeovers',
    of: ({ openings }) => openings,
  },
  {
    name: 'ledgerq_waits_untimed_total',
    help: 'Messages that waited while too many others did to be timed',
    of: ({ untimed }) => untimed,
  },
]

type NamedCount = Readonly<{
  name: string
  help: string
  label: string
  of: (queue: QueueTotals) => Iterable<readonly [string, number]>
}>

const NAMED_COUNTS: ReadonlyArray<NamedCount> = [
  {
    name: 'ledgerq_attempts_failed_total',
    help: 'Attempts that failed, by failure type',
    label: 'failure_type',
    of: ({ counts }) => Object.entries(counts.failuresByType),
  },
  {
    name: 'ledgerq_messages_dead_lettered_total',
    help: 'Messages that became dead letters, by reason',
    label: 'reason',
    of: ({ deadLetterReasons }) => deadLetterReasons,
  },
  {
    name: 'ledgerq_messages_purged_total',
    help: 'Messages that were removed, by cause',
    label: 'cause',
    of: ({ purgeCauses }) => purgeCauses,
  },
]

const of = ({ queue }: QueueTotals): Labels => ({ queue })

const addQueues = (exposition: Exposition, queues: ReadonlyArray<QueueTotals>): void => {
  for (const { name, help, of: count } of COUNTS)
    exposition.add(
      name,
      'counter',
      help,
      queues.map((queue): Sample => [of(queue), count(queue)]),
    )
  for (const { name, help, label, of: counts } of NAMED_COUNTS)
    exposition.add(
      name,
      'counter',
      help,
      queues.flatMap((queue) =>
        [...counts(queue)].map(([value, n]): Sample => [{ ...of(queue), [label]: value }, n]),
      ),
    )
  exposition.add(
    'ledgerq_messages',
    'gauge',
    'Messages now, by state; only of queues that were read from their beginning',
    queues.flatMap((queue) =>
      Object.entries(queue.live ?? {}).map(([state, n]): Sample => [{ ...of(queue), state }, n]),
    ),
  )
  exposition.addSeconds(
    'ledgerq_message_wait_seconds',
    'From when a message could run to its first start',
    queues.map((queue) => [of(queue), queue.waits]),
  )
  exposition.addSeconds(
    'ledgerq_attempt_duration_seconds',
    'From the start of an attempt to its success or failure',
    queues.map((queue) => [of(queue), queue.durations]),
  )
}

export const expositionOf = (totals: LedgerTotals, reader: ReaderCondition): string => {
  const exposition = new Exposition()
  addQueues(exposition, totals.queues())
  exposition.add(
    'ledgerq_events_total',
    'counter',
    'Events of the ledger, by type',
    [...totals.events].map(([type, n]): Sample => [{ type }, n]),
  )
  exposition.add(
    'ledgerq_metrics_lag_records',
    'gauge',
    'Records of the topic that were not counted yet, by partition',
    reader.lag.map((n, partition): Sample => [{ partition: String(partition) }, n]),
  )
  const single = (name: string, type: 'counter' | 'gauge', help: string, value: number): void =>
    exposition.add(name, type, help, [[{}, value]])
  single('ledgerq_metrics_connected', 'gauge', '1 while the brokers answer', reader.isConnected ? 1 : 0)
  single('ledgerq_metrics_gaps_total', 'counter', 'Times that events of a stream were missing', reader.gaps)
  single(
    'ledgerq_metrics_repeats_total',
    'counter',
    'Events that came again, and were not counted',
    reader.repeats,
  )
  single(
    'ledgerq_metrics_last_event_timestamp_seconds',
    'gauge',
    'Recorded time of the latest event that was counted',
    reader.lastEventAt / 1_000,
  )
  single(
    'ledgerq_metrics_checkpoint_timestamp_seconds',
    'gauge',
    'When the counts were last stored',
    reader.savedAt / 1_000,
  )
  return exposition.text()
}
