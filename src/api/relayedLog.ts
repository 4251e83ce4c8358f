// A log whose events are passed on to Kafka: it ends with the relay, tells how far that is, and drops nothing that is not told (§4.8).
import { right } from 'fp-ts/lib/Either.js'
import { recordEncoder } from '../adapters/kafka/records.js'
import { LEDGER_DEFAULT, TOPIC_DEFAULT } from '../config/kafkaSettings.js'
import type { Clock } from '../ports/clock.js'
import type { EventLog } from '../ports/eventLog.js'
import type { FanOut, RelayStatus } from '../ports/fanOut.js'
import { redaction } from '../relay/redaction.js'
import { Relay } from '../relay/relay.js'
import { systemClock } from '../runtime/systemClock.js'
import { NotFoundError } from './errors.js'
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

/** @throws NotFoundError where the relay is not run by this process */
export const relayStatusOf = (log: EventLog): RelayStatus => {
  const { relay } = log.condition()
  if (relay === undefined)
    throw new NotFoundError('no_relay', 'this process does not pass its events on to Kafka')
  return relay
}

type Options = RelayOptions & Readonly<{ clock?: Clock }>

export type OpenFanOut = (kafka: KafkaOptions) => Promise<FanOut>

const openKafka: OpenFanOut = async (kafka) => {
  const {
    topic = TOPIC_DEFAULT,
    ledger = LEDGER_DEFAULT,
    redact: _redact,
    tls: _tls,
    sasl,
    ...options
  } = kafka
  // The package behind it is loaded only here: nobody else pays for it.
  const { openKafkaFanOut } = await import('../adapters/kafka/fanOut.js')
  return openKafkaFanOut({
    ...options,
    topic,
    ledger,
    ssl: isEncrypted(kafka),
    ...(sasl === undefined ? {} : { sasl: sasl as Parameters<typeof openKafkaFanOut>[0]['sasl'] & object }),
  })
}

/** @throws RefusedError for what is not accepted */
export const relayedLog = (
  log: EventLog,
  { kafka: asked, clock = systemClock }: Options,
  onTrouble: (message: string) => void,
  openFanOut: OpenFanOut = openKafka,
): RelayedLog => {
  if (asked === undefined) return { log, start: () => undefined }
  const kafka = acceptedKafka(asked)
  let relay: Relay | undefined
  let starting: Promise<unknown> = Promise.resolve()
  const run = async (): Promise<() => Promise<void>> => {
    const { topic = TOPIC_DEFAULT, ledger = LEDGER_DEFAULT, redact = [] } = kafka
    const started = new Relay({
      ...{ topic, log, clock, fanOut: await openFanOut(kafka) },
      encode: recordEncoder(ledger, redaction(redact)),
      onTrouble: (message) => onTrouble(`Kafka relay: ${message}`),
    })
    started.start()
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
