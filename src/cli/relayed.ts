// What the configuration says of Kafka, as the ledger is told it.
import type { KafkaOptions } from '../api/kafkaOptions.js'
import type { Config } from '../config/index.js'
import { listOf } from '../config/kafkaSettings.js'

export const relayedTo = (config: Config): Readonly<{ kafka?: KafkaOptions }> => {
  const brokers = listOf(config.kafkaBrokers)
  if (brokers === undefined) return {}
  const { kafkaTls: tls, kafkaUser: username, kafkaPassword: password, kafkaMechanism: mechanism } = config
  const redact = listOf(config.kafkaRedact)
  return {
    kafka: {
      brokers,
      topic: config.kafkaTopic,
      ledger: config.kafkaLedger,
      partitions: config.kafkaPartitions,
      shards: config.kafkaShards,
      retentionMs: config.kafkaRetentionMs,
      compression: config.kafkaCompression,
      ...(config.kafkaReplicationFactor === 0 ? {} : { replicationFactor: config.kafkaReplicationFactor }),
      ...(redact === undefined ? {} : { redact }),
      ...(tls === undefined ? {} : { tls }),
      ...(username === undefined || password === undefined
        ? {}
        : { sasl: { mechanism, username, password } }),
    },
  }
}
