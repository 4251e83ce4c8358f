// A relay on a log and a broker, as tests run it: what it is told, what it says, and when it has nothing left to tell.
import { setTimeout as pause } from 'node:timers/promises'
import { type KafkaFanOutOptions, openKafkaFanOut } from '../../../src/adapters/kafka/fanOut.js'
import { keepAll, recordEncoder } from '../../../src/adapters/kafka/records.js'
import type { EventLog } from '../../../src/ports/eventLog.js'
import type { RelayStatus } from '../../../src/ports/fanOut.js'
import { Relay } from '../../../src/relay/relay.js'
import { systemClock } from '../../../src/runtime/systemClock.js'

export const LEDGER = 'main'
const LOOK_EVERY_MS = 20

export type RelayRun = Readonly<{ relay: Relay; troubles: ReadonlyArray<string> }>

export const startRelay = async (
  log: EventLog,
  brokers: string,
  topic: string,
  options: Partial<KafkaFanOutOptions> = {},
): Promise<RelayRun> => {
  const fanOut = await openKafkaFanOut({ brokers: [brokers], ledger: LEDGER, topic, ...options })
  const troubles: string[] = []
  const relay = new Relay({
    topic,
    log,
    fanOut,
    clock: systemClock,
    encode: recordEncoder(LEDGER, keepAll),
    onTrouble: (message) => troubles.push(message),
  })
  relay.start()
  return { relay, troubles }
}

/** Looks until it is so; the limit is that of the test. */
export const until = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await what())) await pause(LOOK_EVERY_MS)
}

export const hasToldAll = ({ shards }: RelayStatus): boolean => shards.every(({ lag }) => lag === 0)
export const allTold = ({ relay }: RelayRun): Promise<void> => until(() => hasToldAll(relay.status()))
