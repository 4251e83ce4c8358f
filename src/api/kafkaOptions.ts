// What a ledger that passes its events on to Kafka is told, and what is accepted.
import { isLeft } from 'fp-ts/lib/Either.js'
import * as t from 'io-ts'
import { storedRecord } from '../../domain/storedFields.js'
import { brokerCodec, KAFKA_SETTINGS, redactPathCodec, SASL_MECHANISMS } from '../config/kafkaSettings.js'
import { oneOf, text, wholeNumber, yesOrNo } from '../config/setting.js'
import { accepted } from './acceptedOptions.js'
import { errorOf } from './refusals.js'

export type KafkaOptions = Readonly<{
  /** `host:port` of some of the brokers. */
  brokers: ReadonlyArray<string>
  /** Default `ledgerq.events`; positions are kept in the topic of that name with `.positions` behind it. */
  topic?: string
  /** Names this ledger in the topic. Default `ledgerq`. */
  ledger?: string
  /** Of the topic, where it is made. Default 8. */
  partitions?: number
  /** Transactions side by side, and how much of the topic one event can hold up. Fixed from the first start on. Default 4. */
  shards?: number
  /** Where the topics are made. Default: 3, or as many as there are brokers. */
  replicationFactor?: number
  /** How long events stay in the topic, where it is made; -1 = for ever. Default: 7 days. */
  retentionMs?: number
  compression?: 'none' | 'gzip'
  /** Paths of what never leaves, such as `payload.card.number` (docs/kafka.md). */
  redact?: ReadonlyArray<string>
  /** Default: true, unless all brokers are on this machine. */
  tls?: boolean
  sasl?: Readonly<{ mechanism: (typeof SASL_MECHANISMS)[number]; username: string; password: string }>
}>

const COPIES_MAX = 100
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]):/

const FIELDS = {
  topic: KAFKA_SETTINGS.kafkaTopic.codec,
  ledger: KAFKA_SETTINGS.kafkaLedger.codec,
  partitions: KAFKA_SETTINGS.kafkaPartitions.codec,
  shards: KAFKA_SETTINGS.kafkaShards.codec,
  replicationFactor: wholeNumber(1, COPIES_MAX),
  retentionMs: KAFKA_SETTINGS.kafkaRetentionMs.codec,
  compression: KAFKA_SETTINGS.kafkaCompression.codec,
  redact: t.readonlyArray(redactPathCodec, `a list of ${redactPathCodec.name}`),
  tls: yesOrNo,
  sasl: storedRecord('user', { mechanism: oneOf(...SASL_MECHANISMS), username: text, password: text }),
}
const KafkaCodec: t.Type<KafkaOptions, unknown> = storedRecord(
  'kafka',
  { brokers: t.readonlyArray(brokerCodec, 'a list of host:port') },
  FIELDS,
)

const refused = (field: string, problem: string): Error => errorOf({ type: 'Invalid', field, problem })

/** @throws RefusedError that names the field */
export const acceptedKafka = (asked: KafkaOptions): KafkaOptions => {
  accepted('kafka', asked, ['brokers', ...Object.keys(FIELDS)])
  const decoded = KafkaCodec.decode(asked)
  if (isLeft(decoded)) {
    const context = decoded.left[0]?.context ?? []
    const path = context.map(({ key }) => key).filter((key) => key !== '')
    throw refused(['kafka', ...path].join('.'), `accepted is ${context.at(-1)?.type.name}`)
  }
  const { brokers, partitions, shards } = decoded.right
  if (brokers.length === 0) throw refused('kafka.brokers', 'accepted is a list of host:port, one at least')
  if (partitions !== undefined && shards !== undefined && shards > partitions)
    throw refused('kafka.shards', `accepted are at most as many as partitions, ${partitions}`)
  return decoded.right
}

/** Nothing is said in the clear over a network unless somebody wants it so. */
export const isEncrypted = ({ tls, brokers }: KafkaOptions): boolean =>
  tls ?? !brokers.every((broker) => LOOPBACK.test(broker))
