// A log whose events are passed on to Kafka: it ends with the relay, tells how far that is, and drops nothing that is not told (§4.8).
import { right } from 'fp-ts/lib/Either.js'
import { recordEncoder } from '../adapters/kafka/records.js'
import { LEDGER_DEFAULT, TOPIC_DEFAULT } from '../config/kafkaSettings.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import { redaction } from '../relay/redaction.js'
import { Relay } from '../relay/relay.js'
import { systemClock } from '../runtime/systemClock.js'
import { acceptedKafka, isEncrypted, type KafkaOptions } from './kafkaOptions.js'

export type RelayOptions = Readonly<{
  /** Every event is passed on to a topic, in order, once (docs/kafka.md). */
  kafka?: KafkaOptions
}>

/** Of several nodes one at a time runs a task. */
type Tasks = Readonly<{ runTask: (name: string, start: () => Promise<() => Promise<void>>) => void }>
const TASK = 'kafka-relay'

export type RelayedLog = Readonly<{
  log: EventLog
  /** Begins to pass events on; returns at once, whether Kafka answers or not. */
  start: (cluster: Tasks | undefined) => void
}>

type Options = RelayOptions & Readonly<{ clock?: Clock }>

const startRelay = async (
  log: EventLog,
  kafka: KafkaOptions,
  clock: Clock,
  onTrouble: (message: string) => void,
): Promise<Relay> => {
  const { topic = TOPIC_DEFAULT, ledger = LEDGER_DEFAULT, redact = [], tls: _tls, sasl, ...options } = kafka
  // The package behind it is loaded only here: nobody else pays for it.
  const { openKafkaFanOut } = await import('../adapters/kafka/fanOut.js')
  const fanOut = await openKafkaFanOut({
    ...options,
    topic,
    ledger,
    ssl: isEncrypted(kafka),
    ...(sasl === undefined ? {} : { sasl: sasl as Parameters<typeof openKafkaFanOut>[0]['sasl'] & object }),
  })
  const encode = recordEncoder(ledger, redaction(redact))
  const relay = new Relay({ topic, log, fanOut, clock, encode, onTrouble })
  relay.start()
  return relay
}

/** @throws RefusedError for what is not accepted */
export const relayedLog = (
  log: EventLog,
  { kafka: asked, clock = systemClock }: Options,
  onTrouble: (message: string) => void,
): RelayedLog => {
  if (asked === undefined) return { log, start: () => undefined }
  const kafka = acceptedKafka(asked)
  let relay: Relay | undefined
  let starting: Promise<unknown> = Promise.resolve()
  const run = async (): Promise<() => Promise<void>> => {
    const started = await startRelay(log, kafka, clock, (message) => onTrouble(`Kafka relay: ${message}`))
    relay = started
    return async () => {
      await started.stop()
      if (relay === started) relay = undefined
    }
  }
  const stop = async (): Promise<void> => {
    await starting.catch(() => undefined)
    await relay?.stop()
  }
  return {
    log: {
      ...log,
      condition: () => {
        const status = relay?.status()
        return status === undefined ? log.condition() : { ...log.condition(), relay: status }
      },
      truncateBefore: (stream, revision) => async () => {
        // Where it runs elsewhere, nobody here knows how far it is.
        const isTold = (await relay?.isTold(stream, revision - 1)) ?? false
        return isTold ? log.truncateBefore(stream, revision)() : right(undefined)
      },
      close: async () => {
        await stop()
        await log.close()
      },
    },
    start: (cluster) => {
      if (cluster !== undefined) cluster.runTask(TASK, run)
      else starting = run().catch((error: unknown) => onTrouble(`Kafka relay: not started: ${String(error)}`))
    },
  }
}
