// Settings of the relay to Kafka, and what is accepted for each; the options of the library are checked by the same rules.
import { isTopicName } from '../adapters/kafka/names.js'
import { isRedactPath, REDACT_RULE } from '../relay/redaction.js'
import { accepted, booleanOf, numberOf, oneOf, setting, text, wholeNumber, yesOrNo } from './setting.js'

export const TOPIC_DEFAULT = 'ledgerq.events'
export const LEDGER_DEFAULT = 'ledgerq'
export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
const PARTITIONS_DEFAULT = 8
const PARTITIONS_MAX = 1_000
const SHARDS_DEFAULT = 4
const SHARDS_MAX = 64
const COPIES_MAX = 100
const RETENTION_MS_DEFAULT = 7 * 86_400_000
const LEDGER_CHARS_MAX = 100

const BROKER = /^(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):\d{1,5}$/
const isText = (value: unknown): value is string => typeof value === 'string'
const parts = (list: string): ReadonlyArray<string> => list.split(',').map((part) => part.trim())

export const brokerCodec = accepted(
  'host:port',
  (value): value is string => isText(value) && BROKER.test(value),
)
export const redactPathCodec = accepted(
  REDACT_RULE,
  (value): value is string => isText(value) && isRedactPath(value),
)

export const KAFKA_SETTINGS = {
  kafkaBrokers: setting({
    key: 'kafka.brokers',
    variable: 'LEDGERQ_KAFKA',
    flag: '--kafka',
    meaning: 'brokers that every event is passed on to; none = it is not',
    codec: accepted(
      'host:port, or several with commas between them',
      (value): value is string => isText(value) && parts(value).every(brokerCodec.is),
    ),
  }),
  kafkaTopic: setting({
    key: 'kafka.topic',
    variable: 'LEDGERQ_KAFKA_TOPIC',
    flag: '--kafka-topic',
    meaning: 'topic of the events; positions are kept beside it, in NAME.positions',
    codec: accepted(
      'letters, digits, ".", "_" and "-", 1 to 200 of them',
      (value): value is string => isText(value) && isTopicName(value),
    ),
    fallback: TOPIC_DEFAULT,
  }),
  kafkaLedger: setting({
    key: 'kafka.ledger',
    variable: 'LEDGERQ_KAFKA_LEDGER',
    flag: '--kafka-ledger',
    meaning: 'what readers of the topic know this ledger by',
    codec: accepted(
      `text of 1 to ${LEDGER_CHARS_MAX} characters`,
      (value): value is string => isText(value) && value.trim() !== '' && value.length <= LEDGER_CHARS_MAX,
    ),
    fallback: LEDGER_DEFAULT,
  }),
  kafkaPartitions: setting({
    key: 'kafka.partitions',
    variable: 'LEDGERQ_KAFKA_PARTITIONS',
    flag: '--kafka-partitions',
    meaning: 'partitions of the topic, where it is made',
    codec: wholeNumber(1, PARTITIONS_MAX),
    ofText: numberOf,
    fallback: PARTITIONS_DEFAULT,
  }),
  kafkaShards: setting({
    key: 'kafka.shards',
    variable: 'LEDGERQ_KAFKA_SHARDS',
    flag: '--kafka-shards',
    meaning: 'transactions side by side; fixed from the first start on',
    codec: wholeNumber(1, SHARDS_MAX),
    ofText: numberOf,
    fallback: SHARDS_DEFAULT,
  }),
  kafkaReplicationFactor: setting({
    key: 'kafka.replicationFactor',
    variable: 'LEDGERQ_KAFKA_REPLICATION_FACTOR',
    flag: '--kafka-replication-factor',
    meaning: 'copies of each partition, where topics are made; 0 = 3, or as many as there are brokers',
    codec: wholeNumber(0, COPIES_MAX),
    ofText: numberOf,
    fallback: 0,
  }),
  kafkaRetentionMs: setting({
    key: 'kafka.retentionMs',
    variable: 'LEDGERQ_KAFKA_RETENTION_MS',
    flag: '--kafka-retention-ms',
    meaning: 'how long events stay in the topic, where it is made; -1 = for ever',
    codec: wholeNumber(-1, Number.MAX_SAFE_INTEGER),
    ofText: numberOf,
    fallback: RETENTION_MS_DEFAULT,
  }),
  kafkaCompression: setting({
    key: 'kafka.compression',
    variable: 'LEDGERQ_KAFKA_COMPRESSION',
    flag: '--kafka-compression',
    meaning: 'of batches on their way to the topic',
    codec: oneOf('none', 'gzip'),
    fallback: 'none',
  }),
  kafkaRedact: setting({
    key: 'kafka.redact',
    variable: 'LEDGERQ_KAFKA_REDACT',
    flag: '--kafka-redact',
    meaning: 'what never leaves: paths, with commas between them',
    codec: accepted(
      REDACT_RULE,
      (value): value is string => isText(value) && parts(value).every(redactPathCodec.is),
    ),
  }),
  kafkaTls: setting({
    key: 'kafka.tls',
    variable: 'LEDGERQ_KAFKA_TLS',
    flag: '--kafka-tls',
    meaning: 'encrypted connections; without a word: yes, unless all brokers are on this machine',
    codec: yesOrNo,
    ofText: booleanOf,
  }),
  kafkaUser: setting({
    key: 'kafka.user',
    variable: 'LEDGERQ_KAFKA_USER',
    flag: '--kafka-user',
    meaning: 'whom the brokers know this program as',
    codec: text,
  }),
  kafkaPassword: setting({
    key: 'kafka.password',
    variable: 'LEDGERQ_KAFKA_PASSWORD',
    flag: '--kafka-password',
    meaning: 'of that user',
    codec: text,
    isSecret: true,
  }),
  kafkaMechanism: setting({
    key: 'kafka.mechanism',
    variable: 'LEDGERQ_KAFKA_MECHANISM',
    flag: '--kafka-mechanism',
    meaning: 'how the password is shown to the brokers',
    codec: oneOf(...SASL_MECHANISMS),
    fallback: 'scram-sha-512',
  }),
} as const

export type KafkaSettingName = keyof typeof KAFKA_SETTINGS
export const KAFKA_SETTING_NAMES = Object.keys(KAFKA_SETTINGS) as ReadonlyArray<KafkaSettingName>

/** Text of a setting that holds several. */
export const listOf = (list: string | undefined): ReadonlyArray<string> | undefined =>
  list === undefined ? undefined : parts(list)
